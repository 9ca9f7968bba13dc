//! Owns provisioning: new users are created where `preferredMailHost` says. It must not know of any move.

use super::mail::exponential;
use crate::event::Event;
use crate::world::World;
use mock_host::draw::{Stream, unit};
use mock_host::fact::Writer;
use mock_host::lookup::{Attribute, Environment, Found, Value};
use mock_ldap::{Request, RequestId};

impl World {
    /// The next creation is planned.
    pub fn plan_provisioning(&mut self) {
        let rate = self.traffic.spec.new_users_per_hour;
        if rate <= 0.0 {
            return;
        }
        let n = self.traffic.created.len() as u64;
        let gap = exponential(unit(self.traffic.seed, Stream::Provisioning, 1, n), 3600.0 / rate);
        let at = self.now + gap;
        if self.traffic.open(at) {
            self.queue.push(at, 3, Event::Provision);
        }
    }

    /// Provisioning creates a user in the default domain.
    pub fn provision(&mut self) {
        if !self.traffic.open(self.now) {
            return;
        }
        let Some(master) = self.ledger.books.move_.servers.first().copied() else { return };
        let n = self.traffic.created.len();
        let domain = self.traffic.default_domain.to_string();
        let home = match &self.traffic.provisioning_home {
            Some(home) => Some(home.to_string()),
            None => {
                let env = crate::world::Surroundings {
                    directory: &self.directory,
                    map: &self.map,
                    dns: &self.dns,
                    now: self.now,
                };
                match env.domain(master, &domain) {
                    Found::Value(entry) => entry.first("preferredMailHost").map(str::to_owned),
                    _ => None,
                }
            }
        };
        if let Some(home) = home {
            let uid = format!("new{n}");
            let base = self.traffic.people_base.clone();
            let attribute = |name: &str, values: &[&str]| Attribute {
                name: name.into(),
                values: values.iter().map(|v| Value::from(*v)).collect(),
            };
            let classes = [
                "top",
                "person",
                "organizationalPerson",
                "inetOrgPerson",
                "inetUser",
                "ipUser",
                "inetMailUser",
                "inetLocalMailRecipient",
            ];
            let mail = format!("{uid}@{domain}");
            let request = Request::Add {
                dn: format!("uid={uid},{base}").into(),
                attributes: vec![
                    attribute("objectClass", &classes),
                    attribute("uid", &[&uid]),
                    attribute("cn", &[&uid]),
                    attribute("sn", &[&uid]),
                    attribute("mail", &[&mail]),
                    attribute("mailDeliveryOption", &["mailbox"]),
                    attribute("mailHost", &[&home]),
                    attribute("inetUserStatus", &["active"]),
                    attribute("mailUserStatus", &["active"]),
                ],
            };
            let client = super::Client {
                user: uid.as_str().into(),
                address: mail.as_str().into(),
                login: uid.as_str().into(),
                entity: super::readers::client_entity(&uid),
                reads: true,
                bound_to: None,
                shared: Vec::new(),
            };
            self.traffic.created.push(client);
            let index = (self.traffic.clients.len() + n) as u32;
            let id = RequestId(1 << 63 | n as u64);
            self.directory_input(mock_ldap::Input::Request { id, server: master, writer: Writer::Foreign, request });
            self.plan_mail(index);
            self.plan_visits(index);
        }
        self.plan_provisioning();
    }
}
