//! Owns the shared context of a run: its doors, what the journal says, what was learned of each host, and the few ways
//! in which a step may look, act, remember and give up. It must not know the order of the steps.

pub use crate::blocker::{Blocker, Halt};
use crate::doors::{
    Command, Declaration, DirectoryEntry, DirectoryError, Doors, Finished, Modification, PipeEnd, Said, Scope,
    ShellError, Telling,
};
use crate::entries::Domain;
use crate::inventory::{Inventory, Move, Role};
use crate::journal::record::{Event, Note, Record, Setting, State};
use crate::procedure::closed::Sharing;
use crate::procedure::listings::Listings;
use crate::procedure::snapshot::Snapshot;
use crate::run::{Mutation, Options};
use crate::speech::system;
use jiff::{SignedDuration, Timestamp};
use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// Name under which step 1 keeps who shares a folder with whom within the batch: `OWNER<tab>GRANTEE`, a line each.
pub(crate) const SHARED: &str = "shared";

/// Where a step acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Once for the site.
    Site,
    /// For a group, by its place in the plan.
    Group(usize),
}

impl At {
    /// As the journal writes it.
    pub fn group(self) -> Option<usize> {
        match self {
            Self::Site => None,
            Self::Group(group) => Some(group),
        }
    }
}

/// How an act at a shell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It ended and said this. That is not yet a proof of anything.
    Ended(Finished),
    /// Whether it ran is unknown: read back, then decide.
    Unknown(ShellError),
}

/// How a modify ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modified {
    /// Applied.
    Applied,
    /// Surely not applied: the server's result code (16: the guard did not hold).
    Refused(u8),
    /// Unknown: read back, then decide.
    Unknown,
}

/// What was learned of a host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostClock {
    /// Host's clock less the run's clock.
    pub ahead: SignedDuration,
    /// Its zone, in seconds east of UTC.
    pub zone_s: i32,
}

/// The shared context. Cells are never borrowed over an await.
pub struct Run {
    /// The doors.
    pub doors: Doors,
    /// What the operator believes is there.
    pub inventory: Inventory,
    /// What is asked.
    pub move_: Move,
    /// Options.
    pub options: Options,
    /// What the journal says.
    state: RefCell<State>,
    /// Baselines of groups whose copy is being made, by group.
    pub sources: RefCell<BTreeMap<usize, Rc<Snapshot>>>,
    /// What hosts take for themselves, as far as they were asked.
    pub(crate) names: RefCell<BTreeMap<String, BTreeSet<String>>>,
    /// The site's domains, once they were asked for.
    pub(crate) domains: RefCell<Option<Rc<[Domain]>>>,
    /// Who relies on the old home's taking no mail.
    pub(crate) closed: Sharing,
    /// Listings that groups under way at once share.
    pub(crate) listings: Listings,
    /// Clocks learned.
    clocks: RefCell<BTreeMap<String, HostClock>>,
}

impl Run {
    /// A context over an opened journal whose records were replayed.
    pub fn new(doors: Doors, inventory: &Inventory, move_: &Move, options: &Options, state: State) -> Self {
        Self {
            doors,
            inventory: inventory.clone(),
            move_: move_.clone(),
            options: options.clone(),
            state: RefCell::new(state),
            sources: RefCell::default(),
            names: RefCell::default(),
            domains: RefCell::default(),
            closed: Sharing::default(),
            listings: Listings::default(),
            clocks: RefCell::default(),
        }
    }

    // ---- the journal ------------------------------------------------------------------------------------------------

    /// What the journal says now. Do not keep the borrow over an await.
    pub fn state(&self) -> Ref<'_, State> {
        self.state.borrow()
    }

    /// Appends records and syncs them; only then are they known.
    pub async fn record(&self, records: Vec<Record>) -> Result<(), Halt> {
        let broken = |why: String| {
            Halt::Stop(Blocker::new(
                "journal",
                format!("the journal cannot be written ({why}); make room and start again"),
            ))
        };
        if records.is_empty() {
            return Ok(());
        }
        for record in &records {
            let bytes = serde_json::to_vec(record).map_err(|e| broken(e.to_string()))?;
            self.doors.journal.append(&bytes).await.map_err(|e| broken(e.to_string()))?;
        }
        self.doors.journal.sync().await.map_err(|e| broken(e.to_string()))?;
        let mut state = self.state.borrow_mut();
        for record in records {
            state.apply(record).map_err(|e| broken(e.to_string()))?;
        }
        Ok(())
    }

    /// Remembers one thing for a step under way, lastingly, before the act that it is about.
    pub async fn note(&self, step: u8, at: At, note: Note) -> Result<(), Halt> {
        self.notes(step, at, vec![note]).await
    }

    /// Remembers many things with one sync.
    pub async fn notes(&self, step: u8, at: At, notes: Vec<Note>) -> Result<(), Halt> {
        self.record(notes.into_iter().map(|note| Record::Note { step, group: at.group(), note }).collect()).await
    }

    /// Journals what happened to a step.
    pub async fn event(&self, step: u8, at: At, event: Event) -> Result<(), Halt> {
        self.record(vec![Record::Step { step, group: at.group(), event, at: self.now() }]).await
    }

    /// What a step kept under a name of its own ([`Note::Kept`]).
    pub fn kept(&self, step: u8, at: At, name: &str) -> Option<String> {
        self.state.borrow().kept(step, at.group(), name).cloned()
    }

    /// Whether a mutation leaves this step out.
    pub fn skips(&self, step: u8) -> bool {
        self.options.mutation == Some(Mutation::SkipStep(step))
    }

    // ---- users and hosts ----------------------------------------------------------------------------------------------

    /// The users that a step acts on: of the group or of all groups, without those left out.
    pub fn users(&self, at: At) -> Vec<String> {
        let state = self.state.borrow();
        let all = match at {
            At::Site => state.groups.iter().flat_map(|g| &g.users).collect::<Vec<_>>(),
            At::Group(group) => state.groups.get(group).map(|g| g.users.iter().collect()).unwrap_or_default(),
        };
        all.into_iter().filter(|u| !state.left_out.contains_key(*u)).cloned().collect()
    }

    /// Hosts with a role, in the inventory's order.
    pub fn hosts(&self, role: Role) -> Vec<&str> {
        self.inventory.hosts.iter().filter(|h| h.roles.contains(&role)).map(|h| h.name.as_str()).collect()
    }

    /// MTAs of the inventory, those that deliver by LMTP included.
    pub fn mtas(&self) -> Vec<&str> {
        let is_mta = |r: &Role| matches!(r, Role::Mta | Role::LmtpClient);
        self.inventory.hosts.iter().filter(|h| h.roles.iter().any(is_mta)).map(|h| h.name.as_str()).collect()
    }

    /// The directory's master.
    pub fn master(&self) -> Result<&str, Halt> {
        let none = || Halt::Stop(Blocker::new("no-directory", "name the directory master in the inventory"));
        self.hosts(Role::LdapMaster).first().copied().ok_or_else(none)
    }

    /// All directory servers, the master first.
    pub fn directories(&self) -> Vec<&str> {
        let mut all = self.hosts(Role::LdapMaster);
        all.extend(self.hosts(Role::LdapReplica));
        all
    }

    /// Leaves a user out from here on, and says so. The caller has put back what was done for the user.
    pub async fn leave_out(&self, user: &str, why: &str) -> Result<(), Halt> {
        if self.state.borrow().left_out.contains_key(user) {
            return Ok(());
        }
        self.record(vec![Record::LeftOut { user: user.to_owned(), why: why.to_owned() }]).await?;
        self.declare(Declaration::LeftOut { user: user.to_owned(), why: why.to_owned() }).await?;
        self.sharing_lost(user).await
    }

    /// Names what others of the batch lose in sharing when this user stays behind.
    pub(crate) async fn sharing_lost(&self, user: &str) -> Result<(), Halt> {
        let Some(pairs) = self.kept(1, At::Site, SHARED) else { return Ok(()) };
        for line in pairs.lines() {
            let Some((owner, grantee)) = line.split_once('\t') else { continue };
            let other = match (owner == user, grantee == user) {
                (true, false) => grantee,
                (false, true) => owner,
                _ => continue,
            };
            if self.state.borrow().left_out.contains_key(other) {
                continue;
            }
            let what = format!("sharing: {owner} shares a folder with {grantee}, and {user} is left out");
            self.declare(Declaration::Found { what, host: None, user: Some(other.to_owned()) }).await?;
            for who in [other, user] {
                let what = "sharing".to_owned();
                self.declare(Declaration::Loss { user: Some(who.to_owned()), what }).await?;
            }
        }
        Ok(())
    }

    // ---- the human ----------------------------------------------------------------------------------------------------

    /// Declares something once: what the journal says was declared is not declared again.
    pub async fn declare(&self, what: Declaration) -> Result<(), Halt> {
        if self.state.borrow().declared.contains(&what) {
            return Ok(());
        }
        self.doors.operator.declare(&what).await;
        self.record(vec![Record::Declared { what }]).await
    }

    /// Tells users.
    pub async fn tell(&self, users: &[String], about: Telling, text: &str) {
        if !users.is_empty() {
            self.doors.operator.tell(users, about, text).await;
        }
    }

    // ---- time ---------------------------------------------------------------------------------------------------------

    /// Now, by the run's clock.
    pub fn now(&self) -> Timestamp {
        self.doors.clock.now()
    }

    /// Waits.
    pub async fn sleep_s(&self, seconds: u64) {
        self.doors.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// A host's clock and zone, asked once.
    pub async fn clock(&self, host: &str) -> Result<HostClock, Halt> {
        if let Some(known) = self.clocks.borrow().get(host) {
            return Ok(*known);
        }
        let now_s = self.read(host, &system::date(), |f| system::now_s(&f.stdout)).await?;
        let ahead = SignedDuration::from_secs(now_s - self.now().as_second());
        let zone_s = self.read(host, &system::date_zone(), |f| system::offset_s(&f.stdout)).await?;
        let clock = HostClock { ahead, zone_s };
        self.clocks.borrow_mut().insert(host.to_owned(), clock);
        Ok(clock)
    }

    /// An instant of the run's clock as the host's clock would show it.
    pub async fn as_host(&self, host: &str, at: Timestamp) -> Result<Timestamp, Halt> {
        Ok(at.saturating_add(self.clock(host).await?.ahead).unwrap_or(at))
    }

    // ---- shells -------------------------------------------------------------------------------------------------------

    async fn to_end(&self, command: &Command) -> Result<Finished, ShellError> {
        self.doors.run_command(command, self.options.bounds.command).await
    }

    /// Runs a command that changes nothing, as often as it takes within the bound, until it ended.
    pub async fn look(&self, host: &str, argv: &[String]) -> Result<Finished, Halt> {
        let mut patience = self.patience();
        let command = Command { host: host.to_owned(), argv: argv.to_vec() };
        loop {
            match self.to_end(&command).await {
                Ok(finished) => return Ok(finished),
                Err(error) => patience.after(self, &error).await?,
            }
        }
    }

    /// The same, until its text makes sense: a text that `sense` answers with `None` (cut off, mixed with warnings) is
    /// asked for again.
    pub async fn read<T>(
        &self,
        host: &str,
        argv: &[String],
        sense: impl Fn(&Finished) -> Option<T>,
    ) -> Result<T, Halt> {
        let mut said = String::new();
        for attempt in 0..self.options.bounds.tries {
            if attempt > 0 {
                self.sleep_s(u64::from(attempt) * 10).await;
            }
            let finished = self.look(host, argv).await?;
            if let Some(sense) = sense(&finished) {
                return Ok(sense);
            }
            said = if finished.stderr.is_empty() { finished.stdout } else { finished.stderr };
        }
        said.truncate(said.char_indices().nth(200).map_or(said.len(), |(i, _)| i));
        let what = format!("`{}` on {host} says what cannot be understood: {said:?}; run it by hand", argv.join(" "));
        Err(Halt::RollBack(Blocker::new("unreadable-output", what).on(host)))
    }

    /// Runs a command that changes nothing and feeds what it prints to `T` piece by piece; begun anew with a fresh `T`
    /// when the connection breaks. Standard output is not kept.
    pub async fn stream<T>(
        &self,
        host: &str,
        argv: &[String],
        fresh: impl Fn() -> T,
        mut feed: impl FnMut(&mut T, &str),
    ) -> Result<(T, Finished), Halt> {
        let mut patience = self.patience();
        let command = Command { host: host.to_owned(), argv: argv.to_vec() };
        loop {
            let mut into = fresh();
            match self.fed(&command, &mut into, &mut feed).await {
                Ok(finished) => return Ok((into, finished)),
                Err(error) => patience.after(self, &error).await?,
            }
        }
    }

    async fn fed<T>(
        &self,
        command: &Command,
        into: &mut T,
        feed: &mut impl FnMut(&mut T, &str),
    ) -> Result<Finished, ShellError> {
        let mut process = self.doors.shell.start(command, false, self.options.bounds.command * 4).await?;
        let mut finished = Finished { status: 0, stdout: String::new(), stderr: String::new() };
        loop {
            match process.read().await? {
                Said::Out(text) => feed(into, &text),
                Said::Err(text) => finished.stderr.push_str(&text),
                Said::Exit(status) => {
                    finished.status = status;
                    return Ok(finished);
                }
            }
        }
    }

    /// Runs a command that changes something: once, unless it surely was not started. Read back afterwards.
    pub async fn act(&self, host: &str, argv: &[String]) -> Result<Acted, Halt> {
        let mut patience = self.patience();
        let command = Command { host: host.to_owned(), argv: argv.to_vec() };
        loop {
            match self.to_end(&command).await {
                Ok(finished) => return Ok(Acted::Ended(finished)),
                Err(error @ ShellError::Unreachable { .. }) => patience.after(self, &error).await?,
                Err(error) => return Ok(Acted::Unknown(error)),
            }
        }
    }

    /// Runs `left | right` once and waits for both ends; each side's end says what is known of it.
    pub async fn pipe(&self, left: &Command, right: &Command) -> Result<PipeEnd, Halt> {
        let mut patience = self.patience();
        loop {
            match self.doors.shell.pipe(left, right, self.options.bounds.pipe).await {
                Ok(end) => return Ok(end),
                Err(error @ ShellError::Unreachable { .. }) => patience.after(self, &error).await?,
                Err(error) => {
                    let side = crate::doors::SideEnd { exit: Err(error), stderr: String::new(), stdout: String::new() };
                    return Ok(PipeEnd { left: side.clone(), right: side });
                }
            }
        }
    }

    /// Reads a file, as often as it takes within the bound.
    pub async fn file(&self, host: &str, path: &str) -> Result<Option<crate::doors::FileRead>, Halt> {
        let mut patience = self.patience();
        loop {
            match self.doors.shell.read_file(host, path).await {
                Ok(file) => return Ok(file),
                Err(error) => patience.after(self, &error).await?,
            }
        }
    }

    /// Makes a file what `edit` says (given its present text, `None`: missing), whoever else writes it meanwhile; read
    /// back afterwards. Answers whether it had to be changed.
    pub async fn edit(
        &self,
        host: &str,
        path: &str,
        edit: impl Fn(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Result<bool, Halt> {
        let mut patience = self.patience();
        let mut changed = false;
        for _ in 0..self.options.bounds.tries * 4 {
            let was = self.file(host, path).await?.map(|f| f.bytes);
            let wanted = edit(was.as_deref());
            if was == wanted {
                return Ok(changed);
            }
            changed = true;
            match self.doors.shell.replace_file(host, path, was.as_deref(), wanted.as_deref()).await {
                Ok(()) | Err(crate::doors::ReplaceError::Changed { .. }) => {}
                Err(crate::doors::ReplaceError::Shell(error)) => patience.after(self, &error).await?,
            }
        }
        let what = format!("{path} on {host} does not become what was written; see who else writes it");
        Err(Halt::RollBack(Blocker::new("file-contended", what).on(host)))
    }

    // ---- directory ----------------------------------------------------------------------------------------------------

    /// Searches one server, as often as it takes within the bound.
    pub async fn search(
        &self,
        server: &str,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
    ) -> Result<Vec<DirectoryEntry>, Halt> {
        let mut patience = self.patience();
        loop {
            match self.doors.directory.search(server, base, scope, filter, attributes).await {
                Ok(entries) => return Ok(entries),
                Err(DirectoryError::Refused { code: 32, .. }) => return Ok(Vec::new()),
                Err(error) => patience.after_directory(self, server, &error).await?,
            }
        }
    }

    /// Modifies an entry on the master. Busy and unavailable servers are asked again; an answer that was lost is
    /// `Unknown`.
    pub async fn modify(&self, dn: &str, changes: &[Modification]) -> Result<Modified, Halt> {
        let master = self.master()?;
        let mut patience = self.patience();
        loop {
            match self.doors.directory.modify(master, dn, changes).await {
                Ok(()) => return Ok(Modified::Applied),
                Err(DirectoryError::Lost { .. }) => return Ok(Modified::Unknown),
                Err(DirectoryError::Refused { code, .. }) if !matches!(code, 51 | 52 | 53 | 81) => {
                    return Ok(Modified::Refused(code));
                }
                Err(error) => patience.after_directory(self, master, &error).await?,
            }
        }
    }

    fn patience(&self) -> Patience {
        Patience { spent_s: 0, next_s: 2 }
    }

    /// Settings changed and not yet back.
    pub fn settings(&self) -> Vec<Setting> {
        self.state.borrow().settings.clone()
    }
}

/// Waits between attempts, longer each time, up to the bound.
struct Patience {
    spent_s: u64,
    next_s: u64,
}

impl Patience {
    async fn after(&mut self, run: &Run, error: &ShellError) -> Result<(), Halt> {
        let host = match error {
            ShellError::Unreachable { host, .. } | ShellError::Lost { host, .. } => host,
            ShellError::TimedOut { host, limit_s } => {
                // A command that hung has used its time already.
                self.spent_s += limit_s;
                host
            }
        };
        if self.spent_s >= run.options.bounds.unreachable_s {
            let what = format!("{error}; bring {host} back, then start again");
            return Err(Halt::Stop(Blocker::new("host-unreachable", what).on(host)));
        }
        self.pause(run).await;
        Ok(())
    }

    async fn after_directory(&mut self, run: &Run, server: &str, error: &DirectoryError) -> Result<(), Halt> {
        let hopeless =
            matches!(error, DirectoryError::Refused { code, .. } if !matches!(code, 51 | 52 | 53 | 81 | 3 | 4));
        if hopeless || self.spent_s >= run.options.bounds.unreachable_s {
            let what = format!("{error}; mend the directory server {server}, then start again");
            return Err(Halt::Stop(Blocker::new("ldap-down", what).on(server)));
        }
        self.pause(run).await;
        Ok(())
    }

    async fn pause(&mut self, run: &Run) {
        run.sleep_s(self.next_s).await;
        self.spent_s += self.next_s;
        self.next_s = (self.next_s * 2).min(300);
    }
}
