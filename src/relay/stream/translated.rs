//! A stream to a client of another dialect than its provider's.

use bytes::Bytes;

use super::{Phase, Relay};
use crate::{
    dialect::{Kind, translate::Translation},
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
            out.extend_from_slice(&self.give_up(StreamEnd::Malformed));
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
                match self.write_translated(bytes, out) {
                    false => StreamEnd::Malformed,
                    true if kind != Kind::Terminal => return,
                    true => match self.finish_translation(out) {
                        false => StreamEnd::Truncated,
                        true => return self.complete(),
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

    /// Returns `false` for an event that its dialect does not know.
    fn write_translated(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(translation) = &mut self.translation else {
            return false;
        };
        if translation.event(bytes, out).is_err() {
            return false;
        }
        if let Some((head, last)) = translation.response() {
            self.voice.note_translated(head, last);
        }
        true
    }

    /// Appends what a translation owes at the end of a whole answer; returns
    /// `false` for one that is not whole.
    pub(super) fn finish_translation(&mut self, out: &mut Vec<u8>) -> bool {
        let finish = |it: &mut Box<Translation>| it.finish(out).is_ok();
        self.translation.as_mut().is_none_or(finish)
    }
}
