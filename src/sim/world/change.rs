//! What the API changes in the world, and when the agents notice.
//!
//! A change is made, then every node is judged anew. One that loses something keeps what was heard of it until then; one that gains
//! something goes on sleeping until its next try, whose times are the official agent's (diagnosis 2.9), divided by the region's haste:
//!
//! | it was | it tries |
//! | --- | --- |
//! | refused, or without credentials | every 27.5 minutes |
//! | without a way to `ssm` | after 5, 10, 20, 40 minutes, then every hour |
//! | without a control channel | after 5 s, doubling up to 40 minutes |
//!
//! A reboot is the short cut: the agent then begins anew.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    MachineState, Metadata, Node, World,
    judge::Memo,
    network::Address,
    node::{Association, Heard, Life},
};

const REFUSED: Tries =
    Tries { first: SignedDuration::from_secs(1650), most: SignedDuration::from_secs(1650) };
const NO_WAY: Tries = Tries { first: SignedDuration::from_secs(300), most: SignedDuration::from_secs(3600) };
const CHANNEL: Tries = Tries { first: SignedDuration::from_secs(5), most: SignedDuration::from_secs(2400) };
/// How long a machine takes to come up, and to go down.
const PENDING: SignedDuration = SignedDuration::from_secs(12);
const STOPPING: SignedDuration = SignedDuration::from_secs(30);
/// From then on until its agent runs.
const BOOT: SignedDuration = SignedDuration::from_secs(45);
/// How long an agent takes to replace itself.
const UPDATE: SignedDuration = SignedDuration::from_secs(60);

/// When an agent tries again: each wait is twice as long as the one before, up to a limit.
#[derive(Clone, Copy)]
struct Tries {
    first: SignedDuration,
    most: SignedDuration,
}

impl Tries {
    /// The first try at or after `now` of an agent that began at `began`.
    fn next(self, began: Timestamp, now: Timestamp, haste: u32) -> Timestamp {
        let scaled = |duration: SignedDuration| duration.as_nanos() / i128::from(haste).max(1);
        let (mut wait, most) = (scaled(self.first).max(1), scaled(self.most).max(1));
        let elapsed = now.duration_since(began).as_nanos().max(0);
        let mut at = 0;
        while at < elapsed && wait < most {
            at += wait;
            wait = (wait * 2).min(most);
        }
        if at < elapsed {
            at += (elapsed - at + most - 1) / most * most;
        }
        began.saturating_add(SignedDuration::from_nanos_i128(at)).unwrap_or(Timestamp::MAX)
    }
}

/// Why a machine does not do what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    Terminated,
    /// It is on its way from one state to another, or stands.
    Now(&'static str),
}

impl World {
    /// The world after a change, all of it or nothing, in which the agents will notice.
    pub(crate) fn changed<T, E>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut World) -> Result<T, E>,
    ) -> Result<(World, T), E> {
        let mut next = self.clone();
        let result = change(&mut next)?;
        next.notice(now);
        Ok((next, result))
    }

    /// Judges all nodes anew, and says when those that gained something will find out.
    fn notice(&mut self, now: Timestamp) {
        let mut memo = Memo::default();
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let able = self.judge(node, &mut memo);
            if able == node.able {
                continue;
            }
            let heard = self.heard(node, now);
            let node = Arc::make_mut(&mut self.nodes[index]);
            let was = std::mem::replace(&mut node.able, able);
            node.heard = heard;
            let Some(agent) = &mut node.agent else { continue };
            let registers = node.able.registers && !was.registers;
            // One that has not begun yet will find things as they are then.
            if registers && agent.starts <= now {
                let tries = if was.refused { REFUSED } else { NO_WAY };
                agent.starts = tries.next(agent.began, now, self.haste);
                agent.channel = agent.starts;
            } else if node.able.channel && !was.channel && agent.channel <= now {
                agent.channel = CHANNEL.next(agent.began, now, self.haste);
            }
        }
    }

    fn heard(&self, node: &Node, now: Timestamp) -> Option<Heard> {
        self.registration(node, now)
            .map(|known| Heard { since: known.since, last_ping: known.last_ping })
            .or(node.heard)
    }

    fn hasten(&self, duration: SignedDuration) -> SignedDuration {
        duration / i32::try_from(self.haste).unwrap_or(i32::MAX)
    }

    /// A node to be changed; the id is one that [`World::find`] knows.
    fn node_mut(&mut self, index: usize) -> &mut Node {
        Arc::make_mut(&mut self.nodes[index])
    }

    /// Starts a machine that stands.
    pub(crate) fn start(&mut self, index: usize, now: Timestamp) -> Result<(), StateError> {
        match self.nodes[index].state(now) {
            MachineState::Pending | MachineState::Running => return Ok(()),
            MachineState::Stopped => {}
            MachineState::Stopping => return Err(StateError::Now("stopping")),
            _ => return Err(StateError::Terminated),
        }
        let up = now + self.hasten(PENDING);
        self.begin_anew(index, now, up + self.hasten(BOOT));
        let node = self.node_mut(index);
        node.life =
            Life { state: MachineState::Pending, since: now, then: Some((up, MachineState::Running)) };
        node.launched = now;
        node.reason = "".into();
        Ok(())
    }

    /// Stops a machine that runs.
    pub(crate) fn stop(&mut self, index: usize, now: Timestamp) -> Result<(), StateError> {
        match self.nodes[index].state(now) {
            MachineState::Pending | MachineState::Running => {}
            MachineState::Stopping | MachineState::Stopped => return Ok(()),
            _ => return Err(StateError::Terminated),
        }
        let down = now + self.hasten(STOPPING);
        self.begin_anew(index, now, Timestamp::MAX);
        let node = self.node_mut(index);
        node.life =
            Life { state: MachineState::Stopping, since: now, then: Some((down, MachineState::Stopped)) };
        node.reason = "User initiated".into();
        Ok(())
    }

    /// Reboots a machine: the short cut for an agent that sleeps, and the cure of one that hangs.
    pub(crate) fn reboot(&mut self, index: usize, now: Timestamp) -> Result<(), StateError> {
        match self.nodes[index].state(now) {
            MachineState::Running => {}
            MachineState::Pending => return Err(StateError::Now("pending")),
            MachineState::Stopping => return Err(StateError::Now("stopping")),
            MachineState::Stopped => return Err(StateError::Now("stopped")),
            _ => return Err(StateError::Terminated),
        }
        let up = now + self.hasten(BOOT);
        self.begin_anew(index, now, up);
        Ok(())
    }

    /// Gives a machine's agent the newest version, which restarts it.
    pub(crate) fn update_agent(&mut self, index: usize, version: &str, now: Timestamp) {
        let up = now + self.hasten(UPDATE);
        self.begin_anew(index, now, up);
        if let Some(agent) = &mut self.node_mut(index).agent {
            agent.version = version.to_owned().into();
        }
    }

    /// The agent's process ends, and another comes up at a time.
    fn begin_anew(&mut self, index: usize, now: Timestamp, up: Timestamp) {
        let heard = self.heard(&self.nodes[index], now);
        let node = self.node_mut(index);
        node.heard = heard;
        node.impaired = false;
        if let Some(agent) = &mut node.agent {
            agent.stopped = None;
            (agent.began, agent.starts, agent.channel) = (up, up, up);
        }
    }

    /// Gives a machine an instance profile, or takes it away.
    pub(crate) fn associate(&mut self, index: usize, profile: Option<Association>) {
        self.node_mut(index).profile = profile;
    }

    pub(crate) fn set_metadata(&mut self, index: usize, metadata: Metadata) {
        self.node_mut(index).metadata = metadata;
    }

    /// Gives a node outside of EC2 another role.
    pub(crate) fn set_hybrid_role(&mut self, index: usize, role: &str) {
        if let Some(hybrid) = &mut self.node_mut(index).hybrid {
            role.clone_into(&mut hybrid.role);
        }
    }

    pub(crate) fn deregister(&mut self, index: usize) {
        self.node_mut(index).deregistered = true;
    }

    /// Ties an elastic address to a machine; one that it had goes free.
    pub(crate) fn tie(&mut self, allocation: usize, association: &str, index: usize) {
        let id = self.nodes[index].id.to_string();
        for address in &mut self.network.addresses {
            if address.association.as_ref().is_some_and(|(_, instance)| *instance == id) {
                address.association = None;
            }
        }
        let Address { address, association: tied, .. } = &mut self.network.addresses[allocation];
        *tied = Some((association.to_owned(), id));
        let address = address.clone();
        self.node_mut(index).elastic = Some(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_double_up_to_their_limit() {
        let began: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let next = |tries: Tries, seconds: i64, haste| {
            let next = tries.next(began, began + SignedDuration::from_secs(seconds), haste);
            next.duration_since(began).as_millis()
        };
        for (minutes, wanted) in [(0, 0), (1, 5), (6, 15), (16, 35), (36, 75), (76, 135), (136, 195)] {
            assert_eq!(next(NO_WAY, minutes * 60, 1), wanted * 60_000, "{minutes}");
        }
        assert_eq!(next(REFUSED, 1651, 1), 3_300_000);
        assert_eq!(next(REFUSED, 1650 * 7, 1), 1_650_000 * 7);
        // In haste: a 120th of it.
        assert_eq!(next(REFUSED, 14, 120), 27_500);
        // Years later, and still at once.
        assert!(next(CHANNEL, 100_000_000, 1_000_000) - 100_000_000_000 <= 3);
    }
}
