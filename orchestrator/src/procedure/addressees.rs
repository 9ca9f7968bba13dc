//! Owns the question whose a recipient is: from an envelope address of any channel to a user of the batch. It must not know queues.

use crate::context::{Halt, Run};
use crate::entries::{Domain, User};
use crate::procedure::people;
use crate::speech::imsimta_qm::{Leads, QueueFile, leads};
use std::collections::{BTreeMap, BTreeSet};

/// Every way in which mail names the users asked about.
#[derive(Clone, Debug, Default)]
pub struct Addressees {
    /// Store user id by address, both folded.
    by_address: BTreeMap<String, String>,
    /// Store user id as the move names it, by its folded form.
    by_id: BTreeMap<String, String>,
    /// Canonical domain by each of its names.
    domains: BTreeMap<String, String>,
    /// Addresses of lists that the run holds, folded.
    lists: BTreeSet<String>,
    /// Entries by store user id.
    pub entries: BTreeMap<String, User>,
}

impl Addressees {
    /// Reads the users' entries from the master.
    pub async fn of(run: &Run, users: &[String]) -> Result<Addressees, Halt> {
        let domains = people::known_domains(run).await?;
        let entries = people::persons(run, users).await?;
        Ok(Addressees::new(users, entries, &domains, &run.inventory.default_domain))
    }

    /// Knows users by their mailboxes only, not by their addresses: enough for mail whose store and user are fixed (fact 3).
    pub fn by_mailbox(users: &[String]) -> Addressees {
        Addressees::new(users, BTreeMap::new(), &[], "")
    }

    /// From entries that were read already.
    pub fn new(
        users: &[String],
        entries: BTreeMap<String, User>,
        domains: &[Domain],
        default_domain: &str,
    ) -> Addressees {
        let mut known = Addressees { entries, ..Addressees::default() };
        for domain in domains {
            for name in std::iter::once(&domain.name).chain(&domain.aliases) {
                known.domains.insert(name.to_lowercase(), domain.name.to_lowercase());
            }
        }
        for user in users {
            known.by_id.insert(user.to_lowercase(), user.clone());
        }
        let mut addresses = Vec::new();
        for (name, user) in &known.entries {
            let domain = if user.domain.is_empty() { default_domain } else { &user.domain };
            addresses.push((known.folded(&format!("{}@{domain}", user.uid())), name.clone()));
            addresses.extend(user.addresses().map(|a| (known.folded(a), name.clone())));
        }
        known.by_address.extend(addresses);
        known
    }

    /// Forgets users whose entries do not fit.
    pub fn retain(&mut self, fits: impl Fn(&User) -> bool) {
        self.entries.retain(|_, entry| fits(entry));
        self.by_address.retain(|_, user| self.entries.contains_key(user));
        self.by_id.retain(|_, user| self.entries.contains_key(user));
    }

    /// Takes lists in: mail to one is answered with its address.
    pub fn add_lists(&mut self, addresses: impl Iterator<Item = String>) {
        for address in addresses {
            let folded = self.folded(&address);
            self.lists.insert(folded.clone());
            self.by_address.insert(folded, address);
        }
    }

    /// Whether a file is to a list that the run holds.
    pub fn is_to_a_list(&self, file: &QueueFile) -> bool {
        let listed = |address: &str| match leads(address) {
            Leads::Hold { address } | Leads::Host { address, .. } | Leads::Address(address) => {
                self.lists.contains(&self.folded(address))
            }
            _ => false,
        };
        !self.lists.is_empty() && file.to.iter().any(|to| listed(&to.address))
    }

    /// Lower case, without `+detail`, the domain by its first name.
    fn folded(&self, address: &str) -> String {
        let address = address.trim().trim_start_matches('<').trim_end_matches('>').to_lowercase();
        match address.rsplit_once('@') {
            Some((local, domain)) => {
                let local = local.split_once('+').map_or(local, |(l, _)| l);
                let domain = self.domains.get(domain).map_or(domain, String::as_str);
                [local, "@", domain].concat()
            }
            None => address,
        }
    }

    /// Whose an envelope address is, if of one of the users asked about.
    pub fn user(&self, address: &str) -> Option<&str> {
        match leads(address) {
            Leads::Here { user } | Leads::Lmtp { user, .. } => self.by_id.get(&user.to_lowercase()).map(String::as_str),
            Leads::Hold { address } | Leads::Host { address, .. } | Leads::Address(address) => {
                self.by_address.get(&self.folded(address)).map(String::as_str)
            }
        }
    }

    /// The users asked about among a file's recipients, by envelope address or original recipient.
    pub fn users_of<'a>(&'a self, file: &QueueFile) -> Vec<&'a str> {
        let mut users: Vec<&str> = Vec::new();
        for to in &file.to {
            let found = self.user(&to.address).or_else(|| match leads(&to.address) {
                // The address says whose it is; the original recipient may be a list.
                Leads::Here { .. } | Leads::Lmtp { .. } => None,
                _ => to.original.as_deref().and_then(|o| self.by_address.get(&self.folded(o)).map(String::as_str)),
            });
            users.extend(found);
        }
        users.sort_unstable();
        users.dedup();
        users
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F3.2-05
    #[test]
    fn every_form_of_an_address_leads_to_its_user() {
        let joe = User {
            store_id: "joe".into(),
            domain: "sesta.com".into(),
            mail: "Joe.Quist@sesta.com".into(),
            other_addresses: vec!["jq@sesta.com".into()],
            ..User::default()
        };
        let ann = User {
            store_id: "ann@siroe.com".into(),
            domain: "siroe.com".into(),
            mail: "ann@siroe.com".into(),
            ..User::default()
        };
        let domains = [
            Domain { name: "sesta.com".into(), aliases: vec!["sesta.net".into()], ..Domain::default() },
            Domain { name: "siroe.com".into(), ..Domain::default() },
        ];
        let users = ["joe".to_owned(), "ann@siroe.com".to_owned()];
        let entries = [("joe".to_owned(), joe), ("ann@siroe.com".to_owned(), ann)].into();
        let known = Addressees::new(&users, entries, &domains, "sesta.com");
        for address in [
            "joe@sesta.com",
            "JQ+x@SESTA.net",
            "@hold-daemon:joe.quist@sesta.com",
            "@old.siroe.com:joe@sesta.com",
            "joe+x@ims-ms-daemon",
            "@old.LMTP:joe@lmtpcs-daemon",
        ] {
            assert_eq!(known.user(address), Some("joe"), "{address}");
        }
        assert_eq!(known.user("@hold-daemon:ann@siroe.com"), Some("ann@siroe.com"));
        assert_eq!(known.user("ann%siroe.com@ims-ms-daemon"), Some("ann@siroe.com"));
        assert_eq!(known.user("ann@ims-ms-daemon"), None);
        assert_eq!(known.user("joe@siroe.com"), None);
    }
}
