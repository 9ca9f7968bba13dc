//! The world: fakes joined into a site, events in virtual time, traffic, faults, and the judge.

pub mod exchange;
pub mod scenario;
pub mod stage;
