//! Owns the report of a run: what was declared, in numbers and in words. It must not know doors; it is made of the run's declarations alone.

use crate::doors::{Declaration, Grade};
use crate::grade;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What became of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserReport {
    /// Grade.
    pub grade: Grade,
    /// Messages in the new copy, verified; 0 for one who was not moved.
    pub messages: u64,
    /// Of these, carried late.
    pub carried: u64,
    /// Why it is not perfect.
    pub reasons: Vec<String>,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum Ending {
    /// No end was declared: it was cut off.
    Unfinished,
    /// Done.
    Done,
    /// Stopped.
    Stopped {
        /// Blocker.
        blocker: String,
        /// Host.
        host: Option<String>,
        /// User.
        user: Option<String>,
        /// What the administrator should do.
        advice: String,
    },
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// The batch: that of its worst user.
    pub grade: Grade,
    /// The window that was declared, in seconds.
    pub window_s: Option<u64>,
    /// Users by store user id.
    pub users: BTreeMap<String, UserReport>,
    /// What the move could not keep, said beforehand: (user or `None` for all, what).
    pub losses: Vec<(Option<String>, String)>,
    /// Changes beyond the batch: (who, what).
    pub beyond: Vec<(String, String)>,
    /// Hosts on which held mail was released.
    pub released_on: Vec<String>,
    /// What was found and could not be mended: (what, host, user).
    pub found: Vec<(String, Option<String>, Option<String>)>,
}

impl Report {
    /// Made of the declarations of a run, in their order; a later word about a user replaces an earlier one.
    pub fn of<'d>(declarations: impl IntoIterator<Item = &'d Declaration>) -> Report {
        let mut report = Report {
            ending: Ending::Unfinished,
            grade: Grade::Perfect,
            window_s: None,
            users: BTreeMap::new(),
            losses: Vec::new(),
            beyond: Vec::new(),
            released_on: Vec::new(),
            found: Vec::new(),
        };
        let mut carried: BTreeMap<String, u64> = BTreeMap::new();
        for declaration in declarations {
            report.take(declaration, &mut carried);
        }
        for (user, messages) in carried {
            if let Some(user) = report.users.get_mut(&user) {
                user.carried = messages;
            }
        }
        report.grade = grade::batch(report.users.values().map(|u| u.grade));
        report
    }

    fn take(&mut self, declaration: &Declaration, carried: &mut BTreeMap<String, u64>) {
        let mut not_moved = |user: &String, why: &String| {
            let user_report =
                UserReport { grade: Grade::NotMoved, messages: 0, carried: 0, reasons: vec![why.clone()] };
            self.users.insert(user.clone(), user_report);
        };
        match declaration {
            Declaration::LeftOut { user, why } | Declaration::RolledBack { user, why } => not_moved(user, why),
            Declaration::Window { window_s } => self.window_s = Some(*window_s),
            Declaration::Loss { user, what } => self.losses.push((user.clone(), what.clone())),
            Declaration::Beyond { who, what } => self.beyond.push((who.clone(), what.clone())),
            Declaration::Moved { user, grade, messages, reasons } => {
                let user_report =
                    UserReport { grade: *grade, messages: *messages, carried: 0, reasons: reasons.clone() };
                self.users.insert(user.clone(), user_report);
            }
            Declaration::Carried { user, messages } => *carried.entry(user.clone()).or_default() += messages,
            Declaration::ReleasedOn { hosts } => {
                self.released_on.extend(hosts.iter().cloned());
                self.released_on.sort();
                self.released_on.dedup();
            }
            Declaration::Found { what, host, user } => self.found.push((what.clone(), host.clone(), user.clone())),
            Declaration::Done => self.ending = Ending::Done,
            Declaration::Stopped { blocker, host, user, advice } => {
                let (blocker, host, user, advice) = (blocker.clone(), host.clone(), user.clone(), advice.clone());
                self.ending = Ending::Stopped { blocker, host, user, advice };
            }
        }
    }

    /// The report as text: the end, the counts, then everything that is not perfect.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let place = |host: &Option<String>, user: &Option<String>| {
            let mut place = String::new();
            if let Some(host) = host {
                let _ = write!(place, " on {host}");
            }
            if let Some(user) = user {
                let _ = write!(place, ", user {user}");
            }
            place
        };
        match &self.ending {
            Ending::Unfinished => out.push_str("The run has not ended; start it again and it goes on.\n"),
            Ending::Done => out.push_str("The move is done.\n"),
            Ending::Stopped { blocker, host, user, advice } => {
                let _ = writeln!(out, "The run stopped: {blocker}{}.\n  {advice}", place(host, user));
            }
        }
        let _ = writeln!(out, "Batch: {}, {} users.", grade::word(self.grade), self.users.len());
        for (grade_of, users) in grade::counts(self.users.values().map(|u| u.grade)) {
            let _ = writeln!(out, "  {}: {users}", grade::word(grade_of));
        }
        let (messages, carried) = self.users.values().fold((0, 0), |(m, c), u| (m + u.messages, c + u.carried));
        let _ = writeln!(out, "Messages in the new copies: {messages}, {carried} of them carried late.");
        if let Some(window_s) = self.window_s {
            let _ = writeln!(out, "Declared window: {} h {:02} min.", window_s / 3_600, window_s % 3_600 / 60);
        }
        if !self.released_on.is_empty() {
            let _ = writeln!(out, "Held mail was released on: {}.", self.released_on.join(", "));
        }
        for (user, what) in &self.losses {
            let _ = writeln!(out, "Not kept ({}): {what}", user.as_deref().unwrap_or("all"));
        }
        for (who, what) in &self.beyond {
            let _ = writeln!(out, "Beyond the batch: {who}: {what}");
        }
        for (what, host, user) in &self.found {
            let _ = writeln!(out, "Found{}: {what}", place(host, user));
        }
        for (user, report) in self.users.iter().filter(|(_, r)| r.grade != Grade::Perfect) {
            let _ = writeln!(out, "{user}: {} ({})", grade::word(report.grade), report.reasons.join("; "));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_was_declared() {
        let declarations = [
            Declaration::Window { window_s: 5_400 },
            Declaration::LeftOut { user: "max".into(), why: "queue-stuck: two files".into() },
            Declaration::Carried { user: "joe".into(), messages: 2 },
            Declaration::Moved {
                user: "joe".into(),
                grade: Grade::Good,
                messages: 17,
                reasons: vec!["2 messages came late".into()],
            },
            Declaration::Moved { user: "ann".into(), grade: Grade::Perfect, messages: 3, reasons: vec![] },
            Declaration::ReleasedOn { hosts: vec!["relay1".into(), "newstore".into()] },
            Declaration::ReleasedOn { hosts: vec!["relay1".into()] },
            Declaration::Done,
        ];
        let report = Report::of(&declarations);
        assert_eq!(
            (report.grade, report.users["joe"].carried, report.ending.clone()),
            (Grade::NotMoved, 2, Ending::Done)
        );
        assert_eq!(report.released_on, ["newstore", "relay1"]);
        let text = report.text();
        for expected in [
            "The move is done.",
            "not moved: 1",
            "Messages in the new copies: 20, 2 of them carried late.",
            "1 h 30 min",
            "max: not moved (queue-stuck: two files)",
        ] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
        assert!(!text.contains("ann:"));
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
