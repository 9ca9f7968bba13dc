//! Owns the list of invariants and how they are asked. It must not know any single one of them beyond its name.

mod access_returns;
mod autoreply_once;
#[cfg(test)]
pub(crate) mod bench;
mod closed_while_held;
mod ends;
mod exactly_one_group;
mod groups_expand;
mod held_mail_arrives;
#[cfg(test)]
mod history;
mod home_has_mail;
mod last_copy;
mod late_is_carried;
mod monotonic_view;
mod moves_the_movable;
mod no_duplicate;
mod no_late_delivery;
mod no_loss;
mod no_needless_bounce;
mod no_new_old;
mod no_stale_lookup;
mod nothing_left_held;
mod old_removed;
mod only_the_batch;
mod quota_true;
mod relink_true;
mod rights_stable;
mod settings_restored;
mod single_home;
mod status_restored;
mod told_before;
mod truthful;
mod uid_never_reused;
mod uid_stable;
mod window_bounded;

pub use ends::{RUN_MOST, WATCH_MOST};

use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::time::Time;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Identifier of the invariant.
    pub invariant: &'static str,
    /// When it was noticed.
    pub at: Time,
    /// The user it is about.
    pub user: Option<Name>,
    /// The host it is about.
    pub host: Option<HostId>,
    /// The copy of a message it is about.
    pub token: Option<Token>,
    /// One sentence: what happened.
    pub what: String,
    /// The step of the procedure that would have prevented it.
    pub step: u8,
}

impl Violation {
    /// A violation about a user, noticed now.
    pub fn of(invariant: &'static str, at: Time, user: &Name, step: u8, what: String) -> Violation {
        Violation { invariant, at, user: Some(user.clone()), host: None, token: None, what, step }
    }
    /// The same, about a host.
    pub fn on(mut self, host: HostId) -> Violation {
        self.host = Some(host);
        self
    }
    /// The same, about a copy of a message.
    pub fn copy(mut self, token: Token) -> Violation {
        self.token = Some(token);
        self
    }
}

/// One invariant. It reads facts and the books, never the orchestrator's state.
pub trait Invariant: Clone + Default {
    /// Identifier as in the catalogue.
    const ID: &'static str;
    /// The statement, as a sentence.
    const STATEMENT: &'static str;
    /// Whether it is about the end being reached rather than about something bad not happening.
    const LIVENESS: bool = false;
    /// Sees a fact, with the books as they are before it.
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>);
    /// Looks at the world once the run and the traffic have ended.
    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>);
}

/// An invariant as the program lists it.
#[derive(Clone, Copy, Debug)]
pub struct InvariantInfo {
    /// Identifier.
    pub id: &'static str,
    /// Statement.
    pub statement: &'static str,
    /// Liveness rather than safety.
    pub liveness: bool,
}

macro_rules! invariants {
    ($( $module:ident :: $type:ident ),+ $(,)?) => {
        /// All invariants with what they remember.
        #[derive(Clone, Default)]
        pub struct Invariants { $( $module: $module::$type, )+ }

        /// The list of invariants, in the catalogue's order.
        pub const INVARIANTS: &[InvariantInfo] = &[ $( InvariantInfo {
            id: <$module::$type as Invariant>::ID,
            statement: <$module::$type as Invariant>::STATEMENT,
            liveness: <$module::$type as Invariant>::LIVENESS,
        }, )+ ];

        impl Invariants {
            /// Each invariant sees the fact.
            pub fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
                $( self.$module.on(now, books, fact, broken); )+
            }
            /// Each invariant looks at the end.
            pub fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
                $( self.$module.end(end, broken); )+
            }
        }
    };
}

invariants! {
    no_late_delivery::NoLateDelivery,
    late_is_carried::LateIsCarried,
    no_loss::NoLoss,
    no_duplicate::NoDuplicate,
    no_needless_bounce::NoNeedlessBounce,
    uid_stable::UidStable,
    uid_never_reused::UidNeverReused,
    rights_stable::RightsStable,
    monotonic_view::MonotonicView,
    single_home::SingleHome,
    closed_while_held::ClosedWhileHeld,
    access_returns::AccessReturns,
    home_has_mail::HomeHasMail,
    no_stale_lookup::NoStaleLookup,
    status_restored::StatusRestored,
    only_the_batch::OnlyTheBatch,
    exactly_one_group::ExactlyOneGroup,
    settings_restored::SettingsRestored,
    last_copy::LastCopy,
    nothing_left_held::NothingLeftHeld,
    groups_expand::GroupsExpand,
    autoreply_once::AutoreplyOnce,
    quota_true::QuotaTrue,
    relink_true::RelinkTrue,
    no_new_old::NoNewOld,
    old_removed::OldRemoved,
    told_before::ToldBefore,
    truthful::Truthful,
    ends::Ends,
    moves_the_movable::MovesTheMovable,
    held_mail_arrives::HeldMailArrives,
    window_bounded::WindowBounded,
}

impl Invariants {
    /// Whether something may have bounced because of the move: a second rehearsal in which nobody moves anything shows it.
    pub fn in_doubt(&self, books: &Books, directory: &mock_ldap::Directory) -> bool {
        self.no_needless_bounce.in_doubt(books, directory)
    }
    /// What bounced, was refused or was put off for good since the run began.
    pub fn bounced(&self) -> crate::site_book::Idle {
        self.no_needless_bounce.bounced()
    }
    /// Nothing will happen any more, and the run has not ended.
    pub fn nothing_more(&mut self, now: Time, books: &Books, broken: &mut Vec<Violation>) {
        self.ends.nothing_more(now, books, broken);
    }
}
