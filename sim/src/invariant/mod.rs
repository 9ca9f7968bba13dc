//! Owns the list of invariants and how they are asked. It must not know any single one of them beyond its name.

mod no_late_delivery;

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
}
