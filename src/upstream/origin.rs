//! Where an endpoint lives.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock},
};

use actix_http::Uri;
use parking_lot::Mutex;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::sync::Semaphore;

use super::trust::Trust;

/// Threads that may wait for the resolver on behalf of one origin. A resolver
/// that hangs must not take all of the blocking pool from the other endpoints.
const LOOKUPS: usize = 8;

/// A base URL that cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// Not an absolute URL.
    #[error("expected a URL such as https://api.example.com/v1")]
    Url,
    /// A scheme other than `http` and `https`.
    #[error("expected http:// or https://")]
    Scheme,
    /// A user name or password in the URL.
    #[error("expected no user name or password in the URL")]
    Credentials,
    /// A query in the URL.
    #[error("expected no query in the URL")]
    Query,
    /// A host that is neither a name nor an address.
    #[error("expected a host name or an address")]
    Host,
    /// A file of extra trust without a certificate, or with a broken one.
    #[error("expected certificates in PEM form")]
    Certificate,
    /// The TLS library refused its own defaults.
    #[error("TLS is not available")]
    Tls,
}

/// The host to dial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// An address; needs no resolver.
    Address(SocketAddr),
    /// A name and a port.
    Name(Arc<str>, u16),
}

pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// Scheme, host, port and trust: all that a connection depends on.
///
/// Build one per endpoint when the configuration is read and share it. Two
/// origins built from equal parts share their pooled connections, so that a
/// reload does not have to carry origins over.
pub struct Origin {
    id: u64,
    host: Host,
    tls: Option<Tls>,
    authority: Box<str>,
    lookups: Arc<Semaphore>,
}

impl Origin {
    /// Returns the origin of `base_url`; its path is the caller's to use.
    ///
    /// # Errors
    ///
    /// [`InvalidOrigin`] says what is wrong with the URL.
    ///
    /// # Example
    ///
    /// ```
    /// use breakerbox::upstream::{Origin, Trust};
    ///
    /// let origin = Origin::new("https://api.example.com/v1", &Trust::system()?)?;
    /// assert_eq!(origin.authority(), "api.example.com");
    /// # Ok::<(), breakerbox::upstream::InvalidOrigin>(())
    /// ```
    pub fn new(base_url: &str, trust: &Trust) -> Result<Self, InvalidOrigin> {
        let url: Uri = base_url.parse().map_err(|_| InvalidOrigin::Url)?;
        let secure = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(InvalidOrigin::Scheme),
            None => return Err(InvalidOrigin::Url),
        };
        let authority = url.authority().ok_or(InvalidOrigin::Url)?;
        if authority.as_str().contains('@') {
            return Err(InvalidOrigin::Credentials);
        }
        if url.query().is_some() {
            return Err(InvalidOrigin::Query);
        }
        // A port such as 99999 leaves `port_u16` empty; it must not become 443.
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str().ends_with(authority.host()) => {
                if secure {
                    443
                } else {
                    80
                }
            }
            None => return Err(InvalidOrigin::Url),
        };
        let name = authority.host();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => Host::Address(SocketAddr::new(address, port)),
            Err(_) => Host::Name(bare.to_ascii_lowercase().into(), port),
        };
        let server_name = ServerName::try_from(bare.to_owned()).map_err(|_| InvalidOrigin::Host)?;
        let tls = secure.then(|| Tls {
            config: Arc::clone(trust.config()),
            name: server_name,
        });
        Ok(Self {
            id: shared_id(Identity {
                host: host.clone(),
                extra_trust: secure.then(|| trust.extra().to_vec()),
            }),
            host,
            tls,
            authority: authority.as_str().into(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        })
    }

    /// The host, and the port where the URL named one, as the `Host` header has it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The key of this origin's connections in every pool.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(super) fn lookups(&self) -> &Arc<Semaphore> {
        &self.lookups
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("authority", &self.authority)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// What two origins must have in common to share connections.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    host: Host,
    extra_trust: Option<Vec<u8>>,
}

/// Gives equal identities one number for the life of the process. Grows by one
/// entry per origin ever configured.
fn shared_id(identity: Identity) -> u64 {
    static KNOWN: LazyLock<Mutex<HashMap<Identity, u64>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock();
    let next = known.len() as u64;
    *known.entry(identity).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::TRUST;

    fn origin(url: &str) -> Result<Origin, InvalidOrigin> {
        Origin::new(url, &TRUST)
    }

    #[test]
    fn the_port_comes_from_the_url_or_the_scheme() {
        let host = |url| origin(url).unwrap().host;
        let name = |name: &str, port| Host::Name(name.into(), port);
        assert_eq!(
            host("https://API.example.com/v1"),
            name("api.example.com", 443)
        );
        assert_eq!(host("http://api.example.com"), name("api.example.com", 80));
        assert_eq!(host("http://a.example:8080/x"), name("a.example", 8080));
        let address = Host::Address("[::1]:9000".parse().unwrap());
        assert_eq!(host("https://[::1]:9000"), address);
    }

    #[test]
    fn what_cannot_be_called_is_refused() {
        let refusal = |url| origin(url).unwrap_err();
        assert_eq!(refusal("ftp://a.example"), InvalidOrigin::Scheme);
        assert_eq!(refusal("a.example/v1"), InvalidOrigin::Url);
        assert_eq!(refusal("/v1"), InvalidOrigin::Url);
        assert_eq!(
            refusal("https://user:pw@a.example"),
            InvalidOrigin::Credentials
        );
        assert_eq!(refusal("https://a.example/v1?key=1"), InvalidOrigin::Query);
        assert_eq!(refusal("https://a.example:99999/"), InvalidOrigin::Url);
        assert_eq!(refusal("https://a..example/"), InvalidOrigin::Host);
    }

    #[test]
    fn equal_origins_share_connections_and_others_do_not() {
        let id = |url| origin(url).unwrap().id;
        assert_eq!(id("https://a.example/v1"), id("https://a.example:443/v2"));
        assert_ne!(id("https://a.example"), id("http://a.example:443"));
        assert_ne!(id("https://a.example"), id("https://b.example"));
    }

    #[test]
    fn other_trust_is_another_origin() {
        let trust = &*TRUST;
        let issued = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let more = trust.with_pem(issued.cert.pem().as_bytes()).unwrap();
        let plain = Origin::new("https://a.example", trust).unwrap();
        let other = Origin::new("https://a.example", &more).unwrap();
        assert_ne!(plain.id, other.id);
        assert_eq!(
            trust.with_pem(b"no pem").unwrap_err(),
            InvalidOrigin::Certificate
        );
    }
}
