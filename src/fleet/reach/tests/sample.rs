//! A scenario: the row, and what every call would answer if it may be made. It is made from a machine that is well by changing
//! what is wrong.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::*;
use crate::fleet::denial::Denial;
use crate::fleet::evidence::*;
use crate::fleet::{
    AgentRecord, Connection, Fact, MachineRecord, MachineState, MetadataEndpoint, Part, Ping, Tag,
};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const FRESH: &str = "3.3.987.0";
pub(super) const DENIED: &str = "User: arn:aws:sts::123456789012:assumed-role/dev-ro/alice is not authorized to perform: ssm:StartSession on resource: arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1 ";

pub(super) fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

pub(super) fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub(super) fn known<T>(value: T) -> Fact<T> {
    Fact::Known { value, at: now() }
}

/// One row, and the answers to every call about it.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) expected: Cause,
    pub(super) machine: Option<MachineRecord>,
    pub(super) agent: Option<AgentRecord>,
    pub(super) pieces: Vec<Piece>,
}

impl Scenario {
    /// A machine that is well.
    pub(super) fn well(name: &'static str, expected: Cause) -> Self {
        let machine = MachineRecord {
            launched: Some(ago(9 * 3_600)),
            profile_arn: Some(format!("arn:aws:iam::{ACCOUNT}:instance-profile/core").into()),
            instance_type: Some("m7g.large".into()),
            vpc: Some("vpc-77".into()),
            subnet: Some("subnet-0a1".into()),
            security_groups: Box::new(["sg-12".into()]),
            private_ip: Some("10.0.1.7".into()),
            metadata_endpoint: Some(MetadataEndpoint::Enabled),
            platform_details: Some("Linux/UNIX".into()),
            image: Some("ami-0a1".into()),
            account: Some(ACCOUNT.into()),
            tags: Box::new([Tag::new("Name", "web-1"), Tag::new("team", "pay")]),
            ..MachineRecord::new("i-0a1", MachineState::Running)
        };
        let scenario = Self { name, expected, machine: Some(machine), agent: None, pieces: Vec::new() };
        scenario.beats(40, FRESH).with(well())
    }

    pub(super) fn with(mut self, pieces: impl IntoIterator<Item = Piece>) -> Self {
        for piece in pieces {
            self.pieces.retain(|other| piece.call().is_none() || other.call() != piece.call());
            self.pieces.push(piece);
        }
        self
    }

    pub(super) fn machine(mut self, change: impl FnOnce(&mut MachineRecord)) -> Self {
        change(self.machine.as_mut().unwrap());
        self
    }

    pub(super) fn agent(mut self, change: impl FnOnce(&mut AgentRecord)) -> Self {
        change(self.agent.as_mut().unwrap());
        self
    }

    pub(super) fn beats(mut self, seconds: i64, version: &str) -> Self {
        self.agent = Some(AgentRecord {
            ping: Some(Ping::Online),
            last_ping: Some(ago(seconds)),
            agent_version: Some(version.into()),
            computer_name: Some("ip-10-0-1-7".into()),
            ..AgentRecord::new("i-0a1")
        });
        self
    }

    /// Its heartbeats stopped.
    pub(super) fn lost(self) -> Self {
        self.agent(|agent| {
            agent.ping = Some(Ping::Lost);
            agent.last_ping = Some(ago(10_900));
        })
        .without_channel()
    }

    /// It never registered.
    pub(super) fn unregistered(mut self) -> Self {
        self.agent = None;
        self.without_channel()
    }

    pub(super) fn without_channel(self) -> Self {
        self.with([Piece::Connection(known(Connection::NotConnected))])
    }

    pub(super) fn bare(self) -> Self {
        self.unregistered().machine(|machine| machine.profile_arn = None)
    }

    pub(super) fn hybrid(self) -> Self {
        let mut scenario = self;
        scenario.machine = None;
        scenario.agent = Some(AgentRecord {
            iam_role: Some("service-role/hybrid-node".into()),
            name: Some("rack-7".into()),
            computer_name: Some("rack-7".into()),
            ..AgentRecord { id: "mi-0f3".into(), ..scenario.agent.take().unwrap() }
        });
        scenario
    }

    pub(super) fn attempt(self, answer: Answer) -> Self {
        let attempt = Attempt { at: ago(20), document: None, answer, request_id: Some("7f3c-11".to_owned()) };
        self.with([Piece::Attempt(attempt)])
    }

    pub(super) fn denied(self, tail: &str) -> Self {
        self.attempt(Answer::Denied(Denial::parse(&format!("{DENIED}{tail}")).unwrap()))
    }

    pub(super) fn ended(self, said: &str) -> Self {
        self.with([Piece::Ending(Ending {
            at: ago(5),
            had_begun: false,
            by_node: true,
            said: said.to_owned(),
            session: Some("alice-0a1b".to_owned()),
        })])
    }

    pub(super) fn remembered(self, memory: Memory) -> Self {
        self.with([Piece::Memory(memory)])
    }

    /// The row as the lists show it; a part that may not be read is unknown.
    pub(super) fn instance(&self, sees_machines: bool, sees_agents: bool) -> Instance {
        fn part<T: Clone>(record: &Option<T>, sees: bool) -> Part<T> {
            match record {
                _ if !sees => Part::Unknown,
                Some(record) => Part::Seen(Arc::new(record.clone())),
                None => Part::Absent,
            }
        }
        let id = match (&self.machine, &self.agent) {
            (Some(machine), _) => machine.id.clone(),
            (None, Some(agent)) => agent.id.clone(),
            (None, None) => "mi-0f3".into(),
        };
        Instance {
            machine: part(&self.machine, sees_machines),
            agent: part(&self.agent, sees_agents),
            ..Instance::new(id)
        }
    }

    /// The answer to one call.
    pub(super) fn answer(&self, call: Call) -> Piece {
        let answer = self.pieces.iter().find(|piece| piece.call() == Some(call)).cloned();
        answer.unwrap_or_else(|| Piece::failed(call, "this scenario has no answer for it"))
    }

    /// What came without a call.
    pub(super) fn uncalled(&self) -> impl Iterator<Item = Piece> {
        self.pieces.iter().filter(|piece| piece.call().is_none()).cloned()
    }
}

pub(super) fn right(action: &str, decision: Decision) -> Right {
    Right::new(action, "*", decision)
}

pub(super) fn role_rights(refused: &[&str]) -> Vec<Right> {
    Right::OF_AN_AGENT
        .into_iter()
        .map(|action| {
            let is_refused = refused.contains(&action);
            right(action, if is_refused { Decision::ImplicitDeny } else { Decision::Allowed })
        })
        .collect()
}

/// What the role may ask before a session that is recorded.
pub(super) fn recording_rights(refused: &[&str]) -> Piece {
    let asked = |(action, resource)| {
        let is_refused = refused.contains(&action);
        let decision = if is_refused { Decision::ImplicitDeny } else { Decision::Allowed };
        Right::new(action, resource, decision)
    };
    let groups = "arn:aws:logs:eu-west-1:123456789012:log-group::log-stream:";
    let both = [(Right::BUCKET, "arn:aws:s3:::session-logs"), (Right::LOG_GROUPS, groups)];
    Piece::RecordingRights(known(both.into_iter().map(asked).collect()))
}

pub(super) fn trusted_by(service: &str) -> Piece {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/core-node");
    Piece::Role(known(Some(Role { name: "core-node".into(), arn, trust, boundary: None })))
}

pub(super) fn profile(roles: &[&str]) -> InstanceProfile {
    InstanceProfile {
        name: "core".into(),
        id: "AIPA1".into(),
        arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile/core"),
        roles: roles.iter().map(|role| format!("arn:aws:iam::{ACCOUNT}:role/{role}")).collect(),
    }
}

/// One that gives more than is needed, one that EC2 may not use, and one to take.
pub(super) fn core_profiles() -> Vec<CoreProfile> {
    let trust = |service: &str| match trusted_by(service) {
        Piece::Role(fact) => fact.value().unwrap().as_ref().unwrap().trust.clone(),
        other => panic!("{other:?}"),
    };
    let core = |name: &str, service, policies| CoreProfile {
        name: name.into(),
        role: format!("{name}-node"),
        trust: trust(service),
        policies,
    };
    vec![
        core("admin", "ec2.amazonaws.com", 2),
        core("function", "lambda.amazonaws.com", 1),
        core("plain", "ec2.amazonaws.com", 1),
    ]
}

pub(super) fn association(since: i64) -> ProfileAssociation {
    ProfileAssociation {
        id: "iip-assoc-0a1".into(),
        profile_arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile/core"),
        profile_id: "AIPA1".into(),
        state: AssociationState::Associated,
        since: Some(ago(since)),
    }
}

pub(super) fn checks(system: &str) -> StatusChecks {
    StatusChecks { system: system.into(), instance: "ok".into(), ..StatusChecks::default() }
}

pub(super) fn rule(peer: Peer) -> Rule {
    Rule { protocol: Protocol::Tcp, ports: Some((443, 443)), peers: vec![peer] }
}

pub(super) fn everywhere() -> Rule {
    Rule { protocol: Protocol::All, ports: None, peers: vec![Peer::Cidr("0.0.0.0/0".into())] }
}

pub(super) fn group(id: &str, ingress: Vec<Rule>, egress: Vec<Rule>) -> SecurityGroup {
    SecurityGroup { id: id.into(), name: id.into(), ingress, egress }
}

pub(super) fn tables(default: Option<(RouteTarget, RouteState)>) -> Vec<RouteTable> {
    let local =
        Route { destination: "10.0.0.0/16".into(), target: RouteTarget::Local, state: RouteState::Active };
    let default = default.map(|(target, state)| Route { destination: "0.0.0.0/0".into(), target, state });
    vec![
        RouteTable { id: "rtb-main".into(), is_main: true, subnets: Vec::new(), routes: vec![local.clone()] },
        RouteTable {
            id: "rtb-0a1".into(),
            is_main: false,
            subnets: vec!["subnet-0a1".into()],
            routes: std::iter::once(local).chain(default).collect(),
        },
    ]
}

pub(super) fn endpoint(service: &str) -> Endpoint {
    Endpoint {
        id: format!("vpce-{service}"),
        service: format!("com.amazonaws.eu-west-1.{service}"),
        kind: EndpointKind::Interface,
        state: EndpointState::Available,
        private_dns: true,
        groups: vec!["sg-9e".into()],
        subnets: vec!["subnet-0b2".into()],
        policy: None,
    }
}

pub(super) fn entry(number: i32, egress: bool, allows: bool) -> AclEntry {
    AclEntry { number, egress, allows, protocol: Protocol::All, cidr: "0.0.0.0/0".into(), ports: None }
}

pub(super) fn acl(entries: Vec<AclEntry>) -> Vec<NetworkAcl> {
    vec![NetworkAcl { id: "acl-0a1".into(), is_default: true, subnets: vec!["subnet-0a1".into()], entries }]
}

pub(super) fn open_groups() -> Vec<SecurityGroup> {
    vec![
        group("sg-12", Vec::new(), vec![everywhere()]),
        group("sg-9e", vec![rule(Peer::Group("sg-12".into()))], vec![everywhere()]),
    ]
}

pub(super) fn endpoints(list: Vec<Endpoint>) -> [Piece; 2] {
    [Piece::Endpoints(known(list)), Piece::RouteTables(known(tables(None)))]
}

/// What every call answers about a machine that is well.
fn well() -> Vec<Piece> {
    let nat = Some((RouteTarget::NatGateway("nat-0a1".into()), RouteState::Active));
    vec![
        Piece::Connection(known(Connection::Connected)),
        Piece::Status(known(Some(checks("ok")))),
        Piece::Association(known(Some(association(90 * 86_400)))),
        Piece::Profile(known(Some(profile(&["core-node"])))),
        trusted_by("ec2.amazonaws.com"),
        Piece::RoleRights(known(role_rights(&[]))),
        recording_rights(&[]),
        Piece::Subnet(known(Some(Subnet {
            id: "subnet-0a1".into(),
            owner: ACCOUNT.into(),
            vpc: "vpc-77".into(),
            cidr: "10.0.1.0/24".into(),
            gives_public_ip: false,
        }))),
        Piece::Vpc(known(Vpc { id: "vpc-77".into(), dns_support: true, dns_hostnames: true })),
        Piece::RouteTables(known(tables(nat))),
        Piece::Endpoints(known(Vec::new())),
        Piece::SecurityGroups(known(open_groups())),
        Piece::NetworkAcls(known(acl(vec![entry(100, true, true), entry(100, false, true)]))),
        Piece::NatGateways(known(vec![NatGateway {
            id: "nat-0a1".into(),
            state: "available".into(),
            is_public: true,
            failure: None,
        }])),
        Piece::Image(known(Some(Image {
            id: "ami-0a1".into(),
            name: "al2023-ami-2023.6.20250303.0-kernel-6.1-x86_64".into(),
            owner: "amazon".into(),
            description: String::new(),
        }))),
        Piece::OwnRights(known(vec![Right::new(
            "ssm:StartSession",
            "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1",
            Decision::Allowed,
        )])),
        Piece::HostManagement(known(HostManagement::Off)),
        Piece::CoreProfiles(known(core_profiles())),
        Piece::Tier(known(Tier::Advanced)),
        Piece::Activations(known(Vec::new())),
        Piece::Preferences(known(None)),
        Piece::Documents(known(Vec::new())),
        Piece::Key(known(None)),
        Piece::OptIn(known(OptIn::Enabled)),
    ]
}
