//! Owns the procedure on one screen: what each step is, and how far it can be taken back. It must not know how a step acts.

use crate::context::{At, Halt, Run};
use crate::run::Procedure;
use futures::future::LocalBoxFuture;

/// A part of a step.
pub type Part = for<'r> fn(&'r Run, At) -> LocalBoxFuture<'r, Result<(), Halt>>;

/// Where a step belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once for the site.
    Site,
    /// For each group.
    Group,
    /// For each group, and once more over every host after the last.
    GroupAndSweep,
    /// For each group, and then for the site until the longest notices period is over.
    GroupAndWatch,
}

/// How far a step can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// It can be undone.
    Undone,
    /// It can only be tried again; it changes nothing that would have to be undone.
    Retried,
    /// From here the way back is a move in the other direction.
    Past,
}

/// A step.
pub struct Step {
    /// Its number in the published procedure.
    pub number: u8,
    /// Name.
    pub name: &'static str,
    /// Where it belongs.
    pub scope: Scope,
    /// How far it can be taken back.
    pub back: Return,
    /// What is journalled before it acts.
    pub journals: &'static str,
    /// Checks the real state before acting.
    pub precondition: Part,
    /// Acts. Acting twice is the same as acting once.
    pub act: Part,
    /// Reads back.
    pub verify: Part,
    /// Puts back what the act did.
    pub undo: Part,
}

/// A part of a step as the table holds it.
macro_rules! part {
    ($($path:tt)+) => {
        |run, at| Box::pin($($path)+(run, at))
    };
}

/// A row whose module has `precondition`, `act`, `verify` and `undo`.
macro_rules! step {
    ($number:literal, $name:literal, $scope:ident, $back:ident, $journals:literal, $module:ident) => {
        Step {
            number: $number,
            name: $name,
            scope: Scope::$scope,
            back: Return::$back,
            journals: $journals,
            precondition: part!(super::$module::precondition),
            act: part!(super::$module::act),
            verify: part!(super::$module::verify),
            undo: part!(super::$module::undo),
        }
    };
}

/// Our procedure, in the order of its numbers.
pub static OURS: &[Step] = &[
    step!(1, "backup-groups", Site, Undone, "the plan", step_01_backup_groups),
    step!(2, "log-out", Group, Retried, "nothing", step_02_log_out),
    step!(3, "caches-to-0", Site, Undone, "each setting's original value or absence", step_03_caches),
    step!(4, "ready", Site, Undone, "calibration, losses, the window", step_04_ready),
    step!(5, "hold", Group, Undone, "original statuses", step_05_hold),
    step!(6, "queues", Group, Retried, "users left out", step_06_queues),
    step!(7, "mail-host", Group, Undone, "original mailHosts", step_07_mail_host),
    step!(
        8,
        "move-data",
        Group,
        Undone,
        "baselines, the backup's start, what is saved at the destination",
        step_08_move_data
    ),
    step!(9, "dns", Site, Past, "since when each name leads to the new home", step_09_dns),
    step!(10, "status-back", Group, Past, "nothing: the originals are journalled by step 5", step_10_status_back),
    step!(11, "release", GroupAndSweep, Past, "the files about to be released", step_11_release),
    step!(12, "settings-back", Site, Retried, "nothing: the originals are journalled by step 3", step_12_settings_back),
    step!(13, "clients", Group, Retried, "grades", step_13_clients),
    step!(14, "late-mail", GroupAndSweep, Retried, "the messages about to be carried", step_14_late_mail),
    step!(15, "relinker", Site, Undone, "the age limit", step_15_relinker),
    step!(16, "remove-old", GroupAndWatch, Past, "users whose old mailbox is kept", step_16_remove_old),
];

/// A row of the published procedure: it acts, and checks nothing. Its way back, where there is one, is ours.
macro_rules! plain {
    ($number:literal, $name:literal, $scope:ident, $back:ident, $act:ident, $($undo:tt)+) => {
        Step {
            number: $number,
            name: $name,
            scope: Scope::$scope,
            back: Return::$back,
            journals: "what its way back needs",
            precondition: part!(nothing),
            act: part!(super::published::$act),
            verify: part!(nothing),
            undo: part!($($undo)+),
        }
    };
}

/// The published procedure, in its own order and wording.
pub static PUBLISHED: &[Step] = &[
    plain!(1, "backup-groups", Site, Retried, groups, nothing),
    plain!(2, "log-out", Group, Retried, log_out, nothing),
    plain!(3, "caches-to-0", Site, Undone, caches, super::step_03_caches::undo),
    plain!(4, "both-up", Site, Retried, both_up, nothing),
    plain!(5, "hold", Group, Undone, hold, super::step_05_hold::undo),
    plain!(6, "queues", Group, Retried, queues, nothing),
    plain!(7, "mail-host", Group, Undone, mail_host, super::step_07_mail_host::undo),
    plain!(8, "move-data", Group, Undone, move_data, super::step_08_move_data::undo),
    plain!(9, "dns", Site, Past, dns, nothing),
    plain!(10, "status-back", Group, Past, status_back, nothing),
    plain!(11, "release", Site, Past, release, nothing),
    plain!(12, "caches-back", Site, Retried, caches_back, nothing),
    plain!(13, "clients", Group, Retried, clients, nothing),
    plain!(14, "late-mail", Group, Retried, late_mail, nothing),
    plain!(15, "relinker", Site, Retried, relink, nothing),
    plain!(16, "remove-old", Group, Past, remove_old, nothing),
];

/// The table of a procedure.
pub fn table(procedure: Procedure) -> &'static [Step] {
    match procedure {
        Procedure::Ours => OURS,
        Procedure::Published => PUBLISHED,
    }
}

/// What a step without this part does.
pub async fn nothing(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}
