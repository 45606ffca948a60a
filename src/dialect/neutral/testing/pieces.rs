//! A reply as a stream, and a stream as a reply.

use crate::dialect::neutral::{Choice, Delta, Part, Reply, Stop, Thought, ToolCall};

/// Cuts `reply` into the stream that says the same, its texts into pieces of
/// `piece` characters (at least 1).
pub(crate) fn deltas(reply: &Reply, piece: usize) -> Vec<Delta> {
    let mut out = vec![Delta::Start {
        id: reply.id.clone(),
        model: reply.model.clone(),
        created: reply.created,
        usage: None,
    }];
    for (choice, answer) in (0..).zip(&reply.choices) {
        let mut call = 0;
        // Beside the text that they are of, if there is one.
        let mut tokens = answer.logprobs.chunks(piece.max(1));
        let mut told = |out: &mut Vec<Delta>| {
            out.extend(tokens.by_ref().map(|tokens| Delta::Logprobs {
                choice,
                tokens: tokens.to_vec(),
            }));
        };
        for part in &answer.parts {
            if let Part::Text(_) | Part::Refusal(_) = part {
                told(&mut out);
            }
            cut_part(choice, part, piece, &mut call, &mut out);
        }
        told(&mut out);
        out.push(Delta::Stop {
            choice,
            stop: answer.stop.clone(),
        });
    }
    out.extend(reply.usage.map(Delta::Usage));
    out.push(Delta::End);
    out
}

fn cut_part(choice: u32, part: &Part, piece: usize, calls: &mut u32, out: &mut Vec<Delta>) {
    let cut = |text: &str| {
        let all: Vec<char> = text.chars().collect();
        let pieces = all.chunks(piece.max(1)).map(|piece| piece.iter().collect());
        pieces.collect::<Vec<String>>()
    };
    match part {
        Part::Text(text) => {
            out.extend(
                cut(text)
                    .into_iter()
                    .map(|text| Delta::Text { choice, text }),
            );
        }
        Part::Refusal(text) => {
            let refusal = |text| Delta::Refusal { choice, text };
            out.extend(cut(text).into_iter().map(refusal));
        }
        Part::Thought(thought) => {
            let delta = |text| Delta::Thought { choice, text };
            out.extend(cut(&thought.text).into_iter().map(delta));
            out.extend(thought.signature.iter().map(|signature| Delta::Signature {
                choice,
                signature: signature.clone(),
                redacted: thought.redacted,
            }));
        }
        Part::ToolCall(tool_call) => {
            let call = *calls;
            *calls += 1;
            out.push(Delta::CallStart {
                choice,
                call,
                id: tool_call.id.clone(),
                name: tool_call.name.clone(),
                signature: tool_call.signature.clone(),
                custom: tool_call.custom,
            });
            let piece = |piece| Delta::CallArguments {
                choice,
                call,
                piece,
            };
            out.extend(cut(&tool_call.arguments).into_iter().map(piece));
        }
        Part::Image(_) | Part::File(_) | Part::ToolResult(_) => {}
    }
}

/// Puts a stream together again: the inverse of [`deltas`], whatever the
/// pieces. Texts of one kind that follow each other are one part.
pub(crate) fn gathered(deltas: &[Delta]) -> Reply {
    let mut reply = Reply::default();
    for delta in deltas {
        match delta {
            Delta::Start {
                id,
                model,
                created,
                usage,
            } => {
                reply.id.clone_from(id);
                reply.model.clone_from(model);
                reply.created = *created;
                reply.usage = *usage;
            }
            Delta::Usage(usage) => reply.usage = Some(*usage),
            Delta::End => {}
            Delta::Logprobs { choice, .. }
            | Delta::Text { choice, .. }
            | Delta::Thought { choice, .. }
            | Delta::Signature { choice, .. }
            | Delta::Refusal { choice, .. }
            | Delta::CallStart { choice, .. }
            | Delta::CallArguments { choice, .. }
            | Delta::Stop { choice, .. } => {
                let at = *choice as usize;
                if reply.choices.len() <= at {
                    let empty = Choice {
                        parts: Vec::new(),
                        logprobs: Vec::new(),
                        stop: Stop::End,
                    };
                    reply.choices.resize(at + 1, empty);
                }
                gather(&mut reply.choices[at], delta);
            }
        }
    }
    reply
}

fn gather(choice: &mut Choice, delta: &Delta) {
    let parts = &mut choice.parts;
    match (delta, parts.last_mut()) {
        (Delta::Text { text, .. }, Some(Part::Text(before)))
        | (Delta::Refusal { text, .. }, Some(Part::Refusal(before))) => before.push_str(text),
        (Delta::Thought { text, .. }, Some(Part::Thought(before)))
            if before.signature.is_none() =>
        {
            before.text.push_str(text);
        }
        (Delta::Signature { signature, .. }, Some(Part::Thought(before)))
            if before.signature.is_none() =>
        {
            before.signature = Some(signature.clone());
        }
        (Delta::Text { text, .. }, _) => parts.push(Part::Text(text.clone())),
        (Delta::Refusal { text, .. }, _) => parts.push(Part::Refusal(text.clone())),
        (Delta::Thought { text, .. }, _) => parts.push(Part::Thought(Thought {
            text: text.clone(),
            ..Thought::default()
        })),
        (
            Delta::Signature {
                signature,
                redacted,
                ..
            },
            _,
        ) => parts.push(Part::Thought(Thought {
            text: String::new(),
            signature: Some(signature.clone()),
            redacted: *redacted,
        })),
        (
            Delta::CallStart {
                id,
                name,
                signature,
                custom,
                ..
            },
            _,
        ) => parts.push(Part::ToolCall(ToolCall {
            id: id.clone(),
            name: name.clone(),
            arguments: String::new(),
            signature: signature.clone(),
            custom: *custom,
        })),
        (Delta::CallArguments { call, piece, .. }, _) => {
            let calls = parts.iter_mut().filter_map(|part| match part {
                Part::ToolCall(call) => Some(call),
                _ => None,
            });
            let call = calls.into_iter().nth(*call as usize);
            call.expect("a call begins before its arguments")
                .arguments
                .push_str(piece);
        }
        (Delta::Logprobs { tokens, .. }, _) => choice.logprobs.extend_from_slice(tokens),
        (Delta::Stop { stop, .. }, _) => choice.stop = stop.clone(),
        (Delta::Start { .. } | Delta::Usage(_) | Delta::End, _) => {}
    }
}
