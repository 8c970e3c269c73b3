//! The ways out as findings (L3): what blocks them, in words, with the command that opens them.

use super::case::Case;
use super::network::{Block, ClosedDirection, Way};
use super::{Call, Cause, Certainty, Finding, Owner, words};
use crate::fleet::feature::ENDPOINT_FEWER;
use crate::fleet::instance::State;

impl Case<'_> {
    /// What stands between the instance and Systems Manager.
    pub(super) fn network(&self) -> Vec<Finding> {
        if self.instance.target().is_hybrid() || matches!(self.state, State::Stopped | State::Starting) {
            return Vec::new();
        }
        // A heartbeat proves a way to `ssm`, whatever we think of it.
        let ssm = if self.has_heartbeat() { &Way::Open(String::new()) } else { &self.ways.ssm };
        let channels = &self.ways.channels;
        let mut findings = Vec::new();
        match (ssm, channels) {
            (Way::Blocked(one), Way::Blocked(other)) if same(one, other) => {
                findings.push(self.blocked(one, &["ssm", "ssmmessages"]));
            }
            _ => {
                findings.extend(match ssm {
                    Way::Blocked(block) => Some(self.blocked(block, &["ssm"])),
                    _ => None,
                });
                findings.extend(match channels {
                    Way::Blocked(block) => Some(self.blocked(block, &["ssmmessages"])),
                    _ => None,
                });
            }
        }
        if findings.is_empty() {
            findings.extend(self.beyond_sight(ssm).or_else(|| self.beyond_sight(channels)));
        }
        findings
    }

    /// D9 and D10: what can't be judged from here, and so is only a hint.
    fn beyond_sight(&self, way: &Way) -> Option<Finding> {
        let label = self.label();
        match way {
            Way::OutOfSight(at) => Some(
                Finding::suggests(Cause::LeavesSight, format!("{label}'s way out leaves our sight at {at}"))
                    .seen([format!("what lies behind {at} can't be seen from here")])
                    .seen(self.running())
                    .fixed_by(
                        Owner::InstanceOwner,
                        "ask whoever runs the network whether ssm and ssmmessages can be reached on 443 from there (firewall, proxy, TLS inspection); on the host, ssm-cli get-diagnostics tells",
                    ),
            ),
            Way::Doubtful(why) => Some(
                Finding::suggests(Cause::EndpointPolicy, format!("{label}'s way out is limited"))
                    .seen([why.clone()])
                    .fixed_by(
                        Owner::Administrator,
                        "compare that limit with what an agent needs: ssm:UpdateInstanceInformation and the four ssmmessages actions, on 443",
                    ),
            ),
            _ => None,
        }
    }

    /// One obstacle before one or both services.
    pub(super) fn blocked(&self, block: &Block, services: &[&str]) -> Finding {
        let label = self.label();
        let to = services.join(" and ");
        let both = services.len() == 2;
        let only_channels = services == ["ssmmessages"];
        let finding = |cause, what: String| {
            Finding::proves(cause, what)
                .seen(self.heartbeat().filter(|_| self.has_heartbeat()))
                .seen(self.channel())
        };
        let reaches = if self.has_heartbeat() || matches!(self.ways.ssm, Way::Open(_)) {
            format!("{label} reaches ssm, not ssmmessages")
        } else {
            format!("{label} has no way to reach {to}")
        };
        let vpc = self.instance.machine.seen().and_then(|machine| machine.vpc.as_deref()).unwrap_or("VPC");
        match block {
            Block::NoRoute { subnet, table } => {
                let (cause, what) = match (both, only_channels) {
                    (true, _) => (Cause::NoWayOut, format!("{label} has no way to reach Systems Manager")),
                    (_, true) => (Cause::NoWayToChannels, reaches),
                    _ => (Cause::NoWayOut, reaches),
                };
                finding(cause, what)
                    .seen([
                        format!("{subnet}: no default route ({table})"),
                        format!("{vpc} has no endpoint for {to}"),
                    ])
                    .fixed_by(
                        Owner::Administrator,
                        format!(
                            "create {}{}, {}; or route the subnet to a NAT gateway",
                            if both { "both endpoints" } else { "the endpoint" },
                            self.older_agents_need(),
                            self.endpoint_group().0.words
                        ),
                    )
                    .command(self.create_endpoints(vpc, subnet, services))
            }
            Block::NoAddress { gateway } => finding(
                Cause::NoPublicAddress,
                format!("{label} is in a public subnet without a public address"),
            )
            .seen([
                format!("its default route leads to {gateway}, and it has no public IP"),
                format!("{vpc} has no endpoint for {to}"),
            ])
            .fixed_by(
                Owner::InstanceOwner,
                "give it an elastic IP (the command takes a new one, which AWS bills), a route to a NAT gateway, or endpoints for ssm and ssmmessages",
            )
            .command(self.aws(&format!(
                "aws ec2 associate-address --instance-id {} --allocation-id \"$({})\"",
                self.id(),
                self.aws("aws ec2 allocate-address --domain vpc --query AllocationId --output text")
            ))),
            Block::Dead { what, state } => {
                finding(Cause::WayBroken, format!("{label}'s way to {to} is broken: {what} is {state}"))
                    .seen([format!("{what}: {state}")])
                    .fixed_by(Owner::Administrator, match state.as_str() {
                        "pendingAcceptance" => "accept the endpoint's connection on the side of the service",
                        "pending" => "wait: it is being made",
                        _ => "replace it, and lead the route there",
                    })
            }
            Block::Endpoint { id, groups, admits } => {
                let own = self.own_groups();
                let group = groups.first().map_or("GROUP", String::as_str);
                let admits = if admits.is_empty() { "nobody".to_owned() } else { format!("{} only", admits.join(", ")) };
                finding(Cause::EndpointClosed, format!("{label}'s endpoint {} refuses it", service_of(services)))
                    .seen([
                        format!("{} of endpoint {id} admits 443 from {admits}", groups.join(", ")),
                        format!("{label} is in {}", own.join(", ")),
                    ])
                    .fixed_by(
                        Owner::Administrator,
                        format!("admit 443 from {} on {group}", own.first().map_or("the instance", String::as_str)),
                    )
                    .command(self.aws(&format!(
                        "aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 443 --source-group {}",
                        own.first().map_or("GROUP", String::as_str)
                    )))
            }
            Block::Names { endpoint, vpc: None } => Finding::new(
                Cause::EndpointWithoutNames,
                Certainty::Suggests,
                format!("{label}'s endpoint for {to} has no private DNS, so nothing leads to it"),
            )
            .seen(self.channel())
            .seen([
                format!("{endpoint}: PrivateDnsEnabled is false, and there is no default route"),
                "unless a hosted zone or resolver rule serves that name, which can't be seen here".to_owned(),
            ])
            .fixed_by(Owner::Administrator, "turn private DNS on for the endpoint")
            .command(self.aws(&format!(
                "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint} --private-dns-enabled"
            ))),
            Block::Names { endpoint, vpc: Some(vpc) } => Finding::new(
                Cause::EndpointWithoutNames,
                Certainty::Suggests,
                format!("{vpc} doesn't resolve the private name of {label}'s endpoint for {to}"),
            )
            .seen(self.channel())
            .seen([
                format!("{vpc}: enableDnsSupport or enableDnsHostnames is off; {endpoint} needs both"),
                "unless a hosted zone or resolver rule serves that name, which can't be seen here".to_owned(),
            ])
            .fixed_by(Owner::Administrator, "turn both DNS attributes of the VPC on")
            .command(format!(
                "{} && {}",
                self.aws(&format!("aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-support")),
                self.aws(&format!("aws ec2 modify-vpc-attribute --vpc-id {vpc} --enable-dns-hostnames"))
            )),
            Block::Egress { groups } => {
                finding(Cause::EgressClosed, format!("{label}'s security groups let nothing out on 443"))
                    .seen([format!("{}: no egress rule covers 443", groups.join(", "))])
                    .fixed_by(Owner::InstanceOwner, "allow 443 out; no inbound rule is needed")
                    .command(self.aws(&format!(
                        "aws ec2 authorize-security-group-egress --group-id {} --protocol tcp --port 443 --cidr 0.0.0.0/0",
                        groups.first().map_or("GROUP", String::as_str)
                    )))
            }
            Block::Acl { id, closed } => self.acl_closed(finding, id, closed),
            Block::Policy { endpoint } => Finding::suggests(
                Cause::EndpointPolicy,
                format!("the policy of {label}'s endpoint for {to} allows none of its calls"),
            )
            .seen([format!("{endpoint}: no statement allows an action of {to}")])
            .fixed_by(
                Owner::Administrator,
                "allow ssm:UpdateInstanceInformation and the four ssmmessages actions in the endpoint's policy",
            )
            .settled_by(&[Call::Trail]),
        }
    }

    /// D6: one entry for each direction that the ACL denies.
    fn acl_closed(
        &self,
        finding: impl FnOnce(Cause, String) -> Finding,
        id: &str,
        closed: &[ClosedDirection],
    ) -> Finding {
        let way = |one: &ClosedDirection| match one.outbound {
            true => "443 out",
            false => "answers in (1024-65535)",
        };
        let ways = closed.iter().map(way).collect::<Vec<_>>().join(" and ");
        let entry = |one: &ClosedDirection| {
            let (ports, flag) = match one.outbound {
                true => ("From=443,To=443", "--egress"),
                false => ("From=1024,To=65535", "--ingress"),
            };
            let number = one.free.map_or("NUMBER".to_owned(), |number| number.to_string());
            self.aws(&format!(
                "aws ec2 create-network-acl-entry --network-acl-id {id} --rule-number {number} --protocol tcp --port-range {ports} --cidr-block 0.0.0.0/0 --rule-action allow {flag}"
            ))
        };
        let fix = match closed.iter().all(|one| one.free.is_some()) {
            true => format!("allow {ways} on the ACL, before the entry that denies"),
            false => format!(
                "allow {ways} on the ACL; no number is free before the entry that denies: give that one a higher number, and put its own for NUMBER"
            ),
        };
        finding(Cause::AclClosed, format!("{}'s network ACL denies {ways}", self.label()))
            .seen([format!("{id}: no entry before the deny allows {ways}")])
            .fixed_by(Owner::Administrator, fix)
            .command(closed.iter().map(entry).collect::<Vec<_>>().join(" && "))
    }

    pub(super) fn own_groups(&self) -> Vec<String> {
        let machine = self.instance.machine.seen();
        machine
            .map(|machine| machine.security_groups.iter().map(|id| id.to_string()).collect())
            .unwrap_or_default()
    }

    /// Agents below 3.3.40.0 keep a third service in use.
    fn older_agents_need(&self) -> &'static str {
        match self.instance.version() {
            Some(version) if version < ENDPOINT_FEWER => {
                ", and one for ec2messages, which this agent still uses"
            }
            _ => "",
        }
    }

    fn create_endpoints(&self, vpc: &str, subnet: &str, services: &[&str]) -> String {
        let region = self.context.region.as_deref().unwrap_or("REGION");
        let prefix = if region.starts_with("cn-") { "cn.com.amazonaws" } else { "com.amazonaws" };
        let (group, opens) = self.endpoint_group();
        let mut services: Vec<&str> = services.to_vec();
        if !self.older_agents_need().is_empty() {
            services.push("ec2messages");
        }
        let creates = services.iter().map(|service| {
                self.aws(&format!(
                    "aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --vpc-id {} --service-name {prefix}.{region}.{service} --subnet-ids {} --security-group-ids {} --private-dns-enabled",
                    words::quoted(vpc),
                    words::quoted(subnet),
                    group.value
                ))
            });
        opens.into_iter().chain(creates).collect::<Vec<_>>().join(" && ")
    }
}

fn service_of(services: &[&str]) -> String {
    format!("for {}", services.join(" and "))
}

/// Whether two services are stopped by the same obstacle.
fn same(one: &Block, other: &Block) -> bool {
    match (one, other) {
        // Two endpoints may share their groups, and one rule mends both.
        (Block::Endpoint { groups: one, .. }, Block::Endpoint { groups: other, .. }) => one == other,
        (Block::Names { vpc: Some(one), .. }, Block::Names { vpc: Some(other), .. }) => one == other,
        _ => one == other,
    }
}
