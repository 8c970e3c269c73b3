//! The instance's identity (L2): can its agent get credentials that SSM accepts, and may they open channels?

use super::case::Case;
use super::plan::{has_profile, role_arn};
use super::rights::{self, Refusal};
use super::{Call, Cause, Certainty, Finding, Owner, trust, words};
use crate::fleet::evidence::{HostManagement, Right};
use crate::fleet::feature::Feature;
use crate::fleet::instance::State;
use crate::fleet::phrase;
use crate::fleet::record::{Fact, MachineRecord, MetadataEndpoint};

/// The managed policy that has all that an agent needs.
pub(super) const CORE: &str = "AmazonSSMManagedInstanceCore";
/// How long default host management takes to reach every instance, in minutes (AWS's user guide).
const HOST_MANAGEMENT_TAKES: i64 = 30;
/// The longest pause of an agent whose credentials were refused, and a little more, in minutes.
const AGENT_SLEEPS: i64 = 35;

impl Case<'_> {
    /// Everything that is wrong, or may be, with who the instance is.
    pub(super) fn identity(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.metadata_off());
        findings.extend(self.no_profile());
        findings.extend(self.profile_broken());
        findings.extend(self.not_trusted());
        findings.extend(self.role_refused());
        findings.extend(self.profile_new());
        findings
    }

    /// The profile's name, which is often the role's too, but needn't be.
    pub(super) fn profile_name(&self) -> Option<&str> {
        let arn = self.instance.machine.seen()?.profile_arn.as_deref()?;
        arn.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The name of the role whose rights count, where it is known.
    pub(super) fn role_name(&self) -> Option<String> {
        let arn = role_arn(self.instance, self.evidence, self.context)?;
        arn.rsplit('/').next().map(str::to_owned)
    }

    fn core_policy_arn(&self) -> String {
        format!("arn:{}:iam::aws:policy/{CORE}", self.context.partition())
    }

    fn metadata_off(&self) -> Option<Finding> {
        let machine = self.instance.machine.seen()?;
        (machine.metadata_endpoint == Some(MetadataEndpoint::Disabled)
            && !self.instance.target().is_hybrid()
            && !self.has_heartbeat())
        .then(|| {
            Finding::proves(
                Cause::MetadataOff,
                format!("{}'s metadata service is off, so its agent has no identity", self.label()),
            )
            .seen(["EC2: MetadataOptions.HttpEndpoint is disabled".to_owned()])
            .fixed_by(
                Owner::InstanceOwner,
                "turn the metadata service on, then reboot it or wait up to 30 min",
            )
            .command(self.aws(&format!(
                "aws ec2 modify-instance-metadata-options --instance-id {} --http-endpoint enabled",
                self.id()
            )))
        })
    }

    /// C1 to C3, C5. Speaks only where EC2 was read, and where the agent doesn't prove by its heartbeat that it has an identity.
    fn no_profile(&self) -> Option<Finding> {
        let machine: &MachineRecord = self.instance.machine.seen()?;
        if machine.profile_arn.is_some() || self.instance.target().is_hybrid() || self.has_heartbeat() {
            return None;
        }
        let label = self.label();
        let seen = "EC2: no IamInstanceProfile".to_owned();
        let profile = self.profile_to_attach();
        let attach = format!("attach {}, then reboot it or wait up to 30 min", profile.words);
        let command = self.aws(&format!(
            "aws ec2 associate-iam-instance-profile --instance-id {} --iam-instance-profile Name={}",
            self.id(),
            profile.value
        ));
        let floor = Feature::DefaultHostManagement.floor();
        Some(match &self.around.host_management {
            Fact::Known { value: HostManagement::Off, .. } => Finding::proves(
                Cause::NoProfile,
                format!("{label} has no instance profile, so its agent can't sign in"),
            )
            .seen([seen, "default host management is off in this region".to_owned()])
            .fixed_by(Owner::InstanceOwner, attach)
            .command(command),
            Fact::Known { value: HostManagement::On { role, since }, .. } => {
                let on = format!("default host management is on in this region, with role {role}");
                let is_new = since.filter(|at| self.is_within(*at, HOST_MANAGEMENT_TAKES));
                let version = self.instance.version().or_else(|| self.remembered_version());
                match (version, is_new) {
                    (Some(version), _) if version < floor => Finding::proves(
                        Cause::TooOldForHostManagement,
                        format!("{label}'s agent {version} is too old for default host management"),
                    )
                    .seen([seen, on, format!("it needs {floor}")])
                    .seen(self.version_age()),
                    (_, Some(at)) => {
                        return Some(
                            Finding::suggests(
                                Cause::HostManagementNew,
                                format!(
                                    "{label} has no instance profile; default host management was turned on {} ago",
                                    self.ago(at)
                                ),
                            )
                            .seen([seen, on])
                            .fixed_by(Owner::Nobody, "wait: it takes up to 30 min to reach an instance"),
                        );
                    }
                    (Some(_), None) => return None,
                    // It may well have reached it, where nothing of SSM can be seen.
                    (None, None) if self.state == State::Unknown => return None,
                    (None, None) => Finding::suggests(
                        Cause::TooOldForHostManagement,
                        format!("{label} has no instance profile, and default host management doesn't reach it"),
                    )
                    .seen([seen, on, format!("it needs agent {floor} or newer; this one's version is unknown")]),
                }
                .fixed_by(
                    Owner::InstanceOwner,
                    format!("update the agent, or attach {}", profile.words),
                )
                .command(command)
            }
            Fact::Denied { action } => Finding::suggests(
                Cause::NoProfile,
                format!("{label} has no instance profile; default host management couldn't be checked"),
            )
            .seen([seen, format!("{action} is denied to {}", words::who(self.context))])
            .fixed_by(
                Owner::InstanceOwner,
                format!("attach {}, or ask whether default host management is on here", profile.words),
            )
            .command(command),
            Fact::Failed(_) | Fact::NotAsked => Finding::suggests(
                Cause::NoProfile,
                format!("{label} has no instance profile, so its agent can't sign in unless default host management is on"),
            )
            .seen([seen])
            .fixed_by(Owner::InstanceOwner, attach)
            .command(command)
            .settled_by(&[Call::HostManagement]),
        })
    }

    /// C6: a profile that gives no credentials.
    fn profile_broken(&self) -> Option<Finding> {
        let name = self.profile_name().filter(|_| !self.has_heartbeat())?;
        let label = self.label();
        let answer = self.evidence.profile.value()?;
        let attached = self.evidence.association.value().and_then(Option::as_ref);
        let attach_again = || {
            match attached {
            Some(association) => self.aws(&format!(
                "aws ec2 replace-iam-instance-profile-association --association-id {} --iam-instance-profile Name={}",
                association.id,
                words::quoted(name)
            )),
            None => self.aws(&format!(
                "aws ec2 associate-iam-instance-profile --instance-id {} --iam-instance-profile Name={}",
                self.id(),
                words::quoted(name)
            )),
        }
        };
        match answer {
            None => Some(
                Finding::proves(Cause::ProfileBroken, format!("{label}'s profile {name} no longer exists"))
                    .seen([format!("GetInstanceProfile: there is no profile {name}")])
                    .fixed_by(
                        Owner::Administrator,
                        format!("make the profile anew with a role that has {CORE}, then attach it again"),
                    )
                    .command(attach_again()),
            ),
            Some(profile) if profile.roles.is_empty() => {
                let role = self.role_to_add();
                Some(
                    Finding::proves(Cause::ProfileBroken, format!("{label}'s profile {name} holds no role"))
                        .seen([format!("GetInstanceProfile: {name} has no roles")])
                        .fixed_by(Owner::Administrator, format!("add {} to the profile", role.words))
                        .command(self.aws(&format!(
                            "aws iam add-role-to-instance-profile --instance-profile-name {} --role-name {}",
                            words::quoted(name),
                            role.value
                        ))),
                )
            }
            Some(profile) => {
                let stale = attached.filter(|association| {
                    !association.profile_id.is_empty()
                        && !profile.id.is_empty()
                        && association.profile_id != profile.id
                })?;
                Some(
                    Finding::proves(
                        Cause::ProfileBroken,
                        format!(
                            "{label}'s profile {name} was deleted and made anew; the old one is attached"
                        ),
                    )
                    .seen([format!(
                        "attached is {}, the profile of that name is {}",
                        stale.profile_id, profile.id
                    )])
                    .fixed_by(Owner::InstanceOwner, "attach the profile again")
                    .command(attach_again()),
                )
            }
        }
    }

    /// C7: the service that hands the credentials out may not take the role.
    fn not_trusted(&self) -> Option<Finding> {
        if self.has_heartbeat() {
            return None;
        }
        let is_by_ec2 = has_profile(self.instance) && !self.instance.target().is_hybrid();
        let service = if is_by_ec2 { "ec2.amazonaws.com" } else { "ssm.amazonaws.com" };
        let role = match self.evidence.role.value()? {
            Some(role) => role,
            None => {
                let name = self.role_name()?;
                return Some(
                    Finding::proves(
                        Cause::ProfileBroken,
                        format!("{}'s role {name} no longer exists", self.label()),
                    )
                    .seen([format!("GetRole: there is no role {name}")])
                    .fixed_by(
                        Owner::Administrator,
                        format!("make the role anew, trusted by {service}, with {CORE}"),
                    ),
                );
            }
        };
        if trust::trusts(&role.trust, service)? {
            return None;
        }
        let trusted = trust::trusted(&role.trust);
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"sts:AssumeRole"}}]}}"#
        );
        let user = if is_by_ec2 { "EC2" } else { "Systems Manager" };
        Some(
            Finding::proves(
                Cause::RoleNotTrusted,
                format!("{user} may not take {}'s role {}", self.label(), role.name),
            )
            .seen([if trusted.is_empty() {
                format!("GetRole: {} trusts nobody", role.name)
            } else {
                format!("GetRole: {} trusts {}, not {service}", role.name, trusted.join(", "))
            }])
            .fixed_by(
                Owner::Administrator,
                format!("let {service} assume the role (this command replaces its whole trust policy)"),
            )
            .command(self.aws(&format!(
                "aws iam update-assume-role-policy --role-name {} --policy-document {}",
                words::quoted(&role.name),
                words::quoted(&policy)
            ))),
        )
    }

    /// C8 to C10, C12, F3: what the simulator says of the role.
    fn role_refused(&self) -> Option<Finding> {
        let rights = self.evidence.role_rights.value()?;
        let role = self.role_name()?;
        let registers = rights::refusal(rights, |action| action == Right::REGISTER);
        // A heartbeat is stronger than a simulation: it may not know a policy that lets the agent through.
        if let Some(refusal) = registers.filter(|_| !self.has_heartbeat()) {
            let what = format!("{}'s role {role} may not register with Systems Manager", self.label());
            return Some(self.refused(Cause::RoleMayNotRegister, &role, what, &refusal));
        }
        let refusal = rights::refusal(rights, |action| action.starts_with("ssmmessages:"))?;
        let shadows = has_profile(self.instance)
            && rights::allows(rights, Right::REGISTER)
            && matches!(self.around.host_management.value(), Some(HostManagement::On { .. }))
            && !refusal.by_organisation;
        if shadows {
            return Some(
                self.refused(
                    Cause::HalfProfile,
                    &role,
                    format!(
                        "{}'s role {role} may register, but not open session channels, and so keeps default host management away",
                        self.label()
                    ),
                    &refusal,
                )
                .seen(["default host management is on, and applies only where the role may not register".to_owned()])
                .fixed_by(
                    Owner::Administrator,
                    format!(
                        "add {CORE} to role {role}, or take {} away from it so that default host management applies",
                        Right::REGISTER
                    ),
                ),
            );
        }
        let what = format!("{} is registered, but its role may not open session channels", self.label());
        let what = if self.has_heartbeat() {
            what
        } else {
            format!("{}'s role {role} may not open session channels", self.label())
        };
        Some(self.refused(Cause::RoleMayNotOpenChannels, &role, what, &refusal))
    }

    fn refused(&self, cause: Cause, role: &str, what: String, refusal: &Refusal) -> Finding {
        let (cause, owner) = match refusal.by_organisation {
            true => (Cause::OrganisationDenies, Owner::Organisation),
            false => (cause, Owner::Administrator),
        };
        // A condition whose value the simulator didn't know may be met on the instance.
        let certainty =
            if refusal.missing_context.is_empty() { Certainty::Proves } else { Certainty::Suggests };
        let finding = Finding::new(cause, certainty, what)
            .seen(self.heartbeat().filter(|_| self.has_heartbeat()))
            .seen(self.channel())
            .seen([format!("SimulatePrincipalPolicy: role {role} is refused {}", refusal.words())])
            .seen(refusal.why())
            .seen((!refusal.missing_context.is_empty()).then(|| {
                format!(
                    "it depends on {}, which the simulator doesn't know",
                    refusal.missing_context.join(", ")
                )
            }));
        if refusal.by_organisation {
            return finding.fixed_by(
                owner,
                "allow ssm, ssmmessages and ec2messages in the service control policies; no change to the role helps",
            );
        }
        if refusal.by_boundary || refusal.is_explicit {
            return finding.fixed_by(
                owner,
                format!("let the policies that limit role {role} allow {}", refusal.words()),
            );
        }
        finding.fixed_by(owner, format!("add {CORE} to role {role}")).command(self.aws(&format!(
            "aws iam attach-role-policy --role-name {} --policy-arn {}",
            words::quoted(role),
            self.core_policy_arn()
        )))
    }

    /// C11: the agent may still be asleep.
    fn profile_new(&self) -> Option<Finding> {
        let association = self.evidence.association.value()?.as_ref()?;
        let since = association.since.filter(|at| self.is_within(*at, AGENT_SLEEPS))?;
        // With the instance itself as young, nothing was there to sleep.
        let was_there = self.instance.launched().is_none_or(|launched| launched < since);
        if self.state != State::NotConfigured || !was_there {
            return None;
        }
        let name = self.profile_name().unwrap_or("its profile");
        Some(
            Finding::suggests(
                Cause::ProfileNew,
                format!(
                    "{} got its profile {} ago, and its agent may still sleep",
                    self.label(),
                    self.ago(since)
                ),
            )
            .seen([format!(
                "DescribeIamInstanceProfileAssociations: {name} attached {}",
                phrase::moment(since, self.now)
            )])
            .fixed_by(
                Owner::InstanceOwner,
                "reboot it or restart its agent; else wait: the agent tries again every 25 to 30 min",
            )
            .command(self.aws(&format!("aws ec2 reboot-instances --instance-ids {}", self.id()))),
        )
    }
}
