//! Owns mail from outside: when it is written, to whom, how large, and how the sending host tries again. It must not know
//! where a user's home is.

use crate::event::{Event, MailEvent};
use crate::network::mail_id;
use crate::world::World;
use mock_host::draw::{Stream, below, mix, unit};
use mock_host::mail::{Body, Mail, Name};
use mock_host::time::{Span, Time};
use mock_mta::Reply;
use std::sync::Arc;

/// A message that a host outside still has.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Message.
    pub mail: Arc<Mail>,
    /// Recipient.
    pub to: Name,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was written.
    pub written: Time,
    /// How long its DATA takes.
    pub data: Span,
}

impl World {
    /// The first message of each user is planned.
    pub fn plan_mail(&mut self, index: u32) {
        self.plan_next_mail(index, 0);
    }

    fn plan_next_mail(&mut self, index: u32, n: u32) {
        let rate = self.traffic.spec.mails_per_user_hour;
        let Some(client) = self.traffic.client(index) else { return };
        if rate <= 0.0 {
            return;
        }
        let gap = exponential(unit(self.traffic.seed, Stream::Mail, client.entity, u64::from(n) * 4), 3600.0 / rate);
        let at = self.now + gap;
        if self.traffic.open(at) {
            self.queue.push(at, client.entity, Event::Mail(MailEvent::Next(index, n)));
        }
    }

    /// Something happens to mail from outside.
    pub fn mail_event(&mut self, event: MailEvent) {
        match event {
            MailEvent::Next(index, n) => {
                if self.traffic.open(self.now) {
                    self.write_letters(index, n);
                    self.plan_next_mail(index, n + 1);
                }
            }
            MailEvent::Try(number) | MailEvent::Data(number) => self.try_letter(number),
        }
    }

    fn write_letters(&mut self, index: u32, n: u32) {
        let Some(client) = self.traffic.client(index) else { return };
        let (seed, entity, spec) = (self.traffic.seed, client.entity, &self.traffic.spec);
        let k = u64::from(n) * 4;
        let which = unit(seed, Stream::Mail, entity, k + 1);
        let to_list = which < spec.list_share && !self.traffic.lists.is_empty();
        let burst = if unit(seed, Stream::Mail, entity, k + 2) < spec.burst_share { 10 } else { 1 };
        let to = if to_list {
            let lists = self.traffic.lists.len() as u64;
            self.traffic.lists[below(seed, Stream::Mail, entity ^ 77, u64::from(n), lists) as usize].clone()
        } else {
            client.address.clone()
        };
        for i in 0..burst {
            let letter = self.letter(entity, u64::from(n) * 16 + i, to.clone(), to_list);
            let number = self.traffic.number();
            self.traffic.letters.insert(number, letter);
            self.queue.push(self.now + Span::millis(200 * i as i64), entity, Event::Mail(MailEvent::Try(number)));
        }
    }

    fn letter(&self, entity: u64, n: u64, to: Name, to_list: bool) -> Letter {
        let (seed, spec) = (self.traffic.seed, &self.traffic.spec);
        let id = mail_id(mix(seed) ^ entity, n);
        let u = unit(seed, Stream::Mail, entity ^ 5, n);
        let large = unit(seed, Stream::Mail, entity ^ 6, n) < spec.large_share;
        let size_bytes =
            if large { 1_000_000 + (7_000_000.0 * u) as u32 } else { 900 + (u * u * u * 120_000.0) as u32 };
        let sender = below(seed, Stream::Mail, entity ^ 7, n, 40);
        let mail = Mail {
            id,
            from: format!("sender{sender}@elsewhere.example").into(),
            body: Body { id: id.0, size_bytes },
            sent: self.now,
            list_id: (to_list && n.is_multiple_of(2)).then(|| Name::from("dev.lists.elsewhere.example")),
            automatic: false,
            subject: "".into(),
        };
        let slow = if unit(seed, Stream::Mail, entity ^ 8, n) < 0.02 { Span::secs(20) } else { Span::millis(50) };
        let data = slow + Span::from_secs_f64(f64::from(size_bytes) / 1e6);
        Letter { mail: Arc::new(mail), to, attempts: 0, written: self.now, data }
    }

    fn try_letter(&mut self, number: u64) {
        let Some(letter) = self.traffic.letters.get_mut(&number) else { return };
        letter.attempts += 1;
        let (mail, to, data, attempts) = (letter.mail.clone(), letter.to.clone(), letter.data, letter.attempts);
        let domain = to.rsplit('@').next().unwrap_or("").to_ascii_lowercase();
        let mut exchangers = self.map.mx.get(domain.as_str()).cloned().unwrap_or_default();
        exchangers.extend_from_slice(self.faults.by_arrangement(&domain));
        if exchangers.is_empty() {
            self.traffic.letters.remove(&number);
            return;
        }
        // Equal preference: a random order for each message, the next one when there is no connection.
        let first = (mix(mail.id.0 ^ u64::from(attempts)) % exchangers.len() as u64) as usize;
        for i in 0..exchangers.len() {
            let host = exchangers[(first + i) % exchangers.len()];
            if self.from_outside(number, host, mail.clone(), to.clone(), data) {
                return;
            }
        }
        self.letter_again(number);
    }

    fn letter_again(&mut self, number: u64) {
        let Some(letter) = self.traffic.letters.get(&number) else { return };
        if self.now - letter.written > Span::days(4) {
            // The sending host outside bounces it itself; this site never took it.
            self.traffic.letters.remove(&number);
            return;
        }
        // As most hosts do: soon at first, then every four hours.
        const WAIT_MINUTES: [i64; 6] = [5, 15, 30, 60, 120, 240];
        let wait = Span::mins(WAIT_MINUTES[(letter.attempts as usize).clamp(1, 6) - 1]);
        self.queue.push(self.now + wait, number, Event::Mail(MailEvent::Try(number)));
    }

    /// A host outside got its answer.
    pub fn outside_answered(&mut self, number: u64, reply: Reply) {
        match reply {
            Reply::Ok | Reply::Never(_) => {
                self.traffic.letters.remove(&number);
            }
            Reply::Later(_) => self.letter_again(number),
        }
    }
}

/// A waiting time with this mean in seconds.
pub(super) fn exponential(unit: f64, mean_s: f64) -> Span {
    Span::from_secs_f64((-(1.0 - unit).ln() * mean_s).clamp(0.001, 30.0 * 86400.0))
}
