//! The evaluation, element by element, against the IAM user guide's words.

use serde_json::{Value, json};

use super::*;

const BUCKET: &str = "arn:aws:s3:::plans/*";
const NODE: &str = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1";

fn policy(statements: Value) -> Policy {
    Policy::parse(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string()).unwrap()
}

fn role() -> Principal {
    Principal {
        arns: vec![
            "arn:aws:sts::123456789012:assumed-role/ops/kim".to_owned(),
            "arn:aws:iam::123456789012:role/ops".to_owned(),
        ],
        account: "123456789012".to_owned(),
        service: None,
    }
}

fn keys(pairs: &[(&str, &str)]) -> Keys {
    let mut keys = Keys::default();
    for (name, value) in pairs {
        keys.set(name, *value);
    }
    keys
}

/// Whether one identity-based statement allows an action on a node.
fn allows(statement: Value, action: &str, given: &[(&str, &str)]) -> bool {
    let policy = policy(json!([statement]));
    let layer =
        Layer { kind: PolicyKind::IdentityBased, sources: vec![Source { name: "one", policy: &policy }] };
    let request = Request { principal: &role(), action, resource: NODE, keys: &keys(given) };
    evaluate(&[layer], &request).allowed()
}

fn allowed_if(condition: Value, given: &[(&str, &str)]) -> bool {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
    allows(statement, "ssm:StartSession", given)
}

#[test]
fn actions_have_wildcards_and_no_case() {
    let of = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    for (pattern, action, allowed) in [
        ("ssm:StartSession", "ssm:StartSession", true),
        ("SSM:startsession", "ssm:StartSession", true),
        ("ssm:Start*", "ssm:StartSession", true),
        ("ssm:Get?arameter", "ssm:GetParameter", true),
        ("ssm:*", "ssmmessages:OpenDataChannel", false),
        ("*", "ssmmessages:OpenDataChannel", true),
        ("ssm:Start", "ssm:StartSession", false),
    ] {
        assert_eq!(allows(of(pattern), action, &[]), allowed, "{pattern} {action}");
    }
    let all_but = json!({ "Effect": "Allow", "NotAction": ["iam:*", "ssm:StartSession"], "Resource": "*" });
    assert!(!allows(all_but.clone(), "ssm:StartSession", &[]));
    assert!(allows(all_but, "ssm:GetParameter", &[]));
}

#[test]
fn resources_have_wildcards_variables_and_case() {
    let of = |resource: &str| json!({ "Effect": "Allow", "Action": "*", "Resource": resource });
    let given = [("aws:username", "kim*"), ("aws:PrincipalTag/env", "eu-west-1")];
    for (resource, allowed) in [
        (NODE, true),
        ("*", true),
        ("arn:aws:ec2:*:*:instance/*", true),
        ("arn:aws:ec2:*:*:instance/i-?", true),
        ("arn:aws:ec2:*:*:Instance/*", false),
        (BUCKET, false),
        ("arn:aws:ec2:${aws:PrincipalTag/env}:*:instance/*", true),
        ("arn:aws:ec2:${AWS:principaltag/ENV}:*:instance/*", true),
        ("arn:aws:ec2:*:*:instance/${aws:PrincipalTag/none}", false),
        ("arn:aws:ec2:*:*:instance/${aws:PrincipalTag/none, 'i-1'}", true),
        // The star in a value is a star.
        ("arn:aws:ec2:*:*:instance/${aws:username}", false),
    ] {
        assert_eq!(allows(of(resource), "ssm:StartSession", &given), allowed, "{resource}");
    }
    let all_but = json!({ "Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ec2:*" });
    assert!(!allows(all_but, "ssm:StartSession", &[]));
    // Before 2012 there were no variables.
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ec2:${aws:PrincipalTag/env}:*"}}"#;
    let old = Policy::parse(text).unwrap();
    let request =
        Request { principal: &role(), action: "ssm:StartSession", resource: NODE, keys: &keys(&given) };
    assert_eq!(old.matching(&request).count(), 0);
}

#[test]
fn conditions_compare_as_their_operators_say() {
    let tag = [("ssm:resourceTag/team", "pay"), ("aws:SourceIp", "10.1.2.3"), ("n", "7"), ("b", "true")];
    for (condition, allowed) in [
        (json!({ "StringEquals": { "ssm:resourceTag/team": "pay" } }), true),
        (json!({ "StringEquals": { "ssm:ResourceTag/Team": ["web", "pay"] } }), true),
        (json!({ "StringEquals": { "ssm:resourceTag/team": "PAY" } }), false),
        (json!({ "StringEqualsIgnoreCase": { "ssm:resourceTag/team": "PAY" } }), true),
        (json!({ "StringNotEquals": { "ssm:resourceTag/team": ["web", "pay"] } }), false),
        (json!({ "StringLike": { "ssm:resourceTag/team": "p*" } }), true),
        (json!({ "StringEquals": { "ssm:resourceTag/team": "p*" } }), false),
        (json!({ "StringEquals": { "ssm:resourceTag/none": "pay" } }), false),
        (json!({ "StringNotEquals": { "ssm:resourceTag/none": "pay" } }), true),
        (json!({ "StringEqualsIfExists": { "ssm:resourceTag/none": "pay" } }), true),
        (json!({ "StringEqualsIfExists": { "ssm:resourceTag/team": "web" } }), false),
        (json!({ "Null": { "ssm:resourceTag/none": "true" } }), true),
        (json!({ "Null": { "ssm:resourceTag/team": true } }), false),
        (json!({ "Bool": { "b": true } }), true),
        (json!({ "Bool": { "b": "false" } }), false),
        (json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }), true),
        (json!({ "NumericLessThan": { "n": "10" } }), true),
        (json!({ "NumericGreaterThanEquals": { "n": 8 } }), false),
        (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8"] } }), true),
        (json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), false),
        (json!({ "StringEquals": { "ssm:resourceTag/team": "pay" }, "Bool": { "b": "false" } }), false),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/*" } }), false),
    ] {
        assert_eq!(allowed_if(condition.clone(), &tag), allowed, "{condition}");
    }
    let now = [("aws:CurrentTime", "2026-03-01T12:00:00Z")];
    assert!(allowed_if(json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-03-01" } }), &now));
    assert!(!allowed_if(json!({ "DateLessThan": { "aws:CurrentTime": "1700000000" } }), &now));
}

#[test]
fn keys_with_many_values_are_compared_by_their_quantifier() {
    let judge = |operator: &str, values: &[&str]| {
        let policy = policy(json!([{
            "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { operator: { "aws:TagKeys": ["a", "b"] } },
        }]));
        let mut keys = Keys::default();
        if !values.is_empty() {
            keys.set_all("aws:TagKeys", values.iter().map(ToString::to_string).collect());
        }
        let request = Request { principal: &role(), action: "ec2:CreateTags", resource: NODE, keys: &keys };
        policy.matching(&request).count() == 1
    };
    for (operator, values, holds) in [
        ("ForAllValues:StringEquals", &["a", "b"][..], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAllValues:StringEquals", &[], true),
        ("ForAnyValue:StringEquals", &["a", "c"], true),
        ("ForAnyValue:StringEquals", &["c"], false),
        ("ForAnyValue:StringEquals", &[], false),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAnyValue:StringNotEquals", &["a", "d"], true),
    ] {
        assert_eq!(judge(operator, values), holds, "{operator} {values:?}");
    }
}

#[test]
fn a_deny_wins_and_every_limit_must_allow() {
    let all = policy(json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]));
    let sessions = policy(json!({ "Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*" }));
    let reads = policy(json!({ "Effect": "Allow", "Action": "ssm:Get*", "Resource": "*" }));
    let layer = |kind, list: &[(&'static str, &'static Policy)]| Layer {
        kind,
        sources: list.iter().map(|(name, policy)| Source { name, policy }).collect(),
    };
    let leak = |policy: &Policy| -> &'static Policy { Box::leak(Box::new(policy.clone())) };
    let (all, sessions, reads) = (leak(&all), leak(&sessions), leak(&reads));
    use PolicyKind::{IdentityBased, PermissionsBoundary, ResourceBased, ServiceControl, Session};
    let decide = |layers: &[Layer<'_>]| {
        let keys = Keys::default();
        let request = Request { principal: &role(), action: "ssm:StartSession", resource: NODE, keys: &keys };
        evaluate(layers, &request).decision
    };
    let explicit = |kind, name: &str| Decision::ExplicitDeny { kind, policy: name.to_owned() };
    assert_eq!(decide(&[]), Decision::ImplicitDeny { kind: IdentityBased });
    assert_eq!(decide(&[layer(IdentityBased, &[("all", all)])]), Decision::Allowed);
    assert_eq!(decide(&[layer(ResourceBased, &[("all", all)])]), Decision::Allowed);
    assert_eq!(
        decide(&[layer(IdentityBased, &[("all", all), ("no", sessions)])]),
        explicit(IdentityBased, "no")
    );
    assert_eq!(
        decide(&[
            layer(ServiceControl, &[("FullAWSAccess", all), ("p-1", sessions)]),
            layer(IdentityBased, &[("all", all), ("no", sessions)]),
        ]),
        explicit(ServiceControl, "p-1")
    );
    for kind in [ServiceControl, PermissionsBoundary, Session] {
        let limited = [layer(kind, &[("reads", reads)]), layer(IdentityBased, &[("all", all)])];
        assert_eq!(decide(&limited), Decision::ImplicitDeny { kind });
        assert_eq!(decide(&[layer(kind, &[("all", all)])]), Decision::ImplicitDeny { kind: IdentityBased });
    }
    // Of two obstacles the one is named that comes first in the chart.
    let nothing = |kind| [layer(kind, &[("reads", reads)]), layer(IdentityBased, &[])];
    assert_eq!(decide(&nothing(ServiceControl)), Decision::ImplicitDeny { kind: ServiceControl });
    assert_eq!(decide(&nothing(PermissionsBoundary)), Decision::ImplicitDeny { kind: IdentityBased });
    // Each level of an organisation for itself.
    let levels = [
        layer(ServiceControl, &[("FullAWSAccess", all)]),
        layer(ServiceControl, &[("reads", reads)]),
        layer(IdentityBased, &[("all", all)]),
    ];
    assert_eq!(decide(&levels), Decision::ImplicitDeny { kind: ServiceControl });
}

#[test]
fn a_verdict_tells_what_spoke_and_what_was_missing() {
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"ssm:*\", \"Resource\": \"*\"},\n    \
                {\"Effect\": \"Deny\", \"Action\": \"ssm:*\", \"Resource\": \"*\",\n     \"Condition\": {\"StringEquals\": {\"ssm:resourceTag/x\": \"}\"}}}\n  ]\n}";
    let policy = Policy::parse(text).unwrap();
    let layer =
        Layer { kind: PolicyKind::IdentityBased, sources: vec![Source { name: "one", policy: &policy }] };
    let ask = |keys: &Keys| {
        let request = Request { principal: &role(), action: "ssm:StartSession", resource: NODE, keys };
        evaluate(std::slice::from_ref(&layer), &request)
    };
    let verdict = ask(&Keys::default());
    assert!(verdict.allowed() && verdict.passes(PolicyKind::IdentityBased));
    assert_eq!(verdict.missing.iter().collect::<Vec<_>>(), ["ssm:resourceTag/x"]);
    let [matched] = &verdict.matched[..] else { panic!("{verdict:?}") };
    assert_eq!((matched.policy.as_str(), matched.effect), ("one", Effect::Allow));
    assert_eq!(
        (matched.start, matched.end),
        (Position { line: 4, column: 5 }, Position { line: 4, column: 59 })
    );
    let verdict = ask(&keys(&[("ssm:resourceTag/x", "}")]));
    assert!(!verdict.allowed() && !verdict.passes(PolicyKind::IdentityBased));
    assert!(verdict.missing.is_empty());
    assert_eq!(
        (verdict.matched[1].start, verdict.matched[1].end),
        (Position { line: 5, column: 5 }, Position { line: 6, column: 63 })
    );
}

#[test]
fn principals_are_known_under_each_of_their_names() {
    let trusts = |principal: Value, who: &Principal| {
        let policy =
            policy(json!([{ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }]));
        let policy = policy.for_trust().unwrap();
        let keys = Keys::default();
        let request = Request { principal: who, action: "sts:AssumeRole", resource: NODE, keys: &keys };
        policy.matching(&request).count() == 1
    };
    let ec2 = Principal { service: Some("ec2.amazonaws.com".to_owned()), ..Principal::default() };
    for (principal, by_role, by_ec2) in [
        (json!({ "Service": "ec2.amazonaws.com" }), false, true),
        (json!({ "Service": ["ssm.amazonaws.com", "ec2.amazonaws.com"] }), false, true),
        (json!({ "AWS": "arn:aws:iam::123456789012:role/ops" }), true, false),
        (json!({ "AWS": "arn:aws:sts::123456789012:assumed-role/ops/kim" }), true, false),
        (json!({ "AWS": "arn:aws:iam::123456789012:root" }), true, false),
        (json!({ "AWS": ["123456789012"] }), true, false),
        (json!({ "AWS": "arn:aws:iam::999999999999:root" }), false, false),
        (json!({ "AWS": "*" }), true, false),
        (json!("*"), true, true),
        (json!({ "Federated": "cognito-identity.amazonaws.com" }), false, false),
    ] {
        assert_eq!(
            (trusts(principal.clone(), &role()), trusts(principal.clone(), &ec2)),
            (by_role, by_ec2),
            "{principal}"
        );
    }
}

#[test]
fn what_is_no_policy_is_refused_in_iams_words() {
    for (text, words) in [
        ("{", "This policy contains invalid Json"),
        ("[]", "Syntax errors in policy."),
        (r#"{"Version": "2013-01-01", "Statement": []}"#, "Syntax errors in policy."),
        (r#"{"Version": "2012-10-17", "Statement": []}"#, "Syntax errors in policy."),
        (
            r#"{"Statement": {"Effect": "Perhaps", "Action": "*", "Resource": "*"}}"#,
            "Syntax errors in policy.",
        ),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#, "Policy statement must contain actions."),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "StartSession", "Resource": "*"}}"#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "web-1"}}"#,
            "Resource web-1 must be in ARN format or \"*\".",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*", "Condition": {"Moon": {"a": "b"}}}}"#,
            "Invalid Condition type : Moon.",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*", "Moon": 1}}"#,
            "Syntax errors in policy.",
        ),
    ] {
        assert_eq!(Policy::parse(text).unwrap_err().to_string(), words, "{text}");
    }
    let parsed = |text| Policy::parse(text).unwrap();
    let plain = r#"{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}}"#;
    assert!(parsed(plain).for_principals().is_ok());
    assert_eq!(parsed(plain).for_trust().unwrap_err().to_string(), "Has prohibited field Resource");
    let trust = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}}"#;
    assert_eq!(
        parsed(trust).for_principals().unwrap_err().to_string(),
        "Policy document should not specify a principal."
    );
}

/// The same question, asked in the slow and obvious way.
fn obviously(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, _) => text.is_empty(),
        (Some(b'*'), _) => {
            obviously(&pattern[1..], text) || (!text.is_empty() && obviously(pattern, &text[1..]))
        }
        (Some(b'?'), Some(_)) => obviously(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) => p == t && obviously(&pattern[1..], &text[1..]),
        (Some(_), None) => false,
    }
}

proptest::proptest! {
    #[test]
    fn wildcards_match_as_the_obvious_way_does(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let quick = pattern::matches(&pattern, &text, &Keys::default(), true);
        proptest::prop_assert_eq!(quick, obviously(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in r#"(\{|\}|\[|\]|"Statement"|"Effect"|"Allow"|"Action"|"\*"|:|,|\$\{|é| |\n){0,24}"#) {
        let _ = Policy::parse(&text);
        let _ = pattern::matches(&text, &text, &Keys::default(), true);
    }
}
