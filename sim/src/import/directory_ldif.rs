//! Owns `directory.ldif`: that it loads, what the people and lists in it are, and its text without passwords. It must not know
//! who will be moved.

use super::lines::Export;
use crate::bad_input::BadInput;
use mock_host::lookup::{Found, HostId, Listed};
use mock_ldap::Directory;
use mock_ldap::directory::Servers;

/// A directory as exported.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The text, passwords left out.
    pub ldif: String,
    /// How many passwords were left out.
    pub passwords: usize,
    /// Mail users, in the order of the tree.
    pub users: Vec<Listed>,
    /// Mail groups, in the order of the tree.
    pub groups: Vec<Listed>,
    /// Hosted domains with their preferredMailHost, lower case.
    pub domains: Vec<(String, String)>,
    /// Base of the user and group tree: what the domains' base entries have in common.
    pub user_base: String,
    /// Base of the domain tree.
    pub domain_base: String,
}

/// Reads the file. The default domain is the one whose users have plain ids in the stores.
///
/// # Errors
/// What cannot be loaded, with its line and column; a file that was cut.
pub fn read(export: &Export, default_domain: &str) -> Result<Exported, BadInput> {
    let servers =
        || Servers { default_domain: default_domain.into(), master: (HostId(0), "ldap".into()), replicas: Vec::new() };
    let bad = |e: mock_ldap::ldif::LdifError| export.bad(e.line, e.column, e.reason, e.advice);
    let directory = Directory::from_ldif(servers(), &export.text).map_err(bad)?;
    export.ends_whole()?;
    let (ldif, passwords) = without_passwords(&export.text);
    Directory::from_ldif(servers(), &ldif).map_err(bad)?;
    let master = directory.master();
    let mut domains: Vec<(String, String)> = Vec::new();
    let mut bases = Vec::new();
    for (name, own) in directory.domains(master) {
        if name != own {
            continue;
        }
        if let Found::Value(entry) = directory.domain(master, name) {
            let preferred = entry.first("preferredMailHost").unwrap_or("").to_ascii_lowercase();
            domains.push((name.to_string(), preferred));
            bases.push((entry.dn.to_string(), entry.first("inetDomainBaseDN").unwrap_or("").to_owned()));
        }
    }
    Ok(Exported {
        ldif,
        passwords,
        users: directory.users(master).cloned().collect(),
        groups: directory.groups(master).cloned().collect(),
        domains,
        user_base: in_common(bases.iter().map(|(_, base)| base.as_str())),
        domain_base: last_part(bases.first().map_or("", |(dn, _)| dn)),
    })
}

/// The domain of the first mail user's part of the tree that has most users with plain ids is not said anywhere: the proxies'
/// `DefaultDomain` is asked first, then the first domain of the file.
pub fn first_domain(export: &Export) -> Option<String> {
    let base = export.text.lines().find_map(|l| l.strip_prefix("inetDomainBaseDN: o="))?;
    Some(base.split(',').next().unwrap_or(base).trim().to_ascii_lowercase())
}

/// What names end in that have more than one part, in common.
fn in_common<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut common: Option<Vec<String>> = None;
    for name in names.filter(|n| !n.is_empty()) {
        let parts: Vec<String> = name.split(',').rev().map(|p| p.trim().to_owned()).collect();
        common = Some(match common {
            None => parts,
            Some(was) => {
                was.into_iter().zip(parts).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).map(|(a, _)| a).collect()
            }
        });
    }
    let mut parts = common.unwrap_or_default();
    parts.reverse();
    parts.join(",")
}

fn last_part(dn: &str) -> String {
    dn.rsplit(',').next().unwrap_or("").trim().to_owned()
}

/// Leaves out `userPassword` values; in a record of changes the value alone, so that the record stays whole.
fn without_passwords(text: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let (mut skipping, mut changes, mut left_out) = (false, false, 0);
    for line in text.lines() {
        if skipping && line.starts_with(' ') {
            continue;
        }
        skipping = false;
        let lower = |prefix: &str| line.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if line.is_empty() {
            changes = false;
        } else if lower("changetype:") {
            changes = true;
        } else if lower("userpassword:") || lower("userpassword;") {
            left_out += 1;
            skipping = true;
            if changes {
                out.push_str("userPassword: left-out\n");
            }
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    (out, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_left_out_folded_lines_and_all() {
        let text = "dn: uid=a\nuserPassword:: e1NT\n SEF9\nUSERPASSWORD: x\nuid: a\n\ndn: uid=b\nchangetype: modify\nreplace: userPassword\nuserPassword: y\n-\n";
        let (kept, left_out) = without_passwords(text);
        assert_eq!(
            kept,
            "dn: uid=a\nuid: a\n\ndn: uid=b\nchangetype: modify\nreplace: userPassword\nuserPassword: left-out\n-\n"
        );
        assert_eq!(left_out, 3);
    }

    #[test]
    fn the_base_is_what_the_domains_have_in_common() {
        assert_eq!(in_common(["o=sesta.com,o=isp", "o=florizel.com, o=isp"].into_iter()), "o=isp");
        assert_eq!(in_common(["o=sesta.com,o=isp"].into_iter()), "o=sesta.com,o=isp");
        assert_eq!(last_part("dc=sesta,dc=com,o=internet"), "o=internet");
    }
}
