//! Owns the channels of an MTA: their names, what the master program of each does, backoff and notices. It must not know what is
//! in a queue, nor how an address came to a channel.

use mock_host::process_table::Daemon;
use mock_host::time::Span;

/// The channels that are modelled (F5.1), in alphabetical order: the order of a queue listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// `bitbucket`: what is sent there is discarded, nothing is ever queued.
    Bitbucket,
    /// `conversion`: body conversion; its dequeuing expands the address again.
    Conversion,
    /// `hold`: mail of users on hold; its master program is `reprocess` (AG63:bgare).
    Hold,
    /// `ims-ms`: final delivery to the store of the same host.
    ImsMs,
    /// `l`: local addresses that are still to be decided; expanded again when dequeued.
    L,
    /// `process`: off-line processing that shows as a source, notifications among it.
    Process,
    /// `reprocess`: off-line processing that does not show: lists, deferred expansion.
    Reprocess,
    /// `tcp_intranet`: SMTP to hosts of the site.
    TcpIntranet,
    /// `tcp_lmtpcs`: LMTP to a store.
    TcpLmtpcs,
    /// `tcp_local`: SMTP to the outside, and to a smarthost.
    TcpLocal,
}

/// What a channel's master program does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Hands it to another host or to the store: an attempt that the world answers.
    Delivers,
    /// Runs its addresses through rewriting again, in a process of this kind (F5.3-02).
    Expands(Daemon),
    /// Nothing: no file stays there.
    Discards,
}

impl Channel {
    /// Every channel, in the order of a listing.
    pub const ALL: [Channel; 10] = [
        Channel::Bitbucket,
        Channel::Conversion,
        Channel::Hold,
        Channel::ImsMs,
        Channel::L,
        Channel::Process,
        Channel::Reprocess,
        Channel::TcpIntranet,
        Channel::TcpLmtpcs,
        Channel::TcpLocal,
    ];

    /// Its name in the configuration and in the queue tree.
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Bitbucket => "bitbucket",
            Channel::Conversion => "conversion",
            Channel::Hold => "hold",
            Channel::ImsMs => "ims-ms",
            Channel::L => "l",
            Channel::Process => "process",
            Channel::Reprocess => "reprocess",
            Channel::TcpIntranet => "tcp_intranet",
            Channel::TcpLmtpcs => "tcp_lmtpcs",
            Channel::TcpLocal => "tcp_local",
        }
    }

    /// The channel of this name, compared without regard to case; `None`: the configuration has no such channel.
    pub fn named(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    /// What its master program does.
    pub const fn program(self) -> Program {
        match self {
            Channel::ImsMs | Channel::TcpIntranet | Channel::TcpLmtpcs | Channel::TcpLocal => Program::Delivers,
            Channel::Conversion => Program::Expands(Daemon::Conversion),
            Channel::Hold | Channel::L | Channel::Process | Channel::Reprocess => Program::Expands(Daemon::Reprocess),
            Channel::Bitbucket => Program::Discards,
        }
    }

    /// How many attempts of this channel the job controller runs at once.
    pub const fn default_job_limit(self) -> u32 {
        match self.program() {
            Program::Delivers => 10,
            Program::Expands(_) | Program::Discards => 1,
        }
    }

    /// How long one file keeps a process of an expanding channel busy: a backlog can build up behind it.
    pub const fn default_service(self) -> Span {
        match self {
            Channel::Conversion => Span::millis(200),
            _ => Span::millis(50),
        }
    }

    /// The ages in days at which the return job acts (F5.4-03): a delay notice at each, a failure at the last.
    /// `ims-ms` carries its own in a generated imta.cnf.
    pub const fn notices_days(self) -> &'static [i64] {
        match self {
            Channel::ImsMs => &[1, 7, 14, 21, 28],
            _ => &[3, 6, 9, 12],
        }
    }
}

/// The default backoff (F5.4-02): how long after the `failed`-th failed attempt (from 1) the next one is due, for mail of
/// normal priority; the last interval repeats.
pub fn backoff(failed: u32) -> Span {
    const MINUTES: [i64; 7] = [60, 120, 120, 240, 240, 240, 480];
    Span::mins(MINUTES[(failed.max(1) as usize - 1).min(MINUTES.len() - 1)])
}

/// The host that an address is handed to first: the source route's, else the domain; the whole address without either.
pub fn next_hop(address: &str) -> &str {
    if let Some(routed) = address.strip_prefix('@') {
        return routed.split([':', ',']).next().unwrap_or(routed);
    }
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F5.4-02
    #[test]
    fn the_last_interval_of_the_backoff_repeats() {
        let minutes: Vec<i64> = (1..=9).map(|n| backoff(n).whole_secs() / 60).collect();
        assert_eq!(minutes, [60, 120, 120, 240, 240, 240, 480, 480, 480]);
    }

    #[test]
    fn names_are_found_in_any_case_and_in_listing_order() {
        assert_eq!(Channel::named("IMS-MS"), Some(Channel::ImsMs));
        assert_eq!(Channel::named("sims-ms"), None);
        assert!(Channel::ALL.windows(2).all(|w| w[0].name() < w[1].name() && w[0] < w[1]));
    }
}
