//! Where a target has each call.

use actix_web::http::uri::PathAndQuery;

use crate::{
    config::{Endpoint, Model, Provider},
    dialect::{Api, Dialect, percent_encoded},
};

/// The longest page of a list that Anthropic and Gemini give.
///
/// *Source*: the references of "List Models" and `models.list`.
const LONGEST_PAGE: u32 = 1000;

/// The paths of one target, written once.
#[derive(Debug)]
pub(crate) struct Paths {
    /// In the order of [`Api::ALL`]; only calls of the provider's dialect.
    calls: [Option<PathAndQuery>; Api::ALL.len()],
    /// Where a stream is asked for, if that is another place.
    stream: Option<PathAndQuery>,
    /// Lists models, few where that can be asked for; costs nothing.
    pub(crate) models: PathAndQuery,
    /// Lists the models, all of them as far as a page reaches.
    pub(crate) list: PathAndQuery,
    /// Tells the server's health.
    pub(crate) health: PathAndQuery,
}

impl Paths {
    /// Returns the paths of `model` at `endpoint`, or `None` if they make no
    /// valid URL.
    pub(super) fn new(endpoint: &Endpoint, model: &Model) -> Option<Self> {
        let base = &*endpoint.base_url.path;
        let azure = endpoint.api_version.as_deref();
        let dialect = endpoint.provider.dialect();
        let parse = |path: String| PathAndQuery::try_from(path).ok();
        let path = |api: Api| match (azure, dialect) {
            (Some(version), _) => format!("{base}{}", api.azure_target(&model.upstream, version)),
            (None, Dialect::Gemini) => {
                let method = match api {
                    Api::CountContentTokens => "countTokens",
                    _ => "generateContent",
                };
                format!("{base}/{}:{method}", gemini_name(&model.upstream))
            }
            (None, _) => format!("{base}{}", api.path()),
        };
        let mut calls = [const { None }; Api::ALL.len()];
        for api in Api::ALL.into_iter().filter(|api| api.dialect() == dialect) {
            calls[api.index()] = Some(parse(path(api))?);
        }
        let stream = match dialect {
            Dialect::Gemini => Some(parse(format!(
                "{base}/{}:streamGenerateContent?alt=sse",
                gemini_name(&model.upstream)
            ))?),
            Dialect::OpenAi | Dialect::Anthropic => None,
        };
        let models = |most: u32| match (azure, endpoint.provider) {
            (Some(version), _) => format!("{base}/openai/models?api-version={version}"),
            (None, Provider::Anthropic) => format!("{base}/models?limit={most}"),
            (None, Provider::Gemini) => format!("{base}/models?pageSize={most}"),
            (None, _) => format!("{base}/models"),
        };
        // `/health` is a server's, not an API's: it stands beside `/v1`.
        let root = base.strip_suffix("/v1").unwrap_or(base);
        Some(Self {
            calls,
            stream,
            models: parse(models(1))?,
            list: parse(models(LONGEST_PAGE))?,
            health: parse(format!("{root}/health"))?,
        })
    }

    /// Returns where a call of the provider's own dialect goes.
    pub(super) fn call(&self, api: Api, stream: bool) -> Option<&PathAndQuery> {
        let streamed = self.stream.as_ref().filter(|_| stream && api.streams());
        streamed.or(self.calls[api.index()].as_ref())
    }
}

/// Returns the resource a Gemini model is: `models/NAME`, unless its name says
/// what it is, as that of a tuned model does.
fn gemini_name(model: &str) -> String {
    match model.contains('/') {
        true => model
            .split('/')
            .map(percent_encoded)
            .collect::<Vec<_>>()
            .join("/"),
        false => format!("models/{}", percent_encoded(model)),
    }
}
