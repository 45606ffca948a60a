//! HTTPS for clients.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::generation::Generation;

/// Shows each client the certificate of the generation in force, so that a
/// renewed one is a reload.
#[derive(Debug)]
struct InForce(Arc<ArcSwap<Generation>>);

impl ResolvesServerCert for InForce {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().certificate.clone()
    }
}

/// Returns the settings of HTTPS; HTTP/1.1 is what clients get.
pub(super) fn settings(generation: Arc<ArcSwap<Generation>>) -> ServerConfig {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(InForce(generation)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
