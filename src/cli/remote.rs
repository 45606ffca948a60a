//! Asking a running gateway through its admin address.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::Value;

use crate::config::{self, env};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is taken, in bytes.
const LONGEST: usize = 64 << 20;

/// Which gateway to ask.
#[derive(Args, Clone, Debug)]
pub(super) struct Remote {
    /// The gateway's admin address; without it that of --config, else
    /// 127.0.0.1:8081.
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// The gateway's configuration file, to take address and token from,
    /// whatever else is wrong with it.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The admin token; without it that of --config.
    #[arg(long, env = "BREAKERBOX_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Where to ask, and with which token.
pub(super) struct Gateway {
    address: SocketAddr,
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
                let read = config::load_admin(path, &env::var);
                let advice = "give --admin, and --token if it needs one";
                Some(read.map_err(|it| format!("{it}\nwhom to ask cannot be read: {advice}"))?)
            }
            _ => None,
        };
        let admin = file.as_ref();
        let own = SocketAddr::from(([127, 0, 0, 1], 8081));
        let token = self.token.filter(|it| !it.is_empty());
        let mut address = self.admin.or(admin.map(|it| it.listen)).unwrap_or(own);
        if address.ip().is_unspecified() {
            address.set_ip(own.ip());
        }
        Ok(Gateway {
            address,
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
        let address = self.address;
        let client = awc::Client::builder().timeout(PATIENCE).finish();
        let mut request = client.request(method, format!("http://{address}{path}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let sent = request.send().await;
        let mut answer = sent.map_err(|it| format!("no gateway answers at {address}: {it}"))?;
        let body = answer.body().limit(LONGEST).await;
        let body = body.map_err(|it| format!("the answer of {address} broke off: {it}"))?;
        let value: Value = serde_json::from_slice(&body)
            .map_err(|_| format!("what answers at {address} is no admin address of a gateway"))?;
        let status = answer.status().as_u16();
        match value["error"]["message"].as_str() {
            Some(message) => Err(format!("{address}: {message}")),
            None => Ok((status, value)),
        }
    }
}
