//! Owns what senders are told: delay notices and failures, and the return job that sends them at the notices days. It must
//! not know why an attempt failed beyond the words it was given.
//!
//! The return job runs once a day by the host's clock; a run at which nothing would happen is not an event.

use crate::attempts::dequeued;
use crate::channel::Channel;
use crate::input::{Output, Recipient, Timer};
use crate::mta::Mta;
use crate::queue_file::{QueueFile, push_fact};
use crate::record::{Bounce, Enqueue};
use mock_host::coin::HeldNotices;
use mock_host::draw::mix;
use mock_host::fact::Fact;
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::option_table::is_on;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use std::sync::Arc;

/// The return job of a host.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    armed: Option<Time>,
}

/// What the return job does with a file.
enum Due {
    Nothing,
    /// A delay notice; how many of the notices days are over then.
    Delay(u8),
    Failure,
}

/// What a notice is about.
struct Notice<'a> {
    mail: &'a Arc<Mail>,
    recipients: &'a [Recipient],
    why: &'a Name,
    to: Option<Name>,
    /// `None`: a failure; else which delay notice it is, from 1.
    delay: Option<u8>,
}

impl Mta {
    /// Sees to it that the return job looks at a file that was created at `created`. Cheap: it asks for a wake-up only
    /// when none is under way that comes early enough.
    pub(crate) fn notices_watch(
        &mut self,
        created: Time,
        channel: Channel,
        held: bool,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        if held && host.coins.held_notices == HeldNotices::DoNotAge {
            return;
        }
        let first = created + self.notices_span(channel, 0);
        if self.notices.armed.is_none_or(|at| at > first) {
            self.arm_return_job(first, host, out);
        }
    }

    fn arm_return_job(&mut self, not_before: Time, host: &Host, out: &mut Vec<Output>) {
        let at = next_run(not_before, host);
        if self.notices.armed.is_none_or(|armed| at < armed) {
            self.notices.armed = Some(at);
            out.push(Output::Wake(at, Timer::ReturnJob));
        }
    }

    /// The age at which the `n`-th notice of a channel is due: days, or hours with `RETURN_UNITS=1` (F5.4-03).
    fn notices_span(&self, channel: Channel, n: usize) -> Span {
        let days = channel.notices_days();
        let count = days[n.min(days.len() - 1)];
        if self.image.integer("RETURN_UNITS") == Some(1) { Span::hours(count) } else { Span::days(count) }
    }

    /// The return job runs: a delay notice for each file that passed a notices day, a failure after the last (F5.4-03).
    /// Held files age or do not (`C11`); a file with an attempt under way is locked and waits for the next run.
    pub(crate) fn return_job(&mut self, now: Time, host: &mut Host, out: &mut Vec<Output>) {
        if self.notices.armed.is_some_and(|at| at > now) {
            return;
        }
        self.notices.armed = None;
        if return_job_runs(host) {
            let due: Vec<(QueueFile, Due)> = self
                .queue
                .files()
                .filter(|f| self.ages(f, host) && !self.jobs.in_progress(f.channel, f.serial))
                .map(|f| (f, self.due_notice(f, now)))
                .filter(|(_, due)| !matches!(due, Due::Nothing))
                .map(|(f, due)| (f.clone(), due))
                .collect();
            for (file, due) in due {
                match due {
                    Due::Delay(n) => {
                        self.queue.note_notice(file.channel, file.serial, n);
                        self.notify_delay(now, &file, n, host, out);
                    }
                    Due::Failure => self.return_file(now, &file, &failure_reason(&file), host, out),
                    Due::Nothing => {}
                }
            }
        }
        let next = self.queue.files().filter(|f| self.ages(f, host)).map(|f| {
            let n = usize::from(f.notices_sent);
            (f.created + self.notices_span(f.channel, n)).max(now + Span::micros(1))
        });
        if let Some(next) = next.min() {
            self.arm_return_job(next, host, out);
        }
    }

    fn ages(&self, file: &QueueFile, host: &Host) -> bool {
        file.held.is_none() || host.coins.held_notices == HeldNotices::Age
    }

    fn due_notice(&self, file: &QueueFile, now: Time) -> Due {
        let age = now.since(file.created);
        let days = file.channel.notices_days().len();
        let over = (0..days).take_while(|n| self.notices_span(file.channel, *n) <= age).count();
        match over {
            n if n == days => Due::Failure,
            n if n > usize::from(file.notices_sent) => Due::Delay(n as u8),
            _ => Due::Nothing,
        }
    }

    /// Returns a whole file to its sender: dequeued, and a failure notice.
    pub(crate) fn return_file(
        &mut self,
        now: Time,
        file: &QueueFile,
        why: &Name,
        host: &mut Host,
        out: &mut Vec<Output>,
    ) {
        self.jobs.forget(file.channel, file.serial);
        self.queue.remove(file.channel, file.serial);
        for recipient in file.recipients.iter() {
            push_fact(out, dequeued(host, file, recipient));
        }
        self.notify_failure(now, &file.mail, &file.recipients, why, None, host, out);
    }

    /// A copy that an expansion made can never be delivered: the failure goes to the list's owner or to the sender.
    #[expect(clippy::too_many_arguments, reason = "what bounces, and the frame of every handler")]
    pub(crate) fn bounce(
        &mut self,
        now: Time,
        _pid: Pid,
        mail: &Arc<Mail>,
        bounce: Bounce,
        host: &mut Host,
        _env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let Bounce { recipient, why, to } = bounce;
        self.notify_failure(now, mail, &[recipient], &why, to, host, out);
    }

    /// Ends copies with a failure notice to the sender, or to `to` instead. A notification is never answered: its copies
    /// end with nothing due.
    #[expect(clippy::too_many_arguments, reason = "what a notice says, and the frame of every handler")]
    pub(crate) fn notify_failure(
        &mut self,
        now: Time,
        mail: &Arc<Mail>,
        recipients: &[Recipient],
        why: &Name,
        to: Option<Name>,
        host: &mut Host,
        out: &mut Vec<Output>,
    ) {
        self.notify(now, Notice { mail, recipients, why, to, delay: None }, host, out);
    }

    fn notify_delay(&mut self, now: Time, file: &QueueFile, n: u8, host: &mut Host, out: &mut Vec<Output>) {
        let why: Name = if file.last_reply.is_empty() { "not delivered yet".into() } else { file.last_reply.clone() };
        let notice = Notice { mail: &file.mail, recipients: &file.recipients, why: &why, to: None, delay: Some(n) };
        self.notify(now, notice, host, out);
    }

    /// Writes a notice and puts it into the channel `process`, whose program finds the way to its recipient: so a
    /// directory that is away delays a notice and loses none.
    fn notify(&mut self, now: Time, notice: Notice<'_>, host: &mut Host, out: &mut Vec<Output>) {
        let failure = notice.delay.is_none();
        let Some(first) = notice.recipients.first() else { return };
        let to = notice.to.unwrap_or_else(|| notice.mail.from.clone());
        if notice.mail.from.is_empty() || to.is_empty() {
            if failure {
                for r in notice.recipients {
                    push_fact(out, Fact::Discarded { host: host.id, token: r.token, why: notice.why.clone() });
                }
            }
            return;
        }
        for r in notice.recipients {
            let (to, why) = (to.clone(), notice.why.clone());
            push_fact(out, Fact::Dsn { host: host.id, token: r.token, to, failure, why });
        }
        let mail = Arc::new(write_notice(now, host, first.token, notice.delay));
        let token = Token::accepted(mail.id, &to);
        push_fact(
            out,
            Fact::Accepted {
                host: host.id,
                mail: mail.id,
                token,
                to: to.clone(),
                body: mail.body,
                from: mail.from.clone(),
            },
        );
        let recipient =
            Recipient { token, address: to.clone(), original: to, user: None, folder: None, quota_bytes: None };
        let channel = Channel::Process;
        let recipients = vec![recipient];
        let item = Enqueue { channel, destination: None, mail, recipients, received: 1, held: None };
        self.enqueue(now, item, host, out);
    }
}

fn failure_reason(file: &QueueFile) -> Name {
    if file.last_reply.is_empty() { "delivery time expired".into() } else { file.last_reply.clone() }
}

fn write_notice(now: Time, host: &Host, about: Token, delay: Option<u8>) -> Mail {
    let which = u64::from(host.id.0) << 16 | u64::from(delay.unwrap_or(0));
    let id = mix(mix(about.0 ^ 0x6e6f_7469_6365_0000 ^ which) ^ now.0 as u64);
    let subject = match delay {
        None => "Delivery Notification: Delivery has failed",
        Some(_) => "Delivery Notification: Delivery has been delayed",
    };
    Mail {
        id: MailId(id),
        from: Name::default(),
        body: Body { id: mix(id), size_bytes: 2048 + (id % 1024) as u32 },
        sent: now,
        list_id: None,
        automatic: true,
        subject: subject.into(),
    }
}

/// The first run of the return job at or after an instant: `local.schedule.return_job`, a crontab line of which minute and
/// hour are read, by the host's clock and zone; 00:30 when it is unset or unreadable (F1.1-12).
fn next_run(not_before: Time, host: &Host) -> Time {
    let mut minute_of_day = 30;
    if let Some(line) = host.setting("local.schedule.return_job") {
        let mut fields = line.split_whitespace().map(|f| f.parse::<i64>().ok());
        if let (Some(Some(minute @ 0..60)), Some(Some(hour @ 0..24))) = (fields.next(), fields.next()) {
            minute_of_day = hour * 60 + minute;
        }
    }
    const DAY: i64 = 86_400_000_000;
    let ahead = host.clock.offset.0 + i64::from(host.clock.zone_offset_s) * 1_000_000;
    let local = not_before.0 + ahead;
    let today = local.div_euclid(DAY) * DAY + minute_of_day * 60_000_000;
    let run = if today < local { today + DAY } else { today };
    Time(run - ahead)
}

/// The scheduler runs it, unless it is switched off (F1.1-12).
fn return_job_runs(host: &Host) -> bool {
    host.processes.runs(Daemon::Imsched) && host.setting("local.schedule.return_job.enable").is_none_or(is_on)
}
