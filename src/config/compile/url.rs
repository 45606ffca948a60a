//! Where an upstream is.

use actix_web::http::{Uri, uri::Scheme};

use crate::config::{problem::Problem, settings::BaseUrl};

/// Reads the base URL of an upstream. The problem never quotes it.
pub(super) fn base_url(text: &str) -> Result<BaseUrl, Problem> {
    let wrong = |what: &str, help: &str| {
        Problem::new("invalid", what)
            .expect("a URL such as https://api.openai.com/v1")
            .help(help)
    };
    let not_url = || wrong("this is not a URL", "start it with https:// or http://");
    let uri: Uri = text.parse().map_err(|_| not_url())?;
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(_) => {
            return Err(wrong(
                "this is no HTTP URL",
                "start it with https:// or http://",
            ));
        }
        None => return Err(not_url()),
    };
    let authority = uri.authority().ok_or_else(not_url)?.as_str();
    if authority.contains('@') {
        return Err(wrong(
            "there are credentials in this URL",
            "move them to `api_key`, where they are never shown",
        ));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(wrong(
            "this URL has a query or a fragment",
            "end it with its path; azure-openai has a key `api_version`",
        ));
    }
    let host = uri.host().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(not_url());
    }
    let port = match authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => {
                return Err(wrong(
                    "this URL has no valid port",
                    "the port goes from 1 to 65535",
                ));
            }
        },
        _ if tls => 443,
        _ => 80,
    };
    let path = uri.path().trim_end_matches('/');
    if path.ends_with("/chat/completions") {
        return Err(wrong(
            "this is the URL of one operation",
            "leave out /chat/completions",
        ));
    }
    Ok(BaseUrl {
        tls,
        host: host.to_ascii_lowercase().into(),
        port,
        path: path.into(),
    })
}

/// Reads the origin of a web page, as browsers write it.
///
/// *Source*: RFC 6454, section 6.2; the scheme's own port is left out.
pub(super) fn origin(text: &str) -> Result<String, Problem> {
    let wrong = |help: &str| {
        Problem::new("invalid", "this is not an origin")
            .expect("a scheme and a host, such as https://app.example or http://localhost:3000")
            .help(help)
    };
    let text = text.to_ascii_lowercase();
    let Some((scheme, host)) = text.split_once("://") else {
        return Err(wrong("start it with https:// or http://"));
    };
    if host.contains('/') {
        return Err(wrong("leave out the path, also a slash at the end"));
    }
    if host.contains('*') {
        return Err(wrong("list each origin, or write \"*\" for all there are"));
    }
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_host = |byte: u8| byte.is_ascii_graphic() && !b"?#@,\"\\".contains(&byte);
    let is_sound = !scheme.is_empty() && !host.is_empty();
    if !(is_sound && scheme.bytes().all(is_scheme) && host.bytes().all(is_host)) {
        return Err(wrong("the browser's console shows the origin of a page"));
    }
    let own = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host.strip_suffix(own).unwrap_or(host);
    Ok(format!("{scheme}://{host}"))
}
