//! Owns what is decided before anything is touched: who goes with whom, and how long they will wait. It must not know doors.

pub mod groups;
pub mod window;
