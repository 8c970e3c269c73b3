//! The machine's life and its agent's heartbeat (L1 of the diagnosis): what follows from the row's state by itself, before any
//! cause behind it is known.

use super::case::Case;
use super::network::Way;
use super::{Call, Cause, Certainty, Finding, Owner, words};
use crate::fleet::instance::{Part, State};
use crate::fleet::phrase;
use crate::fleet::record::MachineState;

impl Case<'_> {
    /// What the state says; for a silent agent this is what is left when nothing says why.
    pub(super) fn by_state(&self) -> Finding {
        match self.state {
            State::Ready => self.ready(),
            State::Online => self.online(),
            State::NoChannel => self.no_channel(),
            State::Lost if self.instance.is_hybrid() => self.hybrid_lost(),
            State::Lost => self.lost(),
            State::NotConfigured => self.never_registered(),
            State::Stopped => self.stopped(),
            State::Starting => self.starting(),
            State::Impaired => self.impaired(),
            State::Unknown => self.unknown(),
            State::Gone => self.gone(),
        }
    }

    fn ready(&self) -> Finding {
        let opened =
            self.instance.opened.map(|at| format!("a session opened here {} ago", phrase::age(at, self.now)));
        Finding::new(Cause::Ready, Certainty::Proves, format!("{} is ready", self.label()))
            .seen(self.channel().or(opened))
            .fixed_by(Owner::Nobody, "")
    }

    fn online(&self) -> Finding {
        let late = self.instance.late_since(self.now);
        Finding::new(
            Cause::NotVerified,
            Certainty::Suggests,
            format!("{} is online, not verified", self.label()),
        )
        .seen(self.heartbeat())
        .seen(late.map(|_| "its heartbeat is late: one is due every 5 minutes".to_owned()))
        .fixed_by(Owner::Nobody, "")
        .settled_by(&[Call::ConnectionStatus])
    }

    fn no_channel(&self) -> Finding {
        let is_registered = self.instance.agent.seen().is_some();
        let what = if is_registered {
            format!("{} is registered, but has no session channel", self.label())
        } else {
            format!("{} has no session channel", self.label())
        };
        let profile = self.profile_name();
        let finding = Finding::new(Cause::NoChannel, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen((!is_registered).then(|| self.running()).flatten())
            .seen(self.channel())
            .settled_by(&[Call::RoleRights, Call::RouteTables]);
        match (self.instance.role(), profile) {
            (_, Some(profile)) => finding
                .fixed_by(
                    Owner::Administrator,
                    format!(
                        "likely the role in profile {profile} lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: look at the role first"
                    ),
                )
                .command(self.aws(&format!("aws iam get-instance-profile --instance-profile-name {}", words::quoted(profile)))),
            (Some(role), None) => finding
                .fixed_by(
                    Owner::Administrator,
                    format!(
                        "likely role {role} lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: look at the role first"
                    ),
                )
                .command(self.aws(&format!("aws iam list-attached-role-policies --role-name {}", words::quoted(role)))),
            (None, None) => finding.fixed_by(
                Owner::Administrator,
                "likely its role lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: check the role, then the network",
            ),
        }
    }

    fn lost(&self) -> Finding {
        let what = match self.instance.last_seen() {
            Some(at) => format!("{} was lost {} ago", self.label(), self.ago(at)),
            None => format!("{} was lost", self.label()),
        };
        let finding = Finding::new(Cause::Lost, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen(self.running())
            .seen(self.status())
            .seen(self.way_is_open())
            .seen(self.channel());
        if self.instance.lifecycle() == Some(MachineState::Running) {
            finding
                .fixed_by(
                    Owner::InstanceOwner,
                    "its agent stopped, its disk is full or its way out changed: reboot it, or restart the agent over the serial console",
                )
                .command(self.aws(&format!("aws ec2 reboot-instances --instance-ids {}", self.id())))
                .settled_by(&[Call::StatusCheck, Call::RouteTables])
        } else {
            finding
                .fixed_by(
                    Owner::InstanceOwner,
                    "whether it runs is not known here: if it is stopped, start it; else reboot it or restart its agent",
                )
                .command(self.aws(&format!(
                    "aws ec2 describe-instance-status --include-all-instances --instance-ids {}",
                    self.id()
                )))
                .settled_by(&[Call::StatusCheck])
        }
    }

    /// What DescribeInstanceStatus said.
    fn status(&self) -> Option<String> {
        let checks = self.evidence.status.value()?.as_ref()?;
        let since =
            checks.impaired_since.map(|at| format!("; failing since {}", phrase::moment(at, self.now)));
        let events = match checks.events.as_slice() {
            [] => String::new(),
            events => format!("; scheduled: {}", events.join(", ")),
        };
        Some(format!(
            "DescribeInstanceStatus: system {}, instance {}{}{events}",
            checks.system,
            checks.instance,
            since.unwrap_or_default()
        ))
    }

    /// That the network isn't to blame, where it was read.
    fn way_is_open(&self) -> Option<String> {
        match (&self.ways.ssm, &self.ways.channels) {
            (Way::Open(by), Way::Open(_)) => Some(format!("ssm and ssmmessages can be reached by {by}")),
            _ => None,
        }
    }

    fn hybrid_lost(&self) -> Finding {
        let what = match self.instance.last_seen() {
            Some(at) => format!("{} was lost {} ago", self.label(), self.ago(at)),
            None => format!("{} was lost", self.label()),
        };
        Finding::new(Cause::HybridLost, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen(Some("a hybrid node: EC2 knows nothing of it".to_owned()))
            .seen(Some("an activation that expired doesn't hurt a node that is registered".to_owned()))
            .fixed_by(
                Owner::InstanceOwner,
                "on the host: is it up, does it reach the ssm endpoint on 443, and does the agent run (restart amazon-ssm-agent)",
            )
    }

    fn never_registered(&self) -> Finding {
        let profile = self.profile_name();
        let machine = self.instance.machine.seen();
        let is_red_hat = machine
            .and_then(|machine| machine.platform_details.as_deref())
            .is_some_and(|details| details.contains("Red Hat"));
        let finding = Finding::new(
            Cause::NeverRegistered,
            Certainty::Suggests,
            format!("{} is not managed: its agent isn't registered", self.label()),
        )
        .seen(self.running())
        .seen(Some("both lists were read to the end, and SSM doesn't have it".to_owned()))
        .seen(profile.map(|profile| format!("EC2: profile {profile} is attached")))
        .seen(is_red_hat.then(|| "Red Hat images usually come without the agent".to_owned()))
        .fixed_by(
            Owner::InstanceOwner,
            "check, in this order: its role has AmazonSSMManagedInstanceCore, it reaches the ssm endpoint on 443, the agent is installed; then reboot it, or wait: the agent tries again within 30 min",
        )
        .settled_by(&[Call::RoleRights, Call::RouteTables, Call::ProfileAssociation]);
        match profile {
            Some(profile) => finding.command(self.aws(&format!(
                "aws iam get-instance-profile --instance-profile-name {}",
                words::quoted(profile)
            ))),
            None => finding,
        }
    }

    fn stopped(&self) -> Finding {
        let is_stopping = self.instance.lifecycle() == Some(MachineState::Stopping);
        let word = if is_stopping { "stopping" } else { "stopped" };
        let seen = match self.instance.machine.seen() {
            Some(machine) => words::stopped(machine, word, self.now),
            None => format!("DescribeInstanceProperties: {word}"),
        };
        Finding::new(Cause::Stopped, Certainty::Proves, format!("{} is {word}", self.label()))
            .seen(Some(seen))
            .fixed_by(
                Owner::InstanceOwner,
                if is_stopping {
                    "wait until it has stopped, then start it"
                } else {
                    "start it; ready about 2 min later"
                },
            )
            .command(self.aws(&format!("aws ec2 start-instances --instance-ids {}", self.id())))
    }

    fn starting(&self) -> Finding {
        let is_pending = self.instance.lifecycle() == Some(MachineState::Pending);
        // Where SSM's list may not be read, it may have registered long since.
        if let (Part::Unknown, false, Some(at), None) =
            (&self.instance.agent, is_pending, self.instance.launched(), self.channel())
        {
            let what = format!(
                "{} started {} ago; whether it has registered can't be seen",
                self.label(),
                self.ago(at)
            );
            return Finding::new(Cause::NotVisible, Certainty::Unknown, what)
                .seen(self.running())
                .fixed_by(Owner::You, "try it: opening a session is itself the test");
        }
        let what = match self.instance.launched() {
            Some(at) if !is_pending => {
                format!("{} started {} ago and hasn't registered yet", self.label(), self.ago(at))
            }
            _ => format!("{} is starting", self.label()),
        };
        Finding::new(Cause::JustStarted, Certainty::Proves, what).seen(self.running()).fixed_by(
            Owner::Nobody,
            format!(
                "nothing to do: this row turns ● by itself; a verdict follows {} min after the start",
                self.instance.grace().as_mins()
            ),
        )
    }

    fn impaired(&self) -> Finding {
        Finding::new(
            Cause::Impaired,
            Certainty::Suggests,
            format!("{} fails its status checks", self.label()),
        )
        .seen(self.status().or_else(|| Some("DescribeInstanceStatus: impaired".to_owned())))
        .seen(self.heartbeat())
        .fixed_by(Owner::InstanceOwner, "reboot it; stopping and starting it moves it to another host")
        .command(self.aws(&format!("aws ec2 reboot-instances --instance-ids {}", self.id())))
    }

    fn unknown(&self) -> Finding {
        let lists = &self.context.lists;
        let is_closed = self.channel().is_some() && lists.agents.is_complete();
        if is_closed && self.instance.agent.seen().is_none() && self.instance.machine.seen().is_none() {
            return Finding::new(
                Cause::NotVisible,
                Certainty::Unknown,
                format!("{} isn't registered here, and whether it exists can't be seen", self.label()),
            )
            .seen(Some("SSM's list, read to the end, doesn't have it".to_owned()))
            .seen(self.channel())
            .fixed_by(
                Owner::You,
                "check the id, the region and the account; or ask whoever may list instances whether it runs, has a profile and a way out",
            );
        }
        let what = if self.instance.machine.seen().is_none() && self.instance.agent.seen().is_none() {
            format!("{} is in no list that could be read", self.label())
        } else if self.instance.agent.seen().is_some() {
            format!("{} is registered; SSM doesn't say whether it is online", self.label())
        } else if lists.agents.denied().is_some() {
            format!("{}: whether SSM knows it may not be read", self.label())
        } else {
            format!("{} is not seen by SSM (yet)", self.label())
        };
        Finding::new(Cause::NotVisible, Certainty::Unknown, what)
            .seen(self.running())
            .fixed_by(Owner::You, "try it: opening a session is itself the test")
            .settled_by(&[Call::ConnectionStatus])
    }

    fn gone(&self) -> Finding {
        let (what, seen) = match self.instance.lifecycle() {
            Some(MachineState::ShuttingDown) => ("is being terminated", "EC2: shutting-down"),
            Some(MachineState::Terminated) => ("has been terminated", "EC2: terminated"),
            _ => ("no longer exists", "EC2's list was read to the end, and doesn't have it"),
        };
        Finding::new(Cause::Gone, Certainty::Proves, format!("{} {what}", self.label()))
            .seen(Some(seen.to_owned()))
            .fixed_by(Owner::Nobody, "nothing mends that: choose another instance")
    }
}
