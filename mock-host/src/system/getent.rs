//! Owns `getent hosts`: what the host's resolver answers. It must not know the zone.

use super::{Said, usage};
use crate::host::Host;
use crate::lookup::Environment;
use crate::mail::Name;
use std::fmt::Write;

impl Host {
    /// `getent hosts NAME…`: `ADDRESS<tab>CANONICAL NAME` each; status 2 when one is unknown.
    pub(super) fn getent(&self, words: &[Name], env: &dyn Environment) -> Said {
        let [database, names @ ..] = words else { return usage(USAGE) };
        if &**database != "hosts" || names.is_empty() {
            return usage(USAGE);
        }
        let mut said = Said::new(50);
        for name in names {
            match env.resolve(self.id, name) {
                Some(host) => {
                    let _ = writeln!(said.stdout, "{}\t{}", env.address_of(host), env.name_of(host));
                }
                None => said.status = 2,
            }
        }
        said
    }
}

const USAGE: &str = "usage: getent hosts name ...\n";
