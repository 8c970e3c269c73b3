//! The instance itself: status checks, profile and role, what that role may do, and its image.

use aws_sdk_ec2::types as ec2;
use aws_sdk_iam::types as iam;

use super::{Client, answers::Answer, fact, moment, or_none, own::Simulation, task};
use crate::fleet::{
    InstanceId,
    evidence::{
        AssociationState, Call, CoreProfile, Image, InstanceProfile, Piece, ProfileAssociation, Right, Role,
        StatusChecks,
    },
    record::Fact,
};
use crate::{aws::Error, percent};

/// IAM's code for something that is not there.
const NO_ENTITY: [&str; 1] = ["NoSuchEntity"];
/// The managed policy that has all that an agent needs.
const CORE: &str = "AmazonSSMManagedInstanceCore";
/// What it takes to know which roles have it.
const ATTACHED: &str = "iam:ListAttachedRolePolicies";
/// Roles that are looked at, at most: an account may have thousands.
const ROLES: usize = 24;
/// EC2's for an instance.
const NO_INSTANCE: [&str; 2] = ["InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"];

impl Client {
    pub(super) async fn status(&self, id: &InstanceId) -> Answer {
        let call = Call::StatusCheck;
        let ask = self.0.ec2.describe_instance_status().instance_ids(id.as_str()).include_all_instances(true);
        let answer = self.ask(&task("read the status checks", call.action()), ask.send()).await;
        let rows = or_none(answer, &NO_INSTANCE)
            .map(|page| page.and_then(|page| page.instance_statuses).unwrap_or_default());
        fact(call, rows.map(|rows| rows.into_iter().next().map(status)), Piece::Status)
    }

    pub(super) async fn association(&self, id: &InstanceId) -> Answer {
        let call = Call::ProfileAssociation;
        let filter = ec2::Filter::builder().name("instance-id").values(id.as_str()).build();
        let ask = self.0.ec2.describe_iam_instance_profile_associations().filters(filter).into_paginator();
        let ask = ask.items().send().collect::<Result<Vec<_>, _>>();
        let answer = self.ask(&task("read when the profile was attached", call.action()), ask).await;
        // One that was attached before may still be listed beside the one that counts.
        let newest = answer.map(|rows| {
            let rows = rows.into_iter().filter_map(association);
            rows.max_by_key(|row| (row.state == AssociationState::Associated, row.since))
        });
        fact(call, newest, Piece::Association)
    }

    pub(super) async fn instance_profile(&self, name: &str) -> Answer {
        let call = Call::InstanceProfile;
        let ask = async {
            let ask = self.0.iam.get_instance_profile().instance_profile_name(name).send();
            let answer = self.ask(&task("read the instance profile", call.action()), ask).await;
            let profile = or_none(answer, &NO_ENTITY)
                .map(|answer| answer.and_then(|answer| answer.instance_profile).map(profile));
            fact(call, profile, Piece::Profile)
        };
        self.0.answers.once(call, name, ask).await
    }

    /// Profiles that could be given to an instance that lacks one.
    pub(super) async fn core_profiles(&self) -> Answer {
        let call = Call::CoreProfiles;
        let ask = async {
            let (found, asked) = match self.read_core_profiles().await {
                Ok(found) => (Ok(found), call.action()),
                Err((asked, error)) => (Err(error), asked),
            };
            let mut answer = fact(call, found, Piece::CoreProfiles);
            if let Piece::CoreProfiles(Fact::Denied { action }) = &mut answer.piece {
                *action = asked.to_owned();
            }
            answer
        };
        self.0.answers.once(call, "", ask).await
    }

    /// A failure comes with the action that was asked for.
    async fn read_core_profiles(&self) -> Result<Vec<CoreProfile>, (&'static str, Error)> {
        let lists = task("list the instance profiles", Call::CoreProfiles.action());
        let ask = self.0.iam.list_instance_profiles().into_paginator().items().send();
        let listed = self.ask(&lists, ask.collect::<Result<Vec<_>, _>>()).await;
        let mut profiles = listed.map_err(|error| (lists.action, error))?;
        // Of very many those are looked at first whose names promise it.
        profiles.sort_by_key(|profile| !profile.instance_profile_name.to_ascii_lowercase().contains("ssm"));
        let with_role = |profile: iam::InstanceProfile| {
            let role = profile.roles.into_iter().next()?;
            Some((profile.instance_profile_name, role))
        };
        let mut found = Vec::new();
        for (name, role) in profiles.into_iter().filter_map(with_role).take(ROLES) {
            let ask = self.0.iam.list_attached_role_policies().role_name(&role.role_name);
            let ask = ask.into_paginator().items().send();
            let reads = task("read a role's policies", ATTACHED);
            let read = self.ask(&reads, ask.collect::<Result<Vec<_>, _>>()).await;
            let policies = read.map_err(|error| (ATTACHED, error))?;
            // A boundary or a denial beside it may take away what the policy gives; where the simulator may not be asked, it counts.
            let has_core = policies.iter().any(|policy| policy.policy_name.as_deref() == Some(CORE));
            if has_core && !self.is_limited(&role.arn).await {
                found.push(CoreProfile {
                    name,
                    trust: percent::decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
                    role: role.role_name,
                    policies: policies.len(),
                });
            }
        }
        Ok(found)
    }

    /// Whether a role is known to lack a right that an agent needs.
    async fn is_limited(&self, role: &str) -> bool {
        let simulation = Simulation { actions: &Right::OF_AN_AGENT, resource: "*", context: Vec::new() };
        let rights = self.simulate(role, simulation).await;
        rights.is_ok_and(|rights| rights.iter().any(|right| !right.is_allowed()))
    }

    pub(super) async fn role(&self, name: &str) -> Answer {
        self.0
            .answers
            .once(Call::Role, name, async { fact(Call::Role, self.read_role(name).await, Piece::Role) })
            .await
    }

    pub(super) async fn read_role(&self, name: &str) -> Result<Option<Role>, Error> {
        let ask = self.0.iam.get_role().role_name(name).send();
        let answer = self.ask(&task("read the role", Call::Role.action()), ask).await;
        Ok(or_none(answer, &NO_ENTITY)?.and_then(|answer| answer.role).map(|found| Role {
            name: found.role_name,
            arn: found.arn,
            // IAM sends documents URL-encoded.
            trust: percent::decoded(found.assume_role_policy_document.as_deref().unwrap_or_default()),
            boundary: found.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        }))
    }

    pub(super) async fn role_rights(&self, role: &str) -> Answer {
        let ask = async {
            let simulation = Simulation { actions: &Right::OF_AN_AGENT, resource: "*", context: Vec::new() };
            fact(Call::RoleRights, self.simulate(role, simulation).await, Piece::RoleRights)
        };
        self.0.answers.once(Call::RoleRights, role, ask).await
    }

    /// What a role may ask before a session that is recorded; each question with a resource of its own.
    pub(super) async fn recording_rights(
        &self,
        role: &str,
        questions: Vec<(&'static str, String)>,
    ) -> Answer {
        let call = Call::RecordingRights;
        let about: Vec<&str> = questions.iter().map(|(_, resource)| resource.as_str()).collect();
        let about = format!("{role} {}", about.join(" "));
        let ask = async {
            let mut rights = Vec::new();
            for (action, resource) in &questions {
                let simulation = Simulation { actions: &[*action], resource, context: Vec::new() };
                match self.simulate(role, simulation).await {
                    Ok(found) => rights.extend(found),
                    Err(error) => return fact(call, Err(error), Piece::RecordingRights),
                }
            }
            fact(call, Ok(rights), Piece::RecordingRights)
        };
        self.0.answers.once(call, &about, ask).await
    }

    pub(super) async fn image(&self, id: &str) -> Answer {
        let call = Call::Image;
        let ask = async {
            let filter = ec2::Filter::builder().name("image-id").values(id).build();
            let ask = self.0.ec2.describe_images().filters(filter).include_deprecated(true).send();
            let answer = self.ask(&task("read the image", call.action()), ask).await;
            let found = answer.map(|page| page.images.unwrap_or_default().into_iter().next());
            let image = |found: ec2::Image| Image {
                id: found.image_id.unwrap_or_default(),
                name: found.name.unwrap_or_default(),
                owner: found.image_owner_alias.or(found.owner_id).unwrap_or_default(),
                description: found.description.unwrap_or_default(),
            };
            fact(call, found.map(|found| found.map(image)), Piece::Image)
        };
        self.0.answers.once(call, id, ask).await
    }
}

fn status(row: ec2::InstanceStatus) -> StatusChecks {
    let word = |checks: &Option<ec2::InstanceStatusSummary>| {
        let status = checks.as_ref().and_then(|checks| checks.status.as_ref());
        status.map(|status| status.as_str().to_owned()).unwrap_or_default()
    };
    let details = [&row.system_status, &row.instance_status].into_iter().flatten();
    let since = details
        .flat_map(|checks| checks.details.iter().flatten())
        .filter_map(|check| moment(check.impaired_since));
    StatusChecks {
        system: word(&row.system_status),
        instance: word(&row.instance_status),
        impaired_since: since.min(),
        // AWS marks those that are over in their text.
        events: row
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.description)
            .filter(|words| !words.starts_with("[Completed]") && !words.starts_with("[Canceled]"))
            .collect(),
    }
}

fn association(row: ec2::IamInstanceProfileAssociation) -> Option<ProfileAssociation> {
    let profile = row.iam_instance_profile?;
    Some(ProfileAssociation {
        id: row.association_id.unwrap_or_default(),
        profile_arn: profile.arn.unwrap_or_default(),
        profile_id: profile.id.unwrap_or_default(),
        state: AssociationState::from_wire(row.state.as_ref().map_or("", |state| state.as_str())),
        since: moment(row.timestamp),
    })
}

fn profile(found: iam::InstanceProfile) -> InstanceProfile {
    InstanceProfile {
        name: found.instance_profile_name,
        id: found.instance_profile_id,
        arn: found.arn,
        roles: found.roles.into_iter().map(|role| role.arn).collect(),
    }
}
