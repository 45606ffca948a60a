//! Who plays in the demo: providers, each with a character, and the gateway's
//! configuration.

use std::time::Duration;

use crate::{
    config,
    simulator::{Dialect, End, ErrorShare, Fault, Latency, Limits, Running, Script, Timed, Tokens},
};

/// One simulated provider.
pub(super) struct Role {
    /// The endpoint's name.
    pub(super) name: &'static str,
    /// What it serves through the gateway.
    pub(super) models: &'static [&'static str],
    /// Its share of the traffic, before latency.
    weight: u32,
    /// What it is like, in a few words.
    pub(super) character: String,
    /// What it does.
    pub(super) script: Script,
}

/// All of them. Times are shares of a round, so that a short one shows the same.
pub(super) struct Cast {
    pub(super) roles: Vec<Role>,
    round: Duration,
}

/// Models of Anthropic's and of Gemini's, which the demo's own OpenAI client asks as well.
pub(super) const FOREIGN: [&str; 2] = ["claude-sonnet-4", "gemini-2.5-flash"];

/// The providers' key.
const KEY: &str = "demo-key";

/// The model whose streams break after their first events; no traffic of the
/// demo's own asks for it.
pub(super) const BROKEN: &str = "broken-stream";

/// What the flaky provider does in a round: from and until in sixtieths, what,
/// and how to say it. Each fault of a stream comes before its first event,
/// where another endpoint can still answer.
const PHASES: [(u32, u32, Fault, &str); 5] = [
    (8, 16, Fault::Refuse, "refuses connections"),
    (
        22,
        28,
        Fault::Status {
            code: 503,
            retry_after: None,
        },
        "answers 503",
    ),
    (34, 39, Fault::Stall { after: 0 }, "falls silent"),
    (
        44,
        49,
        Fault::Cut {
            after: 0,
            end: End::Fin,
        },
        "cuts its answers",
    ),
    (52, 57, Fault::ErrorEvent { after: 0 }, "200 with an error"),
];
/// Parts of a round.
const PARTS: u32 = 60;

impl Cast {
    /// Casts the demo with rounds of this length.
    pub(super) fn new(round: Duration) -> Self {
        let roles = vec![
            Role {
                name: "fast",
                models: &["gpt-4.1", "gpt-4.1-mini", "text-embedding-3-small"],
                weight: 1,
                character: "80 ms to the first byte".to_owned(),
                script: script(1, 80, 100.0),
            },
            Role {
                name: "slow",
                models: &["gpt-4.1-mini"],
                weight: 1,
                character: "400 ms to the first byte".to_owned(),
                script: script(2, 400, 80.0),
            },
            Role {
                name: "flaky",
                models: &["gpt-4.1", "gpt-4.1-nano", "text-embedding-3-small"],
                // Worth having back: a failure costs it most of its traffic.
                weight: 5,
                character: "60 ms, and in turn: refuses, 503, silence, cuts, errors in a 200"
                    .to_owned(),
                script: Script {
                    errors: vec![ErrorShare {
                        share: 0.03,
                        status: 500,
                        retry_after: None,
                    }],
                    faults: PHASES
                        .map(|(from, until, fault, _)| {
                            Timed::between(part(round, from), part(round, until), fault)
                        })
                        .into(),
                    cycle: Some(round),
                    // All at once: when it goes, no stream of it is half said.
                    tokens_per_second: None,
                    ..script(3, 60, 100.0)
                },
            },
            Role {
                name: "limited",
                models: &["gpt-4.1", "gpt-4.1-nano"],
                weight: 1,
                character: format!(
                    "50 ms, 10 requests in {}, then 429",
                    config_time(part(round, 10))
                ),
                script: Script {
                    limits: Limits {
                        rpm: Some(10),
                        tpm: None,
                        window: part(round, 10),
                    },
                    ..script(4, 50, 100.0)
                },
            },
            Role {
                name: "claude",
                models: &["claude-sonnet-4"],
                weight: 1,
                character: "speaks Anthropic's dialect, 90 ms".to_owned(),
                script: Script {
                    dialect: Dialect::Anthropic,
                    ..script(6, 90, 90.0)
                },
            },
            Role {
                name: "gemini",
                models: &["gemini-2.5-flash"],
                weight: 1,
                character: "speaks Gemini's dialect, 70 ms".to_owned(),
                script: Script {
                    dialect: Dialect::Gemini,
                    ..script(7, 70, 120.0)
                },
            },
            Role {
                name: "broken",
                models: &[BROKEN],
                weight: 1,
                character: "cuts every stream after five events".to_owned(),
                script: Script {
                    faults: vec![Timed::from(Fault::Cut {
                        after: 5,
                        end: End::Fin,
                    })],
                    ..script(5, 60, 20.0)
                },
            },
        ];
        Self { roles, round }
    }

    /// What the flaky provider does at this time.
    pub(super) fn doing(&self, elapsed: Duration) -> &'static str {
        let passed = elapsed.as_nanos() % self.round.as_nanos().max(1);
        let at = |sixtieth| part(self.round, sixtieth).as_nanos();
        let mut phases = PHASES.iter();
        phases
            .find(|(from, until, ..)| (at(*from)..at(*until)).contains(&passed))
            .map_or("answers", |(.., words)| words)
    }

    /// The gateway's configuration, as a person would write it.
    ///
    /// Breaker and probes are as much quicker than their defaults as a round
    /// is quicker than real outages.
    pub(super) fn config(&self, port: u16, admin_port: u16, providers: &[Running]) -> String {
        let time = |sixtieths| config_time(part(self.round, sixtieths));
        let mut text = format!(
            "server: {{ listen: \"127.0.0.1:{port}\", shutdown_grace: 2s }}\n\
             admin: {{ listen: \"127.0.0.1:{admin_port}\" }}\n\
             models:\n  \
             - {{ name: gpt-4.1, fallbacks: [gpt-4.1-mini] }}\n  \
             - {{ name: gpt-4.1-nano, fallbacks: [gpt-4.1-mini] }}\n\
             breaker: {{ failure_threshold: 3, recovery_timeout: {}, max_recovery_timeout: {}, \
             half_open_requests: 2, trial_timeout: 2s, ramp: {} }}\n\
             probe: {{ interval: {}, interval_open: {}, timeout: 2s, healthy_threshold: 2, \
             unhealthy_threshold: 2 }}\n\
             routing: {{ first_byte_timeout: 1500ms, idle_timeout: 1500ms }}\n\
             endpoints:\n",
            time(3),
            time(6),
            time(3),
            time(3),
            time(1),
        );
        for (role, provider) in self.roles.iter().zip(providers) {
            text.push_str(&format!(
                "  - {{ name: {}, provider: {}, api_key: {KEY}, base_url: \"{}\", weight: {}, models: [{}] }}\n",
                role.name,
                role.provider(),
                provider.base_url(),
                role.weight,
                role.models.join(", ")
            ));
        }
        text
    }
}

impl Role {
    /// Its provider, as a configuration names it.
    fn provider(&self) -> &'static str {
        match self.script.dialect {
            Dialect::Openai => "openai-compatible",
            Dialect::Anthropic => "anthropic",
            Dialect::Gemini => "gemini",
        }
    }
}

fn part(round: Duration, sixtieths: u32) -> Duration {
    round * sixtieths / PARTS
}

fn config_time(time: Duration) -> String {
    config::show_duration(Duration::from_millis(
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    ))
}

/// A calm provider.
fn script(seed: u64, median: u64, tokens_per_second: f64) -> Script {
    Script {
        // What the gateway makes of a request must please a provider that is not lenient.
        strict: true,
        api_keys: vec![KEY.to_owned()],
        seed,
        latency: Latency::LogNormal {
            median: Duration::from_millis(median),
            sigma: 0.2,
        },
        tokens_per_second: Some(tokens_per_second),
        tokens: Tokens { min: 20, max: 40 },
        ..Script::default()
    }
}
