//! The dialect of Gemini: `generateContent`.
//!
//! # Source
//!
//! Google, "Gemini API", REST reference of v1beta; field names and the
//! treatment of streams as google-genai 3 (Python), @google/genai 2 and Gemini
//! CLI have them.

pub mod array;
pub mod count;
pub mod error;
pub mod judge;
mod line;
mod logprobs;
mod model;
pub mod path;
pub mod read;
mod schema;
pub(in crate::dialect) mod seal;
mod wire;
pub mod write;

/// What keeps a stream alive, as events and as a JSON array alike: an empty line.
///
/// No comment: google-genai for Python takes each line of a stream that does
/// not begin with `data: ` for a piece of JSON, and fails on it.
pub const KEEP_ALIVE: &[u8] = b"\n";
