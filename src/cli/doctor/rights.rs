//! The rights, a line each: held, denied with what is lost without it (diagnosis 3.2), or not to be told from here. Pure.

use super::{
    check::{Line, Weight},
    facts::{Facts, Held},
};
use crate::aws::Permission;

/// Either of the two gives the list (diagnosis 3.1): AWS's own sample policies have one and not the other.
const EITHER: [&str; 2] = ["ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties"];

/// One right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Right {
    /// `ssm:StartSession`.
    pub(super) action: &'static str,
    /// What is lost without it, in a few words.
    pub(super) lost: &'static str,
}

const fn right(action: &'static str, lost: &'static str) -> Right {
    Right { action, lost }
}

const EVERY_SESSION: &str = "every session";
const NETWORK: &str = "this step of the way to Systems Manager is not checked";

/// Every right that this program uses, the most needed first; the policies that give them are [`crate::fleet::reach`]'s.
pub(super) const RIGHTS: [Right; 30] = [
    right(
        "ssm:DescribeInstanceInformation",
        "agents, heartbeats, platforms and all hybrid nodes, where ssm:DescribeInstanceProperties is denied too",
    ),
    right(
        "ssm:DescribeInstanceProperties",
        "agents, heartbeats, platforms and all hybrid nodes, where ssm:DescribeInstanceInformation is denied too",
    ),
    right(
        "ec2:DescribeInstances",
        "instances that are not managed; VPC, tags, profile and launch time of all",
    ),
    right(
        "ssm:GetConnectionStatus",
        "the difference between ready and a closed channel: nodes are \"online\"",
    ),
    right("ssm:StartSession", EVERY_SESSION),
    right("ssm:ResumeSession", "going on with a session after a network loss"),
    right("ssm:TerminateSession", "a clean end: the idle timeout ends sessions"),
    right("ssmmessages:OpenDataChannel", EVERY_SESSION),
    right("ssm:GetServiceSetting", "default host management and the hybrid tier: verdicts say \"unless\""),
    right(
        "ssm:GetDocument",
        "the session preferences (encryption, run-as, time-outs) and what documents take",
    ),
    right("ssm:ListDocuments", "the choice of documents: their names must be typed"),
    right("ssm:DescribeDocument", "for which platforms a document is"),
    right("ssm:DescribeActivations", "why a hybrid node could not register"),
    right("ec2:DescribeInstanceStatus", "whether a lost instance fails its status checks"),
    right("ec2:DescribeIamInstanceProfileAssociations", "when the instance profile was attached"),
    right("ec2:DescribeImages", "whether the image brings an agent along"),
    right("ec2:DescribeRegions", "which regions the account has enabled"),
    right("ec2:DescribeSubnets", NETWORK),
    right("ec2:DescribeRouteTables", NETWORK),
    right("ec2:DescribeVpcEndpoints", NETWORK),
    right("ec2:DescribeSecurityGroups", NETWORK),
    right("ec2:DescribeNetworkAcls", NETWORK),
    right("ec2:DescribeVpcAttribute", NETWORK),
    right("ec2:DescribeNatGateways", NETWORK),
    right("iam:GetInstanceProfile", "which role is in an instance profile"),
    right("iam:GetRole", "whom the instance's role trusts, and your own role's ARN"),
    right("iam:ListInstanceProfiles", "which instance profile would do: its name must be filled in"),
    right("iam:ListAttachedRolePolicies", "the same, from what the role of each profile has attached"),
    right(
        "iam:SimulatePrincipalPolicy",
        "whether the instance's role, or you, may do what a session needs: it is suggested, not proven",
    ),
    right("kms:GenerateDataKey", "every encrypted session"),
];

pub(super) fn lines(facts: &Facts) -> Vec<Line> {
    if facts.rights.is_empty() {
        return vec![Line::not_checked("rights", "without an identity there are none")];
    }
    RIGHTS.iter().filter_map(|right| line(right, &facts.rights)).collect()
}

fn line(right: &Right, held: &[Held]) -> Option<Line> {
    let permission =
        |action: &str| held.iter().find(|held| held.action == action).map(|held| &held.permission);
    let action = right.action;
    let check = format!("right-{action}");
    Some(match permission(action)? {
        Permission::Allowed => Line::passed(check, "allowed"),
        Permission::NotNeeded(why) => Line::passed(check, format!("not needed: {why}")),
        Permission::Unknown(why) => Line::not_checked(check, why.clone()),
        Permission::Denied { .. }
            if EITHER.contains(&action)
                && EITHER.iter().any(|other| permission(other) == Some(&Permission::Allowed)) =>
        {
            Line::passed(check, "denied, and not needed: the other list is allowed")
        }
        Permission::Denied { why, next } => {
            // Without any list ids can still be typed; without this nothing opens.
            let weight = if right.lost == EVERY_SESSION { Weight::Needed } else { Weight::Useful };
            Line::failed(check, weight, format!("denied; lost: {} ({why})", right.lost))
                .fixed_by(next.clone())
        }
    })
}
