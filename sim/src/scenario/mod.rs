//! Owns scenarios: a site, a move, traffic, faults and the expected end, as a TOML file says them. It must not know how
//! a world plays them.

pub mod load;
pub mod schema;
pub mod write;

pub use schema::{
    Expect, FaultSpec, GenerateSpec, HostSpec, MoveSpec, NameSpec, Scenario, SiteSpec, TrafficSpec, When,
};
