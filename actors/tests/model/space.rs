//! The states there are, and the steps between them.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use breakerbox_actors::{
    clock,
    state::{
        breaker::TransitionReason,
        event::{Event, FailureKind, Outcome, Pong},
    },
};
use parking_lot::Mutex;
use stateright::{Model, Property};

use crate::{SECOND, patience::Patience, place::Place, policy};

/// How often each thing may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Requests started by a router.
    pub(crate) starts: u8,
    /// Times that pass: a second, or until the next timer.
    pub(crate) passes: u8,
    pub(crate) pings: u8,
    /// Credits taken between a step and the publication of its grant.
    pub(crate) races: u8,
    /// Reports that never arrive.
    pub(crate) losses: u8,
    pub(crate) patches: u8,
    pub(crate) restarts: u8,
}

/// The endpoints, in an order that makes states alike that differ only in
/// which endpoint is which; and what may still happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    now: Instant,
    left: Bounds,
    places: Vec<Place>,
}

/// Something that happens at a place; `flight` counts its requests under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Take {
        place: usize,
    },
    TakeLastResort {
        place: usize,
    },
    FirstByte {
        place: usize,
        flight: usize,
    },
    Settle {
        place: usize,
        flight: usize,
        outcome: Outcome,
    },
    Lose {
        place: usize,
        flight: usize,
    },
    Tell {
        place: usize,
        event: Event,
    },
    /// The same, while a router takes what is about to be replaced.
    TellRaced {
        place: usize,
        event: Event,
    },
    Second,
    Timer,
}

pub(crate) struct Space {
    start: Instant,
    endpoints: usize,
    /// Requests a minute; 0 means no limit.
    rpm: u32,
    bounds: Bounds,
    patience: Patience,
    reasons: Mutex<HashSet<TransitionReason>>,
}

const OUTCOMES: [Outcome; 5] = [
    Outcome::Success,
    Outcome::Failure(FailureKind::Status),
    Outcome::KeyRejected,
    Outcome::Cancelled,
    Outcome::RateLimited {
        retry_after: Some(SECOND),
        daily: false,
    },
];

impl Space {
    pub(crate) fn new(endpoints: usize, rpm: u32, bounds: Bounds) -> Self {
        Self {
            start: clock::now(),
            endpoints,
            rpm,
            bounds,
            patience: Patience::default(),
            reasons: Mutex::default(),
        }
    }

    /// Returns why circuits changed their phase anywhere in the space.
    pub(crate) fn reasons(&self) -> HashSet<TransitionReason> {
        self.reasons.lock().clone()
    }

    /// Does `action` to `state`, unless it cannot be done there.
    fn act(state: &mut State, action: Action) -> Option<Vec<TransitionReason>> {
        let State { now, left, places } = state;
        match action {
            Action::Take { place } => {
                left.starts -= 1;
                places[place].take(*now)
            }
            Action::TakeLastResort { place } => {
                left.starts -= 1;
                places[place].take_last_resort(*now)
            }
            Action::FirstByte { place, flight } => Some(places[place].first_byte(flight, *now)),
            Action::Settle {
                place,
                flight,
                outcome,
            } => Some(places[place].settle(flight, outcome, *now)),
            Action::Lose { place, flight } => {
                left.losses -= 1;
                places[place].lose(flight);
                Some(Vec::new())
            }
            Action::Tell { place, event } => {
                left.pay(event);
                Some(places[place].tell(event, *now))
            }
            Action::TellRaced { place, event } => {
                left.pay(event);
                left.races -= 1;
                left.starts -= 1;
                places[place].tell_raced(event, *now)
            }
            Action::Second => {
                left.passes -= 1;
                let later = *now + SECOND;
                Some(state.pass(later))
            }
            Action::Timer => {
                left.passes -= 1;
                let next = places
                    .iter()
                    .filter_map(|place| place.next_timer(*now))
                    .min()?;
                Some(state.pass(next))
            }
        }
    }
}

impl Bounds {
    fn pay(&mut self, event: Event) {
        match event {
            Event::Pong(_) => self.pings -= 1,
            Event::Patch(_) => self.patches -= 1,
            Event::Restarted => self.restarts -= 1,
            _ => {}
        }
    }
}

impl State {
    /// Lets time pass to `to`; timers that are due fire, late if need be.
    fn pass(&mut self, to: Instant) -> Vec<TransitionReason> {
        let before = std::mem::replace(&mut self.now, to);
        let mut reasons = Vec::new();
        for place in &mut self.places {
            if place.next_timer(before).is_some_and(|next| next <= to) {
                reasons.extend(place.tell(Event::Tick, to));
            }
        }
        reasons
    }

    fn sort(&mut self) {
        if self.places.len() > 1 {
            self.places.sort_by_cached_key(|place| {
                let mut hasher = DefaultHasher::new();
                place.hash(&mut hasher);
                hasher.finish()
            });
        }
    }
}

impl Model for Space {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: self.start,
            left: self.bounds,
            places: vec![Place::new(policy(2, self.rpm), self.start); self.endpoints],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let State { left, places, .. } = state;
        if left.passes > 0 {
            actions.extend([Action::Second, Action::Timer]);
        }
        let any_credit = places.iter().any(Place::has_credit);
        for (number, at) in places.iter().enumerate() {
            let place = number;
            if number > 0 && places[number - 1] == *at {
                continue; // what happens here might as well happen there
            }
            for flight in at.flights() {
                if at.may_speak(flight) {
                    actions.push(Action::FirstByte { place, flight });
                }
                actions.extend(OUTCOMES.map(|outcome| Action::Settle {
                    place,
                    flight,
                    outcome,
                }));
                if left.losses > 0 {
                    actions.push(Action::Lose { place, flight });
                }
            }
            if left.starts > 0 {
                actions.push(Action::Take { place });
                if !any_credit {
                    actions.push(Action::TakeLastResort { place });
                }
            }
            let mut events = vec![Event::Tick];
            if left.pings > 0 {
                let latency = Duration::ZERO;
                events.extend(
                    [Pong::Alive { latency }, Pong::Failed, Pong::KeyRejected].map(Event::Pong),
                );
            }
            if left.patches > 0 {
                events.push(Event::Patch(policy(1, self.rpm.saturating_sub(1))));
            }
            if left.restarts > 0 {
                events.push(Event::Restarted);
            }
            for event in events {
                actions.push(Action::Tell { place, event });
                if left.races > 0 && left.starts > 0 {
                    actions.push(Action::TellRaced { place, event });
                }
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let reasons = Self::act(&mut state, action)?;
        state.sort();
        if !reasons.is_empty() {
            self.reasons.lock().extend(reasons);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two trials", |_, state: &State| {
                state
                    .places
                    .iter()
                    .all(|place| place.trials(state.now) <= 1)
            }),
            Property::always(
                "never more started than granted",
                |space: &Self, state: &State| {
                    let started = |place: &Place| place.started(state.now);
                    state
                        .places
                        .iter()
                        .all(|place| space.rpm == 0 || started(place) <= space.rpm as usize)
                },
            ),
            Property::always("a straggler changes no phase", |_, state: &State| {
                !state.places.iter().any(Place::was_moved_by_straggler)
            }),
            Property::always("no open circuit lends a credit", |_, state: &State| {
                let shut = |place: &Place| !place.is_open() || !place.has_credit();
                state.places.iter().all(shut)
            }),
            Property::always(
                "every endpoint is tried again",
                |space: &Self, state: &State| {
                    let mut places = state.places.iter();
                    places.all(|place| space.patience.is_rewarded(&place.endpoint, state.now))
                },
            ),
        ]
    }
}
