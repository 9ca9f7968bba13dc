//! `groups-expand`: mail to lists reaches, or is held for, all members, before, during and after. It must not know what
//! becomes of a copy once it is made: other invariants follow it.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::process_table::Pid;
use mock_host::time::Time;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Remembers what is being expanded at this instant, and whom foreign writes took out of lists.
#[derive(Clone, Default)]
pub struct GroupsExpand {
    /// Instant, host and process of the expansions below.
    place: Option<(Time, HostId, Pid)>,
    /// The first copy of each chain of expansions, by a copy that came of it.
    root: FxHashMap<Token, Token>,
    /// Addresses that a chain has reached so far, lower case.
    reached: FxHashMap<Token, BTreeSet<Name>>,
    /// Lists that somebody else than the run changed: their members are not known any more.
    changed: BTreeSet<Name>,
    /// Addresses of users whom somebody else than the run changed: whether a filter selects them is not known any more.
    aside: BTreeSet<Name>,
}

fn lower(address: &str) -> Name {
    if address.bytes().any(|b| b.is_ascii_uppercase()) { address.to_ascii_lowercase().into() } else { address.into() }
}

impl GroupsExpand {
    #[allow(clippy::too_many_arguments, reason = "what the fact says, unpacked")]
    fn expanded(
        &mut self,
        now: Time,
        books: &Books,
        (host, pid): (HostId, Pid),
        token: Token,
        address: &Name,
        into: &[(Token, Name)],
        broken: &mut Vec<Violation>,
    ) {
        if self.place != Some((now, host, pid)) {
            self.place = Some((now, host, pid));
            self.root.clear();
            self.reached.clear();
        }
        let root = self.root.get(&token).copied().unwrap_or(token);
        let reached = self.reached.entry(root).or_default();
        reached.insert(lower(address));
        for (child, to) in into {
            reached.insert(lower(to));
            self.root.insert(*child, root);
        }
        let Some(list) = books.site.list_of.get(&lower(address)).map(|at| &books.site.lists[*at]) else { return };
        if self.changed.contains(&*list.address.to_ascii_lowercase()) {
            return;
        }
        let missing = |member: &&Name| !reached.contains(*member) && !self.aside.contains(*member);
        let mut missing = list.members.iter().filter(missing);
        if let Some(first) = missing.next() {
            let more = missing.count();
            let what = format!(
                "mail to the list {} was expanded on {} without its member {first}{}",
                list.address,
                books.host_name(host),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            );
            broken.push(Violation {
                invariant: Self::ID,
                at: now,
                user: None,
                host: Some(host),
                token: Some(token),
                what,
                step: 1,
            });
        }
    }
}

impl Invariant for GroupsExpand {
    const ID: &'static str = "groups-expand";
    const STATEMENT: &'static str = "Mail to lists reaches, or is held for, all members, before, during and after.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Expanded { host, pid, token, address, into } if !books.site.lists.is_empty() => {
                self.expanded(now, books, (*host, *pid), *token, address, into, broken);
            }
            Fact::EntryChanged {
                server, before: Some(before), after, by: Writer::Foreign | Writer::Server, ..
            } if books.move_.servers.first() == Some(server) => {
                let mail = before.first("mail").map(lower);
                if before.is_a("inetMailUser") {
                    // A user who stays as he is in what filters look at stays a member.
                    let same = |e: &mock_host::lookup::Entry| e.attributes == before.attributes;
                    if !after.as_ref().is_some_and(|e| same(e)) {
                        self.aside.extend(mail);
                    }
                } else {
                    self.changed.extend(mail);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, RELAY, bench};
    use mock_host::fact::{Fact, Writer};
    use mock_host::mail::{Name, Token};
    use mock_host::process_table::Pid;

    fn members(b: &Bench) -> Vec<Name> {
        b.world.ledger.books.site.lists[0].members.iter().cloned().collect()
    }
    fn expand(b: &mut Bench, token: u64, address: &str, into: &[Name]) {
        let into = into.iter().map(|a| (Token(token).via(a), a.clone())).collect();
        b.fact(Fact::Expanded { host: RELAY, pid: Pid(9), token: Token(token), address: address.into(), into });
    }

    #[test]
    fn a_list_that_leaves_a_member_out_breaks_it() {
        let mut b = bench();
        let all = members(&b);
        assert!(all.len() > 1);
        expand(&mut b, 1, "List1@sesta.com", &all[1..]);
        assert_eq!(b.broken("groups-expand").len(), 1);
        assert!(b.broken("groups-expand")[0].contains(&*all[0]));
    }

    #[test]
    fn a_run_that_writes_a_status_takes_nobody_out_of_a_list() {
        let mut b = bench();
        let all = members(&b);
        let user: Name = all[0].split('@').next().unwrap_or("").into();
        b.hold(&user);
        expand(&mut b, 1, "list1@sesta.com", &all[1..]);
        assert_eq!(b.broken("groups-expand").len(), 1);
    }

    #[test]
    fn whole_lists_lists_within_lists_and_foreign_changes_do_not() {
        let mut b = bench();
        let all = members(&b);
        expand(&mut b, 1, "list1@sesta.com", &all);
        // A list in a list: who was reached by the outer one is not reached again.
        b.at(5);
        let outer: Vec<Name> = [all[0].clone(), "list1@sesta.com".into()].into();
        expand(&mut b, 2, "all@sesta.com", &outer);
        let inner = Token(2).via("list1@sesta.com");
        expand(&mut b, inner.0, "list1@sesta.com", &all[1..]);
        b.at(9).set(all[0].split('@').next().unwrap_or(""), "mailUserStatus", Some("deleted"), Writer::Foreign);
        expand(&mut b, 3, "list1@sesta.com", &all[1..]);
        assert!(b.broken("groups-expand").is_empty(), "{:?}", b.broken("groups-expand"));
    }
}
