//! What a request will cost in tokens and money, before anybody has counted.

use std::{fmt, ops::Add};

use crate::error::InvalidPolicy;

/// The most tokens that one request can reserve.
///
/// Reservations add up in one number for as long as the gateway runs. What a
/// client says it wants must not bring that number to its end: at 2^24 a
/// request and 10,000 requests a second it takes three years.
pub(crate) const MOST_TOKENS: u64 = 1 << 24;

/// Bytes of a request body a token, on the whole.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of an answer whose length the request does not bound.
const DEFAULT_OUTPUT: u64 = 1024;
/// Tokens a price is quoted for.
const PER: u128 = 1_000_000;

/// How many tokens a request is expected to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Estimate {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer, at the most it may have.
    pub output: u64,
}

impl Estimate {
    /// Estimates a request of `body_bytes` that asks for `max_tokens` at most.
    ///
    /// # Source
    ///
    /// OpenAI, "How to handle rate limits": a request counts with the larger
    /// of its `max_tokens` and a count from its characters; and "What are
    /// tokens": four characters of English a token. The sum is on the safe
    /// side, as is JSON's own share of the bytes.
    pub fn new(body_bytes: usize, max_tokens: Option<u64>) -> Self {
        Self {
            input: (body_bytes as u64).div_ceil(BYTES_PER_TOKEN),
            output: max_tokens.unwrap_or(DEFAULT_OUTPUT),
        }
    }

    /// Returns the tokens in and out together, as limits count them.
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// What a model costs, exact to a millionth of a US dollar a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    /// Millionths of a dollar for a million tokens in.
    input: u64,
    /// The same for tokens out.
    output: u64,
}

impl Price {
    /// Returns the price of `input` and `output` US dollars a million tokens.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`] names the first of the two that is not from 0 to
    /// 1,000,000.
    pub fn new(input: f64, output: f64) -> Result<Self, InvalidPolicy> {
        let micros = |key, dollars: f64| {
            let valid = (0.0..=1e6).contains(&dollars);
            let refused = InvalidPolicy::new(key, "0 to 1000000");
            valid.then(|| (dollars * 1e6).round() as u64).ok_or(refused)
        };
        Ok(Self {
            input: micros("input", input)?,
            output: micros("output", output)?,
        })
    }

    /// Returns what `tokens` cost.
    pub fn cost(self, tokens: Estimate) -> Cost {
        // Millionths of a dollar a million tokens are millionths of
        // millionths a token.
        let input = u128::from(self.input) * u128::from(tokens.input);
        let output = u128::from(self.output) * u128::from(tokens.output);
        Cost(input + output)
    }
}

/// An amount of money in millionths of a millionth of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(u128);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that is read, in US dollars.
    const MOST: f64 = 1e9;

    /// Returns the amount of `dollars` US dollars, exact to a billionth; `None`
    /// unless that is from 0 to a billion.
    pub fn of(dollars: f64) -> Option<Self> {
        let valid = (0.0..=Self::MOST).contains(&dollars);
        valid.then(|| Self((dollars * 1e9).round() as u128 * 1_000))
    }

    /// Returns the amount in US dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / (PER * PER) as f64
    }

    /// Returns what is left of the amount without `other`, nothing at least.
    pub fn without(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The amount in US dollars, every digit that counts and no other.
impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0 / (PER * PER), self.0 % (PER * PER));
        if parts == 0 {
            return write!(out, "{whole}");
        }
        let digits = format!("{parts:012}");
        write!(out, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_and_the_bound_make_the_estimate() {
        let estimate = Estimate::new(4001, Some(500));
        assert_eq!((estimate.input, estimate.output), (1001, 500));
        assert_eq!(estimate.total(), 1501);
        assert_eq!(Estimate::new(0, None).total(), 1024);
        assert_eq!(Estimate::new(8, Some(u64::MAX)).total(), u64::MAX);
    }

    #[test]
    fn a_million_tokens_cost_their_price() {
        let price = Price::new(8.0, 32.0).expect("a price");
        let million = Estimate {
            input: 1_000_000,
            output: 0,
        };
        assert_eq!(price.cost(million).dollars(), 8.0);
        let one_out = Estimate {
            input: 0,
            output: 1,
        };
        assert_eq!(price.cost(one_out).dollars(), 32e-6);
        assert!(price.cost(million) > price.cost(one_out));
    }

    #[test]
    fn amounts_are_written_to_their_last_digit() {
        for (dollars, text) in [
            (0.0, "0"),
            (0.05, "0.05"),
            (100.0, "100"),
            (1e9, "1000000000"),
        ] {
            assert_eq!(Cost::of(dollars).expect("an amount").to_string(), text);
        }
        let price = Price::new(0.4, 1.6).expect("a price");
        let tokens = Estimate {
            input: 1,
            output: 2,
        };
        assert_eq!(price.cost(tokens).to_string(), "0.0000036");
        for wrong in [-0.1, 1.1e9, f64::NAN, f64::INFINITY] {
            assert_eq!(Cost::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_add_up_and_never_go_below_nothing() {
        let [one, two] = [1.0, 2.0].map(|it| Cost::of(it).expect("an amount"));
        assert_eq!((one + one, two.without(one)), (two, one));
        assert_eq!(one.without(two), Cost::ZERO);
    }

    #[test]
    fn no_amount_of_tokens_overflows() {
        let dearest = Price::new(1e6, 1e6).expect("a price");
        let most = Estimate {
            input: u64::MAX,
            output: u64::MAX,
        };
        assert!(dearest.cost(most).dollars() > 1e18);
    }

    #[test]
    fn a_price_says_which_of_the_two_is_wrong() {
        let wrong = |input, output| Price::new(input, output).unwrap_err().key;
        assert_eq!(wrong(-1.0, 0.0), "input");
        assert_eq!(wrong(0.0, f64::NAN), "output");
        assert_eq!(wrong(0.0, 1e7), "output");
    }

    proptest! {
        #[test]
        fn parts_of_a_request_cost_what_the_whole_does_to_the_last_digit(
            prices in (0.0..=1e6_f64, 0.0..=1e6_f64),
            one in (0..MOST_TOKENS, 0..MOST_TOKENS),
            other in (0..MOST_TOKENS, 0..MOST_TOKENS),
        ) {
            let price = Price::new(prices.0, prices.1).expect("a price");
            let cost = |(input, output)| price.cost(Estimate { input, output });
            let whole = cost((one.0 + other.0, one.1 + other.1));
            prop_assert_eq!(cost(one) + cost(other), whole);
            prop_assert_eq!(whole.without(cost(other)), cost(one));
            prop_assert!(cost((one.0, 0)) <= cost(one) && cost(one) <= whole);
            let text = whole.to_string();
            let (dollars, parts) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert_eq!(format!("{dollars}{parts:0<12}").parse(), Ok(whole.0));
        }
    }
}
