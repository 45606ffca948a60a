//! A slow reader on a stream of 100 MB: the upstream is held back, the gateway holds 1 MiB at the most.

use super::{assert_calm, house};
use crate::support::chat::{CHAT, ask_stream, chunk, delta, last_chunk, stream_head};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::wait::{DEADLINE, eventually};

const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 1_600;
const MOST_HELD: usize = 1 << 20;

/// Bytes that the kernel holds, sent or received, for connections with one of `ports`.
fn in_kernel(ports: &[u16]) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of sockets");
    let port = |address: &str| {
        let (_, port) = address.split_once(':').expect("a port");
        u16::from_str_radix(port, 16).expect("a port")
    };
    let lines = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let mine = ports.contains(&port(fields[1])) || ports.contains(&port(fields[2]));
        let (sent, received) = fields[4].split_once(':').expect("two queues");
        let size = |hex| usize::from_str_radix(hex, 16).expect("a size");
        // A listener's numbers are connections.
        (mine && fields[3] != "0A").then(|| size(sent) + size(received))
    });
    lines.sum()
}

#[tokio::test]
async fn of_a_hundred_megabytes_the_gateway_holds_one_at_most() {
    let event = delta(&"x".repeat(CHUNK - 200));
    let body = chunk(&event);
    let size = body.len();
    let evil = Evil::narrow(move |_, _| {
        let mut acts = vec![Act::Send(stream_head())];
        acts.extend((0..CHUNKS).map(|_| Act::Send(body.clone())));
        acts.extend([
            Act::Send(chunk("data: [DONE]\n\n")),
            Act::Send(last_chunk()),
            Act::KeepAlive,
        ]);
        acts
    });
    assert!(size * CHUNKS > 100_000_000);
    let house = house("slow-reader", &evil);
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask_stream("m", "hello")).await;
    assert_eq!(client.head().await.status(), 200);
    let ports = [house.addr().port(), evil.addr().port()];
    let mut read = 0;
    for step in 0..4 {
        // Nobody reads: what is sent stands still once every buffer is full.
        let mut last = (0, 0);
        eventually(DEADLINE, || {
            std::thread::yield_now();
            let now = (evil.links()[0].sent, in_kernel(&ports));
            std::mem::replace(&mut last, now) == now && now.0 > read
        })
        .await;
        let (sent, in_kernel) = last;
        assert!(sent < size * CHUNKS * 9 / 10, "{sent} sent: not held back");
        let held = sent.saturating_sub(in_kernel + read + client.waiting());
        assert!(
            held <= MOST_HELD,
            "step {step}: the gateway holds {held} bytes"
        );
        // Then a little is read, and more flows.
        for _ in 0..20 {
            let event = client.event().await.expect("a stream").expect("an event");
            read += event.data.len();
        }
    }
    // The rest is read as fast as it comes; nothing is lost.
    let rest = client.rest().await;
    assert_eq!(
        80 * event.len() + rest,
        CHUNKS * event.len() + "data: [DONE]\n\n".len()
    );
    assert_eq!(house.outcomes("slow-reader", "success").await, 1.0);
    assert_calm(&house, "slow-reader").await;
}
