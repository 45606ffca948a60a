//! A simulated LLM provider: an HTTP server that answers as OpenAI, Anthropic or Gemini does, and fails as
//! its script says.
//!
//! The demo, the tests, the benchmarks and `breakerbox upstream` use it. It speaks HTTP/1.1 by hand
//! (`wire`), because faults are a matter of bytes: a web framework neither resets a connection nor
//! announces a wrong length.
//!
//! A request goes through `connection`: faults first, then what a provider would check (key, request,
//! limits), then the error shares. `dialect` leads to the API it speaks, which reads the request into an `ask`;
//! `content` says what is answered, the API in what shape, and `delivery` sends it at its pace.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

mod anthropic;
mod ask;
mod connection;
mod content;
mod delivery;
mod dialect;
mod fault;
mod gemini;
mod likely;
mod limits;
mod listener;
mod luck;
mod openai;
mod plan;
mod reply;
mod script;
mod shared;
mod stats;
mod tools;
mod wire;

pub use dialect::Dialect;
pub use fault::{Api, End, Fault, Timed, Window};
pub use script::{ErrorShare, Latency, Limits, Script, ScriptError, Tokens};
pub use stats::{Seen, Stats};

use shared::Shared;

/// Starts simulated providers.
pub struct Simulator;

/// Why a simulated provider did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The script cannot be obeyed.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system gave no thread or no event loop.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// A simulated provider that runs. Dropping it stops it.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    engine: Engine,
}

/// What the provider runs on.
enum Engine {
    Thread {
        stop: Arc<Notify>,
        thread: Option<thread::JoinHandle<()>>,
    },
    Task(JoinHandle<()>),
}

impl Simulator {
    /// Starts a provider on a thread of its own, in real time, whatever the caller's runtime does. Port 0
    /// finds a free port.
    ///
    /// # Errors
    /// When the script cannot be obeyed, the address is taken, or there is no thread.
    pub fn start(script: Script, address: SocketAddr) -> Result<Running, StartError> {
        let script = script.checked()?;
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (tell, told) = mpsc::channel();
        // Also what may fail happens on the thread: a runtime cannot be dropped within another.
        let thread = thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || serve(script, address, &stopped, &tell))
            .map_err(StartError::Thread)?;
        let gone = |_| StartError::Thread(io::Error::other("it ended early"));
        let (address, shared) = told.recv().map_err(gone)??;
        Ok(Running {
            address,
            shared,
            engine: Engine::Thread {
                stop,
                thread: Some(thread),
            },
        })
    }

    /// Starts a provider as a task of the caller's runtime, and on its clock: for tests that pause time.
    ///
    /// # Errors
    /// When the script cannot be obeyed or the address is taken.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_here(script: Script, address: SocketAddr) -> Result<Running, StartError> {
        let script = script.checked()?;
        let (port, address) = listen(address)?;
        let shared = Arc::new(Shared::new(script));
        let task = tokio::spawn(listener::run(port, address, Arc::clone(&shared)));
        Ok(Running {
            address,
            shared,
            engine: Engine::Task(task),
        })
    }
}

type Started = Result<(SocketAddr, Arc<Shared>), StartError>;

/// Tells how the start went, and serves until `stop`.
fn serve(script: Script, address: SocketAddr, stop: &Notify, tell: &mpsc::Sender<Started>) {
    let begin = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let guard = runtime.enter();
        let (port, address) = listen(address)?;
        drop(guard);
        Ok((runtime, port, address))
    };
    // A send fails only if the caller has panicked meanwhile; then there is nobody to serve.
    match begin() {
        Err(error) => drop(tell.send(Err(error))),
        Ok((runtime, port, address)) => {
            let shared = Arc::new(Shared::new(script));
            if tell.send(Ok((address, Arc::clone(&shared)))).is_ok() {
                runtime.block_on(async {
                    tokio::select! {
                        () = listener::run(port, address, shared) => {}
                        () = stop.notified() => {}
                    }
                });
            }
        }
    }
}

fn listen(address: SocketAddr) -> Result<(listener::Port, SocketAddr), StartError> {
    listener::open(address).map_err(|error| StartError::Listen { address, error })
}

impl Running {
    /// The address it listens on, with its real port.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `base_url` of an endpoint that talks to it in its dialect: `http://…/v1`, of Gemini's `http://…/v1beta`.
    pub fn base_url(&self) -> String {
        let version = match self.shared.active().script.dialect {
            Dialect::Openai | Dialect::Anthropic => "v1",
            Dialect::Gemini => "v1beta",
        };
        format!("http://{}/{version}", self.address)
    }

    /// A copy of everything seen so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats.lock().clone()
    }

    /// Looks at everything seen so far without copying it; the provider waits meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Stats) -> T) -> T {
        look(&self.shared.stats.lock())
    }

    /// Puts another script in force: for the next request, and with its faults counted from now. What the
    /// rate limits have granted stays granted.
    ///
    /// # Errors
    /// When the script cannot be obeyed; then the old one stays.
    pub fn set_script(&self, script: Script) -> Result<(), ScriptError> {
        self.shared.set(script.checked()?);
        Ok(())
    }

    /// Stops it: the port is free and its connections are closed when a provider on its own thread
    /// returns from this, and soon after for one on the caller's runtime.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match &mut self.engine {
            Engine::Task(task) => task.abort(),
            Engine::Thread { stop, thread } => {
                stop.notify_one();
                if thread.take().is_some_and(|thread| thread.join().is_err()) {
                    tracing::error!("the thread of a simulated provider has panicked");
                }
            }
        }
    }
}
