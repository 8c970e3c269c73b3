//! One row of the fleet: what SSM and EC2 said about the same machine, joined, and the state that
//! follows from it (diagnosis 1.3). Time is an argument everywhere, since a state ages.
//!
//! Which sign beats which, strongest first:
//!
//! ```text
//! a session opened < 5 min ago ─→ ready
//! EC2: ending                  ─→ gone        EC2: stopped, stopping ─→ stopped
//! GetConnectionStatus connected ─→ ready      (the channel goes to another endpoint than the heartbeat)
//! EC2 read, and not in it      ─→ gone        EC2: pending           ─→ starting
//! SSM Online                   ─→ online, or no channel when GetConnectionStatus denies it
//! status check impaired        ─→ impaired
//! SSM ConnectionLost           ─→ lost, or starting when it was started a moment ago
//! SSM read, and not in it      ─→ starting when young, else not configured
//! nothing of all that          ─→ unknown
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::feature::Feature;
use super::place::Place;
use super::record::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, Ping, Platform, Properties,
    StatusCheck, Tag,
};
use super::version::AgentVersion;

/// How long a started machine may take to register before a verdict is fair.
pub const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// The same for Windows, which boots slower.
pub const GRACE_WINDOWS: SignedDuration = SignedDuration::from_mins(10);
/// How long a session that opened proves that sessions open.
pub const OPENED_HOLDS: SignedDuration = SignedDuration::from_mins(5);
/// How long an answer of GetConnectionStatus counts; after that the row is unverified again.
pub const CONNECTION_HOLDS: SignedDuration = SignedDuration::from_mins(15);
/// About two heartbeats: an Online that is older deserves a "last seen 14 min ago".
pub const HEARTBEAT_LATE: SignedDuration = SignedDuration::from_mins(10);

/// One source's view of one machine. `Absent` is a statement, `Unknown` is the lack of one.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Part<T> {
    /// The source listed it.
    Seen(Arc<T>),
    /// The source was read to its last page, and it wasn't there.
    Absent,
    /// The source wasn't read to its end: denied, failed, or still going on.
    #[default]
    Unknown,
}

impl<T> Part<T> {
    /// The record, if the source listed it.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(record) => Some(record),
            _ => None,
        }
    }
}

/// The state of a row; words and glyphs as in the list and as values of `state:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Its channel is connected: a session opens.
    Ready,
    /// It beats; whether its channel is connected wasn't asked or may not be asked.
    Online,
    /// Registered, but without a session channel.
    NoChannel,
    /// Its heartbeats stopped.
    Lost,
    /// Runs and never registered.
    NotConfigured,
    /// Stopped or stopping.
    Stopped,
    /// On its way up.
    Starting,
    /// Runs with failed status checks.
    Impaired,
    /// Nothing readable says.
    Unknown,
    /// Ended, or no longer listed by EC2; hidden unless asked for.
    Gone,
}

impl State {
    /// All of them, in the order of the list when it is ordered by state.
    pub const ALL: [Self; 10] = [
        Self::Ready,
        Self::Online,
        Self::NoChannel,
        Self::Lost,
        Self::NotConfigured,
        Self::Stopped,
        Self::Starting,
        Self::Impaired,
        Self::Unknown,
        Self::Gone,
    ];

    /// The word in the list.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Online => "online",
            Self::NoChannel => "no channel",
            Self::Lost => "lost",
            Self::NotConfigured => "not configured",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Impaired => "impaired",
            Self::Unknown => "unknown",
            Self::Gone => "gone",
        }
    }

    /// The glyph before the word; one cell wide.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Ready | Self::Online => "●",
            Self::NoChannel => "◍",
            Self::Lost => "○",
            Self::NotConfigured => "✗",
            Self::Stopped => "■",
            Self::Starting => "◌",
            Self::Impaired => "!",
            Self::Unknown => "?",
            Self::Gone => "†",
        }
    }

    /// Whether trying to open a session is refused with the verdict instead. `Unknown` is tried:
    /// there StartSession is itself the test. `Starting` will be reachable by itself.
    pub const fn cannot_be_reached(self) -> bool {
        matches!(
            self,
            Self::NoChannel | Self::Lost | Self::NotConfigured | Self::Stopped | Self::Impaired | Self::Gone
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A row of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The row's id: `i-…` whenever there is an EC2 instance, even when the target is an `mi-…`.
    pub id: InstanceId,
    /// Where it is, and who reads it; shared by all rows of one account, region and profile.
    pub place: Arc<Place>,
    /// SSM's view.
    pub agent: Part<AgentRecord>,
    /// EC2's view.
    pub machine: Part<MachineRecord>,
    /// GetConnectionStatus.
    pub connection: Fact<Connection>,
    /// DescribeInstanceStatus.
    pub check: Fact<StatusCheck>,
    /// When a session last opened here.
    pub opened: Option<Timestamp>,
}

impl Instance {
    /// A row of which nothing but the id is known, as for an id that the user typed.
    pub fn new(id: impl Into<InstanceId>) -> Self {
        Self {
            id: id.into(),
            place: Arc::default(),
            agent: Part::Unknown,
            machine: Part::Unknown,
            connection: Fact::NotAsked,
            check: Fact::NotAsked,
            opened: None,
        }
    }

    /// What StartSession and GetConnectionStatus take: the id under which the agent registered.
    pub fn target(&self) -> &InstanceId {
        self.agent.seen().map_or(&self.id, |agent| &agent.id)
    }

    /// A hybrid node without an EC2 instance that we know of.
    pub fn is_hybrid(&self) -> bool {
        self.id.is_hybrid()
    }

    /// The name: EC2's Name tag, else SSM's name, else the computer's own.
    pub fn name(&self) -> Option<&str> {
        let tagged = self.tag("Name").filter(|name| !name.is_empty());
        tagged
            .or_else(|| self.agent.seen().and_then(|agent| agent.name.as_deref()))
            .or_else(|| self.agent.seen().and_then(|agent| agent.computer_name.as_deref()))
            .filter(|name| !name.is_empty())
    }

    /// The name, or the id when there is none: how sentences call it.
    pub fn label(&self) -> &str {
        self.name().unwrap_or(self.id.as_str())
    }

    /// Its tags, EC2's before SSM's.
    pub fn tags(&self) -> &[Tag] {
        match (self.machine.seen(), self.agent.seen()) {
            (Some(machine), _) if !machine.tags.is_empty() => &machine.tags,
            (_, Some(agent)) => &agent.tags,
            _ => &[],
        }
    }

    /// The value of a tag; keys differ by case in AWS, so this compares exactly.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags().iter().find(|tag| &*tag.key == key).map(|tag| &*tag.value)
    }

    /// The kind of operating system, from SSM, else from what EC2 tells.
    pub fn platform(&self) -> Option<Platform> {
        if let Some(platform) = self.agent.seen().and_then(|agent| agent.platform) {
            return Some(platform);
        }
        let machine = self.machine.seen()?;
        if machine.is_windows() {
            return Some(Platform::Windows);
        }
        if machine.instance_type.as_deref().is_some_and(|kind| kind.starts_with("mac")) {
            return Some(Platform::MacOs);
        }
        machine
            .platform_details
            .as_deref()
            .is_some_and(|words| words.contains("Linux") || words.contains("SUSE"))
            .then_some(Platform::Linux)
    }

    /// The platform in words: "Amazon Linux 2023", else EC2's "Linux/UNIX"; none when nobody says.
    pub fn platform_words(&self) -> Option<Cow<'_, str>> {
        if let Some(agent) = self.agent.seen()
            && let Some(name) = agent.platform_name.as_deref()
        {
            let version = agent.platform_version.as_deref().unwrap_or_default();
            // Windows names carry their year; their version is a build number that says less.
            let plain =
                version.is_empty() || name.contains(version) || agent.platform == Some(Platform::Windows);
            return Some(if plain { name.into() } else { format!("{name} {version}").into() });
        }
        self.machine
            .seen()
            .and_then(|machine| machine.platform_details.as_deref())
            .map(Cow::Borrowed)
            .or_else(|| self.platform().map(|platform| platform.word().into()))
    }

    /// The agent's version as text.
    pub fn agent_version(&self) -> Option<&str> {
        self.agent.seen()?.agent_version.as_deref()
    }

    /// The agent's version as numbers.
    pub fn version(&self) -> Option<AgentVersion> {
        self.agent_version()?.parse().ok()
    }

    /// What its agent is too old for: a mark beside the state, since a shell may still work.
    pub fn too_old_for(&self) -> impl Iterator<Item = Feature> {
        self.version().into_iter().flat_map(Feature::missing_in)
    }

    /// The last heartbeat.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.agent.seen()?.last_ping
    }

    /// The last heartbeat of one that is Online although it is late: worth a "last seen 14 min ago".
    pub fn late_since(&self, now: Timestamp) -> Option<Timestamp> {
        let agent = self.agent.seen().filter(|agent| agent.ping == Some(Ping::Online))?;
        agent.last_ping.filter(|at| now.duration_since(*at) > HEARTBEAT_LATE)
    }

    /// The private address, EC2's before the agent's.
    pub fn private_ip(&self) -> Option<&str> {
        self.machine
            .seen()
            .and_then(|machine| machine.private_ip.as_deref())
            .or_else(|| self.agent.seen().and_then(|agent| agent.ip.as_deref()))
    }

    fn properties(&self) -> Option<&Properties> {
        self.agent.seen()?.properties.as_deref()
    }

    /// Instance type.
    pub fn instance_type(&self) -> Option<&str> {
        self.machine
            .seen()
            .and_then(|machine| machine.instance_type.as_deref())
            .or_else(|| self.properties().and_then(|properties| properties.instance_type.as_deref()))
    }

    /// Availability zone.
    pub fn zone(&self) -> Option<&str> {
        self.machine
            .seen()
            .and_then(|machine| machine.zone.as_deref())
            .or_else(|| self.properties().and_then(|properties| properties.zone.as_deref()))
    }

    /// The last start.
    pub fn launched(&self) -> Option<Timestamp> {
        self.machine
            .seen()
            .and_then(|machine| machine.launched)
            .or_else(|| self.properties().and_then(|properties| properties.launched))
    }

    /// The instance profile's or the role's name: what follows the last slash of its ARN.
    pub fn role(&self) -> Option<&str> {
        self.machine
            .seen()
            .and_then(|machine| machine.profile_arn.as_deref())
            .or_else(|| self.properties().and_then(|properties| properties.instance_role.as_deref()))
            .or_else(|| self.agent.seen().and_then(|agent| agent.iam_role.as_deref()))
            .map(|role| role.rsplit('/').next().unwrap_or(role))
            .filter(|role| !role.is_empty())
    }

    /// EC2's lifecycle state: its own, else what DescribeInstanceProperties passes on.
    pub fn lifecycle(&self) -> Option<MachineState> {
        match self.machine.seen() {
            Some(machine) => Some(machine.state),
            None => self.properties().and_then(|properties| properties.machine_state),
        }
    }

    /// GetConnectionStatus, as long as the answer holds.
    pub fn connection(&self, now: Timestamp) -> Option<Connection> {
        match &self.connection {
            Fact::Known { value, at } if now.duration_since(*at) <= CONNECTION_HOLDS => Some(*value),
            _ => None,
        }
    }

    /// EC2 was read to its end and doesn't list it. A hybrid target may run elsewhere, in another
    /// region or account, so EC2's silence says nothing about it.
    pub fn has_left(&self) -> bool {
        matches!(self.machine, Part::Absent) && !self.target().is_hybrid()
    }

    /// It ended, or EC2 no longer lists it; unlike [`State::Gone`] this doesn't depend on the time.
    pub fn has_ended(&self) -> bool {
        self.has_left()
            || matches!(self.lifecycle(), Some(MachineState::ShuttingDown | MachineState::Terminated))
    }

    /// How long it may take to register after a start.
    pub fn grace(&self) -> SignedDuration {
        if self.platform() == Some(Platform::Windows) { GRACE_WINDOWS } else { GRACE }
    }

    /// Started so recently that a silent agent means nothing yet.
    pub fn is_young(&self, now: Timestamp) -> bool {
        self.launched().is_some_and(|at| now.duration_since(at) < self.grace())
    }

    /// What all of it amounts to at `now`; the order of the signs is drawn at the head of this file.
    pub fn state(&self, now: Timestamp) -> State {
        if self.opened.is_some_and(|at| now.duration_since(at) <= OPENED_HOLDS) {
            return State::Ready;
        }
        let lifecycle = self.lifecycle();
        match lifecycle {
            Some(MachineState::ShuttingDown | MachineState::Terminated) => return State::Gone,
            Some(MachineState::Stopping | MachineState::Stopped) => return State::Stopped,
            _ => {}
        }
        let connection = self.connection(now);
        if connection == Some(Connection::Connected) {
            return State::Ready;
        }
        if self.has_left() {
            return State::Gone;
        }
        if lifecycle == Some(MachineState::Pending) {
            return State::Starting;
        }
        let agent = self.agent.seen();
        let ping = agent.and_then(|agent| agent.ping);
        if ping == Some(Ping::Online) {
            return if connection.is_some() { State::NoChannel } else { State::Online };
        }
        if self.check.value() == Some(&StatusCheck::Impaired) {
            return State::Impaired;
        }
        match (&self.agent, ping) {
            (Part::Seen(agent), Some(Ping::Lost)) => {
                let restarted = self.is_young(now) && agent.last_ping < self.launched();
                if restarted { State::Starting } else { State::Lost }
            }
            (Part::Seen(_), _) if connection.is_some() => State::NoChannel,
            (Part::Seen(_), _) => State::Unknown,
            (Part::Absent | Part::Unknown, _) if self.is_young(now) => State::Starting,
            (Part::Absent, _) if lifecycle == Some(MachineState::Running) => State::NotConfigured,
            (Part::Unknown, _) if connection.is_some() => State::NoChannel,
            _ => State::Unknown,
        }
    }

    /// Whether a user who compares the two rows would see a difference; heartbeats and the age of an
    /// answer don't count, or every row would seem to change at every refresh.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        fn same<T>(one: &Part<T>, two: &Part<T>, alike: impl Fn(&T, &T) -> bool) -> bool {
            match (one, two) {
                (Part::Seen(one), Part::Seen(two)) => Arc::ptr_eq(one, two) || alike(one, two),
                (Part::Seen(_), _) | (_, Part::Seen(_)) => false,
                // "Not there" after "not read yet" says nothing new by itself; the state may.
                _ => true,
            }
        }
        same(&self.agent, &other.agent, |one, two| {
            one == two
                || *one
                    == AgentRecord {
                        last_ping: one.last_ping,
                        association_ran: one.association_ran,
                        association_succeeded: one.association_succeeded,
                        association_status: one.association_status.clone(),
                        ..two.clone()
                    }
        }) && same(&self.machine, &other.machine, |one, two| one == two)
            && self.connection.value() == other.connection.value()
            && self.check.value() == other.check.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-05-03T12:00:00Z".parse().unwrap()
    }

    fn minutes_ago(minutes: i64) -> Timestamp {
        now() - SignedDuration::from_mins(minutes)
    }

    fn ping(ping: Ping, minutes: i64) -> Part<AgentRecord> {
        let last_ping = Some(minutes_ago(minutes));
        Part::Seen(Arc::new(AgentRecord { ping: Some(ping), last_ping, ..AgentRecord::new("i-1") }))
    }

    fn machine(state: MachineState, minutes: i64) -> Part<MachineRecord> {
        let launched = Some(minutes_ago(minutes));
        Part::Seen(Arc::new(MachineRecord { launched, ..MachineRecord::new("i-1", state) }))
    }

    #[test]
    fn states_follow_from_the_signs() {
        use MachineState::{Other, Pending, Running, Stopped, Stopping, Terminated};
        use State as S;
        let yes = Some((Connection::Connected, 1));
        let no = Some((Connection::NotConnected, 1));
        let old = Some((Connection::Connected, 16));
        let absent = || Part::Absent;
        let unread = || Part::Unknown;
        let table = [
            (ping(Ping::Online, 1), machine(Running, 99), yes, S::Ready),
            (ping(Ping::Online, 1), machine(Running, 99), None, S::Online),
            (ping(Ping::Online, 1), machine(Running, 99), old, S::Online),
            (ping(Ping::Online, 1), machine(Running, 99), no, S::NoChannel),
            (ping(Ping::Online, 1), machine(Stopped, 99), None, S::Stopped),
            (ping(Ping::Online, 1), machine(Stopping, 99), yes, S::Stopped),
            (ping(Ping::Online, 1), machine(Terminated, 99), yes, S::Gone),
            (ping(Ping::Online, 1), Part::Absent, None, S::Gone),
            (ping(Ping::Online, 1), Part::Absent, yes, S::Ready),
            (ping(Ping::Online, 1), Part::Unknown, None, S::Online),
            (ping(Ping::Lost, 60), machine(Running, 99), None, S::Lost),
            (ping(Ping::Lost, 60), machine(Running, 99), yes, S::Ready),
            (ping(Ping::Lost, 60), machine(Running, 99), no, S::Lost),
            (ping(Ping::Lost, 60), machine(Running, 2), None, S::Starting),
            (ping(Ping::Lost, 60), Part::Unknown, None, S::Lost),
            (ping(Ping::Other, 1), machine(Running, 99), None, S::Unknown),
            (absent(), machine(Pending, 0), None, S::Starting),
            (absent(), machine(Running, 4), None, S::Starting),
            (absent(), machine(Running, 5), None, S::NotConfigured),
            (absent(), machine(Running, 99), no, S::NotConfigured),
            (absent(), machine(Other, 99), None, S::Unknown),
            (unread(), machine(Running, 99), None, S::Unknown),
            (unread(), machine(Running, 99), no, S::NoChannel),
            (unread(), machine(Running, 99), yes, S::Ready),
            (unread(), Part::Unknown, None, S::Unknown),
        ];
        for (index, (agent, machine, connection, expected)) in table.into_iter().enumerate() {
            let connection = connection
                .map_or(Fact::NotAsked, |(value, minutes)| Fact::Known { value, at: minutes_ago(minutes) });
            let instance = Instance { agent, machine, connection, ..Instance::new("i-1") };
            assert_eq!(instance.state(now()), expected, "row {index}: {instance:?}");
        }
    }

    #[test]
    fn an_opened_session_beats_all_for_five_minutes() {
        let opened = |minutes| Instance {
            agent: ping(Ping::Lost, 60),
            opened: Some(minutes_ago(minutes)),
            ..Instance::new("i-1")
        };
        assert_eq!(opened(5).state(now()), State::Ready);
        assert_eq!(opened(6).state(now()), State::Lost);
    }

    #[test]
    fn impaired_shows_unless_the_agent_beats() {
        let check = Fact::Known { value: StatusCheck::Impaired, at: now() };
        let impaired = |agent| Instance { agent, check: check.clone(), ..Instance::new("i-1") };
        assert_eq!(impaired(ping(Ping::Lost, 60)).state(now()), State::Impaired);
        assert_eq!(impaired(ping(Ping::Online, 1)).state(now()), State::Online);
    }

    #[test]
    fn windows_gets_ten_minutes_to_register() {
        let record = MachineRecord {
            launched: Some(minutes_ago(9)),
            platform_details: Some("Windows".into()),
            ..MachineRecord::new("i-1", MachineState::Running)
        };
        let instance =
            Instance { agent: Part::Absent, machine: Part::Seen(Arc::new(record)), ..Instance::new("i-1") };
        assert_eq!(instance.state(now()), State::Starting);
    }

    #[test]
    fn a_late_heartbeat_is_told() {
        let beat = |minutes| Instance { agent: ping(Ping::Online, minutes), ..Instance::new("i-1") };
        assert_eq!(beat(9).late_since(now()), None);
        assert_eq!(beat(14).late_since(now()), Some(minutes_ago(14)));
    }
}
