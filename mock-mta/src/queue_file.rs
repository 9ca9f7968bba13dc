//! Owns the queue files of a host: recipients, names, sizes, by channel. It must not know when a file is attempted.

use crate::channel::Channel;
use crate::file_name::{attempts_of, new_name, push_prefix, unique_part};
use crate::input::{Destination, Output, Recipient};
use crate::mta::Mta;
use crate::record::Enqueue;
use mock_host::command;
use mock_host::fact::{Fact, HeldWhy};
use mock_host::host::Host;
use mock_host::mail::{Mail, Name, Token};
use mock_host::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where the queue tree is.
pub const QUEUE_ROOT: &str = "/opt/SUNWmsgsr/data/queue";

/// A queue file: one message, and the recipients that one channel hands on together (F5.2-02).
#[derive(Clone, Debug)]
pub struct QueueFile {
    /// Its number in this queue: ascending in the order of queueing, never used twice.
    pub serial: u64,
    /// Channel.
    pub channel: Channel,
    /// Its channel's name, for facts.
    pub(crate) channel_name: Name,
    /// File name in the channel's directory, `ZZ0JE927001KX4Q.00`.
    pub name: Name,
    /// Failed attempts so far: the first two characters of the name.
    pub attempts: u32,
    /// Not eligible (`.HELD`), and why.
    pub held: Option<HeldWhy>,
    /// True time of its creation: a listing's "Queued since" by the host's clock.
    pub created: Time,
    /// Message.
    pub mail: Arc<Mail>,
    /// How many Received lines the message has in the file.
    pub received: u16,
    /// Where an attempt goes; `None`: the channel expands the addresses again.
    pub destination: Option<Destination>,
    /// Recipients that are still in it, in the order of the envelope; never empty.
    pub recipients: Arc<[Recipient]>,
    /// How many of its notices have been acted upon.
    pub(crate) notices_sent: u8,
    /// What the other side said at the last failed attempt; empty when none failed.
    pub last_reply: Name,
}

impl QueueFile {
    /// Size of the file in bytes.
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.mail.body.size_bytes)
    }
    /// Size in a listing's blocks of 1,024 bytes, rounded up.
    pub fn blocks(&self) -> u64 {
        self.size_bytes().div_ceil(1024)
    }
    /// The tokens of its recipients.
    pub fn tokens(&self) -> Arc<[Token]> {
        self.recipients.iter().map(|r| r.token).collect()
    }
    /// Names it anew after its attempts or its mark changed (F5.2-03); the unique part stays.
    fn rename(&mut self) {
        let unique = unique_part(&self.name);
        let mut name = String::with_capacity(unique.len() + 7);
        push_prefix(self.attempts, &mut name);
        name.push_str(unique);
        name.push_str(suffix(self.held));
        self.name = name.into();
    }
}

const fn suffix(held: Option<HeldWhy>) -> &'static str {
    if held.is_some() { ".HELD" } else { ".00" }
}

/// A file to be in a queue when a world begins.
#[derive(Clone, Debug)]
pub struct InitialFile {
    /// Channel.
    pub channel: Channel,
    /// Name as an export gives it; `None`: one is made up.
    pub name: Option<Name>,
    /// True time of its creation.
    pub created: Time,
    /// Message.
    pub mail: Arc<Mail>,
    /// Where an attempt goes; `None` for intermediate channels.
    pub destination: Option<Destination>,
    /// Recipients; at least one.
    pub recipients: Vec<Recipient>,
}

/// The files of one channel.
#[derive(Clone, Debug, Default)]
struct Directory {
    files: BTreeMap<u64, Arc<QueueFile>>,
    held: usize,
    size_bytes: u64,
    paused: bool,
}

/// The queue tree of a host.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    directories: [Directory; Channel::ALL.len()],
    next_serial: u64,
}

impl Queue {
    /// Every file: by channel, then in the order of queueing.
    pub fn files(&self) -> impl Iterator<Item = &QueueFile> {
        self.directories.iter().flat_map(|d| d.files.values().map(|f| &**f))
    }
    /// The files of a channel, in the order of queueing.
    pub fn files_of(&self, channel: Channel) -> impl Iterator<Item = &QueueFile> {
        self.directories[channel as usize].files.values().map(|f| &**f)
    }
    /// A file by its number.
    pub fn get(&self, channel: Channel, serial: u64) -> Option<&Arc<QueueFile>> {
        self.directories[channel as usize].files.get(&serial)
    }
    /// Number of files, held ones included.
    pub fn len(&self) -> usize {
        self.directories.iter().map(|d| d.files.len()).sum()
    }
    /// Whether no file is queued or held.
    pub fn is_empty(&self) -> bool {
        self.directories.iter().all(|d| d.files.is_empty())
    }
    /// Number of `.HELD` files: what SNMP counts as `mtaLoopsDetected`, whatever they are held for (F8-19).
    pub fn held(&self) -> usize {
        self.directories.iter().map(|d| d.held).sum()
    }
    /// Bytes of all files.
    pub fn size_bytes(&self) -> u64 {
        self.directories.iter().map(|d| d.size_bytes).sum()
    }
    /// Bytes of a channel's files.
    pub fn size_bytes_of(&self, channel: Channel) -> u64 {
        self.directories[channel as usize].size_bytes
    }
    /// Makes every attempt of a channel fail for now (a stuck queue), or ends that. What failed meanwhile keeps its backoff.
    pub fn set_paused(&mut self, channel: Channel, paused: bool) {
        self.directories[channel as usize].paused = paused;
    }
    /// Whether attempts of a channel are made to fail for now.
    pub fn channel_paused(&self, channel: Channel) -> bool {
        self.directories[channel as usize].paused
    }

    pub(crate) fn add(&mut self, host: &Host, file: InitialFile, held: Option<HeldWhy>, received: u16) -> u64 {
        debug_assert!(!file.recipients.is_empty(), "a queue file has a recipient");
        self.next_serial += 1;
        let serial = self.next_serial;
        let name =
            file.name.unwrap_or_else(|| new_name(host.clock.read(file.created), serial, host.id.0, suffix(held)));
        self.insert(QueueFile {
            serial,
            channel: file.channel,
            channel_name: file.channel.name().into(),
            attempts: attempts_of(&name).unwrap_or(0),
            name,
            held,
            created: file.created,
            mail: file.mail,
            received,
            destination: file.destination,
            recipients: file.recipients.into(),
            notices_sent: 0,
            last_reply: Name::default(),
        });
        serial
    }
    fn insert(&mut self, file: QueueFile) {
        let directory = &mut self.directories[file.channel as usize];
        directory.held += usize::from(file.held.is_some());
        directory.size_bytes += file.size_bytes();
        directory.files.insert(file.serial, Arc::new(file));
    }
    pub(crate) fn remove(&mut self, channel: Channel, serial: u64) -> Option<Arc<QueueFile>> {
        let directory = &mut self.directories[channel as usize];
        let file = directory.files.remove(&serial)?;
        directory.held -= usize::from(file.held.is_some());
        directory.size_bytes -= file.size_bytes();
        Some(file)
    }
    /// Notes a failed attempt: the recipients that are left, one attempt more, a new name (F5.2-03). The attempts now.
    pub(crate) fn failed(&mut self, channel: Channel, serial: u64, left: Arc<[Recipient]>, reply: Name) -> Option<u32> {
        let file = Arc::make_mut(self.directories[channel as usize].files.get_mut(&serial)?);
        file.recipients = left;
        file.attempts += 1;
        file.last_reply = reply;
        file.rename();
        Some(file.attempts)
    }
    /// Marks a file as held, or drops the mark with everything tried forgotten (F5.2-02); the file as it is named now.
    pub(crate) fn mark(&mut self, channel: Channel, serial: u64, held: Option<HeldWhy>) -> Option<&QueueFile> {
        let directory = &mut self.directories[channel as usize];
        let file = Arc::make_mut(directory.files.get_mut(&serial)?);
        directory.held -= usize::from(file.held.is_some());
        directory.held += usize::from(held.is_some());
        file.held = held;
        if held.is_none() {
            file.attempts = 0;
        }
        file.rename();
        Some(file)
    }
    pub(crate) fn note_notice(&mut self, channel: Channel, serial: u64, sent: u8) {
        if let Some(file) = self.directories[channel as usize].files.get_mut(&serial) {
            Arc::make_mut(file).notices_sent = sent;
        }
    }
}

impl Mta {
    /// Writes a queue file, says so of each recipient, and has it attempted at once unless it is held. What is sent to
    /// the bitbucket ends here.
    pub(crate) fn enqueue(&mut self, now: Time, item: Enqueue, host: &mut Host, out: &mut Vec<Output>) {
        let Enqueue { channel, destination, mail, recipients, received, held } = item;
        if channel == Channel::Bitbucket {
            let why: Name = "bitbucket".into();
            for r in &recipients {
                push_fact(out, Fact::Discarded { host: host.id, token: r.token, why: why.clone() });
            }
            return;
        }
        let file = InitialFile { channel, name: None, created: now, mail, destination, recipients };
        let serial = self.queue.add(host, file, held, received);
        if let Some(file) = self.queue.get(channel, serial) {
            for r in file.recipients.iter() {
                push_fact(
                    out,
                    Fact::Queued {
                        host: host.id,
                        channel: file.channel_name.clone(),
                        file: file.name.clone(),
                        token: r.token,
                        to: r.address.clone(),
                        user: r.user.clone(),
                        held,
                    },
                );
            }
        }
        self.notices_watch(now, channel, held.is_some(), host, out);
        if held.is_none() {
            self.jobs.learn(channel, serial, now);
            self.start_due(now, host, out);
        }
    }

    /// Puts an active file into a queue without any fact: content that a world begins with. It is attempted when the job
    /// controller is next woken or started.
    pub fn add_queued(&mut self, now: Time, host: &Host, file: InitialFile, out: &mut Vec<Output>) -> u64 {
        let (channel, created) = (file.channel, file.created);
        let serial = self.queue.add(host, file, None, 1);
        self.jobs.learn(channel, serial, now);
        self.arm(now, host, out);
        self.notices_watch(created, channel, false, host, out);
        serial
    }

    /// Puts a held file into a queue without any fact: content that a world begins with.
    pub fn add_held(&mut self, host: &Host, file: InitialFile, why: HeldWhy, out: &mut Vec<Output>) -> u64 {
        let (channel, created) = (file.channel, file.created);
        let serial = self.queue.add(host, file, Some(why), 1);
        self.notices_watch(created, channel, true, host, out);
        serial
    }
}

pub(crate) fn push_fact(out: &mut Vec<Output>, fact: Fact) {
    out.push(Output::Host(command::Output::Fact(fact)));
}
