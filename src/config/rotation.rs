//! Secrets and certificates outlive configurations: what was rotated or renewed
//! does not come back with an earlier one.

use sha2::{Digest, Sha256};

use super::{Config, limits, settings::Endpoint, source};

impl Config {
    /// Returns this configuration with newer secrets in the place of its own: the
    /// admin token of `now`, a client's key by its name, an endpoint's key by its
    /// name, provider and address. Where `now` does not know them any more, they
    /// are of the first of `newest_first` that does: who was removed comes back
    /// with the last key it had. What had no key gets none; only an admin token of
    /// `now` always stays, for nothing that is closed may be opened unasked.
    #[must_use]
    pub fn with_newest_secrets<'a>(
        mut self,
        now: &'a Self,
        newest_first: impl Iterator<Item = &'a Self> + Clone,
    ) -> Self {
        let newest_first = std::iter::once(now).chain(newest_first);
        if now.admin.token.is_some() {
            self.admin.token.clone_from(&now.admin.token);
        }
        for client in &mut self.clients {
            let mut clients = newest_first.clone().flat_map(|it| &it.clients);
            if let Some(it) = clients.find(|it| it.name == client.name) {
                client.key_sha256 = it.key_sha256;
            }
        }
        for endpoint in &mut self.endpoints {
            let same = |it: &&Endpoint| {
                it.name == endpoint.name
                    && it.provider == endpoint.provider
                    && it.base_url == endpoint.base_url
            };
            let mut endpoints = newest_first.clone().flat_map(|it| &it.endpoints);
            let key = endpoints.find(same);
            let key = key.and_then(|it| it.api_key.clone());
            if key.is_some() && endpoint.api_key.is_some() {
                endpoint.api_key = key;
            }
        }
        self
    }

    /// Returns this configuration with its PEM files as they are now: putting it in
    /// force reads them again, whatever they held when it was read. One that cannot
    /// be read is left as it was: it is refused when it is put in force.
    ///
    /// Reads files, of which each is small.
    #[must_use]
    pub fn with_files_of_now(mut self) -> Self {
        let tls = self.server.tls.iter_mut();
        let tls = tls.flat_map(|tls| [&mut tls.cert, &mut tls.key]);
        let trusted = self.endpoints.iter_mut();
        let trusted = trusted.filter_map(|it| it.ca_file.as_mut());
        for file in tls.chain(trusted) {
            if let Ok(bytes) = source::read_up_to(&file.path, limits::FILE) {
                file.sha256 = Sha256::digest(&bytes).into();
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
