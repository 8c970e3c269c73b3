//! Signatures computed apart, by a few lines of Python's hmac over the canonical request that Go builds.

use std::time::Duration;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2026-01-02 03:04:05 UTC.
const AT: u64 = 1_767_323_045;

fn headers(url: &str, region: &str, token: Option<&str>) -> HeaderMap {
    let keys = Credentials::new("AKIDEXAMPLE", SECRET, token.map(str::to_owned), None, "test");
    upgrade(url, region, &keys, SystemTime::UNIX_EPOCH + Duration::from_secs(AT)).unwrap()
}

fn authorization(headers: &HeaderMap) -> &str {
    headers["authorization"].to_str().unwrap()
}

const URL: &str = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/alice@example.com-0a1b2c3d4e5f60718\
    ?role=publish_subscribe&cell-number=AAEAAa5+Lu4a/HxAAA0NTO==";

#[test]
fn a_raw_plus_counts_as_a_space_and_an_at_sign_is_encoded_as_go_does() {
    let headers = headers(URL, "eu-west-1", None);
    assert_eq!(
        authorization(&headers),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/eu-west-1/ssmmessages/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=49454efc027dc4d8b382a611aab7ee2bda3d803b30e6eaee50e8d0e81e967245"
    );
    assert_eq!(headers["x-amz-date"], "20260102T030405Z");
    assert_eq!(headers.len(), 2, "nothing else is sent");
}

#[test]
fn temporary_keys_send_and_sign_their_token() {
    let headers = headers(URL, "eu-west-1", Some("AQoDYXdzE/+token=="));
    let line = authorization(&headers);
    assert!(line.contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "), "{line}");
    assert!(
        line.ends_with("Signature=17891ff4a3d81b6f491524cf20602a72701ef266b2d3f29d91d7a148edbc3b93"),
        "{line}"
    );
    assert_eq!(headers["x-amz-security-token"], "AQoDYXdzE/+token==");
    assert!(!format!("{headers:?}").contains("AQoDYXdzE"), "not even a debug print shows it");
}

#[test]
fn a_port_belongs_to_the_host_and_an_encoded_plus_stays_one() {
    let url = "ws://127.0.0.1:4000/v1/data-channel/bob-1?role=publish_subscribe&cell-number=AA%2BB+C";
    let headers = headers(url, "us-east-1", None);
    let line = authorization(&headers);
    assert!(
        line.ends_with("Signature=009d9269ce50e62d0b92e435eb0775b663abd52b94ae0420e9d5c7f08d2cbd12"),
        "{line}"
    );
}

#[test]
fn a_presigned_url_gets_no_headers() {
    let url = format!("{URL}&X-Amz-Signature=00&X-Amz-Date=20260102T030405Z");
    assert!(is_presigned(&url) && headers(&url, "eu-west-1", None).is_empty());
    assert!(!is_presigned(URL) && !is_presigned("wss://x/X-Amz-Signature"));
}

#[test]
fn a_presigned_url_is_known() {
    assert!(is_presigned("wss://x/y?role=a&X-Amz-Signature=0a"));
    assert!(is_presigned("wss://x/y?x-amz-algorithm=AWS4"));
    assert!(!is_presigned("wss://x/y?role=publish_subscribe&cell-number=X-Amz-Date=="));
    assert!(!is_presigned("wss://x/X-Amz-Date"));
}
