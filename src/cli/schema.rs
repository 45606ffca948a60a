//! `breakerbox schema`: the JSON Schema of the configuration.

use std::io::{self, Write};

use clap::Args;

use crate::config;

/// Prints the JSON Schema of the configuration, for editors.
#[derive(Args, Debug)]
pub struct Schema {}

impl Schema {
    /// Prints the schema to `out` and returns the exit code, 0.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub fn run(&self, out: &mut dyn Write) -> io::Result<u8> {
        writeln!(out, "{:#}", config::schema())?;
        Ok(0)
    }
}
