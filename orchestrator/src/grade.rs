//! Owns the grade of a user's move: what was noted, and how bad the worst of it is. It must not know how anything was found.

use crate::doors::Grade;
use std::collections::BTreeMap;

/// Something to note about a user's move.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// Messages came late and were carried: they have new UIDs.
    Carried(u64),
    /// Messages were in the new mailbox before the move and were put back after it.
    Premature(u64),
    /// Something that was named beforehand did not come along.
    Lost(String),
    /// A body could not be read at the source, which is kept.
    Unreadable(u64),
    /// The status was changed by somebody else meanwhile; the foreign value stands.
    ForeignStatus,
    /// The mailHost was changed by somebody else meanwhile.
    ForeignMailHost,
    /// Held messages are still held, for a reason that is not the move's.
    StillHeld(u64),
    /// A client comes to the old host by its own name.
    DirectClient,
    /// The old mailbox came back after it was removed.
    Reappeared,
    /// The old mailbox was kept.
    OldKept(String),
    /// Not moved, and why.
    NotMoved(String),
}

impl Remark {
    /// How bad it is.
    pub fn grade(&self) -> Grade {
        match self {
            Remark::Carried(_) | Remark::Premature(_) => Grade::Good,
            Remark::NotMoved(_) => Grade::NotMoved,
            _ => Grade::Look,
        }
    }
    /// In words.
    pub fn reason(&self) -> String {
        match self {
            Remark::Carried(n) => format!("{n} messages came late and were carried; they have new UIDs"),
            Remark::Premature(n) => {
                format!("{n} messages had reached the new mailbox early and were put back after the copy")
            }
            Remark::Lost(what) => format!("{what} did not come along, as was said beforehand"),
            Remark::Unreadable(n) => format!("{n} messages cannot be read at the source; they are kept there"),
            Remark::ForeignStatus => "somebody else changed the status meanwhile; that value stands".to_owned(),
            Remark::ForeignMailHost => "somebody else changed the mailHost meanwhile".to_owned(),
            Remark::StillHeld(n) => format!("{n} messages are still held, not because of the move"),
            Remark::DirectClient => "a client still uses the old host's own name".to_owned(),
            Remark::Reappeared => "the old mailbox came back after it was removed; its mail was carried".to_owned(),
            Remark::OldKept(why) => format!("the old mailbox was kept: {why}"),
            Remark::NotMoved(why) => why.clone(),
        }
    }
}

/// The grade of a set of remarks, and their reasons, the worst first. None: perfect.
pub fn grade(remarks: &[Remark]) -> (Grade, Vec<String>) {
    let mut sorted: Vec<&Remark> = remarks.iter().collect();
    sorted.sort_by_key(|r| std::cmp::Reverse(r.grade()));
    let grade = sorted.first().map_or(Grade::Perfect, |r| r.grade());
    (grade, sorted.into_iter().map(Remark::reason).collect())
}

/// The grade of a batch: that of its worst user; of an empty one, perfect.
pub fn batch(users: impl IntoIterator<Item = Grade>) -> Grade {
    users.into_iter().max().unwrap_or(Grade::Perfect)
}

/// How many users have each grade.
pub fn counts(users: impl IntoIterator<Item = Grade>) -> BTreeMap<Grade, u64> {
    let mut counts = BTreeMap::new();
    for grade in users {
        *counts.entry(grade).or_insert(0) += 1;
    }
    counts
}

/// A grade in words.
pub fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Perfect => "perfect",
        Grade::Good => "good",
        Grade::Look => "look at this",
        Grade::NotMoved => "not moved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_remark_grades_the_user_and_the_worst_user_the_batch() {
        assert_eq!(grade(&[]), (Grade::Perfect, vec![]));
        let (grade_of, reasons) = grade(&[Remark::Carried(2), Remark::ForeignStatus]);
        assert_eq!(grade_of, Grade::Look);
        assert!(reasons[0].contains("somebody else") && reasons[1].starts_with("2 messages"));
        assert_eq!(batch([Grade::Good, Grade::NotMoved, Grade::Perfect]), Grade::NotMoved);
        assert_eq!(batch([]), Grade::Perfect);
        assert_eq!(counts([Grade::Good, Grade::Good])[&Grade::Good], 2);
    }
}
