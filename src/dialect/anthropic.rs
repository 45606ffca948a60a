//! The dialect of Anthropic: Messages.
//!
//! # Source
//!
//! Anthropic, "Messages API reference", "Streaming Messages" and "Errors",
//! version 2023-06-01, and the types of its official Python library.

pub mod count;
pub mod error;
pub mod judge;
mod model;
pub mod read;
mod usage;
pub mod write;
