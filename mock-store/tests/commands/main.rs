//! The commands of the message store, given as command lines and read as text, on two hosts joined by a pipe.

mod backup;
mod changing;
mod listing;
mod machines;
mod relinking;
mod restore;
mod sessions;
mod speed;
