//! From the file's shape to settings that make sense together.
//!
//! Every function reports what it refuses and returns `None` in its place; a
//! section that was refused never hides what is wrong with the others.

use std::path::{Path, PathBuf};

use super::{
    Overrides, Reach, StartOnly,
    places::{self, Step},
    problem::Problem,
    settings::{Admin, Config, Fingerprint, Routing, Strategy},
    shape,
    tree::Node,
};

mod clients;
mod endpoints;
mod files;
mod models;
mod planes;
mod policies;
mod routes;
mod url;

/// Builds a configuration from `file`, whose tree is `tree`. `None` means that
/// something is wrong, which `problems` then tells.
pub(super) fn compile(
    file: &shape::File,
    tree: &Node,
    folder: &Path,
    over: Overrides,
    reach: Reach<'_>,
    problems: &mut Vec<Problem>,
    files: &mut Vec<PathBuf>,
) -> Option<Config> {
    let mut check = Check {
        tree,
        folder,
        over,
        reach,
        problems,
        files,
    };
    let server = planes::server(&mut check, file);
    let admin = planes::admin(&mut check, file);
    if let (Some(server), Some(admin)) = (&server, &admin) {
        planes::apart(&mut check, server.listen, admin.listen);
    }
    let sections = policies::sections(&mut check, file);
    let endpoints = endpoints::endpoints(&mut check, file, &sections);
    let models = models::models(&mut check, file);
    let routes = routes::routes(&mut check, file);
    let routing = routing(&mut check, file.routing.as_ref());
    let clients = clients::clients(&mut check, file);
    let mut config = Config {
        server: server?,
        admin: admin?,
        endpoints: endpoints?,
        models: models?,
        routing: routing?,
        routes: routes?,
        clients: clients?,
        sha256: Fingerprint::default(),
        start_only: StartOnly::default(),
        files: Vec::new(),
    };
    models::fill_prices(&mut config);
    models::priced(&mut check, &config);
    clients::priced(&mut check, &config);
    Some(config)
}

/// Reads the section `admin` alone.
pub(super) fn admin(
    file: &shape::File,
    tree: &Node,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<Admin> {
    let mut check = Check {
        tree,
        folder,
        over: Overrides::default(),
        reach: Reach::All,
        problems,
        files: &mut Vec::new(),
    };
    planes::admin(&mut check, file)
}

/// What compiling carries along.
struct Check<'a> {
    tree: &'a Node,
    /// Where relative paths start.
    folder: &'a Path,
    /// What counts in place of the file.
    over: Overrides,
    reach: Reach<'a>,
    problems: &'a mut Vec<Problem>,
    /// Those that settings name, as far as they were looked for.
    files: &'a mut Vec<PathBuf>,
}

impl Check<'_> {
    /// Reports `problem` at the value that `steps` lead to, or as near to it
    /// as the file goes.
    fn refuse(&mut self, steps: &[Step<'_>], problem: Problem) {
        let found = places::find(self.tree, steps);
        let text = found.whole.then(|| found.text()).flatten();
        let problem = problem.at(found.span());
        self.problems
            .push(problem.about(places::pointer(steps), text));
    }

    /// Says whether the file gives a value there, be it broken.
    fn given(&self, steps: &[Step<'_>]) -> bool {
        let found = places::find(self.tree, steps);
        found.whole && !found.node.is_empty()
    }

    /// Returns the value there as the file has it: variables unreplaced,
    /// secrets masked.
    fn shown(&self, steps: &[Step<'_>]) -> String {
        places::find(self.tree, steps).text().unwrap_or_default()
    }

    /// Says whether a variable had a part in the value there.
    fn has_variable(&self, steps: &[Step<'_>]) -> bool {
        match &places::find(self.tree, steps).node.kind {
            super::tree::Kind::Scalar(scalar) => scalar.has_variable(),
            _ => false,
        }
    }

    fn line(&self, steps: &[Step<'_>]) -> usize {
        places::find(self.tree, steps).span().start.line
    }
}

/// A wrong value.
fn invalid(message: &str) -> Problem {
    Problem::new("invalid", message)
}

/// Two values that do not go together.
fn conflict(message: &str) -> Problem {
    Problem::new("conflict", message)
}

/// A value that is missing because of another.
fn missing(message: &str) -> Problem {
    Problem::new("missing_key", message)
}

/// Returns `path` followed by one key.
fn below<'a>(path: &[Step<'a>], key: &'a str) -> Vec<Step<'a>> {
    let mut path = path.to_vec();
    path.push(Step::Key(key));
    path
}

fn routing(check: &mut Check<'_>, given: Option<&shape::Routing>) -> Option<Routing> {
    let default = shape::Routing::default();
    let given = given.unwrap_or(&default);
    let time = policies::time;
    let backoff = given.backoff.as_ref();
    let queue = given.queue.as_ref();
    let backoff_base = time(backoff.and_then(|keys| keys.base), 1_000);
    let backoff_max = time(backoff.and_then(|keys| keys.max), 60_000);
    if backoff_max < backoff_base {
        let key = if check.given(&[Step::Key("routing"), Step::Key("backoff"), Step::Key("max")]) {
            "max"
        } else {
            "base"
        };
        check.refuse(
            &[Step::Key("routing"), Step::Key("backoff"), Step::Key(key)],
            invalid("`base` is above `max`").expect("base up to max (by default 1s and 60s)"),
        );
        return None;
    }
    Some(Routing {
        strategy: match given.strategy {
            None | Some(shape::Strategy::LatencyWeighted) => Strategy::LatencyWeighted,
            Some(shape::Strategy::LeastLatency) => Strategy::LeastLatency,
            Some(shape::Strategy::Cheapest) => Strategy::Cheapest,
            Some(shape::Strategy::Priority) => Strategy::Priority,
        },
        max_attempts: given.max_attempts.unwrap_or(3),
        retry_budget: policies::ratio(given.retry_budget.unwrap_or(0.1)),
        backoff_base,
        backoff_max,
        connect_timeout: time(given.connect_timeout, 2_000),
        first_byte_timeout: time(given.first_byte_timeout, 60_000),
        idle_timeout: time(given.idle_timeout, 30_000),
        queue_max_wait: time(queue.and_then(|keys| keys.max_wait), 10_000),
        queue_max_length: queue.and_then(|keys| keys.max_length).unwrap_or(1_000) as usize,
    })
}
