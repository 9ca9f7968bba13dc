//! Owns what is remembered between an intent and its result. It must not know the steps.

pub mod in_memory;
pub mod on_disk;
pub mod record;
