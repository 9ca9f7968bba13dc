//! Owns what mail to a group becomes: on its mailHost or anywhere, its members one by one. It must not know what mail
//! to a member becomes.

use crate::address::key;
use crate::delivery_options::{DeliveryOption, Target as Leads};
use crate::expansion::{Target, Work, directory_away};
use crate::record::Outcome;
use crate::status::{Standing, standing};
use crate::user::option_names;
use mock_host::lookup::{Entry, Found};
use mock_host::mail::{Name, Token};

impl Work<'_> {
    /// Expands a group: status, host, deferral, delivery options (§5.3). Without mailHost it is expanded on any MTA, with
    /// one there only, unless the option carries `#` (F3.2-01).
    pub(crate) fn group(&mut self, target: Target<'_>) -> Outcome {
        let image = self.process.image.clone();
        let entry = target.listed.entry.clone();
        let holds = match standing(&target.domain, &entry, true, &image, target.address) {
            Standing::Active => false,
            Standing::Hold => true,
            Standing::Later(code, text) => return Outcome::Later(code, text),
            Standing::Never(code, text) => return Outcome::Never(code, text),
        };
        let names = option_names(&entry, holds, "members");
        let options: Vec<Option<&DeliveryOption>> = names.iter().map(|n| image.delivery.group(n)).collect();
        let anywhere = options.iter().all(|o| o.is_some_and(|o| o.any_host));
        if let Some(mail_host) = entry.first("mailHost")
            && !anywhere
            && !self.names.contain(mail_host)
        {
            if self.converts("tcp_intranet") {
                return self.conversion(&target);
            }
            self.send_to_mail_host(mail_host, &target);
            return Outcome::Taken;
        }
        if names.contains(&"hold") {
            self.hold(&target);
            return Outcome::Taken;
        }
        if self.deferred(&entry, true, &options) {
            self.reprocess(target.address.into(), target.original, target.token, None);
            return Outcome::Taken;
        }
        if !self.enter(target.address) {
            return Outcome::Never(550, format!("5.4.6 list contains itself: {}", target.address).into());
        }
        let outcome = self.take_members(&target, &entry, options.into_iter().flatten());
        self.path.pop();
        outcome
    }

    fn take_members<'o>(
        &mut self,
        target: &Target<'_>,
        entry: &Entry,
        options: impl Iterator<Item = &'o DeliveryOption>,
    ) -> Outcome {
        let mut addresses: Vec<Name> = Vec::new();
        let mut ends: Vec<Name> = Vec::new();
        for option in options {
            match option.target {
                Leads::Members if self.members(entry, &mut addresses).is_err() => {
                    return directory_away(target.address);
                }
                Leads::Forward => {
                    addresses
                        .extend(entry.values("mailForwardingAddress").iter().filter_map(|v| v.text()).map(Name::from));
                }
                Leads::Program => ends.push("delivered to a program".into()),
                Leads::File => ends.push("delivered to a file".into()),
                _ => {}
            }
        }
        self.seen.insert(key(target.address).into());
        addresses.retain(|address| self.seen.insert(key(address).into()));
        let copies: Vec<(Token, Name)> = addresses.into_iter().map(|a| (target.token.via(&a), a)).collect();
        let ends: Vec<(Token, Name)> = ends.into_iter().map(|why| (target.token.via(&why), why)).collect();
        let into = copies.iter().chain(&ends).cloned().collect();
        self.expanded(target.token, target.address, into);
        let errors_to = entry.first("mgrpErrorsTo").map(|to| Name::from(to.strip_prefix("mailto:").unwrap_or(to)));
        for (token, address) in copies {
            self.copy(&address, token, errors_to.as_ref());
        }
        for (token, why) in ends {
            self.discard(token, why);
        }
        Outcome::Taken
    }

    /// The members' addresses (F3.3-02): of entries named by DN or selected by an LDAP URL their `mail`, and addresses as
    /// they are. An entry that is gone is no member.
    ///
    /// # Errors
    /// When the directory does not answer, or with a failure.
    fn members(&self, entry: &Entry, addresses: &mut Vec<Name>) -> Result<(), ()> {
        let texts = |attribute| entry.values(attribute).iter().filter_map(|v| v.text());
        for dn in texts("uniqueMember") {
            match self.env.by_dn(self.host.id, dn) {
                Found::Value(member) => addresses.extend(member.entry.first("mail").map(Name::from)),
                Found::Absent => {}
                Found::Pending | Found::Code(_) => return Err(()),
            }
        }
        addresses.extend(texts("mgrpRFC822MailMember").map(Name::from));
        for url in texts("mgrpDeliverTo") {
            match self.env.by_url(self.host.id, url) {
                Found::Value(members) => {
                    addresses.extend(members.iter().filter_map(|m| m.entry.first("mail")).map(Name::from));
                }
                Found::Absent => {}
                Found::Pending | Found::Code(_) => return Err(()),
            }
        }
        Ok(())
    }
}
