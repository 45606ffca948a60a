//! The order of a stream's events, in runs: 10,000 waiting streams cost little.

/// Runs of events of one kind.
#[derive(Clone, Debug)]
pub(super) struct Plan<T>(Vec<(T, usize)>);

impl<T: Copy> Plan<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `count` events of a kind.
    pub(super) fn push(&mut self, kind: T, count: usize) {
        self.0.push((kind, count));
    }

    /// How many events there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// The kind of the event at `index`, and its place in its run.
    pub(super) fn at(&self, index: usize) -> Option<(T, usize)> {
        let mut rest = index;
        for (kind, count) in &self.0 {
            if rest < *count {
                return Some((*kind, rest));
            }
            rest -= count;
        }
        None
    }

    /// Where the first event that `is_token` stands, and how many there are from it to the last such.
    pub(super) fn span(&self, is_token: impl Fn(T) -> bool) -> (usize, usize) {
        let (mut at, mut first, mut end) = (0, None, 0);
        for (kind, count) in &self.0 {
            if is_token(*kind) && *count > 0 {
                first = first.or(Some(at));
                end = at + count;
            }
            at += count;
        }
        let first = first.unwrap_or(at);
        (first, end.saturating_sub(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_stand_one_after_another() {
        let mut plan = Plan::new();
        for (kind, count) in [('a', 1), ('t', 3), ('b', 0), ('t', 2), ('z', 1)] {
            plan.push(kind, count);
        }
        let text: String = (0..plan.count())
            .filter_map(|at| plan.at(at))
            .map(|(kind, place)| format!("{kind}{place}"))
            .collect();
        assert_eq!(text, "a0t0t1t2t0t1z0");
        assert_eq!(plan.at(7), None);
        assert_eq!(plan.span(|kind| kind == 't'), (1, 5));
        assert_eq!(plan.span(|kind| kind == 'q'), (7, 0));
    }
}
