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
    step!(8, "move-data", Group, Undone, "baselines, the backup's start, what is saved at the destination", step_08_move_data),
];

/// The table of a procedure.
pub fn table(procedure: Procedure) -> &'static [Step] {
    match procedure {
        Procedure::Ours => OURS,
        Procedure::Published => OURS,
    }
}

/// What a step without this part does.
pub async fn nothing(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}
