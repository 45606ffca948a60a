//! Chat completions, read into the neutral form and written from it.
//!
//! # Source
//!
//! OpenAI, API reference, "Chat Completions", and what compatible providers add:
//! `reasoning_content` (DeepSeek, Moonshot, vLLM), `reasoning` (OpenRouter, Groq),
//! `extra_content` (Gemini's OpenAI compatibility), content in pieces (Mistral),
//! `images` in answers (OpenRouter).

pub mod read;
#[cfg(test)]
pub(in crate::dialect) mod tests;
pub mod write;
