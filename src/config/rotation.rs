//! Secrets outlive configurations: what was rotated does not come back with an
//! earlier one.

use super::{Config, settings::Endpoint};

impl Config {
    /// Returns this configuration with the secrets of `now` in the place of its
    /// own: the admin token, a client's key by its name, an endpoint's key by its
    /// name, provider and address. What `now` does not know keeps its own, and
    /// what had no key gets none; only an admin token of `now` always stays, for
    /// nothing that is closed may be opened unasked.
    #[must_use]
    pub fn with_secrets_of(mut self, now: &Self) -> Self {
        if now.admin.token.is_some() {
            self.admin.token.clone_from(&now.admin.token);
        }
        for client in &mut self.clients {
            if let Some(it) = now.clients.iter().find(|it| it.name == client.name) {
                client.key_sha256 = it.key_sha256;
            }
        }
        for endpoint in &mut self.endpoints {
            let same = |it: &&Endpoint| {
                it.name == endpoint.name
                    && it.provider == endpoint.provider
                    && it.base_url == endpoint.base_url
            };
            let key = now.endpoints.iter().find(same);
            let key = key.and_then(|it| it.api_key.clone());
            if key.is_some() && endpoint.api_key.is_some() {
                endpoint.api_key = key;
            }
        }
        self
    }

    /// Returns the names of two clients that have the same key, if there are any.
    pub(crate) fn clients_with_one_key(&self) -> Option<[&str; 2]> {
        let mut known = std::collections::HashMap::new();
        self.clients.iter().find_map(|it| {
            let first = known.insert(it.key_sha256, &*it.name)?;
            Some([first, &*it.name])
        })
    }
}
