//! Codes and texts as AWS and the SDK give them.

use super::*;
use crate::aws::login::MfaDevice;

fn place() -> Place {
    Place { region: "eu-west-1".into(), profile: Some("prod".into()), ..Place::default() }
}

fn start() -> Task<'static> {
    Task { verb: "open a session on i-0a1b".into(), action: "ssm:StartSession", target: Some("i-0a1b") }
}

fn answer(code: &str, message: &str) -> Facts {
    Facts {
        code: Some(code.into()),
        message: Some(message.into()).filter(|m: &String| !m.is_empty()),
        request_id: Some("7f3c".into()),
        ..Facts::default()
    }
}

fn told(code: &str, message: &str) -> Error {
    classify(&start(), &place(), answer(code, message))
}

#[test]
fn a_denial_is_told_in_three_parts() {
    let error = told(
        "AccessDeniedException",
        "User: arn:aws:sts::123456789012:assumed-role/ops-read/alice is not authorized to perform: ssm:StartSession on \
         resource: arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1b because no identity-based policy allows the \
         ssm:StartSession action",
    );
    assert_eq!(error.kind, Kind::Denied);
    insta::assert_snapshot!(error.told(), @r#"
    cannot open a session on i-0a1b (prod/eu-west-1): access denied
      why   role `ops-read` in account 123456789012 may not call `ssm:StartSession` on i-0a1b: no identity-based policy allows it (request 7f3c)
      next  ask whoever manages role `ops-read` to add {"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:eu-west-1:123456789012:instance/i-0a1b","arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell"]}; `ssmtui why i-0a1b` tells more
    "#);
    assert_eq!(error.reference(), "AccessDeniedException, request 7f3c");
}

#[test]
fn peers_c39_target_not_connected_is_never_shown_bare() {
    let error = told("TargetNotConnected", "i-0a1b is not connected.");
    assert_eq!(error.kind, Kind::NotConnected);
    for part in ["stopped", "not set up", "lost its agent", "another region or account", "(prod/eu-west-1)"] {
        assert!(error.why.contains(part), "{}", error.why);
    }
    assert!(error.next.contains("ssmtui why i-0a1b"), "{}", error.next);
    let unknown = told("InvalidInstanceId", "");
    assert_eq!(unknown.kind, Kind::Invalid);
    assert!(unknown.next.contains("right id, region and profile"), "{}", unknown.next);
}

#[test]
fn a_hybrid_node_without_the_tier_is_explained_even_without_words() {
    let text = "Enable advanced-instances tier to use Session Manager with your on-premises instances";
    assert_eq!(told("BadRequest", text).kind, Kind::TierNeeded);
    let task = Task { target: Some("mi-0a1b"), ..start() };
    assert_eq!(classify(&task, &place(), answer("BadRequest", "")).kind, Kind::TierNeeded);
    assert_eq!(told("BadRequest", "").kind, Kind::Invalid, "an EC2 instance has no tier");
}

#[test]
fn each_code_has_its_kind() {
    for (code, message, kind) in [
        ("ExpiredTokenException", "The security token included in the request is expired", Kind::Expired),
        ("RequestExpired", "Request has expired.", Kind::Expired),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            Kind::Rejected,
        ),
        ("AuthFailure", "AWS was not able to validate the provided access credentials", Kind::Rejected),
        ("ThrottlingException", "Rate exceeded", Kind::Throttled),
        ("RequestLimitExceeded", "Request limit exceeded.", Kind::Throttled),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", Kind::Denied),
        ("InvalidDocument", "Document with name x does not exist.", Kind::NoDocument),
        ("DoesNotExistException", "Session x does not exist", Kind::Gone),
        ("OptInRequired", "You are not subscribed", Kind::Rejected),
        ("ValidationException", "1 validation error detected", Kind::Invalid),
        ("InternalServerError", "", Kind::Service),
        ("SomethingNew", "of 2031", Kind::Service),
    ] {
        let error = told(code, message);
        assert_eq!(error.kind, kind, "{code}");
        assert!(!error.next.is_empty() && !error.why.is_empty(), "{code}");
        assert!(!error.next.ends_with('.') && !error.what.ends_with('.'), "{code}: {error}");
    }
}

#[test]
fn a_wrong_clock_is_told_from_a_wrong_secret() {
    let facts = Facts {
        skew: Some(440),
        ..answer("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than")
    };
    let error = classify(&start(), &place(), facts);
    assert_eq!(error.why, "this machine's clock is 7 min ahead of AWS's (request 7f3c)");
    let behind = Facts { skew: Some(-90), ..answer("SignatureDoesNotMatch", "") };
    assert!(classify(&start(), &place(), behind).why.contains("90 s behind"));
    let text = "The request signature we calculated does not match the signature you provided.";
    let secret =
        classify(&start(), &place(), Facts { skew: Some(1), ..answer("InvalidSignatureException", text) });
    assert!(secret.what.ends_with("the signature does not match"), "{secret}");
    assert!(
        told("InvalidSignatureException", "Signature not yet current: 2026")
            .what
            .ends_with("the clocks differ")
    );
}

#[test]
fn an_ended_sso_login_says_how_to_sign_in() {
    let session = SsoSession {
        profile: Some("prod".into()),
        name: Some("corp".into()),
        start_url: "https://x".into(),
        region: "eu-west-1".into(),
        scopes: vec![],
    };
    let place = Place { sso: Some(session.clone()), ..place() };
    let chain =
        "an error occurred while loading credentials: the SSO token has expired and cannot be refreshed";
    let facts = Facts { failure: Failure::Credentials(chain.into()), ..Facts::default() };
    let error = classify(&start(), &place, facts);
    assert_eq!(error.kind, Kind::SsoExpired);
    assert_eq!(error.next, "run `ssmtui login --profile prod`, then try again");
    assert_eq!(error.ask.as_deref(), Some(&Ask::Sso(session)));
    assert_eq!(classify(&start(), &place, answer("ExpiredTokenException", "")).kind, Kind::SsoExpired);
    let never = Facts {
        failure: Failure::Credentials(
            "an error occurred while loading credentials: failed to load the cached SSO token".into(),
        ),
        ..Facts::default()
    };
    let never = classify(&start(), &place, never);
    assert!(never.what.ends_with("nobody has signed in") && error.what.ends_with("the SSO login has ended"));
    assert!(error.why.contains("open sessions go on"));
    assert_eq!(never.why, "there is no SSO login on this machine for profile `prod`");
    let offline =
        Facts { failure: Failure::Credentials("dispatch failure: dns error".into()), ..Facts::default() };
    assert_eq!(classify(&start(), &place, offline).kind, Kind::Unreachable);
    let chain = "an error occurred while loading credentials: service error: ForbiddenException: No access";
    let forbidden = Facts { failure: Failure::Credentials(chain.into()), ..Facts::default() };
    let error = classify(&start(), &place, forbidden);
    assert_eq!((error.kind, error.ask), (Kind::NoCredentials, None), "signing in again would not help");
}

#[test]
fn a_role_that_asks_for_a_code_says_which_and_can_be_answered() {
    let device = MfaDevice {
        profile: "admin".into(),
        serial: "arn:aws:iam::1:mfa/me".into(),
        role: "arn:aws:iam::2:role/a".into(),
    };
    let needed = |refused: Option<&str>| Facts {
        failure: Failure::Mfa(MfaNeeded { device: device.clone(), refused: refused.map(str::to_owned) }),
        ..Facts::default()
    };
    let error = classify(&start(), &place(), needed(None));
    assert_eq!((error.kind, error.ask.as_deref()), (Kind::MfaNeeded, Some(&Ask::Mfa(device.clone()))));
    insta::assert_snapshot!(error.told(), @r"
    cannot open a session on i-0a1b (prod/eu-west-1): an MFA code is needed
      why   role arn:aws:iam::2:role/a asks for an MFA code of arn:aws:iam::1:mfa/me
      next  run `ssmtui login --profile prod` and type the code of arn:aws:iam::1:mfa/me; each code is good once
    ");
    let refused = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    let error = classify(&start(), &place(), needed(Some(refused)));
    assert!(
        error.what.ends_with("the MFA code is refused") && error.why.contains(refused),
        "{}",
        error.told()
    );
    assert_eq!(error.ask.as_deref(), Some(&Ask::Mfa(device)));
}

#[test]
fn a_role_that_may_not_be_assumed_is_told_by_who_and_what() {
    let chain = "cannot assume arn:aws:iam::2:role/a: service error: AccessDenied: User: arn:aws:iam::1:user/me is not \
        authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/a";
    let facts = Facts { failure: Failure::Credentials(chain.into()), ..Facts::default() };
    let error = classify(&start(), &place(), facts);
    assert_eq!(error.kind, Kind::NoCredentials);
    assert!(error.why.contains("sts:AssumeRole"), "{}", error.told());
}

#[test]
fn missing_credentials_are_told_by_profile() {
    let facts = |chain: &str| Facts { failure: Failure::Credentials(chain.into()), ..Facts::default() };
    let none = "no providers in chain provided credentials";
    let error = classify(&start(), &place(), facts(none));
    assert_eq!(error.kind, Kind::NoCredentials);
    assert!(error.why.contains("profile `prod` holds no keys"), "{}", error.why);
    let error = classify(&start(), &Place { profile: None, ..place() }, facts(none));
    assert!(error.what.contains("(eu-west-1)") && error.why.contains("no default profile"), "{error}");
}

#[test]
fn keys_from_the_environment_cannot_renew_themselves() {
    let place = Place { environment_keys: true, ..place() };
    let error = classify(&start(), &place, answer("ExpiredToken", ""));
    assert!(
        error.why.contains("cannot renew themselves") && error.next.contains("export fresh ones"),
        "{}",
        error.told()
    );
}

#[test]
fn an_unreachable_endpoint_says_how_far_it_came() {
    for (chain, why) in [
        (
            "error trying to connect: dns error: failed to lookup address information",
            "name cannot be resolved",
        ),
        (
            "error trying to connect: tcp connect error: Connection refused (os error 111)",
            "connection is refused",
        ),
        ("invalid peer certificate: UnknownIssuer", "certificate is not trusted"),
        ("HTTP connect timeout occurred after 3.1s", "nothing answers"),
    ] {
        let error = classify(
            &start(),
            &place(),
            Facts { failure: Failure::Connect(chain.into()), ..Facts::default() },
        );
        assert_eq!(error.kind, Kind::Unreachable);
        assert!(error.why.contains(why), "{}", error.why);
        assert!(error.is_passing());
    }
}

#[test]
fn a_page_in_the_place_of_an_answer_is_told_as_such() {
    let error = classify(&start(), &place(), Facts { failure: Failure::Unreadable(502), ..Facts::default() });
    assert!(error.is_passing());
    insta::assert_snapshot!(error.told(), @r"
    cannot open a session on i-0a1b (prod/eu-west-1): the answer is not AWS's
      why   HTTP 502 came without an answer of AWS's in it; a proxy or gateway in between may have sent it
      next  check proxy and endpoint settings (`ssmtui doctor`), and try again
    ");
}
