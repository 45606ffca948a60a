//! The dashboard's own files: embedded, compressed once, served under a policy
//! that lets them talk to this gateway alone.
//!
//! They need no token: they hold nothing but the page. What the page shows, it
//! asks for with the token.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AcceptEncoding, ContentEncoding, Encoding, Header, HeaderValue},
    web,
};
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use sha2::{Digest, Sha256};

/// Scripts and styles from this address only, none inline, no markup from
/// text, no frames, no forms; connections to this address only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// What `/` shows, by its name among the assets.
const INDEX: &str = "index.html";

/// `own!(TYPE: "a.js", …)`: files of the page, each served under its own name.
macro_rules! own {
    ($($kind:ident: $($name:literal),+;)+) => {
        &[$($(($name, $kind, include_str!(concat!("dashboard/", $name)))),+),+]
    };
}

/// Name, type and text of every file that was written here.
const OWN: &[(&str, &str, &str)] = own! {
    HTML: "index.html";
    IMAGE: "icon.svg", "icon-bad.svg";
    SCRIPT: "alerts.js", "api.js", "app.js", "config.js", "detail.js", "dialogs.js", "endpoints.js", "explain.js", "header.js", "link.js", "requests.js", "store.js", "theme.js", "timeline.js", "ui.js";
};

/// The styles as one file: they compress better, and no page shows without them.
const STYLES: &str = concat!(
    include_str!("dashboard/style.css"),
    include_str!("dashboard/views.css"),
);

const UPLOT: &str = include_str!("dashboard/vendor/uplot.js");

/// Every file, made ready on first use.
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let own = OWN
        .iter()
        .map(|(name, kind, text)| File::new(name, kind, &slim(text)));
    own.chain([
        File::new("style.css", STYLE, &slim(STYLES)),
        File::new("uplot.js", SCRIPT, UPLOT),
    ])
    .collect()
});

/// `GET /`: the page.
pub(super) async fn index(request: HttpRequest) -> HttpResponse {
    answer(&request, INDEX)
}

/// `GET /assets/{name}`: what the page is made of.
pub(super) async fn asset(request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    answer(&request, &name)
}

fn answer(request: &HttpRequest, name: &str) -> HttpResponse {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => file.answer(request),
        None => super::unknown("the dashboard has no such file"),
    }
}

struct File {
    name: &'static str,
    kind: &'static str,
    plain: Form,
    gzipped: Option<Form>,
}

/// One encoding of a file.
struct Form {
    body: Bytes,
    tag: HeaderValue,
}

impl File {
    fn new(name: &'static str, kind: &'static str, text: &str) -> Self {
        let plain = Form::new(text.as_bytes().to_vec());
        let gzipped = gzip(text).map(Form::new);
        Self {
            name,
            kind,
            plain,
            gzipped,
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let gzipped = self.gzipped.as_ref().filter(|_| takes_gzip(request));
        let form = gzipped.unwrap_or(&self.plain);
        let mut answer = if form.is_known(request) {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        answer
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
            .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"))
            // Kept, and asked for each time: after an upgrade no old module meets a new one.
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::VARY, "accept-encoding"))
            .insert_header((header::ETAG, form.tag.clone()));
        if form.is_known(request) {
            return answer.finish();
        }
        if gzipped.is_some() {
            answer.insert_header(ContentEncoding::Gzip);
        }
        answer.content_type(self.kind).body(form.body.clone())
    }
}

impl Form {
    fn new(body: Vec<u8>) -> Self {
        let hash: [u8; 32] = Sha256::digest(&body).into();
        let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::from_str(&format!("\"{digits}\""));
        Self {
            body: body.into(),
            tag: tag.unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// Whether the browser has this very form.
    fn is_known(&self, request: &HttpRequest) -> bool {
        let tag = self.tag.as_bytes();
        let known = request.headers().get_all(header::IF_NONE_MATCH);
        known
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|known| known.strip_prefix(b"W/").unwrap_or(known) == tag)
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let known = [Encoding::gzip(), Encoding::identity()];
    AcceptEncoding::parse(request)
        .ok()
        .and_then(|accepted| accepted.negotiate(known.iter()))
        == Some(Encoding::gzip())
}

/// Returns `None` where compressing fails, as it does for no text of ours.
fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut body = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor.gzip_compress(text.as_bytes(), &mut body).ok()?;
    body.truncate(length);
    Some(body)
}

/// Returns `text` without indentation and without the lines that are comments.
/// Lines keep their numbers, so that what a browser reports can be found in
/// the source. No file of ours has a string or template over several lines.
fn slim(text: &str) -> String {
    let mut within = false;
    let lines = text.lines().map(|line| {
        let line = line.trim();
        let begins = line.starts_with("/*");
        let comment = within || begins || line.starts_with("//");
        within = (within || begins) && !line.ends_with("*/");
        if comment { "" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}
