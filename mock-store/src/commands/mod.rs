//! Owns the commands of the message store: each is started by a command line and lasts. It must not know who calls them.

use crate::archive::ArchiveItem;
use crate::effects::EffectId;
use crate::input::Output;
use crate::store::Store;
use mock_host::command::{CommandId, CommandInput, fail};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::time::{Span, Time};

/// Commands under way.
#[derive(Clone, Debug, Default)]
pub struct Commands {}

/// Something reaches a command: it begins, a line of standard input, a signal.
pub(crate) fn handle(
    _store: &mut Store,
    _now: Time,
    id: CommandId,
    input: CommandInput,
    _host: &mut Host,
    _env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    if let CommandInput::Start { argv, .. } = input {
        let name = argv.first().map_or("", |a| &**a);
        out.push(Output::Host(fail(id, Span::millis(5), 127, format!("sh: {name}: not found\n"))));
    }
}

/// An item of an archive reaches a command's standard input.
pub(crate) fn archive(
    _store: &mut Store,
    _now: Time,
    _id: CommandId,
    _item: ArchiveItem,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}

/// The archive on a command's standard input is at its end.
pub(crate) fn archive_end(
    _store: &mut Store,
    _now: Time,
    _id: CommandId,
    _whole: bool,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}

/// What a command wrote to its pipe was taken.
pub(crate) fn taken(
    _store: &mut Store,
    _now: Time,
    _id: CommandId,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}

/// A time that a command asked for.
pub(crate) fn timer(
    _store: &mut Store,
    _now: Time,
    _id: CommandId,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}

/// An effect that a command waits for is done, or failed (no room).
#[allow(clippy::too_many_arguments)]
pub(crate) fn effect_done(
    _store: &mut Store,
    _now: Time,
    _id: CommandId,
    _effect: EffectId,
    _ok: bool,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}

/// stored ended (stopped, restarted by msprobe, crashed): utilities at work lose it.
pub(crate) fn stored_stopped(
    _store: &mut Store,
    _now: Time,
    _host: &mut Host,
    _env: &dyn Environment,
    _out: &mut Vec<Output>,
) {
}
