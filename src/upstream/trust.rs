//! Whom we believe over TLS.

use std::sync::Arc;

use bytes::Bytes;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::origin::InvalidOrigin;

/// A set of trusted certificates, ready to use; cheap to clone.
///
/// Reading the system's store takes tens of milliseconds: build one per
/// configuration and share it between endpoints.
#[derive(Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
    extra: Bytes,
}

impl Trust {
    /// Trusts what the operating system trusts, or the Mozilla roots compiled
    /// in where it has no store (a bare container).
    ///
    /// # Errors
    ///
    /// [`InvalidOrigin::Tls`] when the TLS library refuses its own defaults.
    pub fn system() -> Result<Self, InvalidOrigin> {
        let mut roots = RootCertStore::empty();
        // Some of a system's certificates may be unreadable or too old; the
        // rest still serve.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self::build(roots, Bytes::new())
    }

    /// Trusts the certificates in `pem` as well.
    ///
    /// # Errors
    ///
    /// [`InvalidOrigin::Certificate`] unless `pem` holds at least one
    /// certificate and nothing broken.
    pub fn with_pem(&self, pem: &[u8]) -> Result<Self, InvalidOrigin> {
        let mut roots = RootCertStore::clone(&self.roots);
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| InvalidOrigin::Certificate)?;
            roots
                .add(certificate)
                .map_err(|_| InvalidOrigin::Certificate)?;
        }
        if roots.len() == before {
            return Err(InvalidOrigin::Certificate);
        }
        Self::build(roots, [&self.extra, pem].concat().into())
    }

    fn build(roots: RootCertStore, extra: Bytes) -> Result<Self, InvalidOrigin> {
        let roots = Arc::new(roots);
        // The provider is named here so that no process-wide default has to be
        // installed first.
        let mut config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|_| InvalidOrigin::Tls)?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            roots,
            config: Arc::new(config),
            extra,
        })
    }

    /// The TLS settings that trust these certificates and speak HTTP/1.1.
    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// What was added to the system's trust; equal means equal trust.
    pub(super) fn extra(&self) -> &Bytes {
        &self.extra
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust")
            .field("roots", &self.roots.len())
            .finish_non_exhaustive()
    }
}
