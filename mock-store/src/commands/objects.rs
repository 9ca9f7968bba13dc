//! Owns the names of backup objects (F1.5-03, F2-03): what `imsbackup` and `imsrestore` are told to take. It must not know a
//! store's users; a group is decided by `backup-groups.conf`.

use crate::backup_groups::BackupGroups;
use mock_host::coin::TwoGroups;
use mock_host::mail::Name;
use std::collections::BTreeSet;

/// One backup object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Only what lies on this partition.
    pub partition: Option<Name>,
    /// Only users of this group.
    pub group: Option<Name>,
    /// Only this user.
    pub user: Option<Name>,
    /// Only this folder and those below it.
    pub folder: Option<Name>,
}

impl Object {
    /// Reads `/`, `/partition[/group[/user[/folder]]]`, `user/joe[/folder]` or `joe`; `None` for an empty name.
    pub fn read(name: &str) -> Option<Object> {
        let none = Object { partition: None, group: None, user: None, folder: None };
        let part = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(Name::from);
        let folder = |text: Option<&str>| part(text).map(canonical_folder);
        if let Some(path) = name.strip_prefix('/') {
            let mut parts = path.splitn(4, '/');
            return Some(Object {
                partition: part(parts.next()),
                group: part(parts.next()),
                user: part(parts.next()),
                folder: folder(parts.next()),
            });
        }
        if let Some(path) = name.strip_prefix("user/") {
            let mut parts = path.splitn(2, '/');
            let user = part(parts.next());
            return user.is_some().then_some(Object { user, folder: folder(parts.next()), ..none });
        }
        if name.is_empty() || name.contains('/') { None } else { Some(Object { user: Some(name.into()), ..none }) }
    }

    /// Whether a user may have something in it, as far as names tell.
    pub fn has_user(&self, user: &str, groups: &BackupGroups, coin: TwoGroups) -> bool {
        self.user.as_ref().is_none_or(|u| **u == *user)
            && self.group.as_ref().is_none_or(|g| groups.selector(g, coin).is_some_and(|s| s.has(user)))
    }

    /// Whether a mailbox of a user who is in it is in it too.
    pub fn has_folder(&self, partition: &str, folder: &str) -> bool {
        self.partition.as_ref().is_none_or(|p| **p == *partition)
            && self.folder.as_ref().is_none_or(|wanted| {
                folder.strip_prefix(&**wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// INBOX is the same in any case; other folders are not (F1.7-03).
pub fn canonical_folder(folder: Name) -> Name {
    if folder.eq_ignore_ascii_case("INBOX") && &*folder != "INBOX" { "INBOX".into() } else { folder }
}

/// Reads `user/UID/FOLDER`, with or without a slash in front: owner and folder.
pub fn mailbox_name(name: &str) -> Option<(&str, Name)> {
    let path = name.strip_prefix('/').unwrap_or(name).strip_prefix("user/")?;
    let (user, folder) = path.split_once('/')?;
    (!user.is_empty() && !folder.is_empty()).then(|| (user, canonical_folder(folder.into())))
}

/// What a restore takes out of an archive: everything, unless something is named.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    users: BTreeSet<Name>,
    objects: Vec<Object>,
}

impl Selection {
    /// From names as given; plain user names are kept in order, so that a long list costs a look-up.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Selection {
        let mut selection = Selection::default();
        for object in names.filter_map(Object::read) {
            match object {
                Object { partition: None, group: None, user: Some(user), folder: None } => {
                    selection.users.insert(user);
                }
                object => selection.objects.push(object),
            }
        }
        selection
    }

    /// Whether it names nothing, and so takes everything.
    pub fn is_everything(&self) -> bool {
        self.users.is_empty() && self.objects.is_empty()
    }

    /// Whether it takes this mailbox.
    pub fn has(&self, partition: &str, user: &str, folder: &str, groups: &BackupGroups, coin: TwoGroups) -> bool {
        self.is_everything()
            || self.users.contains(user)
            || self.objects.iter().any(|o| o.has_folder(partition, folder) && o.has_user(user, groups, coin))
    }

    /// Whether it takes the subscriptions of this user.
    pub fn has_all_of(&self, user: &str, groups: &BackupGroups, coin: TwoGroups) -> bool {
        self.is_everything()
            || self.users.contains(user)
            || self.objects.iter().any(|o| o.folder.is_none() && o.has_user(user, groups, coin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(object: &str, partition: &str, user: &str, folder: &str) -> bool {
        let groups = BackupGroups::read("groupA=[a-l].*\n");
        Selection::of([object].into_iter()).has(partition, user, folder, &groups, TwoGroups::InEach)
    }

    /// F1.5-03, F2-03, F2-04
    #[test]
    fn each_form_of_a_name_takes_what_it_says() {
        assert!(has("/", "secondary", "joe", "INBOX"));
        assert!(has("/primary", "primary", "joe", "INBOX") && !has("/primary", "secondary", "joe", "INBOX"));
        assert!(has("/primary/groupA", "primary", "joe", "Sent") && !has("/primary/groupA", "primary", "mia", "Sent"));
        assert!(
            has("/primary/user/joe", "primary", "joe", "Sent") && !has("/primary/user/joe", "primary", "ann", "Sent")
        );
        assert!(has("/primary/user/joe/Sent", "primary", "joe", "Sent/2006"));
        assert!(!has("/primary/user/joe/Sent", "primary", "joe", "Sentinel"));
        assert!(has("user/joe/inbox", "primary", "joe", "INBOX") && !has("user/joe/INBOX", "primary", "joe", "Sent"));
        assert!(has("joe", "secondary", "joe", "Sent") && !has("joe", "primary", "joey", "Sent"));
    }

    /// F2-07
    #[test]
    fn a_group_path_misses_folders_on_another_partition() {
        assert!(!has("/primary/groupA", "secondary", "joe", "Projects"));
    }

    /// F1.7-03
    #[test]
    fn inbox_is_the_same_in_any_case_and_other_folders_are_not() {
        assert_eq!(mailbox_name("/user/joe/Inbox"), Some(("joe", "INBOX".into())));
        assert_eq!(mailbox_name("user/joe@florizel.com/a/b"), Some(("joe@florizel.com", "a/b".into())));
        assert_eq!(mailbox_name("user/joe"), None);
        assert_eq!(mailbox_name("joe/INBOX"), None);
    }
}
