//! Reads the gateway's own metrics, from the address anybody reads them from.

use std::net::SocketAddr;

use awc::Client;

/// Reads `/metrics`.
pub(super) struct Scrape {
    client: Client,
    url: String,
}

/// What the gateway counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Requests answered.
    pub(super) requests: u64,
    /// Those answered with 200.
    pub(super) ok: u64,
    /// Attempts at another endpoint after one had failed.
    pub(super) failovers: u64,
    /// Circuits that opened.
    pub(super) opened: u64,
    /// Circuits that closed again.
    pub(super) closed: u64,
}

impl Scrape {
    /// Returns a reader of the admin address `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            client: Client::default(),
            url: format!("http://{address}/metrics"),
        }
    }

    /// Returns what the gateway counted so far; nothing if it does not say.
    pub(super) async fn read(&self) -> Option<Seen> {
        let mut answer = self.client.get(&self.url).send().await.ok()?;
        let body = answer.body().limit(16 << 20).await.ok()?;
        Some(Seen::from(&String::from_utf8_lossy(&body)))
    }
}

impl Seen {
    fn from(text: &str) -> Self {
        let requests = "breakerbox_http_requests_total";
        let changes = "breakerbox_breaker_transitions_total";
        Self {
            requests: sum(text, requests, ""),
            ok: sum(text, requests, "code=\"200\""),
            failovers: sum(text, "breakerbox_failovers_total", ""),
            opened: sum(text, changes, "to=\"open\""),
            closed: sum(text, changes, "to=\"closed\""),
        }
    }
}

/// Adds up the series of `name` that carry `label`.
fn sum(text: &str, name: &str, label: &str) -> u64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(name));
    let values = series.filter_map(|rest| {
        let (labels, value) = rest.rsplit_once(' ')?;
        let ours = labels.is_empty() || labels.starts_with('{');
        (ours && labels.contains(label)).then(|| value.parse::<u64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_up() {
        let text = "\
# TYPE breakerbox_http_requests_total counter
breakerbox_http_requests_total{api=\"chat\",code=\"200\"} 7
breakerbox_http_requests_total{api=\"chat\",code=\"503\"} 2
breakerbox_http_requests_total_other 100
breakerbox_failovers_total 3
breakerbox_breaker_transitions_total{from=\"closed\",to=\"open\"} 4
breakerbox_breaker_transitions_total{from=\"open\",to=\"half_open\"} 5
";
        let seen = Seen {
            requests: 9,
            ok: 7,
            failovers: 3,
            opened: 4,
            closed: 0,
        };
        assert_eq!(Seen::from(text), seen);
    }
}
