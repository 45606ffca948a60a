//! The certificate that clients see.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use crate::config::Tls;

/// Why a certificate or key is unusable.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no PEM block of the kind expected.
    #[error("{path}: expected a PEM block of a {expected}")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Certificate and key do not make a pair, or are of an unknown kind.
    #[error("the certificate and its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Reads the certificate chain and its key, which must be a pair.
pub(super) fn load(tls: &Tls) -> Result<Arc<CertifiedKey>, InvalidTls> {
    let not_pem = |path: &Path, expected| InvalidTls::NotPem {
        path: path.to_owned(),
        expected,
    };
    let (cert, key) = (&tls.cert.path, &tls.key.path);
    let chain = read(cert)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|_| not_pem(cert, "certificate"))?;
    if chain.is_empty() {
        return Err(not_pem(cert, "certificate"));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| not_pem(key, "private key"))?;
    Ok(Arc::new(CertifiedKey::from_der(
        chain,
        key,
        &ring::default_provider(),
    )?))
}

fn read(path: &Path) -> Result<Vec<u8>, InvalidTls> {
    fs::read(path).map_err(|source| InvalidTls::Unreadable {
        path: path.to_owned(),
        source,
    })
}
