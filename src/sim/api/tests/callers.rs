//! The documents that come with the region, as its callers feel them: each kind of refusal in AWS's words.

use serde_json::json;

use super::call::Caller;
use crate::sim::Options;

impl Caller {
    /// A node of team `web` of the primary place.
    pub(super) async fn some_node(&self) -> String {
        self.named("web-1").await
    }

    async fn named(&self, name: &str) -> String {
        let form = format!("Action=DescribeInstances&Filter.1.Name=tag%3AName&Filter.1.Value.1={name}");
        let listed = self.ec2(&form).await;
        let (_, rest) = listed.body.split_once("<instanceId>").unwrap_or_else(|| panic!("{listed:?}"));
        rest.split_once('<').unwrap().0.to_owned()
    }
}

/// How a refusal ends.
fn tail(refusal: &str) -> &str {
    refusal.split_once(" on resource: ").map_or(refusal, |(_, rest)| rest)
}

#[tokio::test]
async fn the_guides_sample_opens_sessions_by_tag_and_document() {
    let mut caller = Caller::of(Options::default()).await;
    let (web, legacy) = (caller.named("web-1").await, caller.named("legacy-1").await);
    caller.become_user("prod-reader");
    assert_eq!(caller.ec2("Action=DescribeInstances").await.status, 200);
    assert_eq!(caller.ssm("DescribeInstanceProperties", json!({})).await.status, 200);
    let denied = caller.ssm("DescribeInstanceInformation", json!({})).await.error();
    assert_eq!(
        tail(&denied),
        "arn:aws:ssm:eu-west-1:123456789012:* because no identity-based policy allows the ssm:DescribeInstanceInformation action"
    );
    // The sample checks the document, so it has to be named.
    let start = |target: &str, document: Option<&str>| {
        let mut request = json!({ "Target": target });
        if let Some(name) = document {
            request["DocumentName"] = json!(name);
        }
        request
    };
    let shell = "SSM-SessionManagerRunShell";
    let unnamed = caller.ssm("StartSession", start(&web, None)).await.error();
    assert_eq!(
        tail(&unnamed),
        "arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell because no identity-based policy allows the \
         ssm:StartSession action"
    );
    let started = caller.ssm("StartSession", start(&web, Some(shell))).await.json();
    let own = started["SessionId"].as_str().unwrap();
    let ssh = caller.ssm("StartSession", start(&web, Some("AWS-StartSSHSession"))).await.error();
    assert!(
        tail(&ssh).starts_with("arn:aws:ssm:eu-west-1::document/AWS-StartSSHSession because no"),
        "{ssh}"
    );
    let other = caller.ssm("StartSession", start(&legacy, Some(shell))).await.error();
    assert!(
        tail(&other).starts_with(&format!("arn:aws:ec2:eu-west-1:123456789012:instance/{legacy} because no")),
        "{other}"
    );
    // One's own sessions, and nobody else's.
    let foreign =
        caller.ssm("TerminateSession", json!({"SessionId": "demo-0123456789abcdefghijklmnop"})).await.error();
    assert!(foreign.contains("not authorized to perform: ssm:TerminateSession"), "{foreign}");
    assert_eq!(caller.ssm("TerminateSession", json!({"SessionId": own})).await.status, 200);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn each_kind_of_policy_refuses_in_its_own_words() {
    let mut caller = Caller::of(Options::default()).await;
    let (web, pay) = (caller.named("web-1").await, caller.named("pay-1").await);
    for (user, target, end) in [
        (
            "prod-contractor",
            &web,
            "because no permissions boundary policy allows the ssm:StartSession action",
        ),
        ("prod-admin", &pay, "because no identity-based policy allows the ssm:StartSession action"),
        (
            "prod-mfa-user",
            &web,
            "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/shop-demand-mfa",
        ),
    ] {
        caller.become_user(user);
        let text = caller.ssm("StartSession", json!({ "Target": target })).await.error();
        assert!(text.ends_with(end), "{user}: {text}");
    }
    caller.become_user("prod-limited");
    assert!(
        caller
            .ec2("Action=DescribeInstances")
            .await
            .error()
            .contains("no identity-based policy allows the ec2:DescribeInstances")
    );
    assert_eq!(caller.ssm("StartSession", json!({ "Target": web })).await.status, 200);
    caller.go("data", "eu-west-1");
    let ledger = caller.named("ledger-1").await;
    caller.become_user("data-admin");
    let refused = caller.ssm("StartSession", json!({ "Target": ledger })).await.error();
    assert!(refused.ends_with("with an explicit deny in a service control policy"), "{refused}");
    caller.region.shutdown().await;

    let fault = "deny=ssm:StartSession/explicit-service-control@prod";
    let caller = Caller::with(fault).await;
    let refused = caller.ssm("StartSession", json!({ "Target": web })).await.error();
    assert!(refused.ends_with("with an explicit deny in a service control policy"), "{refused}");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_simulator_knows_the_callers() {
    let mut caller = Caller::of(Options::default()).await;
    for (source, action, decision) in [
        ("user/reader", "ssm:DescribeInstanceInformation", "implicitDeny"),
        ("user/reader", "ssm:DescribeInstanceProperties", "allowed"),
        ("user/limited", "ec2:DescribeInstances", "implicitDeny"),
        ("role/ops", "ec2:DescribeInstances", "allowed"),
        ("user/contractor", "ssm:StartSession", "implicitDeny"),
    ] {
        let arn = format!("arn:aws:iam::123456789012:{source}").replace(':', "%3A").replace('/', "%2F");
        let action_name = action.replace(':', "%3A");
        let form = format!(
            "Action=SimulatePrincipalPolicy&PolicySourceArn={arn}&ActionNames.member.1={action_name}"
        );
        let said = caller.iam(&form).await;
        assert!(
            said.body.contains(&format!("<EvalDecision>{decision}</EvalDecision>")),
            "{source} {action}: {said:?}"
        );
    }
    caller.become_user("prod-limited");
    let denied = caller.iam("Action=ListAccountAliases").await.error();
    assert!(denied.contains("no identity-based policy allows the iam:ListAccountAliases action"), "{denied}");
    caller.region.shutdown().await;
}
