//! Owns the procedure: a table of steps and a file a step. It must not know in which order groups take their turns.

pub mod table;
