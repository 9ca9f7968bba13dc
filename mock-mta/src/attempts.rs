//! Owns how an attempt begins and ends: delivered, deferred with backoff, returned; and the expansion of a file of an
//! intermediate channel. It must not know when an attempt is due.

use crate::channel::{Channel, Program, backoff};
use crate::input::{Attempt, AttemptId, Destination, Output, Recipient, Reply};
use crate::mta::Mta;
use crate::queue_file::{QueueFile, push_fact};
use crate::record::Outcome;
use mock_host::fact::Fact;
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::time::Time;

/// How the recipients of a file fared.
#[derive(Default)]
struct Fared<'f> {
    done: Vec<&'f Recipient>,
    later: Vec<(&'f Recipient, Name)>,
    never: Vec<(&'f Recipient, Name)>,
}

impl Mta {
    /// Begins to hand a file to the store or another host; [`crate::Input::Attempted`] will say how it ended.
    pub(crate) fn hand_on(&mut self, channel: Channel, serial: u64, host: &Host, out: &mut Vec<Output>) {
        let Some(file) = self.queue.get(channel, serial) else {
            return self.jobs.forget(channel, serial);
        };
        let id = self.jobs.begin(host, channel, serial);
        out.push(Output::Attempt(Attempt {
            id,
            channel: file.channel_name.clone(),
            destination: file.destination.clone().unwrap_or(Destination::Outside),
            mail: file.mail.clone(),
            received: file.received,
            recipients: file.recipients.to_vec(),
        }));
    }

    /// An attempt ended: who was taken is dequeued, who was refused for good is returned, the others stay in the file,
    /// which gets a new name and a later due time (F5.2-03, F5.4-02). A recipient without a reply stays.
    pub(crate) fn attempted(
        &mut self,
        now: Time,
        attempt: AttemptId,
        replies: Vec<Reply>,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let Some((channel, serial)) = self.jobs.end(attempt) else { return };
        let Some(file) = self.queue.get(channel, serial).cloned() else {
            self.jobs.forget(channel, serial);
            return;
        };
        let mut fared = Fared::default();
        let mut replies = replies.into_iter();
        for recipient in file.recipients.iter() {
            match replies.next().unwrap_or_else(|| Reply::Later("no reply".into())) {
                Reply::Ok => fared.done.push(recipient),
                Reply::Later(why) => fared.later.push((recipient, why)),
                Reply::Never(why) => fared.never.push((recipient, why)),
            }
        }
        let left_site = file.destination == Some(Destination::Outside);
        let refused = self.dequeue(now, &file, fared, left_site, host, out);
        self.return_refused(now, &file, refused, host, out);
        self.run_jobs(now, host, env, out);
    }

    /// A process of an intermediate channel is through with a file: its addresses are expanded anew, by the status and
    /// mailHost that this process sees now (F5.3-02).
    pub(crate) fn expand_file(
        &mut self,
        now: Time,
        channel: Channel,
        serial: u64,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let Program::Expands(daemon) = channel.program() else { return };
        let Some(file) = self.queue.get(channel, serial).cloned() else {
            return self.jobs.forget(channel, serial);
        };
        let pid = self.program_of(now, channel, daemon, host, env, out);
        let expansion = self.expand(now, pid, channel, &file.mail, &file.recipients, file.received, host, env, out);
        let mut fared = Fared::default();
        for (recipient, outcome) in file.recipients.iter().zip(&expansion.outcomes) {
            match outcome {
                Outcome::Taken => fared.done.push(recipient),
                Outcome::Later(_, why) => fared.later.push((recipient, why.clone())),
                Outcome::Never(_, why) => fared.never.push((recipient, why.clone())),
            }
        }
        let refused = self.dequeue(now, &file, fared, false, host, out);
        self.settle(now, pid, &file.mail, expansion, host, env, out);
        self.return_refused(now, &file, refused, host, out);
    }

    /// Takes what is done with out of a file, and defers the rest; gives back who is to be told of a failure.
    fn dequeue<'f>(
        &mut self,
        now: Time,
        file: &'f QueueFile,
        fared: Fared<'f>,
        left_site: bool,
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Vec<(&'f Recipient, Name)> {
        for &recipient in fared.done.iter().chain(fared.never.iter().map(|(r, _)| r)) {
            push_fact(out, dequeued(host, file, recipient));
        }
        if left_site {
            for r in &fared.done {
                let to = r.address.clone();
                push_fact(out, Fact::LeftSite { host: host.id, token: r.token, to });
            }
        }
        if fared.later.is_empty() {
            self.jobs.forget(file.channel, file.serial);
            self.queue.remove(file.channel, file.serial);
        } else {
            self.defer(now, file, fared.later, host, out);
        }
        fared.never
    }

    fn return_refused(
        &mut self,
        now: Time,
        file: &QueueFile,
        refused: Vec<(&Recipient, Name)>,
        host: &mut Host,
        out: &mut Vec<Output>,
    ) {
        for chunk in refused.chunk_by(|a, b| a.1 == b.1) {
            let recipients: Vec<Recipient> = chunk.iter().map(|(r, _)| (*r).clone()).collect();
            self.notify_failure(now, &file.mail, &recipients, &chunk[0].1, None, host, out);
        }
    }

    /// Defers every recipient of a file.
    pub(crate) fn defer_whole(
        &mut self,
        now: Time,
        channel: Channel,
        serial: u64,
        why: &str,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        let Some(file) = self.queue.get(channel, serial).cloned() else {
            return self.jobs.forget(channel, serial);
        };
        let why: Name = why.into();
        let later = file.recipients.iter().map(|r| (r, why.clone())).collect();
        self.defer(now, &file, later, host, out);
    }

    /// Leaves recipients of a file, in its order, in it for a later attempt.
    fn defer(
        &mut self,
        now: Time,
        file: &QueueFile,
        later: Vec<(&Recipient, Name)>,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        let reply = later.last().map_or_else(Name::default, |(_, why)| why.clone());
        let left = if later.len() == file.recipients.len() {
            file.recipients.clone()
        } else {
            later.iter().map(|(r, _)| (*r).clone()).collect()
        };
        for (recipient, why) in later {
            let (host, channel) = (host.id, file.channel_name.clone());
            push_fact(out, Fact::Deferred { host, channel, token: recipient.token, why });
        }
        if let Some(attempts) = self.queue.failed(file.channel, file.serial, left, reply) {
            self.jobs.learn(file.channel, file.serial, now + backoff(attempts));
        }
    }
}

pub(crate) fn dequeued(host: &Host, file: &QueueFile, recipient: &Recipient) -> Fact {
    Fact::Dequeued {
        host: host.id,
        channel: file.channel_name.clone(),
        file: file.name.clone(),
        token: recipient.token,
    }
}
