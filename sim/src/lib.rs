//! The world: fakes joined into a site, events in virtual time, traffic, faults, and the judge. It must not know what the
//! orchestrator does with what it learns through its doors.

pub mod bad_input;
pub mod campaign;
pub mod copies;
pub mod dns;
pub mod doorway;
pub mod due;
pub mod event;
pub mod exchange;
pub mod explain;
pub mod fault;
pub mod import;
pub mod invariant;
pub mod ledger;
pub mod network;
pub mod operator;
pub mod run;
pub mod scenario;
pub mod site_book;
pub mod site_defects;
pub mod stage;
pub mod terminal;
pub mod topology;
pub mod trace;
pub mod traffic;
pub mod user_book;
pub mod world;
