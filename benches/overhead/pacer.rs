//! The upstream of streams: a raw server in a process of its own that sends a chunk every two milliseconds. Each
//! chunk carries the time it was sent, so that the client can tell its age.

use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;

use crate::Fallible;
use crate::machine;

/// Chunks with content in one stream.
pub(crate) const CHUNKS: usize = 50;
/// Pause between two chunks.
pub(crate) const PACE: Duration = Duration::from_millis(2);
/// A request that has this in its body gets one chunk and then silence.
pub(crate) const HOLD: &str = "\"user\":\"hold\"";

const MARK: u8 = b'@';
const DIGITS: usize = 20;

/// Serves until the process ends.
pub(crate) async fn serve(at: SocketAddr) -> Fallible<()> {
    let listener = TcpListener::bind(at).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A proxy that leaves ends its connection's task; nobody waits for it.
        drop(tokio::spawn(connection(stream)));
    }
}

async fn connection(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(2048);
    loop {
        request.clear();
        while !whole(&request) {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        if request.starts_with(b"GET ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 27\r\ncontent-type: application/json\r\n\r\n{\"object\":\"list\",\"data\":[]}").await?;
            continue;
        }
        let hold = memmem::find(&request, HOLD.as_bytes()).is_some();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await?;
        if hold {
            send(&mut stream, &content()).await?;
            // Silent until the other side leaves.
            while stream.read_buf(&mut request).await? != 0 {}
            return Ok(());
        }
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..CHUNKS {
            pace.tick().await;
            send(&mut stream, &content()).await?;
        }
        send(&mut stream, &last()).await?;
        stream.write_all(b"0\r\n\r\n").await?;
    }
}

async fn send(stream: &mut TcpStream, event: &str) -> std::io::Result<()> {
    stream
        .write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
        .await
}

fn content() -> String {
    event(
        &format!("{{\"content\":\"@{:0DIGITS$}\"}}", machine::wall_nanos()),
        "null",
    )
}

/// What ends a stream: the stop reason, the usage, the terminal event.
fn last() -> String {
    let usage = r#","usage":{"prompt_tokens":60,"completion_tokens":50,"total_tokens":110}"#;
    let usage = format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"bench-stream\",\"choices\":[]{usage}}}\n\n"
    );
    event("{}", "\"stop\"") + &usage + "data: [DONE]\n\n"
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
         \"model\":\"bench-stream\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// Whether `request` is whole: its head and as much body as the head promises.
fn whole(request: &[u8]) -> bool {
    let Some(end) = memmem::find(request, b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| {
            line.strip_prefix("content-length:")?
                .trim()
                .parse::<usize>()
                .ok()
        })
        .unwrap_or(0);
    request.len() >= end + 4 + length
}

/// Finds the times of sending in the pieces of a stream, wherever the pieces were cut.
#[derive(Default)]
pub(crate) struct Reader {
    digits: Option<(usize, u64)>,
    chunks: usize,
}

impl Reader {
    /// Chunks seen so far.
    pub(crate) fn chunks(&self) -> usize {
        self.chunks
    }

    /// Calls `sent` with the time of each chunk whose mark ends in `piece`.
    pub(crate) fn read(&mut self, mut piece: &[u8], mut sent: impl FnMut(u64)) {
        loop {
            let Some((count, value)) = &mut self.digits else {
                let Some(at) = memchr::memchr(MARK, piece) else {
                    return;
                };
                piece = &piece[at + 1..];
                self.digits = Some((0, 0));
                continue;
            };
            let Some((&digit, rest)) = piece.split_first() else {
                return;
            };
            piece = rest;
            *value = *value * 10 + u64::from(digit.wrapping_sub(b'0') % 10);
            *count += 1;
            if *count == DIGITS {
                sent(*value);
                self.chunks += 1;
                self.digits = None;
            }
        }
    }
}
