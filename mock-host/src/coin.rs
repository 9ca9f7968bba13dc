//! Owns the coins: questions that the product's documentation leaves open, each with its few plausible answers.
//! It must not know which answer is convenient.
//!
//! The first variant of each coin is the default of a scenario that does not draw. Identifiers as in the catalogue (`C01` …).

use serde::{Deserialize, Serialize};

macro_rules! coins {
    ($( #[doc = $doc:literal] $field:ident : $id:literal $type:ident { $( $(#[$vdoc:meta])* $value:ident = $word:literal ),+ $(,)? } )+) => {
        $(
            #[doc = $doc]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            pub enum $type {
                $( $(#[$vdoc])* #[serde(rename = $word)] $value, )+
            }
        )+

        /// One answer to every open question. Plain data: a scenario may fix any of them, a campaign draws them by seed.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Coins {
            $( #[doc = $doc] #[serde(rename = $id)] pub $field: $type, )+
        }

        /// A coin as the catalogue lists it.
        #[derive(Clone, Copy, Debug)]
        pub struct CoinInfo {
            /// Identifier, `C01`.
            pub id: &'static str,
            /// The question.
            pub question: &'static str,
            /// The words of its answers, the default first.
            pub values: &'static [&'static str],
        }

        /// Every coin, in the catalogue's order.
        pub const COINS: &[CoinInfo] = &[
            $( CoinInfo { id: $id, question: $doc, values: &[$($word),+] }, )+
        ];

        impl Coins {
            /// The coins that `draw(i, n)` answers: for the coin at index `i` of [`COINS`] a number below `n`.
            pub fn drawn(mut draw: impl FnMut(usize, u64) -> u64) -> Coins {
                let mut i = 0;
                let mut next = |n: usize| { let v = draw(i, n as u64); i += 1; v as usize };
                Coins { $( $field: [$($type::$value),+][next([$($type::$value),+].len())], )+ }
            }
            /// The coins whose answer differs from the default: (identifier, word).
            pub fn not_default(&self) -> Vec<(&'static str, &'static str)> {
                let mut list = Vec::new();
                $( if self.$field != $type::default() { list.push(($id, self.$field.word())); } )+
                list
            }
        }
        $( impl $type {
            /// The word that a scenario file uses for this answer.
            pub const fn word(self) -> &'static str { match self { $( $type::$value => $word, )+ } }
        } )+
    };
}

coins! {
    /// Exit statuses of the ims* and imsimta utilities.
    exit_status: "C01" ExitStatus {
        /// 0 ok, 1 usage, 2 failure.
        #[default] Telling = "telling",
        /// Always 0; failures show only on stderr.
        AlwaysZero = "always-zero",
    }
    /// Layout of `mboxutil -l` rows.
    mboxutil_layout: "C02a" MboxutilLayout {
        /// `msgs Kbytes last msg partition quotaroot mailbox`, as in the exports.
        #[default] LastMsgFirst = "last-msg-first",
        /// The mailbox name first, then the figures.
        MailboxFirst = "mailbox-first",
    }
    /// Layout of `imsconnutil -c` rows.
    imsconnutil_layout: "C02b" ImsconnutilLayout {
        /// User, service, authentication, client, server.
        #[default] UidFirst = "uid-first",
        /// Service, client, server, authentication, user.
        ServiceFirst = "service-first",
    }
    /// Layout of `imquotacheck` rows.
    imquotacheck_layout: "C02c" ImquotacheckLayout {
        /// `quota(K) usage(K) % msgs user`, as in the exports.
        #[default] QuotaFirst = "quota-first",
        /// The user first.
        UserFirst = "user-first",
    }
    /// An empty `qm` listing.
    empty_listing: "C03" EmptyListing {
        /// Totals of 0.
        #[default] Totals = "totals",
        /// A `%QM-I-…` line.
        Message = "message",
        /// Nothing at all.
        Nothing = "nothing",
    }
    /// `qm release` outside the interactive session.
    qm_release: "C04" QmRelease {
        /// Refused: the command is interactive only.
        #[default] Refused = "refused",
        /// Accepted with `-channel` and a scope.
        Accepted = "accepted",
    }
    /// Whether `qm directory -to=user@domain` matches rewritten recipients.
    qm_to: "C05" QmTo {
        /// No: only what is written in the file's envelope.
        #[default] EnvelopeOnly = "no",
        /// Yes: the original recipient is looked at too.
        OriginalToo = "yes",
    }
    /// What the duplicate check of a restore compares.
    duplicate_check: "C06a" DuplicateCheck {
        /// The digest of the message file.
        #[default] Digest = "digest",
        /// The UID, where UIDVALIDITY is equal.
        Uid = "uid",
        /// The Message-id header.
        MessageId = "message-id",
    }
    /// Whether the archive carries flags.
    archive_flags: "C06b" ArchiveFlags { /// It does.
        #[default] Carried = "yes", /// It does not.
        Lost = "no" }
    /// Whether the archive carries internal dates.
    archive_dates: "C06c" ArchiveDates { /// It does.
        #[default] Carried = "yes", /// It does not.
        Lost = "no" }
    /// Whether the archive carries ACLs.
    archive_acls: "C06d" ArchiveAcls { /// It does.
        #[default] Carried = "yes", /// It does not.
        Lost = "no" }
    /// Whether the archive carries subscriptions.
    archive_subscriptions: "C06e" ArchiveSubscriptions { /// It does.
        #[default] Carried = "yes", /// It does not.
        Lost = "no" }
    /// Whether the archive carries the Last UID.
    archive_last_uid: "C06f" ArchiveLastUid { /// It does.
        #[default] Carried = "yes", /// It does not: the highest UID of the archive counts.
        Lost = "no" }
    /// Whether a restore obeys quota.
    restore_quota: "C06g" RestoreQuota { /// It stores and counts.
        #[default] Ignored = "no", /// It refuses what does not fit.
        Obeyed = "yes" }
    /// Whether a mailbox is locked while a backup reads it.
    backup_lock: "C07" BackupLock { /// Deliveries and clients go on.
        #[default] Unlocked = "no", /// They wait.
        Locked = "yes" }
    /// What `local.store.maxlog` unset means.
    maxlog_default: "C08" MaxlogDefault { /// Ten log files.
        #[default] Ten = "10", /// Five log files.
        Five = "5" }
    /// Sessions of a user who is put on hold.
    hold_sessions: "C09a" HoldSessions { /// They go on: status is looked at during login only.
        #[default] GoOn = "go-on", /// They end.
        End = "end" }
    /// Wording of a refused login.
    hold_wording: "C09b" HoldWording { /// `User account is on hold`.
        #[default] OnHold = "on-hold", /// `Mailbox access denied`.
        Denied = "denied" }
    /// An old store and a login of a user whose mailHost is elsewhere.
    old_store_login: "C10" OldStoreLogin { /// It refuses.
        #[default] Refuses = "refuses", /// It lets in whoever has a mailbox or is granted one.
        Accepts = "accepts" }
    /// `.HELD` files and `notices`.
    held_notices: "C11" HeldNotices { /// They do not age.
        #[default] DoNotAge = "do-not-age", /// They age as active files do.
        Age = "age" }
    /// A user whom two backup groups match.
    two_groups: "C12" TwoGroups { /// Backed up in each.
        #[default] InEach = "in-each", /// In the first that the file names only.
        FirstOnly = "first-only" }
    /// Original-Uid after a restore.
    original_uid: "C16a" OriginalUid { /// Kept.
        #[default] Kept = "kept", /// New: the mailbox's own.
        New = "new" }
    /// Field order of `imcheck -D`.
    imcheck_dump: "C16b" ImcheckDump { /// uid, internal date, size, flags, user flags, message id.
        #[default] UidFirst = "uid-first", /// message id, size, internal date, uid, flags, user flags.
        MessageIdFirst = "message-id-first" }
    /// Who creates a missing INBOX.
    inbox_creator: "C17" InboxCreator { /// The first delivery or login.
        #[default] DeliveryOrLogin = "delivery-or-login", /// A delivery only.
        DeliveryOnly = "delivery-only" }
    /// A command whose caller is lost.
    caller_lost: "C18" CallerLostCoin { /// It goes on to its end.
        #[default] GoesOn = "goes-on", /// It dies of the hang-up.
        Dies = "dies" }
    /// `-all` without a channel in `qm release`.
    release_all: "C19" ReleaseAll { /// It takes the latest listing only.
        #[default] LatestListing = "latest-listing", /// It is refused.
        Refused = "refused" }
}
