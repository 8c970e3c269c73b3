//! IAM's answers: roles, policies, and what the simulator says of them.

use super::call::{Caller, Reply};
use crate::sim::Options;

fn values<'a>(reply: &'a Reply, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    reply.body.split(&open).skip(1).map(|rest| rest.split_once(&close).unwrap().0).collect()
}

/// What the simulator says of the four actions of the channels, for a role.
async fn simulate(caller: &Caller, role: &str, actions: &[&str]) -> Reply {
    let mut form = format!(
        "Action=SimulatePrincipalPolicy&PolicySourceArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F{role}"
    );
    for (n, action) in actions.iter().enumerate() {
        form.push_str(&format!("&ActionNames.member.{}={}", n + 1, action.replace(':', "%3A")));
    }
    let reply = caller.iam(&form).await;
    assert_eq!(reply.status, 200, "{role}: {reply:?}");
    reply
}

#[tokio::test]
async fn the_simulator_agrees_with_what_agents_may() {
    let caller = Caller::of(Options::default()).await;
    const ACTIONS: [&str; 3] =
        ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:OpenDataChannel"];
    for (role, decisions, by_organisation, by_boundary) in [
        ("ssm-node", ["allowed", "allowed", "allowed"], "true", None),
        ("etl-node", ["allowed", "implicitDeny", "implicitDeny"], "true", None),
        ("reader-node", ["implicitDeny", "implicitDeny", "implicitDeny"], "true", None),
        ("half-channel-node", ["allowed", "allowed", "implicitDeny"], "true", None),
        ("regulated-node", ["allowed", "explicitDeny", "explicitDeny"], "false", None),
        ("bounded-node", ["allowed", "implicitDeny", "implicitDeny"], "true", Some("false")),
    ] {
        let reply = simulate(&caller, role, &ACTIONS).await;
        assert_eq!(values(&reply, "EvalDecision"), decisions, "{role}");
        assert_eq!(values(&reply, "AllowedByOrganizations")[2], by_organisation, "{role}");
        let boundary = values(&reply, "AllowedByPermissionsBoundary");
        assert_eq!(boundary.get(2).copied(), by_boundary, "{role}");
    }
    let reply = simulate(&caller, "ssm-node", &ACTIONS[..1]).await;
    assert_eq!(values(&reply, "SourcePolicyId"), ["AmazonSSMManagedInstanceCore"]);
    assert_eq!(values(&reply, "Line"), ["4", "24"], "where the statement stands in its document");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn missing_keys_of_conditions_are_named() {
    let caller = Caller::of(Options::default()).await;
    let document = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22ssm%3AStartSession%22%2C\
                    %22Resource%22%3A%22%2A%22%2C%22Condition%22%3A%7B%22StringEquals%22%3A%7B%22ssm%3AresourceTag%2Fteam%22%3A%22web%22%7D%7D%7D%7D";
    let base = format!(
        "Action=SimulatePrincipalPolicy&PolicySourceArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fssm-node&ActionNames.member.1=ssm%3AStartSession\
         &PolicyInputList.member.1={document}"
    );
    let reply = caller.iam(&base).await;
    assert_eq!(values(&reply, "EvalDecision"), ["implicitDeny"]);
    assert!(reply.body.contains("<MissingContextValues><member>"), "{reply:?}");
    assert!(reply.body.contains("<member>ssm:resourceTag/team</member>"), "{reply:?}");
    let entry = "&ContextEntries.member.1.ContextKeyName=ssm%3AresourceTag%2Fteam&ContextEntries.member.1.ContextKeyType=string\
                 &ContextEntries.member.1.ContextKeyValues.member.1=web";
    let reply = caller.iam(&format!("{base}{entry}")).await;
    assert_eq!(values(&reply, "EvalDecision"), ["allowed"]);
    assert!(!reply.body.contains("<member>ssm:resourceTag/team</member>"), "{reply:?}");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn roles_are_shown_with_what_makes_them() {
    let caller = Caller::of(Options::default()).await;
    let role = caller.iam("Action=GetRole&RoleName=function-node").await;
    let trust = values(&role, "AssumeRolePolicyDocument")[0];
    assert!(trust.starts_with("%7B%22") && trust.contains("lambda.amazonaws.com"), "{trust}");
    let bounded = caller.iam("Action=GetRole&RoleName=bounded-node").await;
    assert_eq!(
        values(&bounded, "PermissionsBoundaryArn"),
        ["arn:aws:iam::123456789012:policy/workload-boundary"]
    );
    let hollow = caller.iam("Action=GetInstanceProfile&InstanceProfileName=hollow-node").await;
    assert!(hollow.body.contains("<Roles></Roles>"), "{hollow:?}");
    let policies = caller.iam("Action=ListRolePolicies&RoleName=etl-node").await;
    assert_eq!(values(&policies, "member"), ["run-command"]);
    let inline = caller.iam("Action=GetRolePolicy&RoleName=etl-node&PolicyName=run-command").await;
    assert!(values(&inline, "PolicyDocument")[0].contains("ec2messages"));
    let attached = caller.iam("Action=ListAttachedRolePolicies&RoleName=ssm-node").await;
    let arn = values(&attached, "PolicyArn")[0].to_owned();
    let version = caller
        .iam(&format!(
            "Action=GetPolicyVersion&PolicyArn={}&VersionId=v1",
            arn.replace(':', "%3A").replace('/', "%2F")
        ))
        .await;
    assert!(values(&version, "Document")[0].contains("CreateControlChannel"));
    // Pages.
    let mut names = Vec::new();
    let mut marker = String::new();
    loop {
        let page = caller.iam(&format!("Action=ListInstanceProfiles&MaxItems=3{marker}")).await;
        names.extend(values(&page, "InstanceProfileName").into_iter().map(str::to_owned));
        let Some(next) = values(&page, "Marker")
            .first()
            .map(|marker| marker.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"))
        else {
            break;
        };
        marker = format!("&Marker={next}");
    }
    let all = caller.iam("Action=ListInstanceProfiles").await;
    assert_eq!(names, values(&all, "InstanceProfileName"));
    assert!(names.len() > 6, "{names:?}");
    // IAM is signed for us-east-1, wherever the region is.
    let alias = caller.iam("Action=ListAccountAliases").await;
    assert_eq!(values(&alias, "member"), ["shop-prod"]);
    let denied = Caller::with("deny=iam:GetRole").await;
    let refused = denied.iam("Action=GetRole&RoleName=ssm-node").await.error();
    assert!(refused.starts_with("403 AccessDenied: User: arn:aws:iam::123456789012:user/demo is not authorized to perform: iam:GetRole on resource: \
                                 arn:aws:iam::123456789012:role/ssm-node"), "{refused}");
    denied.region.shutdown().await;
    caller.region.shutdown().await;
}
