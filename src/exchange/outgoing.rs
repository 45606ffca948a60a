//! What an endpoint is sent: the client's own bytes, or the same said in
//! another dialect.

use std::{cell::OnceCell, sync::LazyLock};

use actix_web::{
    http::{header::HeaderMap, uri::PathAndQuery},
    web::Bytes,
};

use crate::{
    config::Provider,
    dialect::{
        Api, Dialect,
        answer_context::AnswerContext,
        marks,
        neutral::Lost,
        openai::chat::write::Variant,
        request::{BadRequest, Peek},
        translate::Asked,
    },
    generation::Site,
    upstream::{Lines, headers},
};

/// A call as one endpoint is sent it.
pub(super) struct Outgoing<'a> {
    /// The call, of the endpoint's dialect.
    pub(super) sent: Api,
    pub(super) path: &'a PathAndQuery,
    pub(super) body: Bytes,
    /// The client's header lines that go along, and those its dialect wants.
    pub(super) lines: [&'a Lines; 2],
    /// What could not be said, or had to be taken out.
    pub(super) lost: Lost,
    /// Whether the answer has to be translated back.
    pub(super) is_translated: bool,
    /// What the answer must know of the request.
    pub(super) context: AnswerContext,
}

/// What a client sent, read as far as endpoints want it, each thing once.
pub(super) struct Incoming<'a> {
    headers: &'a HeaderMap,
    own: OnceCell<Lines>,
    neutral: OnceCell<Lines>,
    asked: OnceCell<Result<Asked, BadRequest>>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            own: OnceCell::new(),
            neutral: OnceCell::new(),
            asked: OnceCell::new(),
        }
    }

    /// Returns what `site` is sent for `peek`, or `None` if it cannot serve it. A
    /// conversation in which another dialect may have answered `may_be_marked`.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] where the request has to be translated and is wrong in its
    /// own dialect.
    pub(super) fn to<'b>(
        &'b self,
        site: &'b Site,
        peek: &Peek,
        may_be_marked: bool,
    ) -> Result<Option<Outgoing<'b>>, BadRequest> {
        let Some(sent) = site.sends(peek.api) else {
            return Ok(None);
        };
        let Some(path) = site.path(sent, peek.stream) else {
            return Ok(None);
        };
        if sent == peek.api {
            let own = self.own.get_or_init(|| headers::forwarded(self.headers));
            let named = self.headers.contains_key(headers::ANTHROPIC_VERSION);
            let mut lost = Lost::default();
            let mut body = peek.rewrite(&site.upstream_model);
            if may_be_marked {
                body = marks::taken_out(body, sent, variant(site.provider), &mut lost);
            }
            return Ok(Some(Outgoing {
                sent,
                path,
                body,
                lines: [own, wanted(sent, named)],
                lost,
                is_translated: false,
                context: AnswerContext::default(),
            }));
        }
        let asked = self.asked.get_or_init(|| Asked::read(peek));
        let asked = asked.as_ref().map_err(BadRequest::clone)?;
        let written = asked.write(sent, variant(site.provider), &site.upstream_model);
        let neutral = || headers::forwarded_to_another(self.headers);
        Ok(Some(Outgoing {
            sent,
            path,
            body: written.body.into(),
            lines: [self.neutral.get_or_init(neutral), wanted(sent, false)],
            lost: written.lost,
            is_translated: true,
            context: written.context,
        }))
    }
}

/// Returns which words of chat completions `provider` knows.
fn variant(provider: Provider) -> Variant {
    match provider {
        Provider::OpenAi | Provider::AzureOpenAi => Variant::OpenAi,
        _ => Variant::Compatible,
    }
}

/// Returns the lines that the dialect of `sent` wants of everybody.
fn wanted(sent: Api, version_is_named: bool) -> &'static Lines {
    static NONE: LazyLock<Lines> = LazyLock::new(Lines::new);
    static VERSION: LazyLock<Lines> = LazyLock::new(headers::anthropic_version);
    match sent.dialect() {
        Dialect::Anthropic if !version_is_named => &VERSION,
        _ => &NONE,
    }
}
