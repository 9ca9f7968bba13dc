//! Owns the host's own commands that take time in several parts. It must not know the commands of the roles.

/// A command under way.
#[derive(Clone, Debug)]
pub struct Lasting {}
