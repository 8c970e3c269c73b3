//! Texts as AWS sends them.

use super::*;

const START: &str = "User: arn:aws:sts::123456789012:assumed-role/dev-ro/alice is not authorized to perform: \
     ssm:StartSession on resource: arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1b2c3d4e5f60718 because no \
     identity-based policy allows the ssm:StartSession action";

#[test]
fn a_role_without_an_allow() {
    let denial = Denial::parse(START).unwrap();
    assert_eq!(denial.who, Principal::Role { name: "dev-ro".into(), account: "123456789012".into() });
    assert_eq!(denial.action, "ssm:StartSession");
    assert_eq!(denial.obstacle, Obstacle::NotAllowed(Policy::Identity));
    assert_eq!(denial.other_account(), None);
    assert_eq!(
        denial.sentence(),
        "role `dev-ro` in account 123456789012 may not call `ssm:StartSession` on i-0a1b2c3d4e5f60718: \
         no identity-based policy allows it"
    );
    assert_eq!(
        denial.next(Some("i-0a1b2c3d4e5f60718"), "eu-west-1"),
        "ask whoever manages role `dev-ro` to add {\"Effect\":\"Allow\",\"Action\":\"ssm:StartSession\",\"Resource\":\
         [\"arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1b2c3d4e5f60718\",\
         \"arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell\"]}"
    );
}

#[test]
fn a_document_is_named_beside_the_instance() {
    let denial = Denial::parse(
        "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: ssm:StartSession on resource: \
         arn:aws:ssm:eu-west-1::document/AWS-StartInteractiveCommand because no identity-based policy allows the \
         ssm:StartSession action",
    )
    .unwrap();
    assert_eq!(denial.who.to_string(), "user `alice` in account 123456789012");
    assert_eq!(
        denial.statement(Some("mi-0123456789abcdef0"), "eu-west-1"),
        r#"{"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ssm:eu-west-1:123456789012:managed-instance/mi-0123456789abcdef0","arn:aws:ssm:eu-west-1::document/AWS-StartInteractiveCommand"]}"#
    );
}

#[test]
fn a_permission_set_is_told_by_its_name() {
    let denial = Denial::parse(
        "User: arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Ops_Read_0123456789abcdef/alice@example.com is not \
         authorized to perform: ssm:DescribeInstanceInformation on resource: arn:aws:ssm:eu-west-1:123456789012:* with an \
         explicit deny in a service control policy",
    )
    .unwrap();
    assert_eq!(denial.who.name(), "permission set `Ops_Read`");
    assert_eq!(denial.obstacle, Obstacle::Forbidden { policy: Policy::ServiceControl, arn: None });
    assert_eq!(
        denial.next(None, "eu-west-1"),
        "no further right can mend that; ask the organisation's administrators about that policy"
    );
}

#[test]
fn a_forbidding_policy_is_named() {
    let denial = Denial::parse(
        "User: arn:aws:iam::123456789012:user/team/alice is not authorized to perform: ssm:StartSession on resource: \
         arn:aws:ec2:eu-west-1:123456789012:instance/i-0a with an explicit deny in an identity-based policy: \
         arn:aws:iam::123456789012:policy/no-sessions",
    )
    .unwrap();
    let arn = Some("arn:aws:iam::123456789012:policy/no-sessions".to_owned());
    assert_eq!(denial.obstacle, Obstacle::Forbidden { policy: Policy::Identity, arn });
    assert!(
        denial
            .sentence()
            .ends_with("the identity-based policy arn:aws:iam::123456789012:policy/no-sessions forbids it")
    );
}

#[test]
fn ec2_words_without_a_resource_and_with_an_encoded_message() {
    let denial = Denial::parse(
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/alice is not authorized to \
         perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action. \
         Encoded authorization failure message: AbCd",
    )
    .unwrap();
    assert_eq!((denial.action.as_str(), &denial.resource), ("ec2:DescribeInstances", &None));
    assert_eq!(denial.obstacle, Obstacle::NotAllowed(Policy::Identity));
    assert_eq!(
        denial.statement(None, "x"),
        r#"{"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"}"#
    );
}

#[test]
fn spaces_quotes_and_a_trailing_request_id_do_not_matter() {
    let denial = Denial::parse(
        "User:  “arn:aws-cn:iam::123456789012:role/svc/ops”  is not authorized to perform:  ssm:ResumeSession  on resource: \
         “arn:aws-cn:ssm:cn-north-1:123456789012:session/alice-0a”  (Request ID: 7f3c)",
    )
    .unwrap();
    assert_eq!(denial.who.name(), "role `ops`");
    assert_eq!(denial.action, "ssm:ResumeSession");
    assert_eq!(denial.obstacle, Obstacle::Unknown);
    assert!(denial.sentence().contains("on session/alice-0a: AWS does not say which policy"));
}

#[test]
fn each_kind_of_policy_has_its_owner() {
    for (words, policy, owner) in [
        ("because no resource-based policy allows", Policy::Resource, "the owner of the resource"),
        (
            "because no resource control policy allows",
            Policy::ResourceControl,
            "the organisation's administrators",
        ),
        ("because no permissions boundary allows", Policy::Boundary, "who set the boundary"),
        ("because no session policy allows", Policy::Session, "larger permission set"),
        ("because no VPC endpoint policy allows", Policy::VpcEndpoint, "the network's administrators"),
    ] {
        let text = format!(
            "User: arn:aws:iam::1:user/a is not authorized to perform: ssm:StartSession {words} the action"
        );
        let denial = Denial::parse(&text).unwrap();
        assert_eq!(denial.obstacle, Obstacle::NotAllowed(policy), "{words}");
        assert!(denial.next(None, "eu-west-1").contains(owner), "{}", denial.next(None, "eu-west-1"));
    }
}

#[test]
fn the_instance_may_be_the_one_that_was_refused() {
    let denial = Denial::parse(
        "User: arn:aws:sts::123456789012:assumed-role/etl-node/i-0a1b2c3d4e5f60718 is not authorized to perform: \
         ssmmessages:CreateControlChannel",
    )
    .unwrap();
    assert!(denial.who.to_string().starts_with("instance i-0a1b2c3d4e5f60718 "), "{}", denial.who);
}

#[test]
fn sessions_do_not_cross_accounts() {
    let other = START.replace("eu-west-1:123456789012", "eu-west-1:999999999999");
    let denial = Denial::parse(&other).unwrap();
    assert_eq!(denial.other_account(), Some("999999999999"));
    assert!(denial.next(None, "eu-west-1").contains("account 999999999999"));
}

#[test]
fn other_texts_are_no_denial() {
    for text in [
        "",
        "Rate exceeded",
        "User: x is not authorized to perform: ",
        "is not authorized to perform: nothing",
    ] {
        assert_eq!(Denial::parse(text), None, "{text}");
    }
}
