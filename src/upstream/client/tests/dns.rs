//! Names that take long to resolve: their own requests wait, nobody else does.

use std::{sync::mpsc, task::Poll};

use tokio::task::spawn_blocking;

use super::*;
use crate::upstream::{error::ConnectStep, testing::Peer};

/// Runs `test` where only one thread may block, and hands it the key of that thread: until it is dropped, no
/// name is resolved.
fn with_slow_resolver<Fut: Future<Output = ()>>(
    test: impl FnOnce(mpsc::Sender<()>) -> Fut + 'static,
) {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap()
    });
    system.block_on(async {
        let (key, locked) = mpsc::channel::<()>();
        let busy = spawn_blocking(move || locked.recv().is_ok());
        test(key).await;
        busy.await.unwrap();
    });
}

async fn echo(mut peer: Peer) {
    while peer.request().await.is_some() {
        peer.ok("ok").await;
    }
}

fn named(server: &Server) -> Arc<Origin> {
    origin(&format!("http://localhost:{}", server.address.port()))
}

#[test]
fn a_slow_name_holds_up_nobody_else() {
    with_slow_resolver(|key| async move {
        let server = Server::start(|_, peer| echo(peer)).await;
        let (client, slow) = (client(), named(&server));
        let mut waiting = std::pin::pin!(post(&client, &slow, "x", PATIENT));
        for _ in 0..100 {
            let waits = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
            assert!(waits.await);
            let answer = post(&client, &server.origin(), "x", PATIENT).await.unwrap();
            assert_eq!(text(answer).await.unwrap(), "ok");
        }
        drop(key);
        assert_eq!(text(waiting.await.unwrap()).await.unwrap(), "ok");
    });
}

#[test]
fn a_name_that_takes_too_long_is_a_failed_connection() {
    with_slow_resolver(|key| async move {
        let server = Server::start(|_, peer| echo(peer)).await;
        let hasty = Deadlines {
            connect: Duration::from_millis(50),
            ..PATIENT
        };
        let late = post(&client(), &named(&server), "x", hasty).await;
        assert!(matches!(
            late.unwrap_err(),
            SendError::ConnectTimeout(ConnectStep::Dns)
        ));
        assert_eq!(server.accepted(), 0);
        drop(key);
    });
}
