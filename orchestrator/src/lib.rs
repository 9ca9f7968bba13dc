//! The migration itself: sixteen steps over a shell on each host and the directory, with a plan, a journal and a
//! human it works for. It must not know what stands behind its doors; it depends on no fake and shares no parser with one.

pub mod blocker;
pub mod context;
pub mod doors;
pub mod entries;
pub mod flow;
pub mod grade;
pub mod inventory;
pub mod journal;
pub mod plan;
pub mod procedure;
pub mod report;
pub mod rollback;
pub mod run;
pub mod speech;
