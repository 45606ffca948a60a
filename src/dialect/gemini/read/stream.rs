//! Streams.

use std::collections::BTreeMap;

use super::{
    part,
    reply::{call_id, stop},
};
use crate::dialect::{
    Usage,
    gemini::{
        logprobs,
        wire::{self, Answer, Candidate},
    },
    neutral::{Delta, Part, Unreadable, ids::name_of_answer},
    sse::Event,
};

/// Reads the chunks of one stream.
///
/// Stops come out of [`Self::finish`]: chunks may follow one that says why the
/// answer ended, and some models say `STOP` in every chunk.
#[derive(Debug, Default)]
pub struct Events {
    /// What the name of an answer without an id is made of, if not of its
    /// first event.
    pub(in crate::dialect) seed: Option<Vec<u8>>,
    /// The answer's name in the ids of its calls, once it has begun.
    name: Option<String>,
    choices: BTreeMap<u32, Progress>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct Progress {
    calls: u32,
    /// The last reason given.
    reason: Option<String>,
}

impl Events {
    /// The most choices of one answer; Google gives at most 8.
    const MOST: usize = 64;

    /// Appends what `event` says.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for data that is not a chunk, or is an error.
    pub fn read(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let data = event.data.trim_ascii();
        // Some proxies end every stream as OpenAI does.
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let chunk: Answer<'_> = serde_json::from_slice(data).map_err(|_| Unreadable)?;
        if chunk.error.is_some() {
            return Err(Unreadable);
        }
        let blocked = chunk.is_blocked();
        let usage = chunk.usage_metadata.and_then(wire::usage);
        if self.name.is_none() {
            let id = chunk
                .response_id
                .map_or_else(String::new, |id| id.0.into_owned());
            let model = chunk
                .model_version
                .map_or_else(String::new, |id| id.0.into_owned());
            let seed = self.seed.as_deref().unwrap_or(data);
            self.name = Some(name_of_answer(&id, seed));
            out.push(Delta::Start {
                id,
                model,
                created: None,
                usage,
            });
        }
        if blocked {
            self.choices.entry(0).or_default().reason = Some("SAFETY".into());
        }
        for candidate in chunk.candidates.into_iter().flatten() {
            self.candidate(candidate, out)?;
        }
        if let Some(usage) = usage.filter(|usage| self.usage != Some(*usage)) {
            self.usage = Some(usage);
            out.push(Delta::Usage(usage));
        }
        Ok(())
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Unreadable> {
        let choice = candidate.index.unwrap_or_default();
        if self.choices.len() == Self::MOST && !self.choices.contains_key(&choice) {
            return Err(Unreadable);
        }
        let progress = self.choices.entry(choice).or_default();
        let tokens = logprobs::read(candidate.logprobs_result);
        if !tokens.is_empty() {
            out.push(Delta::Logprobs { choice, tokens });
        }
        let answer = self.name.as_deref().unwrap_or_default();
        let mut found = Vec::with_capacity(2);
        for part in candidate
            .content
            .and_then(|it| it.parts)
            .into_iter()
            .flatten()
        {
            let id = || call_id(answer, choice as usize, progress.calls);
            part::read(part, id, &mut found);
            for part in found.drain(..) {
                progress.part(choice, part, out);
            }
        }
        if let Some(reason) = candidate.finish_reason {
            progress.reason = Some(reason.0.into_owned());
        }
        Ok(())
    }

    /// Appends what is owed when the body has ended: why each answer ended, and
    /// [`Delta::End`].
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if one of them does not say so: the stream was cut short.
    pub fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let mut whole = !self.choices.is_empty();
        for (&choice, progress) in &self.choices {
            match &progress.reason {
                Some(reason) => out.push(Delta::Stop {
                    choice,
                    stop: stop(reason, progress.calls > 0),
                }),
                None => whole = false,
            }
        }
        if !whole {
            return Err(Unreadable);
        }
        out.push(Delta::End);
        Ok(())
    }
}

impl Progress {
    fn part(&mut self, choice: u32, part: Part, out: &mut Vec<Delta>) {
        match part {
            Part::Text(text) => out.push(Delta::Text { choice, text }),
            Part::Thought(thought) => {
                if !thought.text.is_empty() {
                    out.push(Delta::Thought {
                        choice,
                        text: thought.text,
                    });
                }
                if let Some(signature) = thought.signature {
                    out.push(Delta::Signature {
                        choice,
                        signature,
                        redacted: thought.redacted,
                    });
                }
            }
            Part::ToolCall(made) => {
                let call = self.calls;
                self.calls += 1;
                out.push(Delta::CallStart {
                    choice,
                    call,
                    id: made.id,
                    name: made.name,
                    signature: made.signature,
                    custom: false,
                });
                out.push(Delta::CallArguments {
                    choice,
                    call,
                    piece: made.arguments,
                });
            }
            // No other dialect has a place for what a model drew.
            Part::Image(media) | Part::File(media) => out.push(Delta::Text {
                choice,
                text: media.in_words(),
            }),
            // None is part of an answer.
            Part::ToolResult(_) | Part::Refusal(_) => {}
        }
    }
}
