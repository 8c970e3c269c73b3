//! Who is let in.

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::call::Caller;
use crate::sim::{Options, Region};

const WRONG: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
                     signing method. Consult the service documentation for details.";

#[tokio::test]
async fn the_door_opens_for_the_right_signature_and_no_other() {
    let mut caller = Caller::of(Options::default()).await;
    let who = caller.sts("Action=GetCallerIdentity").await;
    assert_eq!(who.status, 200);
    assert!(who.body.contains("<Arn>arn:aws:iam::123456789012:user/demo</Arn>"), "{}", who.body);
    assert!(who.headers.contains_key("x-amzn-requestid"));

    let right = std::mem::replace(&mut caller.credentials.secret_access_key, "wrong".into());
    assert_eq!(
        caller.sts("Action=GetCallerIdentity").await.error(),
        format!("403 SignatureDoesNotMatch: {WRONG}")
    );
    assert_eq!(
        caller.ssm("DescribeSessions", json!({"State": "Active"})).await.error(),
        format!("400 InvalidSignatureException: {WRONG}")
    );
    assert_eq!(
        caller.ec2("Action=DescribeInstances").await.error(),
        "401 AuthFailure: AWS was not able to validate the provided access credentials"
    );

    caller.credentials.secret_access_key = right;
    let key = std::mem::replace(&mut caller.credentials.access_key_id, "AKIASOMEBODYELSE0000".into());
    let invalid = "The security token included in the request is invalid.";
    assert_eq!(
        caller.sts("Action=GetCallerIdentity").await.error(),
        format!("403 InvalidClientTokenId: {invalid}")
    );
    assert_eq!(
        caller.ssm("DescribeSessions", json!({})).await.error(),
        format!("400 UnrecognizedClientException: {invalid}")
    );

    caller.credentials.access_key_id = key;
    caller.scope = "eu-north-9";
    assert!(caller.ssm("DescribeSessions", json!({})).await.error().contains("scoped to a valid region"));
    caller.scope = "eu-west-1";
    assert!(
        caller
            .post("ec2", &[("x-amz-target", "AmazonSSM.DescribeSessions")], "{}")
            .await
            .error()
            .contains("correct service: 'ssm'")
    );
    let late = Timestamp::now() - SignedDuration::from_mins(6);
    caller.date = late.strftime("%Y%m%dT%H%M%SZ").to_string();
    assert!(
        caller
            .ssm("DescribeSessions", json!({}))
            .await
            .error()
            .starts_with("400 InvalidSignatureException: Signature expired: ")
    );
    caller.region.shutdown().await;
}

#[tokio::test]
async fn an_unsigned_call_is_told_so_in_each_protocol() {
    let caller = Caller::of(Options::default()).await;
    let host = caller.region.address().to_string();
    let json = caller
        .send("POST", "/", &[("host", &host), ("x-amz-target", "AmazonSSM.DescribeSessions")], "{}")
        .await;
    assert_eq!(
        json.error(),
        "400 MissingAuthenticationTokenException: Request is missing Authentication Token"
    );
    let sts =
        caller.send("POST", "/", &[("host", &host)], "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(sts.error(), "403 MissingAuthenticationToken: Request is missing Authentication Token");
    let half = [("host", host.as_str()), ("authorization", "AWS4-HMAC-SHA256 Credential=x/y")];
    let sts = caller.send("POST", "/", &half, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert!(
        sts.error()
            .starts_with("400 IncompleteSignature: Authorization header requires 'Signature' parameter."),
        "{sts:?}"
    );
    let stray = caller.send("GET", "/", &[("host", &host)], "").await;
    assert_eq!((stray.status, stray.body.as_str()), (404, "<UnknownOperationException/>\n"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_page_in_a_browser_does_not_get_in() {
    let caller = Caller::of(Options::default()).await;
    let host = caller.region.address().to_string();
    let rebound = format!("evil.example:{}", caller.region.address().port());
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let date = caller.date.as_str();
    for headers in [
        vec![("host", host.as_str()), ("x-amz-date", date), ("origin", "https://evil.example")],
        vec![("host", host.as_str()), ("x-amz-date", date), ("origin", "null")],
        vec![("host", rebound.as_str()), ("x-amz-date", date)],
        vec![("host", "127.0.0.1"), ("x-amz-date", date)],
    ] {
        let authorization = caller.sign("POST", "/", "", "sts", &headers, body);
        let signed = [headers.clone(), vec![("authorization", authorization.as_str())]].concat();
        assert_eq!(caller.send("POST", "/", &signed, body).await.status, 403, "{headers:?}");
        let upgrade = caller.send("GET", "/v1/data-channel/x", &headers, "").await;
        assert_eq!(upgrade.status, 403, "{headers:?}");
        assert!(
            upgrade.body.starts_with("requests from web pages") || upgrade.body.starts_with("the Host"),
            "{upgrade:?}"
        );
    }
    // The same under each name of this machine is let in.
    let named = format!("localhost:{}", caller.region.address().port());
    let headers = [("host", named.as_str()), ("x-amz-date", date)];
    let authorization = caller.sign("POST", "/", "", "sts", &headers, body);
    let signed = [&headers[..], &[("authorization", authorization.as_str())]].concat();
    assert_eq!(caller.send("POST", "/", &signed, body).await.status, 200);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let listen =
        |address: &str| Options { listen: address.parse::<SocketAddr>().unwrap(), ..Options::default() };
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let error = Region::start(listen(address)).await.unwrap_err();
        assert!(error.to_string().contains("loopback addresses only"), "{error}");
    }
    let error = Region::start(Options { nodes: 100_001, ..Options::default() }).await.unwrap_err();
    assert!(error.to_string().contains("at most 100000"), "{error}");
    let error = Region::start(Options { user: "a/b".into(), ..Options::default() }).await.unwrap_err();
    assert!(error.to_string().contains("cannot be a caller's name"), "{error}");
}

#[tokio::test]
async fn keys_differ_from_run_to_run() {
    let (one, other) = (Caller::of(Options::default()).await, Caller::of(Options::default()).await);
    assert_ne!(one.credentials.access_key_id, other.credentials.access_key_id);
    assert_ne!(one.credentials.secret_access_key, other.credentials.secret_access_key);
    assert!(!format!("{:?}", one.region).contains(&one.credentials.secret_access_key));
    one.region.shutdown().await;
    other.region.shutdown().await;
}

#[tokio::test]
async fn too_large_a_request_is_refused() {
    let caller = Caller::of(Options::default()).await;
    let reply = caller.ssm_raw("DescribeSessions", &" ".repeat(2 * 1024 * 1024)).await;
    assert_eq!(reply.status, 413);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn faults_of_calls_are_told_as_aws_tells_them() {
    let caller = Caller::with("deny=ec2:DescribeInstances").await;
    assert_eq!(
        caller.ec2("Action=DescribeInstances").await.error(),
        "403 UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/demo is not \
         authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action"
    );
    assert_eq!(caller.ec2("Action=DescribeRegions").await.status, 200);
    caller.region.shutdown().await;

    let caller = Caller::with("deny=ssm:Describe*/explicit-service-control").await;
    assert_eq!(
        caller.ssm("DescribeInstanceInformation", json!({})).await.error(),
        "400 AccessDeniedException: User: arn:aws:iam::123456789012:user/demo is not authorized to perform: ssm:DescribeInstanceInformation on \
         resource: arn:aws:ssm:eu-west-1:123456789012:* with an explicit deny in a service control policy"
    );
    caller.region.shutdown().await;

    let caller = Caller::with("throttle").await;
    for _ in 0..3 {
        assert_eq!(
            caller.ssm("GetConnectionStatus", json!({"Target": "i-1"})).await.error(),
            "400 ThrottlingException: Rate exceeded"
        );
        assert_eq!(caller.sts("Action=GetCallerIdentity").await.status, 200);
    }
    caller.region.shutdown().await;

    let caller = Caller::with("throttle=ec2:*:100%").await;
    for _ in 0..3 {
        assert_eq!(
            caller.ec2("Action=DescribeRegions").await.error(),
            "503 RequestLimitExceeded: Request limit exceeded."
        );
    }
    assert_eq!(caller.sts("Action=GetCallerIdentity").await.status, 200);
    caller.region.shutdown().await;

    let caller = Caller::with("expired").await;
    let text = "The security token included in the request is expired";
    assert_eq!(
        caller.ssm("DescribeSessions", json!({})).await.error(),
        format!("400 ExpiredTokenException: {text}")
    );
    assert_eq!(caller.sts("Action=GetCallerIdentity").await.error(), format!("403 ExpiredToken: {text}"));
    assert_eq!(
        caller.ec2("Action=DescribeRegions").await.error(),
        "400 RequestExpired: Request has expired."
    );
    caller.region.shutdown().await;
}

#[tokio::test]
async fn unknown_operations_are_unknown() {
    let caller = Caller::of(Options::default()).await;
    let reply = caller.ssm("DescribeMoon", json!({})).await;
    assert_eq!((reply.status, reply.body.as_str()), (400, r#"{"__type":"UnknownOperationException"}"#));
    let kms = caller.post("kms", &[("x-amz-target", "TrentService.Encrypt")], "{}").await;
    assert_eq!(kms.error(), "400 UnknownOperationException: ");
    assert_eq!(
        caller.ec2("Action=RunInstances").await.error(),
        "400 InvalidAction: The action RunInstances is not valid for this web service."
    );
    assert_eq!(
        caller.sts("Action=AssumeRoleWithSAML").await.error(),
        "400 InvalidAction: Could not find operation AssumeRoleWithSAML for version 2011-06-15"
    );
    caller.region.shutdown().await;
}
