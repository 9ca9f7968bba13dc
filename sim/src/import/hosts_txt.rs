//! Owns `hosts.txt`: a host a line with its roles, and the probe accounts in a comment. It must not know what a role does.

use super::lines::Export;
use crate::bad_input::{BadInput, nearest};
use mock_host::host::Role;

/// The words for the roles.
const ROLES: [(&str, Role); 7] = [
    ("ldap-master", Role::LdapMaster),
    ("ldap-replica", Role::LdapReplica),
    ("store", Role::Store),
    ("mta", Role::Mta),
    ("lmtp-client", Role::LmtpClient),
    ("mmp", Role::Mmp),
    ("webmail", Role::Webmail),
];

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Hosts and their roles, in order.
    pub hosts: Vec<(String, Vec<Role>)>,
    /// Store user ids of the probe accounts.
    pub probes: Vec<String>,
}

/// The word for a role.
pub fn word(role: Role) -> &'static str {
    ROLES.iter().find(|(_, r)| *r == role).map_or("", |(word, _)| word)
}

/// Reads the file.
///
/// # Errors
/// A line without a role, an unknown role, a host named twice, no host at all, no master or two.
pub fn read(export: &Export) -> Result<Hosts, BadInput> {
    export.ends_whole()?;
    let mut found = Hosts::default();
    for (n, line) in export.lines() {
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            if let Some((_, list)) = comment.split_once("probe accounts:") {
                found.probes.extend(list.split([',', ' ']).map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned));
            }
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        let Some(name) = words.next() else { continue };
        if found.hosts.iter().any(|(h, _)| h.eq_ignore_ascii_case(name)) {
            return Err(export.bad_part(
                n,
                line,
                name,
                format!("{name} is listed twice"),
                "keep one line with all its roles",
            ));
        }
        let mut roles = Vec::new();
        for word in words {
            let role = ROLES.iter().find(|(w, _)| *w == word).map(|(_, role)| *role).ok_or_else(|| {
                let near = nearest(word, ROLES.iter().map(|(w, _)| *w))
                    .map_or_else(String::new, |near| format!("did you mean {near}? "));
                let known: Vec<&str> = ROLES.iter().map(|(w, _)| *w).collect();
                export.bad_part(
                    n,
                    line,
                    word,
                    format!("there is no role {word}"),
                    format!("{near}Roles are {}", known.join(", ")),
                )
            })?;
            roles.push(role);
        }
        if roles.is_empty() {
            return Err(export.bad(
                n,
                1 + line.trim_end().len(),
                format!("{name} has no role"),
                "write its roles after its name",
            ));
        }
        found.hosts.push((name.to_ascii_lowercase(), roles));
    }
    let masters = found.hosts.iter().filter(|(_, roles)| roles.contains(&Role::LdapMaster)).count();
    if masters != 1 {
        let reason = format!("{masters} hosts have the role ldap-master");
        return Err(BadInput::whole(
            &export.file,
            reason,
            "one directory server takes the writes: give the role to it",
        ));
    }
    Ok(found)
}
