//! Owns the journal's records and the one transition function that turns them into what is known. It must not know how
//! records are stored, nor act on anything.
//!
//! A record is a line of JSON. What a step must be able to undo or to go on from is a [`Note`]; notes are only allowed
//! while their step is under way, so that a replay of any prefix says which step was cut off.

use crate::blocker::Blocker;
use crate::doors::{Declaration, Grade};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Record {
    /// A run took the journal up (the first time, after a kill, or after a stop).
    Taken {
        /// When, by the run's own clock.
        at: Timestamp,
        /// Old home.
        from: String,
        /// New home.
        to: String,
        /// Users of the batch.
        users: u64,
    },
    /// A step of the procedure went on.
    Step {
        /// Its number in the procedure.
        step: u8,
        /// The group, by its place in the plan; `None`: the site.
        group: Option<usize>,
        /// What happened.
        event: Event,
        /// When, by the run's own clock.
        at: Timestamp,
    },
    /// Something that a step under way must remember.
    Note {
        /// The step.
        step: u8,
        /// The group; `None`: the site.
        group: Option<usize>,
        /// What.
        note: Note,
    },
    /// A group is about to be put back.
    RollingBack {
        /// The group.
        group: usize,
        /// Why.
        why: Blocker,
    },
    /// A group is as it was before its hold.
    RolledBack {
        /// The group.
        group: usize,
    },
    /// A user is left out from here on.
    LeftOut {
        /// Store user id.
        user: String,
        /// The blocker in words.
        why: String,
    },
    /// A declaration was made.
    Declared {
        /// The declaration.
        what: Declaration,
    },
    /// The run ended.
    Ended {
        /// How.
        how: End,
    },
}

/// What happened to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is about to act (again, after a kill or a failed verification).
    Began,
    /// It acted and verified.
    Done,
    /// Its undo is about to act.
    Undoing,
    /// Its undo acted and verified.
    Undone,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Everything that could be moved was.
    Done,
    /// Every group that was not past the point of return was put back.
    RolledBack,
    /// Stopped at a blocker; nothing of the batch was under way any more.
    Stopped,
}

/// Where a setting lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "in")]
pub enum Place {
    /// `configutil` (F1.1-03).
    Configutil,
    /// `option.dat` of the MTA (F4-10).
    OptionDat,
    /// A `*.cfg` of the proxy (F4-11), by its path.
    ProxyCfg {
        /// Path.
        path: String,
    },
}

/// A setting that the run changed, with its original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Host.
    pub host: String,
    /// Where it lives.
    pub place: Place,
    /// Name as written.
    pub name: String,
    /// What it was; `None`: it was absent.
    pub original: Option<String>,
    /// What the run wrote.
    pub written: String,
}

/// What came back when the canary mailbox was backed up and restored (coins C06, C12, C16).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// Flags and keywords came back.
    pub flags: bool,
    /// Internal dates came back.
    pub internal_dates: bool,
    /// The ACL came back.
    pub acl: bool,
    /// The subscription came back.
    pub subscriptions: bool,
    /// The highest UID ever used came back.
    pub last_uid: bool,
    /// UIDs and UIDVALIDITY came back.
    pub uids: bool,
}

/// What was in a mailbox before it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Mailbox, `user/UID/FOLDER`.
    pub mailbox: String,
    /// Messages.
    pub messages: u64,
    /// Highest UID ever used.
    pub last_uid: u64,
    /// UIDVALIDITY.
    pub uid_validity: u64,
    /// Digest over what is verified of each message, in order of UID.
    pub digest: String,
}

/// How a group is handed to `imsbackup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// Name, also that of its file.
    pub name: String,
    /// Store user ids.
    pub users: Vec<String>,
    /// Path of the `-u` file on the old home; `None`: the group is one of `backup-groups.conf`.
    pub file: Option<String>,
    /// Size of its mailboxes when it was planned.
    pub kilobytes: u64,
    /// Messages when it was planned.
    pub messages: u64,
}

/// What a step must remember.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// Step 1: the plan.
    Planned {
        /// The groups.
        groups: Vec<PlannedGroup>,
    },
    /// Step 12: users made on the old home meanwhile move as one more group.
    Added {
        /// The group.
        group: PlannedGroup,
    },
    /// A setting is about to be changed.
    Setting(Setting),
    /// A setting has its original again.
    SettingBack {
        /// Host.
        host: String,
        /// Where it lives.
        place: Place,
        /// Name.
        name: String,
    },
    /// Step 4: what calibration found.
    Calibrated(Calibration),
    /// Step 4: the declared window.
    Window {
        /// Seconds.
        window_s: u64,
    },
    /// Step 5: a user's status is about to be written; what it was (`None`: absent).
    Status {
        /// Store user id.
        user: String,
        /// Distinguished name.
        dn: String,
        /// The original `mailUserStatus`.
        original: Option<String>,
    },
    /// Step 5: every directory server has answered hold for the group since then.
    Held {
        /// When, by the run's own clock.
        at: Timestamp,
    },
    /// The status of a user is what it was, or what a foreign write made it.
    StatusBack {
        /// Store user id.
        user: String,
        /// What it is now (`None`: absent).
        now: Option<String>,
    },
    /// Step 7: a mailHost is about to be written; what it was, byte for byte (`None`: absent).
    MailHost {
        /// Distinguished name of a user or list.
        dn: String,
        /// The original.
        original: Option<String>,
    },
    /// The mailHost is what it was.
    MailHostBack {
        /// Distinguished name.
        dn: String,
    },
    /// Step 8: destination mail that is not at the source is about to be saved to a file there.
    Saved {
        /// Store user id.
        user: String,
        /// Path of the archive on the new home.
        file: String,
    },
    /// Step 8: what was saved is in the new mailbox again.
    SavedBack {
        /// Store user id.
        user: String,
    },
    /// Step 8: baselines, before the backup. A new try replaces those of the same mailbox.
    Baselines {
        /// One a mailbox.
        mailboxes: Vec<Baseline>,
    },
    /// Step 8: a body that the backup could not read. Its message is not in the copy and the source is kept.
    Unreadable {
        /// Mailbox.
        mailbox: String,
        /// UID.
        uid: u32,
    },
    /// Step 8: the counting backup is about to start.
    BackupStarted {
        /// When, by the run's own clock.
        at: Timestamp,
        /// The same by the old home's clock.
        source_at: Timestamp,
    },
    /// Step 11: these held files of ours were released.
    Released {
        /// Host.
        host: String,
        /// File names.
        files: Vec<String>,
    },
    /// Step 14: messages that came late are about to be carried.
    Carrying {
        /// Store user id.
        user: String,
        /// Mailbox.
        mailbox: String,
        /// UIDs on the old store.
        uids: Vec<u64>,
    },
    /// Step 14: they are in the new mailbox, verified.
    Carried {
        /// Store user id.
        user: String,
        /// How many.
        messages: u64,
    },
    /// A user's grade is known (a later one counts where it is worse).
    Graded {
        /// Store user id.
        user: String,
        /// Grade.
        grade: Grade,
        /// Reason.
        why: String,
    },
    /// Anything else that a step keeps under a name of its own.
    Kept {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It began, and was not finished.
    UnderWay,
    /// Acted and verified.
    Done,
    /// Its undo began.
    Undoing,
    /// Put back.
    Undone,
}

/// What is known of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserNotes {
    /// The original status, once it is about to be written: dn and value (`None`: absent).
    pub status: Option<(String, Option<String>)>,
    /// Whether the status is back.
    pub status_back: bool,
    /// Path of what was saved at the destination, until it is back.
    pub saved: Option<String>,
    /// Messages carried late.
    pub carried: u64,
    /// Late messages under way: mailbox and UIDs on the old store.
    pub carrying: Vec<(String, Vec<u64>)>,
    /// Grade and reasons so far.
    pub grade: Option<Grade>,
    /// Reasons.
    pub reasons: Vec<String>,
}

/// What is known of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupNotes {
    /// Since when every server answers hold.
    pub held: Option<Timestamp>,
    /// When the counting backup started: by the run's clock and by the old home's.
    pub backup_started: Option<(Timestamp, Timestamp)>,
    /// Why it is being put back, or was.
    pub rolling_back: Option<Blocker>,
    /// Whether it is as it was before its hold.
    pub rolled_back: bool,
}

/// A record that does not fit what came before it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "journal record {index} does not fit what came before it: {why}; the journal is not of this run or was damaged"
)]
pub struct Impossible {
    /// Its place, from 0.
    pub index: u64,
    /// Why.
    pub why: String,
}

/// Everything that the journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Records so far.
    pub records: u64,
    /// Whether a run has it.
    pub taken: bool,
    /// How the last run ended; `None`: it is under way or was killed.
    pub ended: Option<End>,
    /// Steps by number and group.
    pub steps: BTreeMap<(u8, Option<usize>), StepState>,
    /// The plan.
    pub groups: Vec<PlannedGroup>,
    /// Per group, in the plan's order.
    pub group_notes: Vec<GroupNotes>,
    /// Settings changed and not yet back, in order of their change.
    pub settings: Vec<Setting>,
    /// What calibration found.
    pub calibration: Option<Calibration>,
    /// The declared window in seconds.
    pub window_s: Option<u64>,
    /// Per user.
    pub users: BTreeMap<String, UserNotes>,
    /// Original mailHost of each entry written and not yet back.
    pub mail_hosts: BTreeMap<String, Option<String>>,
    /// Baseline of each mailbox.
    pub baselines: BTreeMap<String, Baseline>,
    /// Bodies that the backup could not read, by mailbox.
    pub unreadable: BTreeMap<String, BTreeSet<u32>>,
    /// Users left out, with the reason.
    pub left_out: BTreeMap<String, String>,
    /// Held files released, by host.
    pub released: BTreeMap<String, BTreeSet<String>>,
    /// Declarations made.
    pub declared: BTreeSet<Declaration>,
    /// What steps keep under names of their own, by name, then by step and group.
    pub kept: BTreeMap<String, BTreeMap<(u8, Option<usize>), String>>,
}

impl State {
    /// Replays records as they were read back: JSON, one each.
    pub fn replay(records: &[Vec<u8>]) -> Result<Self, Impossible> {
        let mut state = Self::default();
        for bytes in records {
            let record = serde_json::from_slice(bytes)
                .map_err(|e| Impossible { index: state.records, why: format!("it cannot be read: {e}") })?;
            state.apply(record)?;
        }
        Ok(state)
    }

    /// The one transition: what is known after `record`. Every pair that is not listed is an error and changes nothing.
    pub fn apply(&mut self, record: Record) -> Result<(), Impossible> {
        let index = self.records;
        let impossible = |why: String| Err(Impossible { index, why });
        if !self.taken && !matches!(record, Record::Taken { .. }) {
            return impossible("the first record must take the journal".to_owned());
        }
        if self.ended.is_some() && !matches!(record, Record::Taken { .. }) {
            return impossible("the run had ended".to_owned());
        }
        match record {
            Record::Taken { .. } => match self.ended {
                Some(End::Done) => return impossible("the move is done".to_owned()),
                Some(End::Stopped | End::RolledBack) => self.start_over(),
                None => self.taken = true,
            },
            Record::Step { step, group, event, .. } => {
                let was = self.steps.get(&(step, group)).copied();
                use StepState as S;
                let is = match (was, event) {
                    (None | Some(S::UnderWay | S::Undone), Event::Began) => S::UnderWay,
                    (Some(S::UnderWay), Event::Done) => S::Done,
                    (Some(S::UnderWay | S::Done | S::Undoing), Event::Undoing) => S::Undoing,
                    (Some(S::Undoing), Event::Undone) => S::Undone,
                    (was, event) => return impossible(format!("step {step} {group:?} is {was:?}, then {event:?}")),
                };
                self.steps.insert((step, group), is);
            }
            Record::Note { step, group, note } => {
                match self.steps.get(&(step, group)) {
                    Some(StepState::UnderWay | StepState::Undoing) => {}
                    other => return impossible(format!("a note of step {step} {group:?}, which is {other:?}")),
                }
                if let Err(why) = self.note(step, group, note) {
                    return impossible(why);
                }
            }
            Record::RollingBack { group, why } => {
                if self.has_begun(10, Some(group)) {
                    return impossible(format!("group {group} is put back, but it is past the point of return"));
                }
                match self.group_notes.get_mut(group) {
                    Some(notes) => notes.rolling_back = Some(why),
                    None => return impossible(format!("group {group} is not in the plan")),
                }
            }
            Record::RolledBack { group } => match self.group_notes.get_mut(group) {
                Some(notes) if notes.rolling_back.is_some() => notes.rolled_back = true,
                _ => return impossible(format!("group {group} was put back without having been about to")),
            },
            Record::LeftOut { user, why } => {
                self.left_out.entry(user).or_insert(why);
            }
            Record::Declared { what } => {
                self.declared.insert(what);
            }
            Record::Ended { how } => self.ended = Some(how),
        }
        self.records += 1;
        Ok(())
    }

    /// A new try after a stop: what was put back is forgotten, what is past the point of return stays.
    fn start_over(&mut self) {
        self.ended = None;
        let moved: BTreeSet<usize> = (0..self.groups.len()).filter(|g| self.is_done(10, Some(*g))).collect();
        let stays = |group: &Option<usize>| group.is_some_and(|g| moved.contains(&g));
        if moved.is_empty() {
            self.groups.clear();
            self.group_notes.clear();
            self.steps.clear();
            self.kept.clear();
            self.left_out.clear();
            self.baselines.clear();
            self.declared.clear();
        } else {
            // The plan stands, so that a group that moved is never taken for another; the others begin anew.
            let plan = self.steps.get(&(1, None)).copied();
            self.steps.retain(|(_, group), _| stays(group));
            self.steps.extend(plan.map(|p| ((1, None), p)));
            self.kept.retain(|_, kept| {
                kept.retain(|(_, group), _| stays(group));
                !kept.is_empty()
            });
            for (_, notes) in self.group_notes.iter_mut().enumerate().filter(|(g, _)| !moved.contains(g)) {
                *notes = GroupNotes::default();
            }
            let kept: BTreeSet<&String> = moved.iter().flat_map(|g| &self.groups[*g].users).collect();
            self.left_out.retain(|user, _| kept.contains(user));
        }
    }

    fn note(&mut self, step: u8, group: Option<usize>, note: Note) -> Result<(), String> {
        match note {
            Note::Planned { groups } => {
                self.group_notes = vec![GroupNotes::default(); groups.len()];
                self.groups = groups;
            }
            Note::Added { group } => {
                if !self.groups.iter().any(|g| g.name == group.name) {
                    self.groups.push(group);
                    self.group_notes.push(GroupNotes::default());
                }
            }
            Note::Setting(setting) => {
                let known = |s: &Setting| s.host == setting.host && s.place == setting.place && s.name == setting.name;
                // The first original counts: a restarted run reads its own value back.
                if !self.settings.iter().any(known) {
                    self.settings.push(setting);
                }
            }
            Note::SettingBack { host, place, name } => {
                self.settings.retain(|s| !(s.host == host && s.place == place && s.name == name));
            }
            Note::Calibrated(found) => self.calibration = Some(found),
            Note::Window { window_s } => self.window_s = Some(window_s),
            Note::Status { user, dn, original } => {
                let user = self.users.entry(user).or_default();
                if user.status.is_none() || user.status_back {
                    user.status = Some((dn, original));
                    user.status_back = false;
                }
            }
            Note::StatusBack { user, .. } => self.users.entry(user).or_default().status_back = true,
            Note::Held { at } => self.group_mut(group)?.held = Some(at),
            Note::MailHost { dn, original } => {
                self.mail_hosts.entry(dn).or_insert(original);
            }
            Note::MailHostBack { dn } => {
                self.mail_hosts.remove(&dn);
            }
            Note::Saved { user, file } => self.users.entry(user).or_default().saved = Some(file),
            Note::SavedBack { user } => self.users.entry(user).or_default().saved = None,
            Note::Baselines { mailboxes } => {
                self.baselines.extend(mailboxes.into_iter().map(|b| (b.mailbox.clone(), b)));
            }
            Note::Unreadable { mailbox, uid } => {
                self.unreadable.entry(mailbox).or_default().insert(uid);
            }
            Note::BackupStarted { at, source_at } => self.group_mut(group)?.backup_started = Some((at, source_at)),
            Note::Released { host, files } => self.released.entry(host).or_default().extend(files),
            Note::Carrying { user, mailbox, uids } => {
                self.users.entry(user).or_default().carrying.push((mailbox, uids));
            }
            Note::Carried { user, messages } => {
                let user = self.users.entry(user).or_default();
                user.carried += messages;
                user.carrying.clear();
            }
            Note::Graded { user, grade, why } => {
                let user = self.users.entry(user).or_default();
                user.grade = user.grade.max(Some(grade));
                if !user.reasons.contains(&why) && !why.is_empty() {
                    user.reasons.push(why);
                }
            }
            Note::Kept { name, value } => {
                self.kept.entry(name).or_default().insert((step, group), value);
            }
        }
        Ok(())
    }

    fn group_mut(&mut self, group: Option<usize>) -> Result<&mut GroupNotes, String> {
        let group = group.ok_or("a note of a group without its group")?;
        self.group_notes.get_mut(group).ok_or_else(|| format!("group {group} is not in the plan"))
    }

    /// What a step keeps under a name of its own.
    pub fn kept(&self, step: u8, group: Option<usize>, name: &str) -> Option<&String> {
        self.kept.get(name)?.get(&(step, group))
    }

    /// Whether a step is done.
    pub fn is_done(&self, step: u8, group: Option<usize>) -> bool {
        self.steps.get(&(step, group)) == Some(&StepState::Done)
    }

    /// Whether a group was begun and is neither past the point of return nor put back: the next start has to go on from it.
    pub fn is_unfinished(&self) -> bool {
        let unfinished = |g: usize| self.has_begun(5, Some(g)) && !self.is_done(10, Some(g));
        self.group_notes.iter().enumerate().any(|(g, notes)| unfinished(g) && !notes.rolled_back)
    }

    /// Whether a step has begun and is neither unbegun nor put back.
    pub fn has_begun(&self, step: u8, group: Option<usize>) -> bool {
        matches!(self.steps.get(&(step, group)), Some(s) if *s != StepState::Undone)
    }
}
