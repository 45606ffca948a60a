//! One form of a conversation that every dialect is read into and written from.
//!
//! It holds what at least two dialects can say, in the words of neither. What a
//! dialect says and this form does not hold is [`Lost`] as it is read; what this
//! form holds and a dialect cannot say is lost as it is written. Both are named
//! to the client, never dropped in silence.

mod conversation;
pub(in crate::dialect) mod custom;
mod flat;
pub(in crate::dialect) mod ids;
mod json;
mod lost;
pub(in crate::dialect) mod namespace;
mod openai;
mod reasoning;
mod reply;
pub(in crate::dialect) mod seal;
#[cfg(test)]
pub(crate) mod testing;

pub use conversation::{
    Conversation, Detail, Media, NOTHING, OutputFormat, Part, Role, Sampling, Source, Thought,
    Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
pub use custom::{Custom, Grammar};
pub(in crate::dialect) use flat::flat;
pub use json::Json;
pub(in crate::dialect) use json::{Members, Readings, push_key};
pub(in crate::dialect) use lost::says_nothing;
pub use lost::{Feature, Lost};
pub use openai::OpenAi;
pub use reasoning::{Effort, Reasoning};
pub use reply::{Broken, Choice, Delta, Likely, Logprob, Reply, Stop, Unreadable};
