//! A stream to a client of another dialect than its provider's.

use bytes::Bytes;

use super::{Phase, Relay};
use crate::{
    dialect::{
        Kind,
        neutral::{Broken, Unreadable},
    },
    relay::{Finish, StreamEnd},
};

impl<S, F: Finish> Relay<S, F> {
    /// Like [`Self::take`], for a client of another dialect.
    pub(super) fn take_translated(&mut self, read: &Bytes) -> Bytes {
        let mut ends = std::mem::take(&mut self.ends);
        let block = self.splitter.push(read, &mut ends);
        let mut out = Vec::new();
        let mut from = 0;
        for &end in &ends {
            if self.phase != Phase::Flowing {
                break;
            }
            self.translate(&block[from..end], &mut out);
            from = end;
        }
        self.ends = ends;
        if self.splitter.is_overlong() {
            out.extend_from_slice(&self.give_up(StreamEnd::TooLarge));
        }
        out.into()
    }

    /// Like [`Self::take_end`], for a client of another dialect.
    pub(super) fn take_translated_end(&mut self, rest: &[u8]) -> Bytes {
        let mut out = Vec::new();
        if !rest.is_empty() {
            self.translate(rest, &mut out);
        }
        out.extend_from_slice(&self.give_up(StreamEnd::Truncated));
        out.into()
    }

    /// Appends what one event, or what the end has left of one, means in the
    /// client's dialect.
    fn translate(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let event = self.judge.event(bytes);
        let end = match self.note(event) {
            Kind::Silent => return,
            kind @ (Kind::Content | Kind::UsageOnly | Kind::MayEnd | Kind::Terminal) => {
                let is_end = kind == Kind::Terminal;
                match self.write_translated(bytes, out) {
                    // The end of a stream whose answers are not whole.
                    Err(Broken::Unreadable(_)) if is_end => StreamEnd::Truncated,
                    Err(broken) => broken.into(),
                    Ok(()) if !is_end => return,
                    Ok(()) => match self.finish_translation(out) {
                        Err(end) => end,
                        Ok(()) => return self.complete(),
                    },
                }
            }
            Kind::Error { reported, .. } => {
                let error = self.pass_on(reported);
                out.extend_from_slice(&error);
                return;
            }
            Kind::Unfinished => StreamEnd::Truncated,
            Kind::Malformed => StreamEnd::Malformed,
        };
        out.extend_from_slice(&self.break_off(end));
    }

    fn write_translated(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Some(translation) = &mut self.translation else {
            return Err(Unreadable.into());
        };
        translation.event(bytes, out)?;
        if let Some((head, last)) = translation.response() {
            self.voice.note_translated(head, last);
        }
        Ok(())
    }

    /// Appends what a translation owes at the end of a whole answer; for one
    /// that is not whole it returns how the stream ended.
    pub(super) fn finish_translation(&mut self, out: &mut Vec<u8>) -> Result<(), StreamEnd> {
        let Some(translation) = &mut self.translation else {
            return Ok(());
        };
        translation.finish(out).map_err(|broken| match broken {
            Broken::TooLarge => StreamEnd::TooLarge,
            Broken::Unreadable(_) | Broken::Unexplained => StreamEnd::Truncated,
        })
    }
}
