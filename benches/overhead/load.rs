//! Load: many connections, each one request or stream after another, for a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::http::Connection;
use crate::machine;
use crate::pacer;

/// Where to send and what.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    pub(crate) to: SocketAddr,
    pub(crate) request: Arc<[u8]>,
}

/// What one round on one target measured.
pub(crate) struct Round {
    /// Requests or streams that ended well; any other ends the bench.
    pub(crate) done: u64,
    pub(crate) took: Duration,
    /// CPU time of the proxy meanwhile; zero where there is none.
    pub(crate) cpu: Duration,
    /// Nanoseconds: of requests, from first byte sent to last received; of streams, the age of each chunk.
    pub(crate) latency: Histogram<u64>,
}

impl Round {
    pub(crate) fn quantile_micros(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    pub(crate) fn cpu_micros_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

fn histogram() -> Fallible<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

async fn connect(aim: &Aim, connections: usize) -> Fallible<Vec<Connection>> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(aim.to).await?);
    }
    Ok(open)
}

/// Sends requests on `connections` connections for about `lasting`; `proxy` is the process whose CPU time is read.
pub(crate) async fn requests(
    aim: &Aim,
    connections: usize,
    lasting: Duration,
    proxy: Option<u32>,
) -> Fallible<Round> {
    let mut open = connect(aim, connections).await?;
    for connection in &mut open {
        connection.exchange(&aim.request).await?;
    }
    measure(open, proxy, |mut connection| {
        let request = aim.request.clone();
        async move {
            let mut latency = histogram()?;
            let start = clock::now();
            let mut before = start;
            while before - start < lasting {
                connection.exchange(&request).await?;
                let after = clock::now();
                latency.saturating_record(nanos(after - before));
                before = after;
            }
            Ok((latency.len(), latency))
        }
    })
    .await
}

/// Reads streams on `connections` connections for about `lasting`, each to its end.
pub(crate) async fn streams(
    aim: &Aim,
    connections: usize,
    lasting: Duration,
    proxy: Option<u32>,
) -> Fallible<Round> {
    let open = connect(aim, connections).await?;
    measure(open, proxy, |mut connection| {
        let request = aim.request.clone();
        async move {
            let mut latency = histogram()?;
            let mut done = 0;
            let start = clock::now();
            while clock::now() - start < lasting {
                let mut reader = pacer::Reader::default();
                connection
                    .stream(&request, |piece| {
                        let now = machine::wall_nanos();
                        reader.read(piece, |sent| {
                            latency.saturating_record(now.saturating_sub(sent).max(1))
                        });
                        true
                    })
                    .await?;
                if reader.chunks() != pacer::CHUNKS {
                    return Err(format!(
                        "a stream had {} chunks of {}",
                        reader.chunks(),
                        pacer::CHUNKS
                    )
                    .into());
                }
                done += 1;
            }
            Ok((done, latency))
        }
    })
    .await
}

/// Opens `count` streams that go silent after their first chunk, and returns them open.
pub(crate) async fn held(aim: &Aim, count: usize) -> Fallible<Vec<Connection>> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let mut batch: JoinSet<std::io::Result<Connection>> = JoinSet::new();
        for _ in 0..(count - all.len()).min(100) {
            let aim = aim.clone();
            batch.spawn(async move {
                let mut connection = Connection::open(aim.to).await?;
                let mut reader = pacer::Reader::default();
                connection
                    .stream(&aim.request, |piece| {
                        reader.read(piece, |_| {});
                        reader.chunks() == 0
                    })
                    .await?;
                Ok(connection)
            });
        }
        while let Some(opened) = batch.join_next().await {
            let open = all.len();
            all.push(opened?.map_err(|why| format!("after {open}: {why}"))?);
        }
    }
    Ok(all)
}

async fn measure<F>(
    open: Vec<Connection>,
    proxy: Option<u32>,
    each: impl Fn(Connection) -> F,
) -> Fallible<Round>
where
    F: Future<Output = Fallible<(u64, Histogram<u64>)>> + Send + 'static,
{
    let cpu = |at: Option<u32>| at.map_or(Duration::ZERO, machine::cpu_time);
    let (start, before) = (clock::now(), cpu(proxy));
    let mut running = JoinSet::new();
    for connection in open {
        running.spawn(each(connection));
    }
    let (mut done, mut latency) = (0, histogram()?);
    while let Some(ended) = running.join_next().await {
        let (count, own) = ended??;
        done += count;
        latency.add(own)?;
    }
    Ok(Round {
        done,
        took: clock::now() - start,
        cpu: cpu(proxy).saturating_sub(before),
        latency,
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
