//! Endpoints, a router, a prober and their upstreams on one virtual clock.

mod checks;
mod people;
mod seen;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use breakerbox_actors::{
    clock,
    state::{
        breaker::{Phase, Transition},
        budget::RetryBudget,
        choice::{Candidate, Strategy, choose},
        estimate::Estimate,
        event::{Event, Outcome, Pong, ProviderLimits, Tokens},
        grant::Grant,
        luck::Luck,
        policy::Ratio,
        queue::Line,
        schedule::Schedule,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    cell::{Endpoint, Kind, Lease},
    upstream::Mood,
};
pub(crate) use seen::Seen;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const PLACES: usize = 3;
const PLACES_TO_WAIT: usize = 10;
const TRIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Something that is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    Arrival,
    Retry { attempts: u32, except: usize },
    FirstByte { id: u64 },
    End { id: u64 },
    Timer { place: usize },
    Ping,
    Pong { place: usize, pong: Pong },
    Mood { place: usize },
    Operator,
}

/// A request under way, as its worker knows it.
#[derive(Clone, Copy, Debug)]
struct Request {
    place: usize,
    lease: Lease,
    started: Instant,
    attempts: u32,
    answered: Option<Duration>,
    outcome: Outcome,
    limits: ProviderLimits,
    /// Whether its end never reaches the endpoint.
    lost: bool,
}

/// One endpoint with its upstream and what a strict auditor wrote down.
struct Place {
    endpoint: Endpoint,
    grant: Grant,
    mood: Mood,
    under_way: u32,
    /// Start and tokens of every request of the last minute, by its mark.
    minute: VecDeque<(Instant, u64, u64)>,
    /// When the machine is stepped next if nothing happens before.
    timer: Option<(Instant, u64)>,
    /// The trial that no report or deadline has ended, and its deadline.
    trial: Option<(u64, Instant)>,
}

pub(crate) struct World {
    seed: u64,
    rng: StdRng,
    now: Instant,
    due: BTreeMap<(Instant, u64), Due>,
    next_id: u64,
    places: Vec<Place>,
    requests: BTreeMap<u64, Request>,
    waiting: Line<u32>,
    budget: RetryBudget,
    schedule: Schedule<usize>,
    strategy: Strategy,
    calm: bool,
    pub(crate) seen: Seen,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = clock::now();
        let mut schedule = Schedule::new();
        let places = (0..PLACES)
            .map(|place| {
                let policy = people::policy(&mut rng);
                let endpoint = Endpoint::new(policy, now);
                schedule.set(place, policy.probe, now, Luck::draw(&mut rng));
                Place {
                    grant: endpoint.machine.grant(now),
                    endpoint,
                    mood: Mood::Well,
                    under_way: 0,
                    minute: VecDeque::new(),
                    timer: None,
                    trial: None,
                }
            })
            .collect();
        let strategy = Strategy::ALL[rng.random_range(0..4)];
        let mut this = Self {
            seed,
            now,
            due: BTreeMap::new(),
            next_id: 0,
            places,
            requests: BTreeMap::new(),
            waiting: Line::default(),
            budget: RetryBudget::new(Ratio::new(0.1).expect("a ratio"), now),
            schedule,
            strategy,
            calm: false,
            seen: Seen::default(),
            rng,
        };
        this.at(Duration::ZERO, Due::Arrival);
        this.at(Duration::ZERO, Due::Ping);
        this.at(30 * SECOND, Due::Operator);
        for place in 0..PLACES {
            this.at(20 * SECOND, Due::Mood { place });
        }
        this
    }

    /// Runs for `time`; every step keeps every promise or names the seed.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), due) = entry.remove_entry();
            self.now = at;
            self.happen(due);
        }
        self.now = end;
    }

    /// All upstreams are well again, nobody meddles: everything closes.
    pub(crate) fn heal(&mut self) {
        self.calm = true;
        // Under others, an endpoint that nobody needs may wait for its trial.
        self.strategy = Strategy::LatencyWeighted;
        for place in 0..PLACES {
            self.places[place].mood = Mood::Well;
            self.tell(place, Event::Drain(false));
        }
        // The longest wait is a day's quota; most are over in minutes.
        let limit = self.now + Duration::from_secs(26 * 3600);
        while !self.all_closed() {
            let views = || {
                self.places
                    .iter()
                    .map(|place| place.endpoint.machine.view(self.now))
            };
            assert!(
                self.now < limit,
                "{}: {:#?}",
                self.whereabouts(),
                views().collect::<Vec<_>>()
            );
            self.run(MINUTE);
        }
    }

    fn all_closed(&self) -> bool {
        let closed = |place: &Place| {
            let view = place.endpoint.machine.view(self.now);
            view.phase == Phase::Closed && view.refusal.is_none()
        };
        self.places.iter().all(closed)
    }

    fn at(&mut self, wait: Duration, due: Due) {
        self.next_id += 1;
        self.due.insert((self.now + wait, self.next_id), due);
    }

    /// Sets the one timer of `place`.
    fn arm(&mut self, place: usize, next: Instant) {
        if let Some(old) = self.places[place].timer.take() {
            self.due.remove(&old);
        }
        self.at(next - self.now, Due::Timer { place });
        self.places[place].timer = Some((next, self.next_id));
    }

    fn whereabouts(&self) -> String {
        format!("seed {} step {}", self.seed, self.next_id)
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Arrival => {
                let gap = match self.calm {
                    true => self.rng.random_range(1_000..60_000),
                    false => self.rng.random_range(0..300),
                };
                self.at(Duration::from_millis(gap), Due::Arrival);
                self.budget.first_attempts(1, self.now);
                self.send(1, None);
            }
            Due::Retry { attempts, except } => self.send(attempts, Some(except)),
            Due::FirstByte { id } => self.first_byte(id),
            Due::End { id } => self.end(id),
            Due::Timer { place } => self.tell(place, Event::Tick),
            Due::Ping => self.ping(),
            Due::Pong { place, pong } => {
                let luck = Luck::draw(&mut self.rng);
                self.schedule.answered(&place, self.now, luck);
                self.tell(place, Event::Pong(pong));
            }
            Due::Mood { place } => {
                if !self.calm {
                    self.places[place].mood = Mood::draw(&mut self.rng);
                    let wait = self.rng.random_range(1..60) * SECOND;
                    self.at(wait, Due::Mood { place });
                }
            }
            Due::Operator => self.operate(),
        }
        let (now, seen) = (self.now, &mut self.seen);
        self.waiting.offer(|attempts, deadline| {
            if now >= deadline {
                seen.note("refused");
                return None;
            }
            Some(attempts)
        });
    }

    /// Starts an attempt at the place that the router draws, or lets it wait.
    fn send(&mut self, attempts: u32, except: Option<usize>) {
        let tokens = Estimate::new(self.rng.random_range(0..4_000), Some(500)).total();
        let fits = |place: &Place| place.under_way < place.grant.max_in_flight;
        let mut candidates = Vec::new();
        for (number, place) in self.places.iter().enumerate() {
            // A router knows of the credits only when it tries to take one.
            if fits(place)
                && Some(number) != except
                && place.endpoint.cell.clone().take(tokens).is_some()
            {
                let candidate = Candidate {
                    weight: place.grant.weight,
                    latency: place.grant.latency,
                    penalty: place.grant.penalty,
                    silence: Duration::ZERO,
                    cost: None,
                    order: number as u32,
                };
                candidates.push((number, candidate));
            }
        }
        let plain: Vec<Candidate> = candidates.iter().map(|(_, candidate)| *candidate).collect();
        let drawn = choose(self.strategy, &plain, &mut self.rng).map(|index| candidates[index].0);
        let taken = drawn
            .and_then(|place| Some((place, self.places[place].endpoint.cell.take(tokens)?)))
            .or_else(|| {
                self.places
                    .iter_mut()
                    .enumerate()
                    .find_map(|(number, place)| {
                        let fits = place.under_way < place.grant.max_in_flight;
                        let lease =
                            fits.then(|| place.endpoint.cell.take_last_resort(tokens))??;
                        Some((number, lease))
                    })
            });
        match taken {
            Some((place, lease)) => self.start(place, lease, attempts),
            None => {
                if self.waiting.len() >= PLACES_TO_WAIT {
                    self.seen.note("refused");
                    return;
                }
                self.waiting.push(attempts, self.now + 10 * SECOND);
                self.seen.note("queued");
            }
        }
    }

    fn start(&mut self, place: usize, lease: Lease, attempts: u32) {
        self.check_start(place, lease);
        let answer = self.places[place].mood.answer(&mut self.rng);
        self.places[place].under_way += 1;
        let id = self.next_id;
        let lost = !self.calm && self.rng.random_bool(0.01);
        if lost {
            self.seen.note("lost");
        }
        let request = Request {
            place,
            lease,
            started: self.now,
            attempts,
            answered: answer.first_byte,
            outcome: answer.outcome,
            limits: answer.limits,
            lost,
        };
        self.requests.insert(id, request);
        if lease.kind != Kind::Credit {
            self.places[place].trial = Some((id, self.now + TRIAL_TIMEOUT));
        }
        if let Some(wait) = answer.first_byte {
            self.at(wait, Due::FirstByte { id });
        }
        let delay = Duration::from_millis(self.rng.random_range(0..5));
        self.at(answer.end + delay, Due::End { id });
        // The hint to look at a trial that was taken gets lost now and then.
        if self.rng.random_bool(0.9) {
            self.tell(place, Event::Tick);
        }
    }

    fn first_byte(&mut self, id: u64) {
        let Some(request) = self
            .requests
            .get(&id)
            .copied()
            .filter(|request| !request.lost)
        else {
            return;
        };
        let place = &mut self.places[request.place];
        if let Some((_, deadline)) = place.trial.as_mut().filter(|trial| trial.0 == id) {
            *deadline = self.now + 600 * SECOND;
        }
        let event = Event::FirstByte {
            epoch: request.lease.epoch,
            latency: self.now - request.started,
            mark: request.lease.mark,
            limits: request.limits,
        };
        self.tell(request.place, event);
    }

    fn end(&mut self, id: u64) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        let Lease {
            epoch,
            mark,
            reserved,
            ..
        } = request.lease;
        let place = &mut self.places[request.place];
        place.under_way -= 1;
        if !request.lost {
            let used = self.rng.random_range(0..=reserved);
            if let Some(entry) = place.minute.iter_mut().find(|entry| entry.1 == mark) {
                entry.2 = used;
            }
            place.trial = place.trial.filter(|trial| trial.0 != id);
            if epoch != place.endpoint.machine.epoch() {
                self.seen.note("late");
            }
            let event = Event::Settled {
                epoch,
                outcome: request.outcome,
                latency: match request.answered {
                    None => Some(self.now - request.started),
                    Some(_) => None,
                },
                limits: request.limits,
                tokens: Tokens {
                    mark,
                    reserved,
                    used: Some(used),
                },
            };
            self.tell(request.place, event);
        }
        match request.outcome {
            Outcome::Success => self.seen.note("served"),
            Outcome::ClientFault | Outcome::Cancelled => {}
            _ if request.attempts < 3 && self.budget.take(self.now) => {
                self.seen.note("retried");
                let attempts = request.attempts + 1;
                let except = request.place;
                self.at(Duration::ZERO, Due::Retry { attempts, except });
            }
            _ => {}
        }
    }

    /// Steps the machine of `place`, with a router that comes between now and
    /// then, and checks what must hold after any step.
    fn tell(&mut self, place: usize, event: Event) {
        let luck = Luck::draw(&mut self.rng);
        let race = self.rng.random_bool(0.05);
        let mut raced = None;
        let now = self.now;
        let (grant, changes) = self.places[place].endpoint.tell(event, now, luck, |cell| {
            if race {
                raced = cell.take(1);
            }
        });
        self.places[place].grant = grant;
        for Transition { to, reason, .. } in changes {
            self.seen.note(reason.label());
            let luck = Luck::draw(&mut self.rng);
            self.schedule
                .set_open(&place, to != Phase::Closed, now, luck);
        }
        self.check_step(place);
        let machine = &self.places[place].endpoint.machine;
        if let Some(next) = machine.next_deadline(now) {
            assert!(
                next > now,
                "{}: a timer in the past would spin",
                self.whereabouts()
            );
            self.arm(place, next);
        }
        if let Some(lease) = raced {
            self.seen.note("raced");
            self.start_raced(place, lease);
        }
        while self.places[place].grant.credits > 0 && !self.waiting.is_empty() {
            let waited = self.waiting.len();
            let Some(attempts) = self.waiting.pop() else {
                break;
            };
            self.send(attempts, None);
            if self.waiting.len() == waited {
                break;
            }
        }
    }

    /// A request whose credit was taken while the grant was being replaced.
    fn start_raced(&mut self, place: usize, lease: Lease) {
        let lost = Request {
            place,
            lease,
            started: self.now,
            attempts: 3,
            answered: None,
            outcome: Outcome::Cancelled,
            limits: ProviderLimits::default(),
            lost: false,
        };
        let id = self.next_id;
        self.requests.insert(id, lost);
        self.places[place].under_way += 1;
        self.places[place]
            .minute
            .push_back((self.now, lease.mark, lease.reserved));
        if lease.kind != Kind::Credit {
            self.places[place].trial = Some((id, self.now + TRIAL_TIMEOUT));
        }
        let wait = Duration::from_millis(self.rng.random_range(0..3_000));
        self.at(wait, Due::End { id });
    }
}
