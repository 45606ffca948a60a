//! The upstreams.

use std::{collections::HashMap, sync::Arc};

use super::{
    Check, below, conflict, files, invalid, missing,
    policies::{self, Sections},
    url,
};
use crate::{
    config::{
        places::Step,
        settings::{BaseUrl, Endpoint, Model, Price, Provider},
        shape::{self, EndpointModel, FullModel},
    },
    dialect::Dialect,
};

/// Returns where `provider` is, unless it can be anywhere.
fn default_url(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::OpenAi => Some("https://api.openai.com/v1"),
        Provider::Anthropic => Some("https://api.anthropic.com/v1"),
        Provider::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
        Provider::OpenAiCompatible | Provider::AzureOpenAi => None,
    }
}

/// Reads the list `endpoints`.
pub(super) fn endpoints(
    check: &mut Check<'_>,
    file: &shape::File,
    sections: &Sections,
) -> Option<Vec<Endpoint>> {
    let list = file.endpoints.as_ref()?;
    if list.is_empty() {
        check.refuse(
            &[Step::Key("endpoints")],
            missing("there is no endpoint").expect("one endpoint or more"),
        );
        return None;
    }
    let mut seen = HashMap::new();
    let mut out = Some(Vec::new());
    for (index, given) in list.iter() {
        let path = [Step::Key("endpoints"), Step::Item(index)];
        let name = given.name.as_deref();
        let name = name.and_then(|name| unique(check, &below(&path, "name"), name, &mut seen));
        let endpoint = endpoint(check, &path, given, sections, name);
        out = out.zip(endpoint).map(|(mut out, endpoint)| {
            out.push(endpoint);
            out
        });
    }
    out
}

fn endpoint(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Endpoint,
    sections: &Sections,
    name: Option<Arc<str>>,
) -> Option<Endpoint> {
    let provider = given.provider.map(|provider| match provider {
        shape::Provider::OpenAi => Provider::OpenAi,
        shape::Provider::OpenAiCompatible => Provider::OpenAiCompatible,
        shape::Provider::AzureOpenAi => Provider::AzureOpenAi,
        shape::Provider::Anthropic => Provider::Anthropic,
        shape::Provider::Gemini => Provider::Gemini,
    });
    let base_url = base_url(check, path, given, provider);
    let api_key = files::secret(
        check,
        path,
        ("api_key", given.api_key.as_deref()),
        ("api_key_file", given.api_key_file.as_deref()),
    );
    // An OpenAI-compatible server may well want no key; the others always do.
    let keyed = provider.is_some_and(|it| it != Provider::OpenAiCompatible);
    if keyed && matches!(api_key, Ok(None)) {
        check.refuse(
            &below(path, "api_key"),
            missing("`api_key` is missing or empty")
                .expect("`api_key` or `api_key_file`, which this provider asks for")
                .help("for a server that wants no key, use provider: openai-compatible"),
        );
    }
    let version = api_version(check, path, given, provider);
    let native = native_responses(check, path, given, provider);
    let models = models(check, path, given);
    let policies = policies::policy(check, path, given, sections);
    let ca_file = match &given.ca_file {
        Some(name) => files::certificates(check, &below(path, "ca_file"), name).map(Some),
        None => Ok(None),
    };
    let policies = policies?;
    Some(Endpoint {
        name: name?,
        provider: provider?,
        base_url: base_url?,
        api_key: api_key.ok()?,
        api_version: version?,
        native_responses: native?,
        models: models?,
        policy: policies.policy,
        breaker: policies.breaker,
        probe: policies.probe,
        probe_kind: policies.kind,
        ca_file: ca_file.ok()?,
    })
}

fn base_url(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Endpoint,
    provider: Option<Provider>,
) -> Option<BaseUrl> {
    let at = below(path, "base_url");
    let text = match (&given.base_url, provider) {
        (Some(text), _) => text,
        (None, _) if check.given(&at) => return None,
        (None, None) => return None,
        (None, Some(provider)) => match default_url(provider) {
            Some(text) => text,
            None => {
                let problem =
                    missing("`base_url` is missing").expect("a URL such as https://host/v1");
                let help = format!("{} can be anywhere: it has no default", provider.label());
                check.refuse(&at, problem.help(&help));
                return None;
            }
        },
    };
    match url::base_url(text) {
        Ok(url) => Some(url),
        Err(problem) => {
            check.refuse(&at, problem);
            None
        }
    }
}

fn native_responses(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Endpoint,
    provider: Option<Provider>,
) -> Option<bool> {
    let provider = provider?;
    match given.responses {
        Some(_) if provider.dialect() != Dialect::OpenAi => {
            let problem = conflict(&format!("{} has no /responses", provider.label()));
            check.refuse(
                &below(path, "responses"),
                problem
                    .expect("`responses` with providers of OpenAI's dialect only")
                    .help("remove it: the gateway translates"),
            );
            None
        }
        Some(given) => Some(matches!(given, shape::Responses::Native)),
        None => Some(matches!(provider, Provider::OpenAi | Provider::AzureOpenAi)),
    }
}

/// The outer `None` means that something is wrong.
fn api_version(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    given: &shape::Endpoint,
    provider: Option<Provider>,
) -> Option<Option<String>> {
    let at = below(path, "api_version");
    match (provider?, &given.api_version) {
        (Provider::AzureOpenAi, Some(version)) => {
            if version
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            {
                return Some(Some(version.clone()));
            }
            let problem = invalid("this is not an API version");
            check.refuse(&at, problem.expect("a version such as 2024-10-21"));
            None
        }
        (Provider::AzureOpenAi, None) => {
            if !check.given(&at) {
                let problem = missing("`api_version` is missing");
                check.refuse(
                    &at,
                    problem.expect("a version such as 2024-10-21, which azure-openai asks for"),
                );
            }
            None
        }
        (provider, Some(_)) => {
            let problem = conflict(&format!("{} has no API version", provider.label()));
            check.refuse(
                &at,
                problem
                    .expect("`api_version` with azure-openai only")
                    .help("remove it"),
            );
            None
        }
        (_, None) => Some(None),
    }
}

fn models(check: &mut Check<'_>, path: &[Step<'_>], given: &shape::Endpoint) -> Option<Vec<Model>> {
    let list = given.models.as_ref()?;
    let path = below(path, "models");
    if list.is_empty() {
        check.refuse(
            &path,
            missing("this endpoint serves nothing").expect("one model or more"),
        );
        return None;
    }
    let mut seen = HashMap::new();
    let mut out = Vec::new();
    let mut sound = list.is_whole();
    for (index, model) in list.iter() {
        let mut at = path.clone();
        at.push(Step::Item(index));
        let full = match model {
            EndpointModel::Name(name) => {
                let name = unique(check, &at, name, &mut seen);
                name.map(|name| (name, None, None))
            }
            EndpointModel::Full(FullModel {
                name,
                upstream,
                price,
            }) => {
                let name_at = below(&at, "name");
                let name = name
                    .as_deref()
                    .and_then(|name| unique(check, &name_at, name, &mut seen));
                name.map(|name| (name, upstream.as_deref(), price.as_ref()))
            }
        };
        match full {
            Some((name, upstream, price)) => out.push(Model {
                upstream: upstream.map_or_else(|| Arc::clone(&name), Arc::from),
                name,
                price: price.and_then(self::price),
            }),
            None => sound = false,
        }
    }
    sound.then_some(out)
}

/// Returns a price when both halves are there; the schema asks for both.
pub(super) fn price(given: &shape::Price) -> Option<Price> {
    Some(Price {
        input: given.input?,
        output: given.output?,
    })
}

/// Accepts `name` if it is fit for headers and labels and not in `seen`, which
/// remembers the line of each.
pub(super) fn unique(
    check: &mut Check<'_>,
    at: &[Step<'_>],
    name: &str,
    seen: &mut HashMap<Arc<str>, usize>,
) -> Option<Arc<str>> {
    const LONGEST: usize = 200;
    let fit = name
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','));
    if !fit || name.len() > LONGEST {
        let problem = invalid("this name cannot be used");
        check.refuse(
            at,
            problem
                .expect(
                    "up to 200 visible ASCII characters, no spaces, commas, quotes or backslashes",
                )
                .help("names appear in headers, logs and metrics"),
        );
        return None;
    }
    if let Some(line) = seen.get(name) {
        let problem = conflict(&format!("the name `{}` is taken", check.shown(at)))
            .expect("a name of its own")
            .help(&format!("line {line} has it already"));
        check.refuse(at, problem);
        return None;
    }
    let name: Arc<str> = name.into();
    seen.insert(Arc::clone(&name), check.line(at));
    Some(name)
}
