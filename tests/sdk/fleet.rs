//! A gateway and its providers as processes.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::processes::{GATEWAY, Processes};

/// The key that the gateway knows.
pub(crate) const KEY: &str = "sdk-test-key";

/// Simulated providers by name, each with its script and the models it serves through the gateway.
const PROVIDERS: [(&str, &str, &str); 9] = [
    (
        "steady",
        "latency: { fixed: 20ms }",
        "gpt-4.1, gpt-3.5-turbo-instruct, text-embedding-3-small, meta/llama-3, private-model",
    ),
    (
        "limited",
        "faults: [{ fault: { status: { code: 429, retry_after: 20s } } }]",
        "gpt-4.1, gpt-limited",
    ),
    ("tight", "limits: { rpm: 1, window: 2s }", "gpt-tight"),
    ("silent", "faults: [{ fault: blackhole }]", "gpt-silent"),
    (
        "stranger",
        "faults: [{ fault: unauthorized }]",
        "gpt-stranger",
    ),
    (
        "strict",
        "faults: [{ fault: { status: { code: 400 } } }]",
        "gpt-strict",
    ),
    (
        "picky",
        "faults: [{ fault: { status: { code: 422 } } }]",
        "gpt-picky",
    ),
    (
        "failing",
        "faults: [{ fault: { status: { code: 500 } } }]",
        "gpt-failing",
    ),
    (
        "cut",
        "faults: [{ fault: { cut: { after: 6 } } }]",
        "gpt-cut",
    ),
];

/// The gateway, its providers, and an address where nobody answers.
pub(crate) struct Fleet {
    pub(crate) processes: Processes,
    gateway: SocketAddr,
    steady: SocketAddr,
    /// Bound and not listening: whoever connects is refused, and nobody else gets the port.
    _refusing: Socket,
}

impl Fleet {
    /// Starts the providers, then the gateway, and waits until each answers.
    pub(crate) fn start() -> Self {
        let (refusing, refuses_at) = refusing();
        let mut processes = Processes::new();
        for (name, script, _) in PROVIDERS {
            processes.provider(name, script);
        }
        let mut endpoints = format!(
            "  - {{ name: refusing, provider: openai-compatible, base_url: \"http://{refuses_at}/v1\", api_key: k, \
             models: [gpt-4.1, gpt-dead] }}\n"
        );
        for (name, _, models) in PROVIDERS {
            let at = processes.address(name);
            endpoints += &format!(
                "  - {{ name: {name}, provider: openai-compatible, base_url: \"http://{at}/v1\", api_key: k, models: [{models}] }}\n"
            );
        }
        // No pings: what an endpoint is must come from the traffic of the tests alone.
        processes.gateway(&format!(
            "server: {{ workers: 1 }}\n\
             endpoints:\n{endpoints}\
             probe: {{ kind: none }}\n\
             routing: {{ first_byte_timeout: 3s, queue: {{ max_wait: 0s }} }}\n\
             clients: [{{ name: sdk, key: {KEY}, models: [\"gpt-*\", \"text-*\", \"meta/*\"] }}]\n",
        ));
        Self {
            gateway: processes.address(GATEWAY),
            steady: processes.address("steady"),
            processes,
            _refusing: refusing,
        }
    }

    /// What a user puts in `base_url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.gateway)
    }

    /// The healthy provider itself, without the gateway.
    pub(crate) fn steady_url(&self) -> String {
        format!("http://{}/v1", self.steady)
    }
}

fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a free port");
    let at = socket
        .local_addr()
        .expect("its address")
        .as_socket()
        .expect("an IP address");
    (socket, at)
}
