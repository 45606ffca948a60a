//! The files we ship.

use super::*;

const REFERENCE: &str = include_str!("../../../config/breakerbox.yaml");
const MINIMAL: &str = include_str!("../../../config/minimal.yaml");

#[test]
fn the_shipped_files_compile_in_an_empty_environment() {
    for text in [REFERENCE, MINIMAL] {
        if let Err(problems) = compile(text) {
            panic!("{problems}");
        }
    }
}
