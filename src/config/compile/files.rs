//! Secrets, and the files that settings name.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use sha2::{Digest, Sha256};

use super::{Check, below, conflict, invalid};
use crate::config::{PemFile, Secret, limits, places::Step, source};

/// The problem was reported; nothing is to be added.
pub(super) struct Reported;

/// Returns the secret given at `path` under `key` or, as a file, under
/// `file_key`; `None` when neither is there.
pub(super) fn secret(
    check: &mut Check<'_>,
    path: &[Step<'_>],
    (key, inline): (&str, Option<&str>),
    (file_key, file): (&str, Option<&str>),
) -> Result<Option<Secret>, Reported> {
    let (at, file_at) = (below(path, key), below(path, file_key));
    match (inline, file) {
        (Some(_), Some(_)) => {
            let problem = conflict(&format!("`{key}` and `{file_key}` are both given"));
            check.refuse(&file_at, problem.expect("one of them"));
            Err(Reported)
        }
        (None, None) if check.given(&at) || check.given(&file_at) => Err(Reported),
        (None, None) => Ok(None),
        (Some(text), None) => visible(check, &at, text).map(Some),
        (None, Some(name)) => {
            let Some(bytes) = read(check, &file_at, name, limits::SECRET)? else {
                // Two files are two secrets, as far as anyone knows.
                return Ok(Some(Secret::new(name)));
            };
            match std::str::from_utf8(&bytes).map(str::trim) {
                Ok("") => {
                    check.refuse(
                        &file_at,
                        invalid("this file is empty").expect("the secret in it"),
                    );
                    Err(Reported)
                }
                Ok(text) => visible(check, &file_at, text).map(Some),
                Err(_) => {
                    check.refuse(
                        &file_at,
                        invalid("this file is not text").expect("the secret in it"),
                    );
                    Err(Reported)
                }
            }
        }
    }
}

/// Secrets travel in headers, which carry visible ASCII only.
fn visible(check: &mut Check<'_>, at: &[Step<'_>], text: &str) -> Result<Secret, Reported> {
    // Block scalars and variables filled from files end with a line end.
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    check.refuse(
        at,
        invalid("this secret cannot travel in a header")
            .expect("visible ASCII characters, no spaces")
            .help("look for a space or a line end within it"),
    );
    Err(Reported)
}

/// Returns a PEM file with at least one certificate.
pub(super) fn certificates(
    check: &mut Check<'_>,
    at: &[Step<'_>],
    name: &str,
) -> Result<PemFile, Reported> {
    let Some(bytes) = read(check, at, name, limits::FILE)? else {
        return Ok(pem(check, name, [0; 32]));
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(pem(check, name, Sha256::digest(&bytes).into())),
        _ => {
            check.refuse(
                at,
                invalid("there is no certificate in this file")
                    .expect("PEM, with a line `-----BEGIN CERTIFICATE-----`"),
            );
            Err(Reported)
        }
    }
}

/// Returns a PEM file with a private key.
pub(super) fn private_key(
    check: &mut Check<'_>,
    at: &[Step<'_>],
    name: &str,
) -> Result<PemFile, Reported> {
    let Some(bytes) = read(check, at, name, limits::FILE)? else {
        return Ok(pem(check, name, [0; 32]));
    };
    if PrivateKeyDer::from_pem_slice(&bytes).is_ok() {
        return Ok(pem(check, name, Sha256::digest(&bytes).into()));
    }
    check.refuse(
        at,
        invalid("there is no private key in this file")
            .expect("PEM, with a line `-----BEGIN PRIVATE KEY-----`"),
    );
    Err(Reported)
}

fn pem(check: &Check<'_>, name: &str, sha256: [u8; 32]) -> PemFile {
    let path = check.folder.join(name);
    PemFile { path, sha256 }
}

/// Reads the file `name`; `None` if it is out of reach.
fn read(
    check: &mut Check<'_>,
    at: &[Step<'_>],
    name: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Reported> {
    let path = check.folder.join(name);
    check.files.push(path.clone());
    if !check.reach.has(&path) {
        return Ok(None);
    }
    let problem = match source::read_up_to(&path, limit) {
        Ok(bytes) if bytes.len() <= limit => return Ok(Some(bytes)),
        Ok(_) => invalid("this file is too large").help("is this the right file?"),
        Err(error) => invalid(&format!(
            "this file cannot be read: {}",
            source::reason(&error)
        ))
        .expect("a file that this user may read")
        .help("relative paths start at the folder of the configuration"),
    };
    check.refuse(at, problem);
    Err(Reported)
}
