//! Every storm on a clock that only the test moves, so that there can be enough of it to count in ten thousandths:
//! two of three endpoints do what they do to everybody, from the first request or from one moment on, and 99.99 %
//! are served, none of them later than two dead endpoints may cost.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use parking_lot::Mutex;
use tempfile::NamedTempFile;

use super::scene::{always, well};
use super::storm::{Weather, says, storms};
use super::tls::secure::{Fault, Secure};
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::evil::{Act, Evil};
use crate::support::ports::{Refused, Unreachable};
use crate::support::still::{Still, comes, settle, still, still_without_names};

/// Requests in each storm, and how many at a time.
const REQUESTS: usize = 450;
const AT_ONCE: usize = 10;
const STEP: Duration = Duration::from_millis(10);
/// One dead endpoint costs so much at the most, if it says nothing; then there may be a second, and the pause between.
const STALL: Duration = Duration::from_millis(100);
const SETTINGS: &str = "
breaker: { recovery_timeout: 200ms, max_recovery_timeout: 400ms, half_open_requests: 2, ramp: 50ms }
probe: { kind: none }
routing: { connect_timeout: 100ms, first_byte_timeout: 100ms }
";

/// What two of the three endpoints do.
enum Storm {
    /// From one moment on.
    Breaks(Weather),
    Shut(Refused),
    Hole(Unreachable),
    /// With TLS, and perhaps with a certificate that is trusted.
    Secure(Secure, Option<NamedTempFile>),
    /// Its name cannot be resolved.
    Nameless(Evil),
}

impl Storm {
    fn tls(fault: Fault) -> Self {
        let secure = Secure::start(fault);
        let pem = secure.pem();
        Self::Secure(secure, Some(pem))
    }

    /// Whether whoever asks there hears nothing at all: no request is waited for in real time.
    fn is_silent(&self) -> bool {
        match self {
            Self::Breaks(Weather::Says(acts)) => matches!(acts[..], [Act::Blackhole]),
            Self::Breaks(_) | Self::Shut(_) => false,
            Self::Hole(_) | Self::Nameless(_) => true,
            // In its own task's time, which is the test's.
            Self::Secure(..) => true,
        }
    }

    /// Where it is, and more keys.
    fn place(&self, evil: &Evil) -> (String, String) {
        let none = String::new();
        match self {
            Self::Breaks(_) => (evil.base_url(), none),
            Self::Shut(port) => (format!("http://{}/v1", port.addr()), none),
            Self::Hole(port) => (format!("http://{}/v1", port.addr()), none),
            Self::Nameless(evil) => (format!("http://localhost:{}/v1", evil.addr().port()), none),
            Self::Secure(secure, pem) => {
                let url = format!("https://localhost:{}/v1", secure.addr().port());
                let file = |pem: &NamedTempFile| format!(", ca_file: \"{}\"", pem.path().display());
                (url, pem.as_ref().map_or(none, file))
            }
        }
    }

    /// Lets it blow on [`REQUESTS`]; returns how many were served, and how many were so at a second attempt or third.
    async fn blow(self, what: &str) -> (usize, usize) {
        let breaks = Arc::new(Mutex::new(None));
        let now = Arc::clone(&breaks);
        let evil = Evil::start(move |connection, request| match &*now.lock() {
            Some(Weather::Says(acts)) => acts.clone(),
            Some(Weather::Half) if (connection + request) % 2 == 0 => {
                vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]
            }
            _ => well(Duration::ZERO),
        });
        let healthy = always(good("hello"));
        let (url, more) = self.place(&evil);
        let line = |name: &str, url: &str, more: &str| {
            format!(
                "  - {{ name: {name}, provider: openai-compatible, base_url: \"{url}\", models: [m]{more} }}\n"
            )
        };
        let (a, b) = (line("a", &url, &more), line("b", &url, &more));
        let c = line("c", &healthy.base_url(), "");
        let gateway = Rc::new(Still::start(&format!("endpoints:\n{a}{b}{c}{SETTINGS}")).await);
        let silent = self.is_silent();
        let quiet = || {
            let table = gateway.engine.table();
            let mut answering = table
                .targets()
                .filter(|it| !silent || **it.id().endpoint() == *"c");
            answering.all(|it| it.in_flight() == 0)
        };
        let (mut served, mut retried) = (0, 0);
        for number in 0..REQUESTS / AT_ONCE {
            if let (2, Self::Breaks(weather)) = (number, &self) {
                *breaks.lock() = Some(weather.clone());
            }
            let begin = clock::now();
            let asked = [(); AT_ONCE].map(|()| gateway.begin(CHAT, ask("m", "hello")));
            loop {
                settle().await;
                comes(quiet).await;
                if asked.iter().all(|it| it.is_finished()) {
                    break;
                }
                // Who is called from the queue, or has been silent for too long.
                if quiet() {
                    tokio::time::advance(STEP).await;
                }
            }
            let took = clock::now() - begin;
            assert!(took <= 3 * STALL, "{what}: {took:?}");
            for asked in asked {
                let mut answer = asked.await.expect("an answer");
                let text = answer.rest().await;
                served += usize::from(answer.status == 200 && text.contains("hello"));
                retried += usize::from(answer.attempts() > 1);
            }
            tokio::time::advance(STEP * 5).await;
        }
        (served, retried)
    }
}

#[test]
fn of_ten_thousand_requests_in_all_storms_all_are_served() {
    let credit = r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#;
    type Start = Box<dyn FnOnce() -> Storm>;
    let mut kinds: Vec<(String, Start)> = Vec::new();
    let weathers = storms()
        .into_iter()
        .filter(|it| !matches!(it, Weather::Closed(_)));
    let weathers = weathers.chain([
        says(response(402, &[], "{}")),
        says(response(403, &[], "{}")),
        says(response(400, &[], credit)),
        Weather::Says(vec![Act::Blackhole]),
    ]);
    for weather in weathers {
        kinds.push((format!("{weather:?}"), Box::new(|| Storm::Breaks(weather))));
    }
    kinds.push(("shut".into(), Box::new(|| Storm::Shut(Refused::new()))));
    kinds.push(("hole".into(), Box::new(|| Storm::Hole(Unreachable::new()))));
    for fault in [
        Fault::WrongName,
        Fault::Expired,
        Fault::Plain,
        Fault::Hangup,
        Fault::Silent,
    ] {
        kinds.push((format!("{fault:?}"), Box::new(move || Storm::tls(fault))));
    }
    let stranger = || Storm::Secure(Secure::start(Fault::None), None);
    kinds.push(("stranger".into(), Box::new(stranger)));
    let (mut asked, mut served) = (0, 0);
    let mut count = |what: &str, (good, retried): (usize, usize)| {
        assert!(retried > 0, "{what}: it was not felt");
        asked += REQUESTS;
        served += good;
        assert_eq!(good, REQUESTS, "{what}");
    };
    for (what, start) in kinds {
        count(&what, still(async { start().blow(&what).await }));
    }
    let nameless = async {
        Storm::Nameless(always(good("hello")))
            .blow("nameless")
            .await
    };
    count("nameless", still_without_names(nameless));
    assert!(asked >= 11_000, "{asked}");
    assert!(
        served as f64 >= asked as f64 * 0.9999,
        "{served} of {asked}"
    );
}
