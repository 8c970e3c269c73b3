//! Keys and files against those of botocore; calls against the real SDK client and an STS on loopback.

use std::{fs, path::Path};

use super::*;
use crate::aws::loopback::{Answer, Loopback};

fn role(serial: Option<&str>) -> Role {
    Role {
        profile: "ops".into(),
        arn: "arn:aws:iam::111122223333:role/ops".into(),
        session_name: None,
        external_id: None,
        serial: serial.map(str::to_owned),
        duration: None,
    }
}

/// `AssumeRoleCredentialFetcher(None, None, arn, extra_args=…)._cache_key` of botocore 1.43.
#[test]
fn keys_are_botocores() {
    assert_eq!(key(&role(None)), "78b7959a82647b8fade2a4e34944e3a1f6d84818");
    let full = Role {
        session_name: Some("me".into()),
        external_id: Some("é\"x".into()),
        duration: Some(7200),
        ..role(Some("arn:aws:iam::1:mfa/me"))
    };
    assert_eq!(key(&full), "01f169a6a0dd0b9ce34a2ebe1b18040b6143f2cb");
}

fn put(folder: &Path, role: &Role, id: &str, ends_in: i64) {
    let end = SystemTime::now() + Duration::from_secs(ends_in.unsigned_abs());
    let text = format!(
        r#"{{"Credentials": {{"AccessKeyId": "{id}", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "{}"}}, "ResponseMetadata": {{"RetryAttempts": 0}}}}"#,
        cache::stamp(end).replace('Z', "UTC")
    );
    fs::write(folder.join(format!("{}.json", key(role))), text).unwrap();
}

fn desk<'a>(cache: &'a Cache, region: &'a Region) -> Desk<'a> {
    Desk { profile: None, region, cache, code: None, refused: None }
}

#[test]
fn the_last_stored_session_that_lasts_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, region) = (Cache::at(folder.path()), Region::new("eu-west-1"));
    let first = role(Some("mfa"));
    let last = Role { arn: "arn:aws:iam::2:role/b".into(), ..role(None) };
    let roles = [first.clone(), last.clone()];
    let found =
        |desk: &Desk<'_>| stored(&roles, desk).map(|(count, keys)| (count, keys.access_key_id().to_owned()));
    assert_eq!(found(&desk(&cache, &region)), None);
    put(folder.path(), &first, "FIRST", 120);
    assert_eq!(
        found(&desk(&cache, &region)),
        Some((1, "FIRST".into())),
        "two minutes of a code's session are used"
    );
    put(folder.path(), &last, "LAST", 120);
    assert_eq!(
        found(&desk(&cache, &region)),
        Some((1, "FIRST".into())),
        "a session that is free is had anew"
    );
    put(folder.path(), &last, "LAST", 3600);
    assert_eq!(found(&desk(&cache, &region)), Some((2, "LAST".into())));
    assert_eq!(found(&Desk { refused: Some("LAST"), ..desk(&cache, &region) }), Some((1, "FIRST".into())));
    let code = "123456".parse().unwrap();
    fs::remove_file(folder.path().join(format!("{}.json", key(&last)))).unwrap();
    assert_eq!(found(&Desk { code: Some(&code), ..desk(&cache, &region) }), None, "a code begins anew");
    fs::write(folder.path().join(format!("{}.json", key(&first))), "{").unwrap();
    assert_eq!(found(&desk(&cache, &region)), None, "half a file is none");
}

const XML: &str = "content-type: text/xml\r\n";

fn session_of(id: &str) -> Answer {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>AROA:me</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/ops/me</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey><SessionToken>t0ken</SessionToken>\
         <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    (200, XML, body)
}

fn denied(words: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{words}</Message></Error></ErrorResponse>"
    );
    (403, XML, body)
}

async fn shared(sts: &Loopback) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(&sts.endpoint)
        .build()
}

fn base() -> Credentials {
    Credentials::new("AKIA", "s3cret", None, None, "test")
}

#[tokio::test]
async fn a_code_goes_to_sts_with_the_serial_and_its_session_to_the_aws_clis_file() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let sts = Loopback::start(|_, _| session_of("ASIA")).await;
    let guarded =
        Role { duration: Some(900), external_id: Some("x1".into()), ..role(Some("arn:aws:iam::1:mfa/me")) };
    let code = "123456".parse().unwrap();
    let keys = ask(&guarded, base(), Some(&code), &shared(&sts).await, &cache).await.unwrap();
    assert_eq!(
        (keys.access_key_id(), keys.account_id().map(|id| id.as_str())),
        ("ASIA", Some("111122223333"))
    );
    let body = &sts.calls()[0].body;
    for part in [
        "Action=AssumeRole",
        "SerialNumber=arn%3Aaws%3Aiam%3A%3A1%3Amfa%2Fme",
        "TokenCode=123456",
        "DurationSeconds=900",
        "ExternalId=x1",
        "RoleSessionName=ssmtui-",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    let file = fs::read_to_string(folder.path().join(format!("{}.json", key(&guarded)))).unwrap();
    assert_eq!(
        file,
        r#"{"Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": "s3cret", "SessionToken": "t0ken", "Expiration": "2100-01-01T00:00:00UTC", "AccountId": "111122223333"}, "AssumedRoleUser": {"AssumedRoleId": "AROA:me", "Arn": "arn:aws:sts::111122223333:assumed-role/ops/me"}}"#
    );
    let region = Region::new("eu-west-1");
    assert!(
        matches!(stored(&[guarded], &desk(&cache, &region)), Some((1, keys)) if keys.access_key_id() == "ASIA")
    );
}

#[tokio::test]
async fn a_role_without_a_code_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let sts = Loopback::start(|_, _| session_of("ASIA")).await;
    let named = Role { session_name: Some("me".into()), ..role(None) };
    ask(&named, base(), None, &shared(&sts).await, &Cache::at(folder.path())).await.unwrap();
    let body = &sts.calls()[0].body;
    assert!(
        body.contains("RoleSessionName=me") && !body.contains("TokenCode") && !body.contains("Duration"),
        "{body}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_refused_code_is_asked_for_again_and_a_refused_role_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let sts = Loopback::start(|_, before| match before {
        0 => denied("MultiFactorAuthentication failed with invalid MFA one time pass code. "),
        _ => denied("User: arn:aws:iam::1:user/me is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/ops"),
    })
    .await;
    let guarded = role(Some("arn:aws:iam::1:mfa/me"));
    let code = "123456".parse().unwrap();
    let error = ask(&guarded, base(), Some(&code), &shared(&sts).await, &cache).await.unwrap_err();
    let needed = keys::beneath::<MfaNeeded>(&error).unwrap();
    assert_eq!(needed.device.serial, "arn:aws:iam::1:mfa/me");
    assert!(needed.refused.as_deref().unwrap().starts_with("MultiFactorAuthentication failed"));
    let error = ask(&guarded, base(), Some(&code), &shared(&sts).await, &cache).await.unwrap_err();
    assert!(keys::beneath::<MfaNeeded>(&error).is_none());
    assert!(
        keys::chain(&error).contains("not authorized to perform: sts:AssumeRole"),
        "{}",
        keys::chain(&error)
    );
}

#[tokio::test]
async fn without_a_code_the_role_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, region) = (Cache::at(folder.path()), Region::new("eu-west-1"));
    let error = assume(&[role(Some("serial-1"))], base(), &desk(&cache, &region)).await.unwrap_err();
    let needed = keys::beneath::<MfaNeeded>(&error).unwrap();
    assert_eq!((needed.device.profile.as_str(), needed.device.serial.as_str()), ("ops", "serial-1"));
    assert_eq!(needed.refused, None);
}

/// An STS that gives sessions to users and to roles, and takes those of users for a while.
fn generous(call: &crate::aws::loopback::Call, before: usize) -> Answer {
    if call.body.contains("Action=GetSessionToken") {
        return (200, XML, session_of("ASIAUSER").2.replace("AssumeRole", "GetSessionToken"));
    }
    match before {
        0..3 => session_of("ASIAROLE"),
        _ => {
            let (status, kind, body) = denied("The security token included in the request is expired");
            (status, kind, body.replace("AccessDenied", "ExpiredToken"))
        }
    }
}

#[tokio::test]
async fn one_code_does_for_every_role_of_its_user_and_device() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let sts = Loopback::start(generous).await;
    let shared = shared(&sts).await;
    let serial = "arn:aws:iam::1:mfa/generous";
    let user = || Credentials::new("AKIAGENEROUS", "s3cret", None, None, "test");
    let first = role(Some(serial));
    let second = Role { arn: "arn:aws:iam::2:role/b".into(), ..role(Some(serial)) };
    let code = "123456".parse().unwrap();
    assert!(guarded(&first, serial, user(), None, &shared, &cache).await.is_err(), "nothing is proved yet");
    guarded(&first, serial, user(), Some(&code), &shared, &cache).await.unwrap();
    let keys = guarded(&second, serial, user(), None, &shared, &cache).await.unwrap();
    assert_eq!(keys.access_key_id(), "ASIAROLE");
    let bodies: Vec<String> = sts.calls().into_iter().map(|call| call.body).collect();
    assert_eq!(bodies.iter().filter(|body| body.contains("TokenCode")).count(), 1);
    assert!(bodies[0].contains("Action=GetSessionToken") && bodies[0].contains("TokenCode=123456"));
    assert!(
        bodies[1..].iter().all(|body| body.contains("Action=AssumeRole") && !body.contains("SerialNumber"))
    );
    assert!(read(&cache, &second).is_some(), "its file is the one of a role with this device");
    let other = Credentials::new("AKIAOTHER", "s3cret", None, None, "test");
    let error = guarded(&second, serial, other, None, &shared, &cache).await.unwrap_err();
    assert!(keys::beneath::<MfaNeeded>(&error).is_some(), "another user has proved nothing");
    for _ in 0..2 {
        let error = guarded(&first, serial, user(), None, &shared, &cache).await.unwrap_err();
        assert!(keys::beneath::<MfaNeeded>(&error).is_some(), "what was proved is over");
    }
    assert_eq!(sts.calls().len(), 4, "and is not tried again");
}

#[tokio::test]
async fn a_user_who_gets_no_session_assumes_the_role_with_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let sts = Loopback::start(|_, before| match before {
        0 => denied("User: x is not authorized to perform: sts:GetSessionToken with an explicit deny"),
        _ => session_of("ASIAROLE"),
    })
    .await;
    let (serial, code) = ("arn:aws:iam::1:mfa/poor", "123456".parse().unwrap());
    let guarded_role = role(Some(serial));
    guarded(&guarded_role, serial, base(), Some(&code), &shared(&sts).await, &cache).await.unwrap();
    assert!(
        sts.calls()[1].body.contains("Action=AssumeRole") && sts.calls()[1].body.contains("TokenCode=123456")
    );
}

#[tokio::test]
async fn a_wrong_code_is_told_before_the_role_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let sts = Loopback::start(|_, _| {
        denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
    })
    .await;
    let (serial, code) = ("arn:aws:iam::1:mfa/wrong", "123456".parse().unwrap());
    let error = guarded(&role(Some(serial)), serial, base(), Some(&code), &shared(&sts).await, &cache)
        .await
        .unwrap_err();
    assert!(keys::beneath::<MfaNeeded>(&error).unwrap().refused.is_some());
    assert_eq!(sts.calls().len(), 1);
}
