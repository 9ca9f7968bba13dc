//! Owns the lists that find their members by what a move changes (status, mailHost): each is held from before the first hold
//! until everybody is let in again, so that mail to it waits for all its members. It must not know queues; step 11 releases.
//!
//! Afterwards a filter that names the old home names the new one too: whoever was a member because of it still is.

use crate::context::{At, Halt, Run};
use crate::doors::{Declaration, Scope};
use crate::entries::{self, List};
use crate::journal::record::Note;
use crate::procedure::people::{self, Written};
use crate::procedure::step_03_caches::names_of;
use std::collections::{BTreeMap, BTreeSet};

const OPTION: &str = "mailDeliveryOption";
const FILTER: &str = "mgrpDeliverTo";
/// What a name under which a held list is kept begins with; the DN follows, the value is its address.
const KEPT: &str = "held list ";

/// Holds each such list and waits until every server says so. A list that is held already stays as it is.
pub async fn hold(run: &Run, at: At) -> Result<(), Halt> {
    let master = run.master()?;
    let base = &run.inventory.user_base;
    let found = run.search(master, base, Scope::Sub, "(mgrpDeliverTo=*)", entries::LIST_ATTRIBUTES).await?;
    let mut wanted = BTreeMap::new();
    for list in found.iter().filter_map(List::from_entry).filter(|l| !l.filters_on().is_empty()) {
        let before = people::value_at(run, master, &list.dn, OPTION).await?;
        let name = format!("{KEPT}{}", list.dn);
        if before.is_some() && run.kept(4, at, &name).is_none() {
            continue;
        }
        let what = format!("{OPTION} hold while the move goes on, then {FILTER} names the new home too");
        run.declare(Declaration::Beyond { who: list.mail.clone(), what }).await?;
        if run.kept(4, at, &name).is_none() {
            run.note(4, at, Note::Kept { name, value: list.mail.clone() }).await?;
        }
        if let Written::Done = people::write(run, &list.dn, OPTION, None, Some("hold")).await? {
            wanted.insert(list.dn, Some("hold".to_owned()));
        }
    }
    people::agree(run, OPTION, &wanted).await
}

/// The lists that the run holds: DN and address.
pub fn held(run: &Run) -> Vec<(String, String)> {
    let state = run.state();
    let ours = state.kept.range(KEPT.to_owned()..).map_while(|(name, kept)| Some((name.strip_prefix(KEPT)?, kept)));
    ours.filter_map(|(dn, kept)| Some((dn.to_owned(), kept.get(&(4, None))?.clone()))).collect()
}

/// Opens them again and waits until every server says so. `moved`: their filters name the new home from now on.
pub async fn open(run: &Run, moved: bool) -> Result<(), Halt> {
    let lists = held(run);
    if lists.is_empty() {
        return Ok(());
    }
    let mut old = names_of(run, &run.move_.from).await?;
    old.insert(run.move_.from.to_ascii_lowercase());
    let mut wanted = BTreeMap::new();
    for (dn, _) in lists {
        if moved
            && let Some(url) = people::value_at(run, run.master()?, &dn, FILTER).await?
            && let new = with_new_home(&url, &old, &run.move_.to)
            && new != url
        {
            people::write(run, &dn, FILTER, Some(&url), Some(&new)).await?;
        }
        if let Written::Done = people::write(run, &dn, OPTION, Some("hold"), None).await? {
            wanted.insert(dn, None);
        }
    }
    people::agree(run, OPTION, &wanted).await
}

/// A filter in which each `(mailHost=OLD)` also lets the new home in. One that names it already stays as it is.
fn with_new_home(url: &str, old: &BTreeSet<String>, to: &str) -> String {
    let folded = url.to_ascii_lowercase();
    if folded.contains(&format!("(mailhost={})", to.to_ascii_lowercase())) {
        return url.to_owned();
    }
    let mut new = String::new();
    let mut from = 0;
    while let Some(at) = folded[from..].find("(mailhost=").map(|at| from + at) {
        let Some(end) = folded[at..].find(')').map(|end| at + end + 1) else { break };
        new.push_str(&url[from..at]);
        let host = &folded[at + "(mailhost=".len()..end - 1];
        let item = &url[at..end];
        if old.contains(host) {
            new.push_str(&format!("(|{item}(mailHost={to}))"));
        } else {
            new.push_str(item);
        }
        from = end;
    }
    new.push_str(&url[from..]);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_on_the_old_home_lets_the_new_one_in_and_no_other() {
        let old = BTreeSet::from(["oldstore.siroe.com".to_owned(), "oldstore".to_owned()]);
        let to = "newstore.siroe.com";
        let url = "ldap:///ou=people??sub?(&(mailUserStatus=active)(mailHost=OldStore.siroe.com))";
        let new = "ldap:///ou=people??sub?(&(mailUserStatus=active)(|(mailHost=OldStore.siroe.com)(mailHost=newstore.siroe.com)))";
        assert_eq!(with_new_home(url, &old, to), new);
        assert_eq!(with_new_home(new, &old, to), new, "once is enough");
        let other = "ldap:///ou=people??sub?(mailHost=store3.siroe.com)";
        assert_eq!(with_new_home(other, &old, to), other);
    }
}
