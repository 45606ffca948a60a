//! `breakerbox explain FILE --model M`: who would serve a request, and why.
//!
//! A dry run at start: no latency is known yet and every circuit is closed, so
//! shares follow from the file alone.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use breakerbox_actors::state::{choice, estimate::Estimate};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::check::{BAD_CONFIGURATION, Format};
use crate::{
    config::{self, AUTO, Config, DEFAULT_TASK, Endpoint, Lookup, Model, Priority, Strategy},
    generation,
};

/// Exit code for a model or client that the file does not know.
const USAGE: u8 = 2;

/// Shows which endpoints would serve a model, in what tier, with what share,
/// and why the others are out.
#[derive(Args, Debug)]
pub struct Explain {
    /// The configuration file.
    pub file: PathBuf,
    /// The public name of the model asked for.
    #[arg(long)]
    pub model: String,
    /// What the request is for; with `--model auto`.
    #[arg(long, default_value = DEFAULT_TASK)]
    pub task: String,
    /// How urgent it is; with `--model auto`.
    #[arg(long, value_enum, default_value_t)]
    pub priority: Urgency,
    /// The client who asks, by its name in the file.
    #[arg(long)]
    pub client: Option<String>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A priority, as the command line has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// An answer soon is worth more than a good one.
    Fast,
    /// What a request is that says nothing.
    #[default]
    Normal,
    /// A good answer is worth waiting and paying for.
    High,
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Fast => Self::Fast,
            Urgency::Normal => Self::Normal,
            Urgency::High => Self::High,
        }
    }
}

impl Explain {
    /// Explains to `out` and returns the exit code: 0, 2 for an unknown model
    /// or client or one that may not use the model, or [`BAD_CONFIGURATION`].
    ///
    /// # Errors
    ///
    /// When `out` cannot be written to.
    pub fn run(&self, env: Lookup<'_>, out: &mut dyn Write) -> io::Result<u8> {
        let config = match config::load(&self.file, env) {
            Ok(config) => config,
            Err(problems) => {
                self.format.tell(out, &problems, &problems.to_json())?;
                return Ok(BAD_CONFIGURATION);
            }
        };
        let models = self.admit(&config).and_then(|()| self.models(&config));
        let models = match models {
            Ok(models) => models,
            Err(refused) => {
                match self.format {
                    Format::Text => writeln!(out, "{refused}")?,
                    Format::Json => {
                        writeln!(out, "{:#}", json!({ "ok": false, "message": refused }))?;
                    }
                }
                return Ok(USAGE);
            }
        };
        let tiers = tiers(&config, &models);
        let idle = idle(&config, &tiers);
        match self.format {
            Format::Text => text(out, &config, &self.model, &tiers, &idle)?,
            Format::Json => writeln!(out, "{:#}", json(&config, &self.model, &tiers, &idle))?,
        }
        Ok(0)
    }

    /// Explains `config`, whatever file is named; for the admin API.
    pub(crate) fn answer(&self, config: &Config) -> Result<Value, String> {
        self.admit(config)?;
        let tiers = tiers(config, &self.models(config)?);
        let idle = idle(config, &tiers);
        Ok(json(config, &self.model, &tiers, &idle))
    }

    fn admit(&self, config: &Config) -> Result<(), String> {
        if config.model(&self.model).is_none() && !self.is_auto(config) {
            let auto = (!config.routes.is_empty()).then_some(AUTO);
            let known = config.models.iter().map(|model| &*model.name).chain(auto);
            let unknown = unknown("model", &self.model, known);
            return Err(match self.model == AUTO {
                true => format!("{unknown}\n`auto` needs `routes`, which say what it stands for"),
                false => unknown,
            });
        }
        let Some(name) = &self.client else {
            return Ok(());
        };
        let Some(client) = config.clients.iter().find(|client| *client.name == **name) else {
            let known = config.clients.iter().map(|client| &*client.name);
            return Err(unknown("client", name, known));
        };
        if client.may_use(&self.model) {
            return Ok(());
        }
        let globs: Vec<_> = client.models.iter().map(|glob| glob.pattern()).collect();
        Err(format!(
            "client {name} may not use {}: its models are {}",
            self.model,
            globs.join(", ")
        ))
    }

    fn is_auto(&self, config: &Config) -> bool {
        self.model == AUTO && !config.routes.is_empty()
    }

    /// Returns the models that are tried, in their order.
    fn models<'a>(&'a self, config: &'a Config) -> Result<Vec<&'a str>, String> {
        if self.is_auto(config) {
            let (task, priority) = (&self.task, self.priority.into());
            let Some(route) = config.route(task, priority) else {
                let priority = priority.label();
                return Err(format!(
                    "no route takes the task {task} with priority {priority}"
                ));
            };
            return Ok(route.models.iter().map(|name| &**name).collect());
        }
        let own = config.model(&self.model).into_iter();
        let fallbacks = own.flat_map(|model| &model.fallbacks);
        let names = std::iter::once(&*self.model);
        Ok(names.chain(fallbacks.map(|name| &**name)).collect())
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = config::near(name, known.clone());
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let names: Vec<_> = known.collect();
    let names = match names.is_empty() {
        true => "there are none".to_owned(),
        false => format!("known: {}", names.join(", ")),
    };
    format!("unknown {what} {name}{near}\n{names}")
}

/// A model and those who serve it.
struct Tier<'a> {
    model: &'a str,
    candidates: Vec<Candidate<'a>>,
}

/// An endpoint that serves the model of its tier.
struct Candidate<'a> {
    endpoint: &'a Endpoint,
    model: &'a Model,
    /// Share of first attempts at start, 0 to 1.
    share: f64,
    /// Why the share is what it is.
    why: String,
}

fn tiers<'a>(config: &'a Config, models: &[&'a str]) -> Vec<Tier<'a>> {
    models
        .iter()
        .map(|&model| Tier {
            model,
            candidates: candidates(config, model),
        })
        .collect()
}

fn candidates<'a>(config: &'a Config, name: &'a str) -> Vec<Candidate<'a>> {
    let strategy = config.routing.strategy;
    let serving: Vec<_> = config.serving(name).collect();
    let field = serving.iter().zip(0..).map(|((endpoint, model), order)| {
        let price = generation::price(config, model);
        choice::Candidate {
            weight: endpoint.policy.weight.get(),
            latency: None,
            penalty: Duration::ZERO,
            silence: Duration::ZERO,
            cost: price.map(|price| price.cost(config::typical())),
            order,
        }
    });
    // The router's own reckoning, so that the two cannot differ.
    let shares = choice::shares(strategy, &field.collect::<Vec<_>>());
    let candidate = |((endpoint, model), share): ((&'a Endpoint, &'a Model), f64)| Candidate {
        endpoint,
        model,
        share,
        why: why(strategy, endpoint, share > 0.0),
    };
    serving.into_iter().zip(shares).map(candidate).collect()
}

fn why(strategy: Strategy, endpoint: &Endpoint, first: bool) -> String {
    match (strategy, first) {
        (Strategy::LatencyWeighted | Strategy::LeastLatency, _) => {
            let weight = endpoint.policy.weight.get();
            format!("weight {weight}, no latency known yet")
        }
        (Strategy::Cheapest, true) => {
            let Estimate { input, output } = config::typical();
            format!("the lowest price for {input} tokens in and {output} out")
        }
        (Strategy::Cheapest, false) => "dearer: when the cheaper cannot serve".to_owned(),
        (Strategy::Priority, true) => "the first in the file".to_owned(),
        (Strategy::Priority, false) => "when those before it cannot serve".to_owned(),
    }
}

/// Endpoints in no tier, with the reason.
fn idle<'a>(config: &'a Config, tiers: &[Tier<'_>]) -> Vec<(&'a Endpoint, String)> {
    let used = |endpoint: &Endpoint| {
        let candidates = tiers.iter().flat_map(|tier| &tier.candidates);
        candidates
            .into_iter()
            .any(|candidate| candidate.endpoint.name == endpoint.name)
    };
    let idle = config.endpoints.iter().filter(|endpoint| !used(endpoint));
    idle.map(|endpoint| {
        let names: Vec<_> = endpoint.models.iter().map(|model| &*model.name).collect();
        (endpoint, format!("serves only {}", names.join(", ")))
    })
    .collect()
}

fn text(
    out: &mut dyn Write,
    config: &Config,
    model: &str,
    tiers: &[Tier<'_>],
    idle: &[(&Endpoint, String)],
) -> io::Result<()> {
    let routing = &config.routing;
    let attempts = routing.max_attempts;
    writeln!(
        out,
        "{model}: {}, up to {attempts} attempts",
        routing.strategy.label()
    )?;
    let names = config
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.chars().count());
    let width = names.max().unwrap_or(0);
    for (number, tier) in tiers.iter().enumerate() {
        let role = if number == 0 { "" } else { " (fallback)" };
        writeln!(out, "\ntier {}: {}{role}", number + 1, tier.model)?;
        if tier.candidates.is_empty() {
            writeln!(out, "  no endpoint of its own: on to the fallbacks")?;
        }
        for candidate in &tier.candidates {
            let upstream = match candidate.model.upstream == candidate.model.name {
                true => String::new(),
                false => format!(" as {}", candidate.model.upstream),
            };
            writeln!(
                out,
                "  {:width$}  {:>5.1} %{upstream}  ({})",
                candidate.endpoint.name,
                candidate.share * 100.0,
                candidate.why
            )?;
        }
    }
    if !idle.is_empty() {
        writeln!(out, "\nout:")?;
    }
    for (endpoint, why) in idle {
        writeln!(out, "  {:width$}  {why}", endpoint.name)?;
    }
    Ok(())
}

fn json(config: &Config, model: &str, tiers: &[Tier<'_>], idle: &[(&Endpoint, String)]) -> Value {
    let candidate = |candidate: &Candidate<'_>| {
        json!({
            "endpoint": &*candidate.endpoint.name,
            "upstream": &*candidate.model.upstream,
            "weight": candidate.endpoint.policy.weight.get(),
            "share": candidate.share,
            "why": candidate.why,
        })
    };
    let tiers: Vec<_> = tiers
        .iter()
        .map(|tier| {
            let candidates: Vec<_> = tier.candidates.iter().map(candidate).collect();
            json!({ "model": tier.model, "endpoints": candidates })
        })
        .collect();
    let idle: Vec<_> = idle
        .iter()
        .map(|(endpoint, why)| json!({ "endpoint": &*endpoint.name, "why": why }))
        .collect();
    json!({
        "ok": true,
        "model": model,
        "strategy": config.routing.strategy.label(),
        "max_attempts": config.routing.max_attempts,
        "tiers": tiers,
        "out": idle,
    })
}

#[cfg(test)]
mod tests;
