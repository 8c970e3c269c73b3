//! Against the real SDK client and a service on loopback that says each thing that IAM Identity Center can say.

use std::path::Path;

use aws_sdk_ssooidc::config::retry::RetryConfig;
use serde_json::{Value, json};

use super::*;
use crate::aws::loopback::{Answer as Http, Loopback};

fn session(name: Option<&str>) -> SsoSession {
    SsoSession {
        profile: None,
        name: name.map(str::to_owned),
        start_url: "https://example.awsapps.com/start".into(),
        region: "eu-west-1".into(),
        scopes: name.map(|_| "sso:account:access".to_owned()).into_iter().collect(),
    }
}

fn good(body: Value) -> Http {
    (200, "content-type: application/json\r\n", body.to_string())
}

fn refusal(kind: &str) -> Http {
    let body = json!({ "error": "x", "error_description": format!("words of {kind}") }).to_string();
    match kind {
        "AuthorizationPendingException" => (400, "x-amzn-errortype: AuthorizationPendingException\r\n", body),
        "SlowDownException" => (400, "x-amzn-errortype: SlowDownException\r\n", body),
        "ExpiredTokenException" => (400, "x-amzn-errortype: ExpiredTokenException\r\n", body),
        "AccessDeniedException" => (400, "x-amzn-errortype: AccessDeniedException\r\n", body),
        "InvalidClientException" => (401, "x-amzn-errortype: InvalidClientException\r\n", body),
        "InvalidRequestException" => (400, "x-amzn-errortype: InvalidRequestException\r\n", body),
        other => panic!("{other}"),
    }
}

fn registered() -> Http {
    good(json!({ "clientId": "cid", "clientSecret": "csecret", "clientSecretExpiresAt": 4_102_444_800_i64 }))
}

fn authorized() -> Http {
    good(json!({
        "deviceCode": "dcode", "userCode": "ABCD-EFGH", "verificationUri": "https://device.example/",
        "verificationUriComplete": "https://device.example/?user_code=ABCD-EFGH", "expiresIn": 600, "interval": 1,
    }))
}

/// `tokens` are the answers to CreateToken, the last one for ever.
async fn service(tokens: &'static [&'static str]) -> Loopback {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    Loopback::start(move |call, _| match call.path.as_str() {
        "/client/register" => registered(),
        "/device_authorization" => authorized(),
        "/token" => {
            let number = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match tokens[number.min(tokens.len() - 1)] {
                "token" => good(json!({ "accessToken": "t0ken", "tokenType": "Bearer", "expiresIn": 28800, "refreshToken": "r3fresh" })),
                kind => refusal(kind),
            }
        }
        other => panic!("{other}"),
    })
    .await
}

fn oidc(endpoint: &str) -> Oidc {
    Oidc::from_conf(
        aws_sdk_ssooidc::Config::builder()
            .behavior_version(aws_sdk_ssooidc::config::BehaviorVersion::latest())
            .region(aws_sdk_ssooidc::config::Region::new("eu-west-1"))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .build(),
    )
}

async fn login(service: &Loopback, session: &SsoSession, folder: &Path) -> Result<DeviceLogin, Error> {
    begin_at(session, oidc(&service.endpoint), Cache::at(folder)).await
}

#[tokio::test]
async fn a_confirmed_code_becomes_a_token_in_the_aws_clis_file() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&["AuthorizationPendingException", "token"]).await;
    let login = login(&service, &session(Some("main")), folder.path()).await.unwrap();
    assert_eq!(
        (login.user_code.as_str(), login.verification_uri.as_str()),
        ("ABCD-EFGH", "https://device.example/")
    );
    assert!(login.verification_uri_complete.ends_with("ABCD-EFGH"));
    let shown = format!("{login:?}");
    assert!(!shown.contains("csecret") && !shown.contains("dcode"), "{shown}");
    let until = login.wait().await.unwrap();
    assert!(until > SystemTime::now() + Duration::from_secs(28_000));
    let file = std::fs::read(folder.path().join("b28b7af69320201d1cf206ebf28373980add1451.json")).unwrap();
    let token: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(
        token,
        json!({
            "startUrl": "https://example.awsapps.com/start", "region": "eu-west-1", "accessToken": "t0ken",
            "expiresAt": cache::stamp(until), "clientId": "cid", "clientSecret": "csecret",
            "registrationExpiresAt": "2100-01-01T00:00:00Z", "refreshToken": "r3fresh",
        })
    );
    let asked = service.calls();
    let of = |path: &str| -> Value {
        serde_json::from_str(&asked.iter().find(|call| call.path == path).unwrap().body).unwrap()
    };
    assert_eq!(of("/client/register")["scopes"], json!(["sso:account:access"]));
    assert_eq!(of("/token")["grantType"], GRANT);
    assert_eq!(asked.iter().filter(|call| call.path == "/token").count(), 2);
}

#[tokio::test]
async fn the_client_is_registered_once_and_anew_when_it_is_no_longer_known() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&["token"]).await;
    for _ in 0..2 {
        login(&service, &session(None), folder.path()).await.unwrap();
    }
    let registrations =
        |service: &Loopback| service.calls().iter().filter(|c| c.path == "/client/register").count();
    assert_eq!(registrations(&service), 1);
    let forgetful = Loopback::start(|call, before| match call.path.as_str() {
        "/client/register" => registered(),
        _ if before == 0 => refusal("InvalidClientException"),
        _ => authorized(),
    })
    .await;
    login(&forgetful, &session(None), folder.path()).await.unwrap();
    assert_eq!(registrations(&forgetful), 1);
}

#[tokio::test]
async fn a_no_and_a_code_that_was_not_used_end_the_login_in_words() {
    for (said, words) in [
        ("AccessDeniedException", "refused in the browser"),
        ("ExpiredTokenException", "not confirmed in time"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let service = service(match said {
            "AccessDeniedException" => &["AccessDeniedException"],
            _ => &["ExpiredTokenException"],
        })
        .await;
        let error =
            login(&service, &session(Some("main")), folder.path()).await.unwrap().wait().await.unwrap_err();
        assert_eq!(error.kind, Kind::SsoExpired);
        assert!(error.why.contains(words), "{}", error.told());
        assert!(!folder.path().join("b28b7af69320201d1cf206ebf28373980add1451.json").exists());
    }
}

#[tokio::test]
async fn a_wrong_start_url_is_told_with_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let service = Loopback::start(|call, _| match call.path.as_str() {
        "/client/register" => registered(),
        _ => refusal("InvalidRequestException"),
    })
    .await;
    let error = login(&service, &session(Some("main")), folder.path()).await.unwrap_err();
    assert!(error.next.contains("sso_start_url (https://example.awsapps.com/start)"), "{}", error.told());
    assert!(error.what.starts_with("cannot sign in to main"), "{}", error.what);
}
