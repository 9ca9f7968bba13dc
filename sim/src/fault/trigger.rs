//! Owns what sets a fault off during a run: a step that is journalled as begun, a command that starts. It must not know what a
//! fault does. The harness reads the journal for it; no fake ever does.

use super::Begins;
use crate::event::Event;
use crate::world::World;
use mock_host::command::CommandId;
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use orchestrator::journal::record::{Event as StepEvent, Record};

/// The step that a journal record says has begun; `None`: it says something else.
pub fn step_begun(record: &[u8]) -> Option<u8> {
    // The journal writes the kind of a record first: of the many others nothing more is read.
    if !record.starts_with(br#"{"record":"step""#) {
        return None;
    }
    match serde_json::from_slice(record) {
        Ok(Record::Step { step, event: StepEvent::Began, .. }) => Some(step),
        _ => None,
    }
}

impl World {
    /// The run journalled records: faults that wait for a step begin with it.
    pub fn journalled<R: AsRef<[u8]>>(&mut self, records: &[R]) {
        if self.faults.list.is_empty() {
            return;
        }
        for step in records.iter().filter_map(|r| step_begun(r.as_ref())) {
            if self.faults.steps.contains_key(&step) {
                continue;
            }
            self.faults.steps.insert(step, self.now);
            for (n, fault) in self.faults.list.iter().enumerate() {
                if fault.begins == Begins::Step(step) && fault.since.is_none() && !fault.over {
                    self.queue.push(self.now, 4, Event::FaultBegins(n as u32));
                }
            }
        }
    }

    /// A command was started: faults that wait for it begin, others hear of it.
    pub fn command_seen(&mut self, id: CommandId, host: &str, argv: &[Name]) {
        if self.faults.list.is_empty() {
            return;
        }
        let Some(host) = self.host_named(host) else { return };
        let line = argv.join(" ");
        for n in 0..self.faults.list.len() {
            if self.faults.list[n].since.is_some() {
                (self.faults.row(n).hears)(self, n, host, argv);
            } else {
                self.command_counts(id, host, &line, n);
            }
        }
    }

    /// A command complained: faults that are in its way read it.
    pub fn complained(&mut self, host: HostId, stderr: &str) {
        for n in 0..self.faults.list.len() {
            if self.faults.list[n].since.is_some() {
                (self.faults.row(n).reads)(self, n, host, stderr);
            }
        }
    }

    fn command_counts(&mut self, id: CommandId, _host: HostId, line: &str, n: usize) {
        let steps = &self.faults.steps;
        let fault = &mut self.faults.list[n];
        let Begins::Command(step, text, nth) = fault.begins else { return };
        let text = fault.spec.when.command.as_deref().unwrap_or(text);
        let early = step > 0 && !steps.contains_key(&step);
        if fault.over || early || !line.contains(text) || fault.command.is_some() {
            return;
        }
        fault.seen += 1;
        if fault.seen >= nth {
            fault.command = Some(id);
            self.queue.push(self.now, 4, Event::FaultBegins(n as u32));
        }
    }
}
