//! Who may ask what: every path by every role, in every way to write it; and
//! the document against the paths.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering},
};

use actix_rt::System;
use actix_web::{
    App,
    http::Method,
    middleware::from_fn,
    test::{TestRequest, call_service, init_service},
    web::Data,
};
use arc_swap::ArcSwap;
use breakerbox_actors::engine::{Arbiters, Engine};

use super::*;
use crate::{
    config::parse,
    generation::Generation,
    guesses::{Guesses, Plane},
    pinger::Pinger,
    room::Room,
    tap::Tap,
    worker::Closing,
};
use actix::Actor;

mod document;

const TOKEN: &str = "t0ken-canary";

/// The page's own files: open to everybody who may connect, as they hold nothing.
const PAGE: [&str; 2] = ["/", "/assets/{name}"];

/// Every path that tells something or does something.
fn paths() -> impl Iterator<Item = &'static Path> {
    PATHS.iter().filter(|it| !PAGE.contains(&it.path))
}

/// A generation with this for the section `admin`.
fn generation(number: u64, section: &str) -> Generation {
    let yaml = format!(
        "admin: {{ listen: \"127.0.0.1:0\" {section} }}\n\
         endpoints: [{{ name: a, provider: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", \
         models: [m], probe: {{ kind: none }} }}]\n"
    );
    let config = parse(&yaml, "test.yaml", &|_| None).unwrap();
    Generation::new(number, Arc::new(config)).unwrap()
}

/// A gateway without sockets, with this for the section `admin`.
async fn admin(section: &str) -> Arc<Admin> {
    let generation = generation(1, section);
    let spec = generation.spec();
    let generation = Arc::new(ArcSwap::from_pointee(generation));
    let pinged = generation.clone();
    let pinger = move || Pinger::new(pinged, Tap::default()).start().recipient();
    let engine = Engine::start(spec, Arbiters::current(), pinger)
        .await
        .unwrap();
    let shared = Shared {
        engine,
        generation,
        room: Room::new(1 << 20),
        answers: Room::new(1 << 20),
        tap: Tap::default(),
        guesses: Arc::new(Guesses::new(Plane::Data)),
        closing: tokio::sync::watch::channel(Closing::No).1,
    };
    let reloads = Reloads::new(shared.clone(), None, None);
    Admin::start(&shared, None, &reloads)
}

/// The status of one request.
async fn status(admin: &Arc<Admin>, method: Method, path: &str, lines: &[(&str, &str)]) -> u16 {
    let app = App::new()
        .app_data(Data::from(admin.clone()))
        .configure(table)
        .wrap(from_fn(check));
    let app = init_service(app).await;
    // Each from an address of its own: nobody seems to guess.
    static ADDRESS: AtomicU32 = AtomicU32::new(0);
    let address = Ipv4Addr::from_bits(ADDRESS.fetch_add(1, Ordering::Relaxed));
    let mut request = TestRequest::with_uri(path)
        .method(method)
        .peer_addr((address, 1).into());
    for line in lines {
        request = request.append_header(*line);
    }
    let answer = call_service(&app, request.to_request()).await;
    let status = answer.status();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        assert!(challenge.is_some(), "{path}");
    }
    status.as_u16()
}

fn method(path: &Path) -> Method {
    match path.verb {
        Verb::Get => Method::GET,
        Verb::Post => Method::POST,
    }
}

#[test]
fn every_path_by_every_role_in_every_way_to_write_it() {
    System::new().block_on(async {
        let admin = admin(", token: t-revoked").await;
        let rotated = generation(2, &format!(", token: {TOKEN}"));
        admin.shared.generation.store(Arc::new(rotated));
        let (right, client) = (format!("Bearer {TOKEN}"), "Bearer sk-of-a-client");
        let host = (header::HOST.as_str(), "breakerbox.example");
        for path in paths() {
            let open = ["/livez", "/readyz", "/ws"].contains(&path.path);
            let concrete = path.path.replace("{name}", "a").replace("{id}", "x");
            let encoded = concrete.replacen('i', "%69", 1);
            let ways = [
                concrete.clone(),
                format!("/{concrete}"),
                format!("{concrete}/"),
                concrete.to_uppercase(),
                encoded,
            ];
            for written in &ways {
                for line in [
                    None,
                    Some(("authorization", client)),
                    Some(("authorization", "Basic dDo=")),
                    Some(("authorization", "Bearer t-revoked")),
                ] {
                    let lines: Vec<_> = [host].into_iter().chain(line).collect();
                    let status = status(&admin, method(path), written, &lines).await;
                    let exact = *written == concrete;
                    match (open, exact) {
                        // The socket's own answer to what is no upgrade, or to a wrong token.
                        (true, true) => {
                            assert!([200, 400, 401].contains(&status), "{written}: {status}")
                        }
                        _ => assert_eq!(status, 401, "{written} {line:?}"),
                    }
                }
            }
            let lines = [host, ("authorization", &*right)];
            let status = status(&admin, method(path), &concrete, &lines).await;
            assert!(![401, 403, 405].contains(&status), "{concrete}: {status}");
        }
        for open in ["/", "/assets/app.js"] {
            assert_eq!(
                status(&admin, Method::GET, open, &[host]).await,
                200,
                "{open}"
            );
        }
        let lines = [host, ("authorization", &*right)];
        assert_eq!(
            status(&admin, Method::GET, "/api/nothing", &lines).await,
            404
        );
        assert_eq!(
            status(&admin, Method::GET, "/api/nothing", &[host]).await,
            401
        );
        assert_eq!(
            status(&admin, Method::POST, "/api/status", &lines).await,
            405
        );
    });
}

#[test]
fn without_a_token_this_machine_may_ask_and_no_web_page() {
    System::new().block_on(async {
        let admin = admin("").await;
        let local = ("host", "localhost:8081");
        for path in paths() {
            let concrete = path.path.replace("{name}", "a").replace("{id}", "x");
            let by =
                async |lines: &[(&str, &str)]| status(&admin, method(path), &concrete, lines).await;
            assert!(![401, 403].contains(&by(&[local]).await), "{concrete}");
            if ["/livez", "/readyz"].contains(&path.path) {
                continue;
            }
            assert_eq!(
                by(&[("host", "evil.example:8081")]).await,
                403,
                "{concrete}: rebound"
            );
            if path.verb == Verb::Post || path.path == "/ws" {
                for origin in ["http://evil.example", "null", "http://localhost:3000"] {
                    assert_eq!(by(&[local, ("origin", origin)]).await, 403, "{concrete}");
                }
                let own = by(&[local, ("origin", "http://localhost:8081")]).await;
                assert_ne!(own, 403, "{concrete}");
            }
        }
        // However it is spelt, and whatever upgrades.
        let evil = [local, ("origin", "http://evil.example")];
        for spelt in ["/%77s", "/w%73", "/%77%73"] {
            assert_eq!(
                status(&admin, Method::GET, spelt, &evil).await,
                403,
                "{spelt}"
            );
        }
        let upgrade = [evil[0], evil[1], ("upgrade", "websocket")];
        assert_eq!(
            status(&admin, Method::GET, "/api/status", &upgrade).await,
            403
        );
    });
}

#[test]
fn nothing_is_computed_while_nobody_listens() {
    System::new().block_on(async {
        tokio::time::pause();
        let admin = admin("").await;
        let computed = || admin.pulse.computed.load(Ordering::Relaxed);
        let pass = async |seconds: u64| {
            tokio::time::sleep(std::time::Duration::from_millis(1_000 * seconds + 500)).await;
        };
        pass(60).await;
        assert_eq!(computed(), 0);
        let seat = ws::Seat::inside(&admin);
        pass(10).await;
        assert_eq!(computed(), 10);
        drop(seat);
        pass(60).await;
        // One may have been on its way.
        assert!(computed() <= 11, "{}", computed());
    });
}
