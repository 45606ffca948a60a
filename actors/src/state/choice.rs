//! Which of several endpoints serves a request.

use std::time::Duration;

use rand::{Rng, RngExt};

use super::estimate::Cost;

/// What is added to a latency, so that an instant answer is not worth everything.
const FLOOR: Duration = Duration::from_millis(1);
/// Silence that says nothing yet: a pause of the network, or our own.
const PAUSE: Duration = Duration::from_millis(250);
/// Candidates whose weights a draw keeps instead of computing them again; more
/// endpoints than that seldom serve one model.
const KEPT: usize = 16;

/// How an endpoint is chosen among those that can serve.
///
/// Every strategy first keeps the candidates that are best in its own sense
/// and then draws among them by weight and latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// All take part.
    #[default]
    LatencyWeighted,
    /// Those with the lowest latency. Unmeasured ones count as just as fast,
    /// so that they get measured.
    LeastLatency,
    /// Those with the lowest cost. Those without a price are the dearest.
    Cheapest,
    /// Those that come first in the configuration.
    Priority,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 4] = [
        Self::LatencyWeighted,
        Self::LeastLatency,
        Self::Cheapest,
        Self::Priority,
    ];

    /// Returns its name in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::LatencyWeighted => "latency_weighted",
            Self::LeastLatency => "least_latency",
            Self::Cheapest => "cheapest",
            Self::Priority => "priority",
        }
    }
}

/// An endpoint that can serve, as far as choosing goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Configured weight times ramp. What is not a positive finite number
    /// takes no part unless nothing else can.
    pub weight: f64,
    /// Time to the first byte that those who were served had to wait; `None`
    /// while nobody was: it then weighs as the median of the measured
    /// candidates, and as an instant answer if there are none.
    pub latency: Option<Duration>,
    /// What its recent failures are taken to add to that.
    pub penalty: Duration,
    /// How long it has owed an answer without giving any sign of life. Once
    /// that is twice as long as expected, it is what must be expected.
    ///
    /// *Source*: the peak-sensitive estimate of Finagle and tower
    /// (`PeakEwma`), which counts a request's age before it is answered.
    pub silence: Duration,
    /// Expected cost of this request; `None` without a price.
    pub cost: Option<Cost>,
    /// Place in the configuration; lower comes first.
    pub order: u32,
}

/// Draws the candidate that serves; returns its place in `candidates`, or
/// `None` if that is empty.
///
/// Under [`Strategy::LatencyWeighted`] a candidate's chance is proportional to
/// weight ÷ (expected latency + 1 ms). Allocates nothing.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use breakerbox_actors::state::choice::{Candidate, Strategy, choose};
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let first = Candidate {
///     weight: 1.0,
///     latency: None,
///     penalty: Duration::ZERO,
///     silence: Duration::ZERO,
///     cost: None,
///     order: 0,
/// };
/// let second = Candidate { order: 1, ..first };
/// let mut rng = StdRng::seed_from_u64(7);
/// assert_eq!(choose(Strategy::Priority, &[second, first], &mut rng), Some(1));
/// assert_eq!(choose(Strategy::Priority, &[], &mut rng), None);
/// ```
pub fn choose(
    strategy: Strategy,
    candidates: &[Candidate],
    rng: &mut (impl Rng + ?Sized),
) -> Option<usize> {
    if candidates.len() < 2 {
        return candidates.len().checked_sub(1);
    }
    let field = Field::new(strategy, candidates);
    let mut kept = [0.0; KEPT];
    let mut total = 0.0;
    for place in 0..candidates.len() {
        let weight = field.weight(place);
        total += weight;
        if let Some(slot) = kept.get_mut(place) {
            *slot = weight;
        }
    }
    let mut left = rng.random::<f64>() * total;
    let mut last = None;
    for place in 0..candidates.len() {
        let weight = match kept.get(place) {
            Some(weight) => *weight,
            None => field.weight(place),
        };
        if weight > 0.0 {
            if left < weight {
                return Some(place);
            }
            left -= weight;
            last = Some(place); // rounding may leave a crumb at the end
        }
    }
    last
}

/// Returns each candidate's chance of being drawn; they add up to 1 unless
/// there are none. To explain a choice, not to make one: it allocates.
pub fn shares(strategy: Strategy, candidates: &[Candidate]) -> Vec<f64> {
    let field = Field::new(strategy, candidates);
    let weights: Vec<f64> = (0..candidates.len())
        .map(|place| field.weight(place))
        .collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// Candidates with what their weights depend on together.
struct Field<'a> {
    strategy: Strategy,
    candidates: &'a [Candidate],
    /// Latency of the unmeasured.
    median: Duration,
    /// Lowest latency expected of the measured.
    least: Duration,
    /// The best rank there is.
    best: Rank,
    /// Whether no candidate has a weight, so that all weigh the same.
    even: bool,
}

/// What a strategy sorts by; the lowest is best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    All,
    Latency(Duration),
    Cost(Cost),
    Order(u32),
    Last,
}

impl<'a> Field<'a> {
    fn new(strategy: Strategy, candidates: &'a [Candidate]) -> Self {
        let mut field = Self {
            strategy,
            candidates,
            median: median(candidates),
            least: Duration::ZERO,
            best: Rank::All,
            even: !candidates.iter().any(has_weight),
        };
        if strategy == Strategy::LatencyWeighted {
            return field;
        }
        let measured = candidates
            .iter()
            .filter_map(|candidate| Some(candidate.expected(candidate.latency?)));
        field.least = measured.min().unwrap_or_default();
        field.best = candidates
            .iter()
            .filter(|candidate| field.even || has_weight(candidate))
            .map(|candidate| field.rank(candidate))
            .min()
            .unwrap_or(Rank::Last);
        field
    }

    fn rank(&self, candidate: &Candidate) -> Rank {
        match self.strategy {
            Strategy::LatencyWeighted => Rank::All,
            Strategy::LeastLatency => Rank::Latency(candidate.expected(self.least)),
            Strategy::Cheapest => candidate.cost.map_or(Rank::Last, Rank::Cost),
            Strategy::Priority => Rank::Order(candidate.order),
        }
    }

    /// Returns the weight of a candidate: finite, zero if it takes no part.
    fn weight(&self, place: usize) -> f64 {
        let candidate = &self.candidates[place];
        if self.rank(candidate) != self.best {
            return 0.0;
        }
        let latency = candidate.expected(self.median);
        let seconds = latency.saturating_add(FLOOR).as_secs_f64();
        if self.even {
            seconds.recip()
        } else if has_weight(candidate) {
            // Weights far outside what a policy allows must not add up to infinity.
            candidate.weight.clamp(1e-9, 1e9) / seconds
        } else {
            0.0
        }
    }
}

impl Candidate {
    /// Returns how long the next request must be expected to wait; `typical`
    /// stands for a latency that was never measured.
    fn expected(&self, typical: Duration) -> Duration {
        let latency = self.latency.unwrap_or(typical);
        let latency = latency.saturating_add(self.penalty);
        if self.silence > PAUSE && self.silence > latency.saturating_mul(2) {
            self.silence
        } else {
            latency
        }
    }
}

fn has_weight(candidate: &Candidate) -> bool {
    candidate.weight.is_finite() && candidate.weight > 0.0
}

/// Returns the median latency of the measured candidates, zero without any:
/// the middle one, or the mean of the two in the middle.
///
/// Counts ranks instead of sorting, which would need room; there are few.
fn median(candidates: &[Candidate]) -> Duration {
    if candidates
        .iter()
        .all(|candidate| candidate.latency.is_some())
    {
        return Duration::ZERO; // nobody will ask
    }
    let measured = || candidates.iter().filter_map(|candidate| candidate.latency);
    let count = measured().count();
    let nth = |rank: usize| {
        measured().find(|latency| {
            let below = measured().filter(|other| other < latency).count();
            let same = measured().filter(|other| other == latency).count();
            (below..below + same).contains(&rank)
        })
    };
    let low = nth(count.saturating_sub(1) / 2).unwrap_or_default();
    let high = nth(count / 2).unwrap_or_default();
    low + (high - low) / 2
}

#[cfg(test)]
mod tests;
