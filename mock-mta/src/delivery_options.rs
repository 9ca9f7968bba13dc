//! Owns DELIVERY_OPTIONS: what each value of mailDeliveryOption becomes, and where its expansion takes place. It must
//! not know any entry.

use mock_host::mail::Name;

/// The documented default (AG63:bgaih), continued lines joined.
pub const DEFAULT: &str = "*mailbox=$M%$\\$2I$_+$2S@ims-ms-daemon, &members=*, *native=$M@native-daemon, \
     /hold=@hold-daemon:$A, *unix=$M@native-daemon, &file=+$F@native-daemon, &@members_offline=*, \
     program=$M%$P@pipe-daemon, #forward=**, *^!autoreply=$M+$D@bitbucket";

/// What an option's template leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `…@ims-ms-daemon`: the message store of this host.
    LocalStore,
    /// `@$X.LMTP:…@lmtpcs-daemon`: the message store of the entry's mailHost.
    Lmtp,
    /// `…@native-daemon`, `@$X.LMTP:…@lmtpcn-daemon`: a mailbox of the operating system.
    Native,
    /// `@hold-daemon:$A`: the hold channel.
    Hold,
    /// `*`: the group's members.
    Members,
    /// `**`: the forwarding addresses.
    Forward,
    /// `+$F@…`: a file.
    File,
    /// `…@pipe-daemon`: a program.
    Program,
    /// `…@bitbucket`: nowhere; with autoreply, the vacation reply.
    Bitbucket,
}

/// One delivery option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryOption {
    /// Its name, as in mailDeliveryOption, lower case.
    pub name: Name,
    /// `*`: for users.
    pub users: bool,
    /// `&`: for groups.
    pub groups: bool,
    /// `@`: through reprocess first.
    pub reprocess: bool,
    /// `$`: deferred.
    pub deferred: bool,
    /// `^`: between the vacation dates only.
    pub dated: bool,
    /// `#`: the expansion need not take place on the entry's mailHost.
    pub any_host: bool,
    /// `/`: all addresses of this option are held.
    pub held: bool,
    /// What its template leads to.
    pub target: Target,
}

/// The options of an MTA, in the order they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryOptions(Vec<DeliveryOption>);

impl Default for DeliveryOptions {
    fn default() -> Self {
        DeliveryOptions::parse(DEFAULT).expect("the documented default parses")
    }
}

impl DeliveryOptions {
    /// Reads the value of DELIVERY_OPTIONS, continued lines joined.
    ///
    /// # Errors
    /// The option that is not understood, and why.
    pub fn parse(value: &str) -> Result<DeliveryOptions, String> {
        let mut list = Vec::new();
        for part in value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let name_at = part.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(part.len());
            let (prefixes, rest) = part.split_at(name_at);
            let Some((name, template)) = rest.split_once('=') else {
                return Err(format!("DELIVERY_OPTIONS: `{part}`: NAME=TEMPLATE is expected"));
            };
            if let Some(odd) = prefixes.chars().find(|c| !"*&@$^#/!".contains(*c)) {
                return Err(format!("DELIVERY_OPTIONS: {name}: `{odd}` is none of the prefixes * & @ $ ^ # / !"));
            }
            let target = target(template.trim())
                .ok_or_else(|| format!("DELIVERY_OPTIONS: {name}: template `{template}` is not understood"))?;
            let has = |c| prefixes.contains(c);
            list.push(DeliveryOption {
                name: name.trim().to_ascii_lowercase().into(),
                // An option that names neither is for both.
                users: has('*') || !has('&'),
                groups: has('&') || !has('*'),
                reprocess: has('@'),
                deferred: has('$'),
                dated: has('^'),
                any_host: has('#'),
                held: has('/'),
                target,
            });
        }
        Ok(DeliveryOptions(list))
    }

    /// The option of this name for users; compared without regard to case.
    pub fn user(&self, name: &str) -> Option<&DeliveryOption> {
        self.0.iter().find(|o| o.users && o.name.eq_ignore_ascii_case(name))
    }

    /// The option of this name for groups; compared without regard to case.
    pub fn group(&self, name: &str) -> Option<&DeliveryOption> {
        self.0.iter().find(|o| o.groups && o.name.eq_ignore_ascii_case(name))
    }
}

fn target(template: &str) -> Option<Target> {
    let (_, daemon) = template.rsplit_once('@').unwrap_or(("", ""));
    Some(match (template, daemon) {
        ("*", _) => Target::Members,
        ("**", _) => Target::Forward,
        (_, "ims-ms-daemon") => Target::LocalStore,
        (_, "lmtpcs-daemon") if template.starts_with("@$X.LMTP:") => Target::Lmtp,
        (_, "lmtpcn-daemon") => Target::Native,
        (t, _) if t.starts_with("@hold-daemon:") => Target::Hold,
        (t, _) if t.starts_with("+$F@") => Target::File,
        (_, "native-daemon") => Target::Native,
        (_, "pipe-daemon") => Target::Program,
        (_, "bitbucket") => Target::Bitbucket,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relays' option as it is printed (AG63:bgatx), extended by what the exports of a site show.
    pub(crate) const RELAY: &str = "#*mailbox=@$X.LMTP:$M%$\\$2I$_+$2S@lmtpcs-daemon, #&members=*, \
        #*native=@$X.LMTP:$M@lmtpcn-daemon, #/hold=@hold-daemon:$A, #&@members_offline=*, \
        #program=$M%$P@pipe-daemon, #forward=**, #*^!autoreply=$M+$D@bitbucket";

    #[test]
    fn default_option_expands_mailboxes_and_holds_on_the_mail_host() {
        let options = DeliveryOptions::default();
        let mailbox = options.user("mailbox").expect("mailbox");
        assert_eq!((mailbox.target, mailbox.any_host), (Target::LocalStore, false));
        let hold = options.user("HOLD").expect("hold");
        assert_eq!((hold.target, hold.any_host, hold.held), (Target::Hold, false, true));
        assert!(options.user("forward").is_some_and(|o| o.any_host && o.target == Target::Forward));
        assert!(options.user("autoreply").is_some_and(|o| o.dated));
        assert!(options.group("members_offline").is_some_and(|o| o.reprocess));
        assert!(options.user("members").is_none() && options.group("mailbox").is_none());
        assert!(options.group("hold").is_some(), "an option without * and & is for both");
    }

    /// F5.5-01
    #[test]
    fn a_relay_with_lmtp_expands_everything_where_it_is() {
        let options = DeliveryOptions::parse(RELAY).expect("parses");
        for name in ["mailbox", "native", "hold", "program", "forward", "autoreply"] {
            assert!(options.user(name).is_some_and(|o| o.any_host), "{name}");
        }
        assert_eq!(options.user("mailbox").map(|o| o.target), Some(Target::Lmtp));
        assert!(options.group("members").is_some_and(|o| o.any_host));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(
            DeliveryOptions::parse("*mailbox=@elsewhere").expect_err("refused"),
            "DELIVERY_OPTIONS: mailbox: template `@elsewhere` is not understood"
        );
        assert!(DeliveryOptions::parse("mailbox").is_err());
        assert!(DeliveryOptions::parse("?mailbox=**").is_err());
    }
}
