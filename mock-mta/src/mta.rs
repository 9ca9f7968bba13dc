//! Owns one host's MTA as a whole: where an input goes, and how an expansion becomes queue files. It must not know how
//! an address is routed nor when a queue file is due.

use crate::channel::Channel;
use crate::commands::Commands;
use crate::expansion::plain_recipient;
use crate::input::{Input, Output, Peer, TransactionId};
use crate::job_controller::JobController;
use crate::notices::Notices;
use crate::option_dat::{CompileError, Image};
use crate::queue_file::Queue;
use crate::record::{Enqueue, Expansion, Outcome};
use crate::router::{Router, Source, Transaction, fact};
use mock_host::fact::Fact;
use mock_host::host::{BASE, Host};
use mock_host::lookup::Environment;
use mock_host::mail::{Mail, Name, Token};
use mock_host::process_table::{Pid, Process};
use mock_host::time::Time;
use std::sync::Arc;

/// The MTA of one host: plain data.
#[derive(Clone, Debug)]
pub struct Mta {
    /// Addresses to channels; the caches of each process.
    pub router: Router,
    /// The compiled configuration: what programs that start from now on run with (F1.4-01).
    pub image: Arc<Image>,
    /// Queue files.
    pub queue: Queue,
    /// What is due when.
    pub jobs: JobController,
    /// The return job.
    pub notices: Notices,
    /// Commands under way.
    pub commands: Commands,
}

impl Mta {
    /// An MTA with the configuration that its host's files hold, compiled, and with empty queues. The files are those
    /// below `/opt/SUNWmsgsr/config`; a missing one is empty. Writes `compiled.img`.
    ///
    /// # Errors
    /// When option.dat or mappings cannot be parsed: file, line and reason.
    pub fn new(now: Time, host: &mut Host) -> Result<Mta, CompileError> {
        let mut mta = Mta {
            router: Router::default(),
            image: Arc::default(),
            queue: Queue::default(),
            jobs: JobController::default(),
            notices: Notices::default(),
            commands: Commands::default(),
        };
        mta.cnbuild(now, host)?;
        Ok(mta)
    }

    /// Takes an input at an instant; everything that comes of it is pushed to `out`.
    pub fn handle(&mut self, now: Time, input: Input, host: &mut Host, env: &dyn Environment, out: &mut Vec<Output>) {
        match input {
            Input::Command(id, input) => self.command(now, id, input, host, env, out),
            Input::Rcpt { transaction, peer, mail, received, to } => {
                self.router.rcpt(now, transaction, peer, mail, received, to, host, env, out);
            }
            Input::Data(transaction) => self.data(now, transaction, host, env, out),
            Input::Abort(transaction) => self.router.abort(transaction),
            Input::Attempted(attempt, replies) => self.attempted(now, attempt, replies, host, env, out),
            Input::Started(pid) => self.process_started(now, pid, host, env, out),
            Input::Stopped(process) => self.process_stopped(now, &process, host, env, out),
            Input::Timer(timer) => self.wake(now, timer, host, env, out),
        }
    }

    /// A process of this host was started: one that expands addresses reads the image now and begins with empty caches.
    pub(crate) fn process_started(
        &mut self,
        now: Time,
        pid: Pid,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        self.router.started(pid, &self.image, host, out);
        self.jobs_started(now, pid, host, env, out);
    }

    /// A process of this host ended: its caches and transactions are gone.
    pub(crate) fn process_stopped(
        &mut self,
        now: Time,
        process: &Process,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        self.router.stopped(process.pid);
        self.jobs_stopped(now, process, host, env, out);
    }

    /// Compiles the files of the configuration into the image that programs started later use, and writes
    /// `compiled.img`; running programs do not notice (F1.4-01).
    ///
    /// # Errors
    /// When a file cannot be parsed; the image stays as it was.
    pub fn cnbuild(&mut self, now: Time, host: &mut Host) -> Result<(), CompileError> {
        let image = Image::compile(&host.files)?;
        let modified = host.clock.read(now);
        host.files.write(&format!("{BASE}/config/compiled.img"), image.bytes(), modified);
        self.image = Arc::new(image);
        Ok(())
    }

    /// Expands the recipients of a file of an intermediate channel again (F5.3-02), in the process `pid` and with its
    /// caches. Only decisions go to `out`; the rest is for [`Mta::settle`].
    #[expect(clippy::too_many_arguments, reason = "what a queue file is, and the frame of every handler")]
    pub(crate) fn expand(
        &mut self,
        now: Time,
        pid: Pid,
        channel: Channel,
        mail: &Arc<Mail>,
        recipients: &[crate::input::Recipient],
        received: u16,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) -> Expansion {
        let source = Source::of_channel(channel);
        let to = recipients.iter().map(|r| (&r.address, r.original.clone(), r.token));
        self.router.expand(now, pid, source, mail, to, received, host, env, out)
    }

    /// Turns an expansion into facts, queue files, notices and new messages, in this order.
    #[expect(clippy::too_many_arguments, reason = "an expansion, and the frame of every handler")]
    pub(crate) fn settle(
        &mut self,
        now: Time,
        pid: Pid,
        mail: &Arc<Mail>,
        expansion: Expansion,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        out.extend(expansion.facts.into_iter().map(fact));
        for item in expansion.enqueue {
            self.enqueue(now, item, host, out);
        }
        for bounce in expansion.bounces {
            self.bounce(now, pid, mail, bounce, host, env, out);
        }
        for reply in expansion.replies {
            if self.router.vacation.answers(now, &reply.user, &reply.to, reply.timeout) {
                out.push(fact(Fact::AutoReplied { host: host.id, user: reply.user, to: reply.to.clone() }));
                self.originate(now, pid, reply.mail, &reply.to, host, env, out);
            }
        }
    }

    /// The end of a transaction's DATA: what was expanded at RCPT is queued now, whatever the entries say meanwhile.
    fn data(&mut self, now: Time, id: TransactionId, host: &mut Host, env: &dyn Environment, out: &mut Vec<Output>) {
        let Some(transaction) = self.router.take(id) else {
            out.push(Output::Data(id, 421, "4.3.2 no transaction".into()));
            return;
        };
        let Transaction { pid, peer, mail, taken, expansion } = transaction;
        if !matches!(peer, Peer::Host(_)) {
            for (to, token) in taken {
                out.push(accepted(host, &mail, token, to));
            }
        }
        self.settle(now, pid, &mail, expansion, host, env, out);
        out.push(Output::Data(id, 250, "2.5.0 ok".into()));
    }

    /// Sends a message of the MTA's own (a notice, a vacation reply) as a local client would. What the directory cannot
    /// answer for now is queued in reprocess; what can never be routed is dropped: such a message is never answered.
    #[expect(clippy::too_many_arguments, reason = "a message, and the frame of every handler")]
    pub(crate) fn originate(
        &mut self,
        now: Time,
        pid: Pid,
        mail: Arc<Mail>,
        to: &Name,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let token = Token::accepted(mail.id, to);
        let one = std::iter::once((to, to.clone(), token));
        let pid = self.router.any_process(pid).unwrap_or(pid);
        let expansion = self.router.expand(now, pid, Source::Own, &mail, one, 0, host, env, out);
        out.push(accepted(host, &mail, token, to.clone()));
        match expansion.outcomes.first() {
            Some(Outcome::Never(_, why)) => {
                out.push(fact(Fact::Discarded { host: host.id, token, why: why.clone() }));
            }
            Some(Outcome::Later(..)) => {
                let recipients = vec![plain_recipient(to.clone(), to, token, None)];
                let (channel, destination, held) = (Channel::Reprocess, None, None);
                let item = Enqueue { channel, destination, mail, recipients, received: 1, held };
                self.enqueue(now, item, host, out);
            }
            _ => self.settle(now, pid, &mail, expansion, host, env, out),
        }
    }

    /// What `imsimta test -rewrite ADDRESS` prints: by a fresh process, so with the newest image and empty caches.
    ///
    /// # Errors
    /// The error line, when the address is refused.
    pub fn rewrite_report(
        &self,
        now: Time,
        address: &str,
        host: &Host,
        env: &dyn Environment,
    ) -> Result<String, String> {
        self.router.rewrite_report(now, address, &self.image, host, env)
    }
}

fn accepted(host: &Host, mail: &Mail, token: Token, to: Name) -> Output {
    fact(Fact::Accepted { host: host.id, mail: mail.id, token, to, body: mail.body, from: mail.from.clone() })
}
