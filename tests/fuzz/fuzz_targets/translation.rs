//! Any bytes, read as anything and said in any dialect, are of that dialect.
#![no_main]

use breakerbox::dialect;

#[path = "../translation.rs"]
mod translation;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(why) = translation::check(input) {
        panic!("{why}");
    }
});
