//! Owns the faults of directory servers. It must not know who asks them.

use super::{Before, Begins, FaultInfo, Kind, Promise};
use crate::world::World;
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::HostId;
use mock_host::time::Span;

/// How far behind a replica falls, in seconds.
const LAG_S: (u64, u64) = (60, 1200);

/// `replica-lag`: the replica that MTAs, stores or MMPs ask falls behind the master, by up to twenty minutes.
///
/// Scope: one replica. Promise: the run survives. It excuses nothing.
pub(super) struct ReplicaLag;

impl Kind for ReplicaLag {
    const INFO: FaultInfo = FaultInfo {
        id: "replica-lag",
        event: "the replica that an MTA or MMP asks is behind",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: LAG_S.1 as i64,
    };
    const BEGINS: Begins = Begins::At(0, 900);
    const LASTS: Option<(i64, i64)> = Some((1800, 6 * 3600));

    fn hosts(world: &World) -> Vec<HostId> {
        world.directory.servers().skip(1).collect()
    }
    fn begin(world: &mut World, n: usize) {
        let fault = &world.faults.list[n];
        let Some(host) = fault.host else { return };
        let lag = Span::secs((LAG_S.0 + fault.draw(world.faults.seed, 16, LAG_S.1 - LAG_S.0 + 1)) as i64);
        if let Some(before) = world.directory.lag(host) {
            world.faults.list[n].before = Before::Lag(before);
            set(world, host, lag);
        }
    }
    fn end(world: &mut World, n: usize) {
        let fault = &mut world.faults.list[n];
        if let (Some(host), Before::Lag(lag)) = (fault.host, std::mem::take(&mut fault.before)) {
            set(world, host, lag);
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::EntryChanged { server, by: Writer::Replication, .. } = fact else { return };
        let fault = &mut world.faults.list[n];
        if fault.in_force() && fault.host == Some(*server) {
            fault.fired += 1;
        }
    }
}

fn set(world: &mut World, server: HostId, lag: Span) {
    let mut out = Vec::new();
    world.directory.set_lag(world.now, server, lag, &mut out);
    world.directory_outputs(out);
}
