//! Queues, the job controller, notices and `imsimta`, driven from outside.

mod attempts;
mod control;
mod ends;
mod listing;
mod notices;
mod release;
mod site;
