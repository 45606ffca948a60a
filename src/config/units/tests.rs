use std::time::Duration;

use proptest::prelude::*;

use super::{duration, show_duration, show_size, size};

#[test]
fn durations_are_read_in_every_unit() {
    for (text, millis) in [
        ("0", 0),
        ("0s", 0),
        ("250ms", 250),
        ("10s", 10_000),
        ("1.5s", 1_500),
        ("5m", 300_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("3 s", 3_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn a_duration_that_is_none_says_how_to_mend_it() {
    for (text, help) in [
        ("30", "add a unit: one of ms, s, m, h, d"),
        ("30sec", "use one of the units ms, s, m, h, d"),
        ("30S", "write the unit as s"),
        (
            "soon",
            "start with a number, end with one of ms, s, m, h, d",
        ),
        ("", "start with a number, end with one of ms, s, m, h, d"),
        ("-1s", "start with a number, end with one of ms, s, m, h, d"),
        ("1.2.3s", "write one number and one unit, such as 10s"),
        ("1m30s", "use one of the units ms, s, m, h, d"),
        ("367d", "the longest is 366d"),
        ("99999999999999999999d", "this is far too much"),
    ] {
        assert_eq!(duration(text), Err(help.to_owned()), "{text}");
    }
}

#[test]
fn sizes_are_read_in_every_unit() {
    for (text, bytes) in [
        ("0B", 0),
        ("512KiB", 512 << 10),
        ("32MiB", 32 << 20),
        ("1GiB", 1 << 30),
        ("5KB", 5_000),
        ("1.5MB", 1_500_000),
        ("2GB", 2_000_000_000),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    assert_eq!(size("32mib"), Err("write the unit as MiB".to_owned()));
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(millis in 0..31_622_400_000_u64, bytes in 1..(1_usize << 40)) {
        let value = Duration::from_millis(millis);
        prop_assert_eq!(duration(&show_duration(value)), Ok(value));
        prop_assert_eq!(size(&show_size(bytes)), Ok(bytes as u64));
    }
}
