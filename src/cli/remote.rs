//! Asking a running gateway through its admin address.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use serde_json::Value;

use crate::config::{self, env};

/// Where a gateway listens that was told nothing else.
const OWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is taken, in bytes.
const LONGEST: usize = 64 << 20;

/// Which gateway to ask.
#[derive(Args, Clone, Debug)]
pub(super) struct Remote {
    /// The gateway's admin address; without it that of --config, else
    /// 127.0.0.1:8081. HOST:PORT, also as http://HOST:PORT.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    admin: Option<String>,
    /// The gateway's configuration file, to take address and token from,
    /// whatever else is wrong with it; with --admin it may be missing.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The admin token; without it that of --config.
    #[arg(long, env = "BREAKERBOX_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Reads an address as people write it: `host:port`, with or without a scheme.
fn address(text: &str) -> Result<String, String> {
    let whole = text.strip_suffix('/').unwrap_or(text);
    let authority = whole.strip_prefix("http://").unwrap_or(whole);
    if let Ok(address) = authority.parse() {
        return Ok(reachable(address));
    }
    let parts = authority.rsplit_once(':');
    let is_name = |host: &str| {
        let is_part = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_');
        !host.is_empty() && host.bytes().all(is_part)
    };
    match parts {
        Some((host, port)) if is_name(host) && port.parse::<u16>().is_ok() => {
            Ok(authority.to_owned())
        }
        _ => Err("expected HOST:PORT, such as localhost:8081, or http://HOST:PORT".to_owned()),
    }
}

/// Returns what to ask to reach who listens on `address`.
fn reachable(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(OWN.ip());
    }
    address.to_string()
}

/// Where to ask, and with which token.
pub(super) struct Gateway {
    /// Host and port.
    address: String,
    token: Option<String>,
}

impl Remote {
    /// Finds out whom to ask.
    ///
    /// # Errors
    ///
    /// In words, if the file named cannot be used.
    pub(super) fn find(self) -> Result<Gateway, String> {
        let file = match &self.config {
            Some(path) if self.admin.is_none() || self.token.is_none() => {
                match config::load_admin(path, &env::var) {
                    Ok(admin) => Some(admin),
                    // If a token is needed, the gateway will say so.
                    Err(_) if self.admin.is_some() => None,
                    Err(problems) => {
                        let advice = "give --admin, and --token if it needs one";
                        return Err(format!("{problems}\nwhom to ask cannot be read: {advice}"));
                    }
                }
            }
            _ => None,
        };
        let admin = file.as_ref();
        let token = self.token.filter(|it| !it.is_empty());
        let listens = || reachable(admin.map_or(OWN, |it| it.listen));
        Ok(Gateway {
            address: self.admin.unwrap_or_else(listens),
            token: token.or_else(|| Some(admin?.token.as_ref()?.expose().to_owned())),
        })
    }
}

impl Gateway {
    /// Sends one request; returns the status and the JSON of the answer.
    ///
    /// # Errors
    ///
    /// In words, if there is no answer, or none that is ours.
    pub(super) async fn ask(
        &self,
        method: actix_web::http::Method,
        path: &str,
    ) -> Result<(u16, Value), String> {
        let address = &self.address;
        let client = awc::Client::builder().timeout(PATIENCE).finish();
        let mut request = client.request(method, format!("http://{address}{path}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let sent = request.send().await;
        let mut answer = sent.map_err(|it| {
            format!("no gateway answers at {address}: {it}\nis it running? --admin HOST:PORT or --config FILE says where")
        })?;
        let body = answer.body().limit(LONGEST).await;
        let body = body.map_err(|it| format!("the answer of {address} broke off: {it}"))?;
        let status = answer.status().as_u16();
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        // Clients' port is a gateway's too, but has nothing of this.
        let Some(value) = value.filter(|_| status != 404) else {
            return Err(format!(
                "what answers at {address} is no admin address of a gateway: that is admin.listen, 127.0.0.1:8081 unless configured"
            ));
        };
        match value["error"]["message"].as_str() {
            Some(_) if status == 401 => Err(format!(
                "{address}: the admin token is missing or wrong: give --token, or --config FILE with the gateway's file"
            )),
            Some(message) => Err(format!("{address}: {message}")),
            None => Ok((status, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for (text, asked) in [
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::1]:9", "[::1]:9"),
            ("localhost:8081", "localhost:8081"),
            ("http://localhost:8081/", "localhost:8081"),
            ("http://127.0.0.1:8081", "127.0.0.1:8081"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(asked), "{text}");
        }
        for text in [
            "",
            "localhost",
            ":8081",
            "localhost:80810",
            "https://localhost:8081",
            "http://localhost:8081/api",
            "a@b:8081",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
