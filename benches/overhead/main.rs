//! What the gateway costs, against nginx in the same run: CPU, latency, streams, memory, and what a scrape costs.
//!
//! `make bench` runs it; `-- --quick` (`QUICK=1 make bench`) takes fewer and shorter rounds, `-- --gateway PATH` measures another
//! binary. Needs nginx and taskset.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what this program is for"
)]

mod http;
mod load;
mod machine;
mod memory;
mod pacer;
mod report;
mod scrape;
mod servers;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use load::Aim;
use machine::Cores;
use report::Rounds;

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long to measure.
struct Plan {
    quick: bool,
    rounds: usize,
    lasting: Duration,
    streams: usize,
    /// At memory, half a second apart.
    looks: usize,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let (rounds, millis, streams, looks) = if quick {
            (2, 400, 500, 4)
        } else {
            (6, 1000, 10_000, 24)
        };
        Self {
            quick,
            rounds,
            lasting: Duration::from_millis(millis),
            streams,
            looks,
        }
    }
}

/// What the ways are called, in the order of [`Ways`].
const WAYS: [&str; 3] = ["direct", "nginx", "breakerbox"];

/// The three ways a request can go.
struct Ways {
    direct: Aim,
    nginx: Aim,
    gateway: Aim,
    nginx_pid: u32,
    gateway_pid: u32,
}

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("overhead: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Fallible<ExitCode> {
    let value = |name: &str| args.iter().skip_while(|arg| *arg != name).nth(1).cloned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(at) = value("--pacer") {
        runtime.block_on(pacer::serve(at.parse()?))?;
    } else if let Some(cores) = value("--pinned") {
        let (proxy, load) = cores.split_once('/').ok_or("--pinned PROXY/LOAD")?;
        let cores = Cores {
            proxy: proxy.parse()?,
            load: load.parse()?,
        };
        let program = value("--gateway").map_or_else(
            || PathBuf::from(env!("CARGO_BIN_EXE_breakerbox")),
            PathBuf::from,
        );
        runtime.block_on(measure(
            cores,
            program,
            &Plan::new(args.iter().any(|arg| arg == "--quick")),
        ))?;
    } else {
        for (tool, package) in [("nginx", "nginx-light"), ("taskset", "util-linux")] {
            if Command::new(tool)
                .arg(if tool == "nginx" { "-v" } else { "--version" })
                .output()
                .is_err()
            {
                return Err(
                    format!("{tool} is missing; on Debian: apt-get install {package}").into(),
                );
            }
        }
        // Once more, on the core of the load.
        let cores = Cores::allowed();
        let mut again = machine::pinned(cores.load, &std::env::current_exe()?.to_string_lossy());
        again
            .args(args)
            .args(["--pinned", &format!("{}/{}", cores.proxy, cores.load)]);
        return Ok(if again.status()?.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    Ok(ExitCode::SUCCESS)
}

/// A chat request of about 400 bytes; `more` goes in as further members.
pub(crate) fn body(model: &str, more: &str) -> String {
    format!(
        "{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"system\",\"content\":\"You are a careful engineer who answers in a few plain \
         sentences and never invents a number.\"}},{{\"role\":\"user\",\"content\":\"Explain to a colleague what a circuit breaker in \
         front of a flaky dependency does, when it opens, when it closes again, and what the caller sees meanwhile.\"}}],\
         \"temperature\":0.2,\"max_tokens\":200{more}}}"
    )
}

async fn measure(cores: Cores, program: PathBuf, plan: &Plan) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let folder = folder.path();
    let (_upstream, chat_to) = servers::upstream(cores, folder).await?;
    let (_pacer, streams_to) = servers::pacer(cores, folder).await?;
    let nginx = servers::nginx_proxy(cores, folder, chat_to, streams_to).await?;
    let upstreams = (chat_to, streams_to);
    let gateway = servers::gateway(cores, folder, &program, upstreams, 0).await?;
    let (nginx_pid, gateway_pid) = (nginx.server.pid(), gateway.server.pid());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let idle = (machine::resident(nginx_pid), machine::resident(gateway_pid));

    let ways = |direct, through, request: Vec<u8>| {
        let request: Arc<[u8]> = request.into();
        let aim = |to| Aim {
            to,
            request: request.clone(),
        };
        Ways {
            direct: aim(direct),
            nginx: aim(through),
            gateway: aim(gateway.at),
            nginx_pid,
            gateway_pid,
        }
    };
    let post = |model: &str, more: &str| {
        http::post(
            "/v1/chat/completions",
            servers::CLIENT_KEY,
            &body(model, more),
        )
    };
    let chat = ways(chat_to, nginx.chat, post("bench-chat", ""));
    let asked = r#","stream":true,"stream_options":{"include_usage":true}"#;
    let streams = ways(streams_to, nginx.streams, post("bench-stream", asked));
    let hold = format!("{asked},{}", pacer::HOLD);
    let hold = ways(streams_to, nginx.streams, post("bench-stream", &hold));

    let mut rows = Vec::new();
    for connections in [1, 8, 64] {
        let rounds = rounds(&chat, plan, Load::Requests, connections).await?;
        rows.extend(report::request_rows(&rounds, connections));
    }
    let rounds = rounds(&streams, plan, Load::Streams, 64).await?;
    rows.extend(report::stream_rows(&rounds));
    rows.push(memory::idle_row(idle.0, idle.1));
    rows.push(memory::growth(&chat, plan.looks, !plan.quick).await?);
    let (row, note) = memory::open_streams(&hold, plan.streams, plan.quick).await?;
    rows.push(row);
    rows.extend(scrape::rows(&chat.gateway, &gateway, plan).await?);
    let crowd = servers::gateway(cores, folder, &program, upstreams, scrape::CROWD).await?;
    let crowded = Aim {
        to: crowd.at,
        ..chat.gateway
    };
    rows.extend(scrape::rows(&crowded, &crowd, plan).await?);

    print!("{}", report::head(cores, plan));
    print!("{note}");
    println!("\n{}", report::table(&rows));
    Ok(())
}

#[derive(Clone, Copy)]
enum Load {
    Requests,
    Streams,
}

/// All rounds of one load: every way in turn, the order reversed each round, one round before that does not count.
async fn rounds(ways: &Ways, plan: &Plan, load: Load, connections: usize) -> Fallible<Rounds> {
    let mut all = Rounds::default();
    for number in 0..=plan.rounds {
        let warm_up = number == 0;
        let lasting = if warm_up {
            plan.lasting / 4
        } else {
            plan.lasting
        };
        let mut order = [0, 1, 2];
        if number % 2 == 1 {
            order.reverse();
        }
        for way in order {
            let (aim, pid) = match way {
                0 => (&ways.direct, None),
                1 => (&ways.nginx, Some(ways.nginx_pid)),
                _ => (&ways.gateway, Some(ways.gateway_pid)),
            };
            let measured = match load {
                Load::Requests => load::requests(aim, connections, lasting, pid).await,
                Load::Streams => load::streams(aim, connections, lasting, pid).await,
            };
            let round = measured.map_err(|why| format!("{}, c={connections}: {why}", WAYS[way]))?;
            match way {
                _ if warm_up => {}
                0 => all.direct.push(round),
                1 => all.nginx.push(round),
                _ => all.gateway.push(round),
            }
        }
    }
    Ok(all)
}
