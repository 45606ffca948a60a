//! The id that client and log know a request by.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const NAME: HeaderName = HeaderName::from_static("x-request-id");
/// The header that Anthropic's clients look for it in.
pub(crate) const ANTHROPIC_NAME: HeaderName = HeaderName::from_static("request-id");
/// The longest id of a client's own that is kept, in bytes.
const LONGEST: usize = 128;

/// Returns the id of a request with these `headers`: the client's own if it is
/// a fair one, else a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let fair = |id: &&HeaderValue| {
        let id = id.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        !id.is_empty() && id.len() <= LONGEST && id.iter().all(plain)
    };
    let own = headers.get(&NAME).filter(fair);
    own.cloned().unwrap_or_else(fresh)
}

fn fresh() -> HeaderValue {
    let mut text = [0; 4 + uuid::fmt::Simple::LENGTH];
    let (prefix, id) = text.split_at_mut(4);
    prefix.copy_from_slice(b"req_");
    Uuid::now_v7().simple().encode_lower(id);
    // Hexadecimal digits are always a header's value.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("req_"))
}
