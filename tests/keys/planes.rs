//! The two addresses. Most of what they are can only be changed by a restart, and says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stalling;
use crate::support::chat::{CHAT, ask, ask_stream, good};
use crate::support::client::{Client, Ending, get, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::process::Process;

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

fn yaml(evil: &Evil, planes: &str) -> String {
    format!(
        "{planes}\nendpoints:\n{}",
        endpoint("planes", &evil.base_url(), "")
    )
}

/// Fails unless a reload to this is refused, naming `key`.
async fn only_a_restart(house: &House, yaml: &str, key: &str) {
    let refused = house.reload(yaml).await.expect_err("refused").to_string();
    // Each section stands in one line.
    let line = |section: &str| yaml.lines().position(|it| it.starts_with(section));
    let named = key.split(", ").map(|key| {
        let section = key.split('.').next().and_then(line);
        format!("{key} (line {})", section.expect("a section") + 1)
    });
    let named: Vec<_> = named.collect();
    assert_eq!(
        refused,
        format!("only a restart can change {}", named.join(", "))
    );
}

#[tokio::test]
pub(super) async fn listen() {
    let evil = steady();
    let yaml = |data: &str, admin: &str| {
        let planes = format!(
            "server: {{ listen: \"{data}\", workers: 1 }}\nadmin: {{ listen: \"{admin}\" }}"
        );
        yaml(&evil, &planes)
    };
    let [one, two] = ["127.0.0.1:0", "127.0.0.2:0"];
    for (data, admin) in [(one, two), (two, one)] {
        let house = House::start(&yaml(data, admin));
        let ip = |text: &str| text.parse::<SocketAddr>().expect("an address").ip();
        assert_eq!(
            (house.addr().ip(), house.admin().ip()),
            (ip(data), ip(admin))
        );
        assert_eq!(get(house.addr(), "/v1/models").await.status(), 200);
        assert_eq!(get(house.admin(), "/metrics").await.status(), 200);
        only_a_restart(&house, &yaml(admin, admin), "server.listen").await;
        only_a_restart(&house, &yaml(data, data), "admin.listen").await;
        only_a_restart(&house, &yaml(admin, data), "server.listen, admin.listen").await;
        assert_eq!(get(house.addr(), "/v1/models").await.status(), 200);
    }
}

#[tokio::test]
pub(super) async fn workers() {
    let evil = steady();
    for workers in [1, 3] {
        let yaml = |workers: u32| {
            let listen = "listen: \"127.0.0.1:0\"";
            let planes =
                format!("server: {{ {listen}, workers: {workers} }}\nadmin: {{ {listen} }}");
            yaml(&evil, &planes)
        };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("breakerbox.yaml");
        std::fs::write(&file, yaml(workers)).expect("written");
        let (process, _, admin) = Process::serve(file.to_str().expect("a path")).await;
        // Each measures the lag of its own event loop.
        let seen = async || {
            let page = get(admin, "/metrics").await.text();
            let mine = |worker: u32| page.contains(&format!("worker=\"{worker}\""));
            (0..10).filter(|worker| mine(*worker)).count()
        };
        let start = clock::now();
        while seen().await < workers as usize {
            assert!(clock::now() - start < crate::support::wait::DEADLINE);
        }
        std::fs::write(&file, yaml(workers + 1)).expect("written");
        process.signal("HUP");
        process
            .logs("only a restart can change server.workers")
            .await;
        assert_eq!(seen().await, workers as usize);
    }
}

#[tokio::test]
pub(super) async fn max_body() {
    let evil = steady();
    let yaml = |size: &str| {
        let server = format!("server: {{ listen: \"127.0.0.1:0\", workers: 2, max_body: {size} }}");
        yaml(&evil, &server)
    };
    let house = House::start(&yaml("1KiB"));
    let status = async |bytes: usize| {
        let mut client = Client::connect(house.addr()).await;
        let body = format!("{{\"model\":\"m\"{}}}", " ".repeat(bytes - 13));
        client.request("POST", CHAT, &[], body.as_bytes()).await;
        client.answer().await.status()
    };
    for (size, bytes) in [("1KiB", 1_024), ("3KiB", 3_072), ("2KiB", 2_048)] {
        house.reload(&yaml(size)).await.expect("reloaded");
        assert_eq!(status(bytes).await, 200, "{size}");
        assert_eq!(status(bytes + 1).await, 413, "{size}");
    }
}

#[tokio::test]
pub(super) async fn request_timeout() {
    let evil = Evil::start(|_, _| vec![Act::Blackhole]);
    let yaml = |time: &str| {
        let server =
            format!("server: {{ listen: \"127.0.0.1:0\", workers: 2, request_timeout: {time} }}");
        yaml(&evil, &server)
    };
    let house = House::start(&yaml("600ms"));
    for (time, millis) in [("600ms", 600), ("50ms", 50)] {
        house.reload(&yaml(time)).await.expect("reloaded");
        let start = clock::now();
        let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
        let took = clock::now() - start;
        assert_eq!(answer.status(), 504, "{}", answer.text());
        let least = Duration::from_millis(millis);
        assert!(
            took >= least && took < least + Duration::from_millis(500),
            "{time}: {took:?}"
        );
    }
}

#[tokio::test]
pub(super) async fn cors() {
    let evil = steady();
    let yaml = |origins: &str| {
        let server =
            format!("server: {{ listen: \"127.0.0.1:0\", workers: 2, cors: [{origins}] }}");
        yaml(&evil, &server)
    };
    let [one, two] = ["https://one.example", "https://two.example"];
    let house = House::start(&yaml(&format!("\"{one}\"")));
    let allowed = async |origin: &str| {
        let mut client = Client::connect(house.addr()).await;
        let headers = [("origin", origin)];
        client.request("GET", "/v1/models", &headers, b"").await;
        let head = client.answer().await.head;
        head.header("access-control-allow-origin") == Some(origin)
    };
    for (mine, other) in [(one, two), (two, one)] {
        house
            .reload(&yaml(&format!("\"{mine}\"")))
            .await
            .expect("reloaded");
        assert!(allowed(mine).await, "{mine}");
        assert!(!allowed(other).await, "{other}, with {mine}");
    }
}

#[tokio::test]
pub(super) async fn shutdown_grace() {
    let evil = stalling();
    let yaml = |time: &str| {
        let server =
            format!("server: {{ listen: \"127.0.0.1:0\", workers: 1, shutdown_grace: {time} }}");
        yaml(&evil, &server)
    };
    for (first, then, millis) in [("300ms", "300ms", 300), ("1h", "100ms", 100)] {
        let house = House::start(&yaml(first));
        house.reload(&yaml(then)).await.expect("reloaded");
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(client.head().await.status(), 200);
        client.event().await.expect("a stream").expect("an event");
        let start = clock::now();
        let (_, (events, ending)) = tokio::join!(house.drain(), client.events());
        let took = clock::now() - start;
        assert_eq!(ending, Ending::Whole);
        assert!(
            events
                .iter()
                .any(|event| event.data.contains("shutting_down")),
            "{events:?}"
        );
        let least = Duration::from_millis(millis);
        assert!(
            took >= least && took < least + Duration::from_secs(3),
            "{then}: {took:?}"
        );
    }
}

#[tokio::test]
pub(super) async fn token() {
    let evil = steady();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |token: &str| {
        let path = folder.path().join(token);
        std::fs::write(&path, token).expect("written");
        format!(", token_file: \"{}\"", path.display())
    };
    let yaml = |token: &str| {
        yaml(
            &evil,
            &format!("admin: {{ listen: \"127.0.0.1:0\"{token} }}"),
        )
    };
    let house = House::start(&yaml(", token: first"));
    let status = async |token: &str| {
        let mut client = Client::connect(house.admin()).await;
        let bearer = format!("Bearer {token}");
        client
            .request("GET", "/metrics", &[("authorization", &bearer)], b"")
            .await;
        client.answer().await.status()
    };
    let tokens = ["first", "second", "third", "fourth"];
    let forms = [
        ", token: first".to_owned(),
        ", token: second".to_owned(),
        file("third"),
        file("fourth"),
    ];
    for (at, form) in forms.iter().enumerate() {
        house.reload(&yaml(form)).await.expect("reloaded");
        // Not all that are wrong: whoever guesses so often is made to wait.
        let (good, before) = (tokens[at], tokens[(at + 3) % 4]);
        assert_eq!(
            (status(good).await, status(before).await),
            (200, 401),
            "{form}"
        );
    }
    house.reload(&yaml("")).await.expect("reloaded");
    assert_eq!(status("any").await, 200);
}

/// Whether somebody who trusts `root` gets an answer over TLS.
async fn is_trusted(address: SocketAddr, root: &str) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate");
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let Ok(mut stream) = connector.connect(name, stream).await else {
        return false;
    };
    let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    true
}

#[tokio::test]
pub(super) async fn tls() {
    let evil = steady();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let make = |name: &str| {
        let made =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
        let cert = write(&format!("{name}.pem"), &made.cert.pem());
        let key = write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        (made.cert.pem(), cert, key)
    };
    let yaml = |cert: &str, key: &str| {
        let tls = format!("tls: {{ cert: \"{cert}\", key: \"{key}\" }}");
        yaml(
            &evil,
            &format!(
                "admin: {{ listen: \"127.0.0.1:0\" }}\nserver: {{ listen: \"127.0.0.1:0\", workers: 1, {tls} }}"
            ),
        )
    };
    // Each pair serves: with another's key it would not.
    let (one, two) = (make("one"), make("two"));
    for (mine, other) in [(&one, &two), (&two, &one)] {
        let house = House::start(&yaml(&mine.1, &mine.2));
        assert!(is_trusted(house.addr(), &mine.0).await);
        assert!(!is_trusted(house.addr(), &other.0).await);
        only_a_restart(&house, &yaml(&other.1, &other.2), "server.tls").await;
        // Nor the key of the same certificate from another file.
        let key = write(
            "copy.key",
            &std::fs::read_to_string(&mine.2).expect("a key"),
        );
        only_a_restart(&house, &yaml(&mine.1, &key), "server.tls").await;
        assert!(is_trusted(house.addr(), &mine.0).await);
    }
}

/// As whoever renews certificates writes it: into the same files.
#[tokio::test]
async fn a_renewed_certificate_is_a_reload() {
    let evil = steady();
    let folder = tempfile::tempdir().expect("a folder");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let make = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let (one, two) = (make(), make());
    let certify = |with: &str| std::fs::write(&cert, with).expect("written");
    let unlock = |with: &str| std::fs::write(&key, with).expect("written");
    certify(&one.cert.pem());
    unlock(&one.signing_key.serialize_pem());
    let tls = format!(
        "tls: {{ cert: {}, key: {} }}",
        cert.display(),
        key.display()
    );
    let server = format!("server: {{ listen: \"127.0.0.1:0\", workers: 1, {tls} }}");
    let yaml = yaml(
        &evil,
        &format!("admin: {{ listen: \"127.0.0.1:0\" }}\n{server}"),
    );
    let house = House::start(&yaml);
    assert!(is_trusted(house.addr(), &one.cert.pem()).await);
    // Half of it: no pair, and nothing changes.
    certify(&two.cert.pem());
    let refused = house.reload(&yaml).await.expect_err("no pair");
    assert!(refused.to_string().starts_with("server.tls: "), "{refused}");
    assert!(is_trusted(house.addr(), &one.cert.pem()).await);
    unlock(&two.signing_key.serialize_pem());
    let changes = house.reload(&yaml).await.expect("reloaded");
    let texts: Vec<_> = changes.iter().map(|it| &*it.text).collect();
    let renewed = ["server.tls.cert: changed", "server.tls.key: changed"];
    assert_eq!(texts, renewed);
    assert!(is_trusted(house.addr(), &two.cert.pem()).await);
    assert!(!is_trusted(house.addr(), &one.cert.pem()).await);
}
