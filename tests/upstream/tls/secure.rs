//! An upstream that speaks TLS, or fails to.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::chat::good;
use crate::support::ports::ANY;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Its certificate is for another host.
    WrongName,
    /// Its certificate was good years ago.
    Expired,
    /// It answers in plain HTTP.
    Plain,
    /// It closes when it is greeted.
    Hangup,
    /// It says nothing.
    Silent,
}

/// A server on a task of the test's own runtime.
pub(crate) struct Secure {
    address: SocketAddr,
    pem: String,
    heard: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Secure {
    pub(crate) fn start(fault: Fault) -> Self {
        let name = match fault {
            Fault::WrongName => "elsewhere.example",
            _ => "localhost",
        };
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
        if fault == Fault::Expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a certificate");
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], secret)
            .expect("a certificate with its key");
        let listener = std::net::TcpListener::bind(ANY).expect("a free port");
        listener.set_nonblocking(true).expect("not blocking");
        let address = listener.local_addr().expect("a bound socket");
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let ear = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(welcome(stream, fault, acceptor.clone(), Arc::clone(&ear)));
            }
        });
        Self {
            address,
            pem: cert.pem(),
            heard,
            task,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate, in a file.
    pub(crate) fn pem(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(self.pem.as_bytes()).expect("written");
        file
    }

    /// What it was told inside of TLS.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock()).into_owned()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn welcome(
    mut stream: TcpStream,
    fault: Fault,
    acceptor: TlsAcceptor,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut hello = [0; 4_096];
    match fault {
        Fault::Plain => {
            drop(stream.read(&mut hello).await);
            let refusal = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            drop(stream.write_all(refusal).await);
        }
        Fault::Hangup => drop(stream.read(&mut hello).await),
        Fault::Silent => tokio::time::sleep(Duration::from_secs(30)).await,
        Fault::None | Fault::WrongName | Fault::Expired => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, &heard).await;
            }
        }
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, heard: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        heard.lock().extend_from_slice(&buffer[..read]);
        // The scenes' requests end with their body's last brace.
        if buffer[..read].ends_with(b"}") {
            drop(stream.write_all(&good("hello")).await);
            drop(stream.flush().await);
        }
    }
}
