//! Owns what a recipient's statuses mean for mail to it: the first that is not active wins (F3.1-09). It must not know
//! where the mail would go.

use crate::option_dat::Image;
use mock_host::lookup::Entry;
use mock_host::mail::Name;

/// What the statuses say of mail to a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Deliver by the entry's delivery options.
    Active,
    /// Accept, and replace the delivery options by the single option hold (F3.1-06).
    Hold,
    /// 4xx with this text.
    Later(u16, Name),
    /// 5xx with this text.
    Never(u16, Name),
}

/// The standing of a user (or, `group`, of a list) in a domain: domain status, domain mail status, own status, own mail
/// status; a missing one is active, an unknown value inactive, and hold is legal in the mail statuses only.
pub fn standing(domain: &Entry, entry: &Entry, group: bool, image: &Image, address: &str) -> Standing {
    let own = if group { ("inetGroupStatus", "inetMailGroupStatus") } else { ("inetUserStatus", "mailUserStatus") };
    let chain = [
        (domain, "inetDomainStatus", false),
        (domain, "mailDomainStatus", true),
        (entry, own.0, false),
        (entry, own.1, true),
    ];
    for (of, attribute, mail_status) in chain {
        let Some(value) = of.values(attribute).first().filter(|v| !v.is("active")) else {
            continue;
        };
        if let Some(text) = value.text().filter(|t| !t.is_empty()) {
            return effect(text, mail_status, group, image, address);
        }
    }
    Standing::Active
}

/// The effect of a value that is not active (the table of F3.1).
fn effect(value: &str, mail_status: bool, group: bool, image: &Image, address: &str) -> Standing {
    let says = |code: &str, (option, default): (&str, &str)| {
        let text = image.option(option).unwrap_or(default);
        Name::from([code, " ", text, ": ", address].concat())
    };
    let is = |word: &str| value.eq_ignore_ascii_case(word);
    if mail_status && is("hold") {
        Standing::Hold
    } else if mail_status && is("overquota") {
        let text = ("ERROR_TEXT_OVER_QUOTA", "user over quota; cannot receive new mail");
        Standing::Later(452, says("4.2.2", text))
    } else if mail_status && is("disabled") {
        let text = if group {
            ("ERROR_TEXT_DISABLED_GROUP", "group disabled; cannot receive new mail")
        } else {
            ("ERROR_TEXT_DISABLED_USER", "user disabled; cannot receive new mail")
        };
        Standing::Never(550, says("5.2.1", text))
    } else if is("deleted") || is("removed") {
        let text = if group {
            ("ERROR_TEXT_DELETED_GROUP", "group no longer on server")
        } else {
            ("ERROR_TEXT_DELETED_USER", "recipient no longer on server")
        };
        Standing::Never(550, says("5.1.6", text))
    } else {
        let text = if group {
            ("ERROR_TEXT_INACTIVE_GROUP", "group temporarily disabled")
        } else {
            ("ERROR_TEXT_INACTIVE_USER", "mailbox temporarily disabled")
        };
        Standing::Later(450, says("4.2.1", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::lookup::Attribute;

    fn entry(pairs: &[(&str, &str)]) -> Entry {
        let one = |&(name, value): &(&str, &str)| Attribute { name: name.into(), values: vec![value.into()] };
        Entry { dn: "x".into(), attributes: pairs.iter().map(one).collect() }
    }
    fn user(domain: &[(&str, &str)], own: &[(&str, &str)]) -> Standing {
        standing(&entry(domain), &entry(own), false, &Image::default(), "joe@sesta.com")
    }
    fn code(standing: &Standing) -> u16 {
        match standing {
            Standing::Active => 250,
            Standing::Hold => 0,
            Standing::Later(code, _) | Standing::Never(code, _) => *code,
        }
    }

    /// F3.1-01
    #[test]
    fn active_and_absent_go_on() {
        assert_eq!(user(&[], &[]), Standing::Active);
        assert_eq!(user(&[("mailDomainStatus", "active")], &[("mailUserStatus", "Active")]), Standing::Active);
    }

    /// F3.1-02
    #[test]
    fn inactive_and_unknown_values_are_a_temporary_failure() {
        for value in ["inactive", "gone-fishing"] {
            assert_eq!(code(&user(&[], &[("mailUserStatus", value)])), 450, "{value}");
            assert_eq!(code(&user(&[("mailDomainStatus", value)], &[])), 450, "{value}");
        }
    }

    /// F3.1-03
    #[test]
    fn disabled_is_a_permanent_failure_with_the_configured_text() {
        let Standing::Never(550, why) = user(&[], &[("mailUserStatus", "disabled")]) else { panic!("not refused") };
        assert_eq!(&*why, "5.2.1 user disabled; cannot receive new mail: joe@sesta.com");
        let group =
            standing(&entry(&[]), &entry(&[("inetMailGroupStatus", "disabled")]), true, &Image::default(), "l@x");
        assert_eq!(group, Standing::Never(550, "5.2.1 group disabled; cannot receive new mail: l@x".into()));
    }

    /// F3.1-04, F3.1-05
    #[test]
    fn deleted_and_removed_are_permanent_failures() {
        for value in ["deleted", "removed"] {
            assert_eq!(code(&user(&[], &[("mailUserStatus", value)])), 550, "{value}");
        }
        assert_eq!(code(&user(&[], &[("inetUserStatus", "deleted")])), 550);
    }

    /// F3.1-06
    #[test]
    fn hold_is_legal_in_the_mail_statuses_only() {
        assert_eq!(user(&[], &[("mailUserStatus", "hold")]), Standing::Hold);
        assert_eq!(user(&[("mailDomainStatus", "hold")], &[]), Standing::Hold);
        assert_eq!(code(&user(&[], &[("inetUserStatus", "hold")])), 450);
    }

    /// F3.1-07
    #[test]
    fn overquota_is_a_temporary_failure() {
        assert_eq!(code(&user(&[], &[("mailUserStatus", "overquota")])), 452);
        assert_eq!(code(&user(&[("mailDomainStatus", "overquota")], &[])), 452);
    }

    /// F3.1-09, F3.1-11
    #[test]
    fn the_first_status_that_is_not_active_wins() {
        assert_eq!(user(&[("mailDomainStatus", "hold")], &[("mailUserStatus", "inactive")]), Standing::Hold);
        assert_eq!(code(&user(&[("inetDomainStatus", "deleted")], &[("mailUserStatus", "hold")])), 550);
        assert_eq!(
            code(&user(
                &[("mailDomainStatus", "active")],
                &[("inetUserStatus", "inactive"), ("mailUserStatus", "deleted")]
            )),
            450
        );
    }
}
