//! What the demo prints: an opening, a quiet line every few seconds, a closing.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use breakerbox_actors::state::health::Status;

use super::{
    cast::{BROKEN, Cast, FOREIGN},
    news::Change,
    scrape::Seen,
    traffic::Tally,
};
use crate::{config::env, simulator::Running};

/// Lines after which the heading is repeated.
const PAGE: u32 = 24;
/// Endpoints that have a column, and its width.
const COLUMNS: [(&str, usize); 6] = [
    ("fast", 10),
    ("slow", 10),
    ("limited", 13),
    ("claude", 10),
    ("gemini", 10),
    ("flaky", 10),
];

/// Where the demo prints, and how.
pub(super) struct Screen {
    gateway: SocketAddr,
    admin: SocketAddr,
    colour: bool,
}

/// What a status line tells.
pub(super) struct Moment<'a> {
    /// Number of the line, from 0.
    pub(super) number: u32,
    /// Since the start.
    pub(super) elapsed: Duration,
    /// Of the demo's own traffic; `None` without any.
    pub(super) tally: Option<Tally>,
    /// By the gateway's count.
    pub(super) seen: Seen,
    /// Each endpoint's.
    pub(super) statuses: BTreeMap<Arc<str>, Status>,
    /// What the flaky provider does.
    pub(super) doing: &'a str,
    /// The latest news.
    pub(super) last: Option<&'a Change>,
    /// When this is told.
    pub(super) now: Instant,
}

#[derive(Clone, Copy)]
enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Screen {
    /// Returns the screen on standard output: with colour on a terminal, unless
    /// `NO_COLOR` is set.
    pub(super) fn new(gateway: SocketAddr, admin: SocketAddr) -> Self {
        let plain = env::var("NO_COLOR").is_some_and(|it| !it.is_empty())
            || env::var("TERM").is_some_and(|it| it == "dumb");
        Self {
            gateway,
            admin,
            colour: !plain && io::stdout().is_terminal(),
        }
    }

    /// Says what runs where, and what to paste.
    pub(super) fn opening(
        &self,
        cast: &Cast,
        providers: &[Running],
        rate: Option<f64>,
    ) -> io::Result<()> {
        let Self { gateway, admin, .. } = self;
        let title = self.paint(Colour::Bold, "breakerbox demo");
        let mut text = format!(
            "\n{title}: simulated providers, and the gateway in front of them\n\n\
             \x20 gateway  http://{gateway}   any key will do, for OpenAI's SDKs with /v1\n\
             \x20 watch    http://{admin}/\n\
             \x20 metrics  http://{admin}/metrics\n\n"
        );
        for (role, provider) in cast.roles.iter().zip(providers) {
            let (name, address) = (role.name, provider.addr());
            let character = self.paint(Colour::Dim, &role.character);
            let models = role.models.join(", ");
            text += &format!("  {name:<8} http://{address}   {character}\n");
            text += &format!("  {:<8} {models}\n", "");
        }
        let chat = format!("http://{gateway}/v1/chat/completions");
        let body = |model: &str, stream: &str| {
            format!(
                "'{{\"model\":\"{model}\",{stream}\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
            )
        };
        let (whole, streamed) = (body("gpt-4.1", ""), body("gpt-4.1", "\"stream\":true,"));
        let broken = body(BROKEN, "\"stream\":true,");
        let [claude, gemini] = FOREIGN;
        let (crossed, messages) = (body(claude, ""), body(gemini, "\"max_tokens\":100,"));
        let content = "'{\"contents\":[{\"parts\":[{\"text\":\"Hello\"}]}]}'";
        text += &format!(
            "\n  gpt-4.1 and gpt-4.1-nano fall back to gpt-4.1-mini.\n\n\
             {}\n\n\
             \x20 curl -i {chat} -d {whole}\n\
             \x20 curl -N {chat} -d {streamed}\n\
             \x20 curl {}\n\n\
             {}\n\n\
             \x20 curl {chat} -d {crossed}\n\
             \x20 curl http://{gateway}/v1/messages -d {messages}\n\
             \x20 curl http://{gateway}/v1beta/models/{claude}:generateContent -d {content}\n\n\
             {}\n\n\
             \x20 curl -N {chat} -d {broken}\n\n",
            self.paint(Colour::Bold, "Paste into another terminal:"),
            format_args!("http://{admin}/metrics"),
            self.paint(
                Colour::Dim,
                "Any client reaches any provider: OpenAI's asks Anthropic's, Anthropic's Gemini's, Gemini's Anthropic's:"
            ),
            self.paint(
                Colour::Dim,
                "A stream that breaks after its first event is not hidden; it ends with an error:"
            ),
        );
        text += &match rate {
            Some(rate) => format!("Asking {rate} times a second. Ctrl-C ends it with a summary.\n"),
            None => "No traffic but yours. Ctrl-C ends it with a summary.\n".to_owned(),
        };
        put(&text)
    }

    /// Prints one line of what goes on.
    pub(super) fn status(&self, moment: &Moment<'_>) -> io::Result<()> {
        let mut text = String::new();
        if moment.number.is_multiple_of(PAGE) {
            let mut head = format!("{:>6} {:>9} {:>9}   ", "time", "requests", "ok");
            for (name, width) in COLUMNS {
                head += &format!("{name:width$}");
            }
            head += &format!("{:20}{}", "which", "last change");
            text += &format!("\n{}\n", self.paint(Colour::Dim, &head));
        }
        let (requests, ok) = match &moment.tally {
            Some(tally) => (tally.requests, tally.ok),
            None => (moment.seen.requests, moment.seen.ok),
        };
        let time = clock(moment.elapsed);
        let share = percent(ok, requests);
        let share = format!("{share:>9}");
        let share = match ok == requests {
            true => share,
            false => self.paint(Colour::Red, &share),
        };
        text += &format!("{time:>6} {requests:>9} {share}   ");
        for (name, width) in COLUMNS {
            let found = moment.statuses.get(name);
            let status = found.copied().unwrap_or(Status::Unknown);
            let word = format!("{:width$}", status.label());
            text += &self.paint(colour(status), &word);
        }
        text += moment.doing;
        if let Some(Change { target, status, at }) = moment.last {
            let gap = 20_usize.saturating_sub(moment.doing.len());
            text += &" ".repeat(gap);
            let ago = moment.now.saturating_duration_since(*at).as_secs();
            let (endpoint, status) = (target.endpoint(), status.label());
            text += &self.paint(Colour::Dim, &format!("{ago} s ago: {endpoint} {status}"));
        }
        text.push('\n');
        put(&text)
    }

    /// Sums up.
    pub(super) fn closing(
        &self,
        elapsed: Duration,
        tally: Option<&Tally>,
        seen: &Seen,
    ) -> io::Result<()> {
        let mut text = format!("\nAfter {}:\n", clock(elapsed));
        let mut line = |name: &str, what: &str| text += &format!("  {name:<10} {what}\n");
        match tally {
            Some(tally) => {
                let share = percent(tally.ok, tally.requests);
                line(
                    "requests",
                    &format!(
                        "{}, of them {} streams; {} answered well: {share}",
                        tally.requests, tally.streams, tally.ok
                    ),
                );
                let saved = format!(
                    "{} took more than one attempt, {} were answered by a fallback model",
                    tally.failed_over, tally.fallbacks
                );
                line("saved", &saved);
                let translated = format!(
                    "{} of an OpenAI client, answered by an Anthropic and a Gemini endpoint",
                    tally.translated
                );
                line("translated", &translated);
                for (how, count) in &tally.failures {
                    line("failed", &format!("{count}: {how}"));
                }
                if tally.open > 0 {
                    line("unknown", &format!("{} were still under way", tally.open));
                }
            }
            None => line(
                "requests",
                &format!("{}, none of the demo's own", seen.requests),
            ),
        }
        let Seen {
            failovers,
            opened,
            closed,
            ..
        } = seen;
        line(
            "circuits",
            &format!("opened {opened} times, closed again {closed} times; {failovers} failovers"),
        );
        if tally.is_some() {
            line(
                "honestly",
                &format!(
                    "every stream fault in this traffic came before the first event, where it can be hidden;\n\
                     {:13}later ones reach the client as an error, as the model {BROKEN} shows",
                    ""
                ),
            );
        }
        put(&text)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bold => "1",
            Colour::Dim => "2",
            Colour::Red => "31",
            Colour::Green => "32",
            Colour::Yellow => "33",
        };
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

fn colour(status: Status) -> Colour {
    match status {
        Status::Healthy => Colour::Green,
        Status::Degraded | Status::RateLimited => Colour::Yellow,
        Status::Unhealthy => Colour::Red,
        Status::Unknown | Status::Disabled => Colour::Dim,
    }
}

/// Writes at once: a pipe would hold lines back.
fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A share in percent; never rounded up, so that 100 % means all.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    if part == whole {
        return "100 %".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up() {
        assert_eq!(percent(0, 0), "-");
        assert_eq!(percent(7, 7), "100 %");
        assert_eq!(percent(99_999, 100_000), "99.99 %");
        assert_eq!(percent(1, 3), "33.33 %");
        assert_eq!(percent(0, 3), "0.00 %");
    }

    #[test]
    fn time_is_written_as_on_a_clock() {
        assert_eq!(clock(Duration::from_secs(5)), "0:05");
        assert_eq!(clock(Duration::from_secs(3_671)), "61:11");
    }
}
