//! Owns what is remembered between an intent and its result. It must not know the steps.

pub mod record;
