//! Owns what stops a user, a group or a run: a blocker by name, with what the administrator should do. It must not know
//! what is done about it.

use serde::{Deserialize, Serialize};

/// Something that an administrator has to deal with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its name, of the catalogue where there is one.
    pub name: String,
    /// Host.
    pub host: Option<String>,
    /// User.
    pub user: Option<String>,
    /// What was found, and what the administrator should do.
    pub advice: String,
}

impl Blocker {
    /// A blocker that concerns neither one host nor one user.
    pub fn new(name: &str, advice: impl Into<String>) -> Self {
        Self { name: name.to_owned(), host: None, user: None, advice: advice.into() }
    }
    /// Names the host.
    pub fn on(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }
    /// Names the user.
    pub fn of(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }
}

/// Why a step does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The act did not take; acting again may help. When the tries are used up it is `RollBack`.
    Again(Blocker),
    /// This group is put back (or, once for the site, the run stops); others go on.
    RollBack(Blocker),
    /// The run stops: every group that is not past the point of return is put back.
    Stop(Blocker),
}

impl Halt {
    /// The blocker.
    pub fn blocker(self) -> Blocker {
        match self {
            Self::Again(b) | Self::RollBack(b) | Self::Stop(b) => b,
        }
    }

    /// Whether the journal is the blocker: what cannot be remembered cannot be gone on with.
    pub fn is_journal(&self) -> bool {
        let (Self::Again(b) | Self::RollBack(b) | Self::Stop(b)) = self;
        b.name == "journal"
    }
}
