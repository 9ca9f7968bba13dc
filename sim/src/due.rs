//! Owns which stops are due: those that a drawn fault promises, and those that a defect of the true site causes. It must not
//! know what the orchestrator found.

/// What may stop a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Blockers that a stop may name, with the reason.
    pub blockers: Vec<(String, String)>,
    /// Users who may be left out, with the reason.
    pub users: Vec<(String, String)>,
}

impl Due {
    /// Whether a stop at this blocker is due.
    pub fn stop(&self, blocker: &str) -> bool {
        self.blockers.iter().any(|(b, _)| b == blocker)
    }
    /// Whether leaving this user out is due.
    pub fn user(&self, user: &str) -> bool {
        self.users.iter().any(|(u, _)| u == user)
    }
}
