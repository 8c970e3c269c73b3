//! Signature Version 4, from the side that checks it (AWS: "Create a signed AWS API request"). Pure: the time comes in.
//!
//! Written here and not taken from the SDK: the client signs with the SDK's signer, and an end that shares the other end's
//! canonical form would share its mistakes. The tests hold it to AWS's published vectors.

use aws_lc_rs::{
    constant_time, digest, hmac,
    signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use url::form_urlencoded;

use crate::sim::options::Plus;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a request's time may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A key and its secret.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// What is signed of a request.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// As it stood in the request line.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Which signature is expected.
pub(crate) struct Expected<'a> {
    pub(crate) service: &'a str,
    /// The regions that may be signed for; the first is this one.
    pub(crate) regions: &'a [&'a str],
    pub(crate) plus: Plus,
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No signature at all.
    Missing,
    /// A signature of which parts are missing; AWS's text.
    Incomplete(String),
    /// A key or session token that is not this region's.
    UnknownKey,
    /// Temporary keys whose time is over.
    Expired,
    /// The scope is another region's, service's or day's; AWS's text.
    Scope(String),
    /// Signed too long ago or in the future; AWS's text.
    Skewed(String),
    /// Signed with another secret, or something changed on the way.
    Mismatch,
}

/// Which key a signature is checked with.
pub(crate) enum Key<'a> {
    /// A secret that both ends know. Temporary ones come with a session token.
    Secret { credentials: &'a Credentials, token: Option<&'a str> },
    /// A managed node's RSA key, in DER, named by the node's id: the official agent signs the same text by RSA-PSS with
    /// SHA-256, in base64 (`agent/ssm/rsaauth`).
    Public { id: &'a str, key: &'a [u8] },
}

/// The id of the key that a request says it is signed with, and the region that it is signed for.
pub(crate) fn scope(headers: &HeaderMap) -> Option<(&str, &str)> {
    let (scope, ..) = parts(headers.get("authorization")?.to_str().ok()?)?;
    let mut scope = scope.split('/');
    Some((scope.next()?, scope.nth(1).unwrap_or_default()))
}

/// The id of the key alone.
pub(crate) fn key_id(headers: &HeaderMap) -> Option<&str> {
    scope(headers).map(|(key, _)| key)
}

/// Checks the signature of a request; `known` is the key of the id that it names, if there is one.
pub(crate) fn verify(
    signed: &Signed<'_>,
    expected: &Expected<'_>,
    known: Option<&Key<'_>>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let header = |name: &str| signed.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(authorization) = header("authorization") else { return Err(Refusal::Missing) };
    let date = header("x-amz-date").or(header("date"));
    let Some((scope_text, signed_headers, signature)) = parts(authorization) else {
        return Err(Refusal::Incomplete(incomplete(authorization, date)));
    };
    let Some(date) = date else { return Err(Refusal::Incomplete(incomplete(authorization, None))) };
    let mut scope = scope_text.splitn(2, '/');
    let (key, scope) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
    let [day, region, service, end] = scope.split('/').collect::<Vec<_>>()[..] else {
        return Err(Refusal::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{scope_text}'"
        )));
    };
    let Some(known) = known else { return Err(Refusal::UnknownKey) };
    // A token belongs to temporary keys, and to no others.
    let (known_id, token) = match *known {
        Key::Secret { credentials, token } => (credentials.access_key_id.as_str(), token),
        Key::Public { id, .. } => (id, None),
    };
    let right_token = match (header("x-amz-security-token"), token) {
        (None, None) => true,
        (Some(given), Some(token)) => same(given, token),
        _ => false,
    };
    if !same(key, known_id) || !right_token {
        return Err(Refusal::UnknownKey);
    }
    check_scope(region, service, end, expected)?;
    check_time(date, day, now)?;
    let names: Vec<&str> = signed_headers.split(';').collect();
    for name in ["host", "x-amz-date", "x-amz-target"] {
        if signed.headers.contains_key(name) && !names.contains(&name) {
            return Err(Refusal::Incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )));
        }
    }
    let one = |plus| match *known {
        Key::Secret { credentials, .. } => {
            same(signature, &sign(signed, &names, date, scope, plus, &credentials.secret_access_key))
        }
        Key::Public { key, .. } => {
            let text = string_to_sign(signed, &names, date, scope, plus);
            STANDARD.decode(signature).is_ok_and(|signature| {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key)
                    .verify(text.as_bytes(), &signature)
                    .is_ok()
            })
        }
    };
    let right = match expected.plus {
        Plus::Either => one(Plus::Space) || one(Plus::Literal),
        plus => one(plus),
    };
    if right { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// Credential, SignedHeaders and Signature of an Authorization header.
fn parts(authorization: &str) -> Option<(&str, &str, &str)> {
    let rest = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
    let part = |name: &str| {
        rest.split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .filter(|value| !value.is_empty())
    };
    Some((part("Credential")?, part("SignedHeaders")?, part("Signature")?))
}

fn incomplete(authorization: &str, date: Option<&str>) -> String {
    if !authorization.starts_with(ALGORITHM) {
        return format!("Authorization header requires '{ALGORITHM}' as its algorithm.");
    }
    let mut text = String::new();
    for name in ["Credential", "Signature", "SignedHeaders"] {
        let there =
            authorization.split([',', ' ']).any(|part| part.strip_prefix(name).is_some_and(|v| v.len() > 1));
        if !there {
            text.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.trim_end().to_owned()
}

fn check_scope(region: &str, service: &str, end: &str, expected: &Expected<'_>) -> Result<(), Refusal> {
    if !expected.regions.contains(&region) {
        let valid = expected.regions.first().copied().unwrap_or_default();
        return Err(Refusal::Scope(format!(
            "Credential should be scoped to a valid region, not '{region}'. Use '{valid}'."
        )));
    }
    if service != expected.service {
        return Err(Refusal::Scope(format!(
            "Credential should be scoped to correct service: '{}'. ",
            expected.service
        )));
    }
    if end != "aws4_request" {
        return Err(Refusal::Scope(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{end}'. "
        )));
    }
    Ok(())
}

fn check_time(date: &str, day: &str, now: Timestamp) -> Result<(), Refusal> {
    let Some(time) = parse_date(date) else {
        return Err(Refusal::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{date}'.")));
    };
    if !date.starts_with(day) || day.len() != 8 {
        return Err(Refusal::Scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}', from '{date}'.",
            &date[..8]
        )));
    }
    let text = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let (oldest, newest) = (now - SKEW, now + SKEW);
    if time < oldest {
        return Err(Refusal::Skewed(format!(
            "Signature expired: {date} is now earlier than {} ({} - 5 min.)",
            text(oldest),
            text(now)
        )));
    }
    if time > newest {
        return Err(Refusal::Skewed(format!(
            "Signature not yet current: {date} is still later than {} ({} + 5 min.)",
            text(newest),
            text(now)
        )));
    }
    Ok(())
}

fn parse_date(date: &str) -> Option<Timestamp> {
    if date.len() != 16 || !date.is_ascii() {
        return None;
    }
    DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn sign(signed: &Signed<'_>, names: &[&str], date: &str, scope: &str, plus: Plus, secret: &str) -> String {
    let to_sign = string_to_sign(signed, names, date, scope, plus);
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = hmac_sha256(&key, part.as_bytes());
    }
    hex(&hmac_sha256(&key, to_sign.as_bytes()))
}

fn string_to_sign(signed: &Signed<'_>, names: &[&str], date: &str, scope: &str, plus: Plus) -> String {
    let canonical = canonical_request(signed, names, plus);
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()))
}

fn canonical_request(signed: &Signed<'_>, names: &[&str], plus: Plus) -> String {
    let path: Vec<String> = signed.path.split('/').map(encode).collect();
    let mut headers = String::new();
    for name in names {
        let values: Vec<String> = (signed.headers.get_all(*name).iter())
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        signed.method,
        path.join("/"),
        canonical_query(signed.query, plus),
        names.join(";"),
        sha256(signed.body)
    )
}

fn canonical_query(query: &str, plus: Plus) -> String {
    let query = match plus {
        Plus::Literal => query.replace('+', "%2B"),
        _ => query.to_owned(),
    };
    let mut pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).map(|(key, value)| (encode(&key), encode(&value))).collect();
    pairs.sort();
    pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

/// AWS's UriEncode: everything but the unreserved characters, in upper-case hexadecimal.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn same(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

pub(super) fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The Authorization header of a request: for tests alone, which play clients that are no SDK.
#[cfg(test)]
pub(crate) fn authorize(
    signed: &Signed<'_>,
    scope: (&str, &str),
    credentials: &Credentials,
    date: &str,
    plus: Plus,
) -> String {
    let scope = format!("{}/{}/{}/aws4_request", &date[..8], scope.0, scope.1);
    let mut names: Vec<&str> = signed.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let signature = sign(signed, &names, date, &scope, plus, &credentials.secret_access_key);
    format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        names.join(";")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        }
    }

    fn key(credentials: &Credentials) -> Key<'_> {
        Key::Secret { credentials, token: None }
    }

    fn noon() -> Timestamp {
        "2015-08-30T12:36:00Z".parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

    fn expected(service: &'static str) -> Expected<'static> {
        Expected { service, regions: &["us-east-1"], plus: Plus::Space }
    }

    /// Verifies one vector of AWS's published test suite (aws-sig-v4-test-suite): request and signature.
    fn vector(
        method: &str,
        path: &str,
        query: &str,
        extra: &[(&'static str, &str)],
        body: &str,
        signature: &str,
    ) {
        let mut all = vec![("host", "example.amazonaws.com"), DATE];
        all.extend_from_slice(extra);
        let mut headers = headers(&all);
        let mut names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        headers.insert("authorization", authorization.parse().unwrap());
        let signed = Signed { method, path, query, headers: &headers, body: body.as_bytes() };
        assert_eq!(
            verify(&signed, &expected("service"), Some(&key(&example())), noon()),
            Ok(()),
            "{method} {path}?{query}"
        );
        let changed = Signed { body: b"x", ..signed };
        assert_eq!(
            verify(&changed, &expected("service"), Some(&key(&example())), noon()),
            Err(Refusal::Mismatch)
        );
    }

    #[test]
    fn awss_published_vectors_are_signed_rightly() {
        vector("GET", "/", "", &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        vector("POST", "/", "", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        vector(
            "GET",
            "/",
            "Param2=value2&Param1=value1",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        );
        vector("GET", "/ሴ", "", &[], "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
        vector(
            "POST",
            "/",
            "",
            &[("content-type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
    }

    #[test]
    fn the_guides_worked_example_is_signed_rightly() {
        let headers = headers(&[
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            DATE,
        ]);
        let signed = Signed {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &headers,
            body: b"",
        };
        let header = authorize(&signed, ("us-east-1", "iam"), &example(), DATE.1, Plus::Space);
        assert!(
            header.ends_with("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
            "{header}"
        );
    }

    /// A request that is right but for what the closure does to its headers.
    fn refused(service: &'static str, now: Timestamp, change: impl FnOnce(&mut HeaderMap)) -> Refusal {
        let mut headers = headers(&[("host", "example.amazonaws.com"), DATE]);
        let signed = Signed { method: "POST", path: "/", query: "", headers: &headers, body: b"" };
        let authorization = authorize(&signed, ("us-east-1", "ssm"), &example(), DATE.1, Plus::Space);
        headers.insert("authorization", authorization.parse().unwrap());
        change(&mut headers);
        let signed = Signed { method: "POST", path: "/", query: "", headers: &headers, body: b"" };
        verify(&signed, &expected(service), Some(&key(&example())), now).unwrap_err()
    }

    fn edit(headers: &mut HeaderMap, from: &str, to: &str) {
        let text = headers["authorization"].to_str().unwrap().replace(from, to);
        headers.insert("authorization", text.parse().unwrap());
    }

    #[test]
    fn each_wrong_signature_is_refused_for_its_own_reason() {
        assert_eq!(refused("ssm", noon(), |h| drop(h.remove("authorization"))), Refusal::Missing);
        assert_eq!(refused("ssm", noon(), |h| edit(h, "AKIDEXAMPLE", "AKIDSTRANGER")), Refusal::UnknownKey);
        let Refusal::Incomplete(text) = refused("ssm", noon(), |h| edit(h, "Signature=", "Sgn=")) else {
            panic!()
        };
        assert_eq!(text, "Authorization header requires 'Signature' parameter.");
        let Refusal::Incomplete(text) = refused("ssm", noon(), |h| drop(h.remove("x-amz-date"))) else {
            panic!()
        };
        assert!(text.contains("'X-Amz-Date' or a 'Date'"), "{text}");
        let Refusal::Scope(text) = refused("ec2", noon(), |_| ()) else { panic!() };
        assert!(text.contains("correct service: 'ec2'"), "{text}");
        let Refusal::Scope(text) = refused("ssm", noon(), |h| edit(h, "us-east-1", "mars-1")) else {
            panic!()
        };
        assert!(text.contains("valid region"), "{text}");
        let Refusal::Scope(text) = refused("ssm", noon(), |h| edit(h, "/20150830/", "/20150829/")) else {
            panic!()
        };
        assert!(text.contains("'20150829' != '20150830', from '20150830T123600Z'"), "{text}");
        assert_eq!(
            refused("ssm", noon(), |h| drop(h.insert("host", "evil".parse().unwrap()))),
            Refusal::Mismatch
        );
        let token = |h: &mut HeaderMap| drop(h.insert("x-amz-security-token", "stale".parse().unwrap()));
        assert_eq!(refused("ssm", noon(), token), Refusal::UnknownKey);
        let Refusal::Incomplete(text) = refused("ssm", noon(), |h| {
            drop(h.insert("x-amz-target", "AmazonSSM.StartSession".parse().unwrap()))
        }) else {
            panic!()
        };
        assert!(text.contains("'x-amz-target' must be a 'SignedHeader'"), "{text}");
    }

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        let late = noon() + SignedDuration::from_secs(301);
        let Refusal::Skewed(text) = refused("ssm", late, |_| ()) else { panic!() };
        assert_eq!(
            text,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
        );
        let early = noon() - SignedDuration::from_secs(301);
        let Refusal::Skewed(text) = refused("ssm", early, |_| ()) else { panic!() };
        assert!(
            text.starts_with("Signature not yet current: 20150830T123600Z is still later than"),
            "{text}"
        );
        assert_eq!(
            refused("ssm", late - SignedDuration::from_secs(2), |h| edit(h, "Signature=", "Signature=0")),
            Refusal::Mismatch
        );
    }

    #[test]
    fn a_raw_plus_in_a_query_is_a_space_or_itself_as_the_region_was_told() {
        let query = "role=publish_subscribe&cell-number=AAEA+Lu4/x==";
        assert_eq!(
            canonical_query(query, Plus::Space),
            "cell-number=AAEA%20Lu4%2Fx%3D%3D&role=publish_subscribe"
        );
        assert_eq!(
            canonical_query(query, Plus::Literal),
            "cell-number=AAEA%2BLu4%2Fx%3D%3D&role=publish_subscribe"
        );
        let mut headers = headers(&[("host", "h"), DATE]);
        let signed = Signed { method: "GET", path: "/a@b", query, headers: &headers, body: b"" };
        let authorization =
            authorize(&signed, ("us-east-1", "ssmmessages"), &example(), DATE.1, Plus::Literal);
        headers.insert("authorization", authorization.parse().unwrap());
        let signed = Signed { method: "GET", path: "/a@b", query, headers: &headers, body: b"" };
        for (plus, answer) in
            [(Plus::Space, Err(Refusal::Mismatch)), (Plus::Literal, Ok(())), (Plus::Either, Ok(()))]
        {
            let expected = Expected { plus, ..expected("ssmmessages") };
            assert_eq!(verify(&signed, &expected, Some(&key(&example())), noon()), answer);
        }
        assert!(canonical_request(&signed, &["host"], Plus::Space).contains("\n/a%40b\n"));
    }

    /// A request of the official agent 3.3.1142, caught on its way: node, key and signature are its own.
    #[test]
    fn the_official_agents_rsa_signature_is_taken_and_no_other() {
        const NODE: &str = "mi-c8c7ef29393eab5f4";
        const KEY: &str = concat!(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmnlt7A4nO3FgDohikt/7k2zmzDjC6TdvnWDTWs5M2QWPCa8MXsE/+ils",
            "Fn+f85rVaoR/cvl/riOamYOzFr4roxvPXzPI8lXRW1FVH+PrZPxffxjWsKqzvEgrBM5lLNrAoLDuRXdVvGEOVyW4rknvlWcrdVIr",
            "e9JrmnDGAjYTSO2xctDJsVY4MPmZdGVkQL6ZLDKxiZQwMSUFlkIBpvIhElSVXV0thvaoS5MrzzMCiGZKxaT+g4YHXk/TnCWVldqt",
            "Ba52ub7hvcwqdvKyUj5XW8tC4FFpTjSs3a6q4MtAiz+cGm71E8Lpy2c2EJ53WUUXg6mS4bgoMDu9vcjX7gMUaQIDAQAB",
        );
        const SIGNATURE: &str = concat!(
            "Sx2Ofn1cs1zYVuJSNnNX7n0h1yGRRtP4oAhctTketwk0MSlD2h6Jtn1eqppnrvkXe/5LFxC7ZwSugoYSV7xpgfFHv/EUVVgrur7r",
            "556SNxEzIbKkBdj+vmOKlNGwF4EXoWQOJL1AMb42xtyasLlWlt89vsBHdAOmbr3426BrRmYmkvCfFFkZ0SYaS6ZM32imC4kK1yKP",
            "RUKXILo9973Nhcui/nM7Ih3W8bgbPyaj3SoTEGuVyeuPlhwJjblanTNeAIxT8xc7zEYC6WHz1DH2QIkmiqxh6lmh8Z2j9gdCiqFw",
            "oBn2Xbmv88kXrhVOL2kPWn7JPkMvB2TSRqkR21rD0Q==",
        );
        const BODY: &str = r#"{"Fingerprint":"9fa0bd41-e552-44df-96b2-15556a2fec2c"}"#;
        let now: Timestamp = "2026-11-24T03:42:17Z".parse().unwrap();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={NODE}/20261124/eu-west-1/ssm/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={SIGNATURE}"
        );
        let headers = headers(&[
            ("host", "localhost:8900"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-date", "20261124T034217Z"),
            ("x-amz-target", "AmazonSSM.RequestManagedInstanceRoleToken"),
            ("authorization", &authorization),
        ]);
        assert_eq!(key_id(&headers), Some(NODE));
        let signed =
            Signed { method: "POST", path: "/", query: "", headers: &headers, body: BODY.as_bytes() };
        let expected = Expected { service: "ssm", regions: &["eu-west-1"], plus: Plus::Space };
        let key = STANDARD.decode(KEY).unwrap();
        let check = |signed: &Signed<'_>, id: &str, key: &[u8]| {
            verify(signed, &expected, Some(&Key::Public { id, key }), now)
        };
        assert_eq!(check(&signed, NODE, &key), Ok(()));
        assert_eq!(check(&Signed { body: b"{}", ..signed }, NODE, &key), Err(Refusal::Mismatch));
        assert_eq!(check(&signed, "mi-0123456789abcdef0", &key), Err(Refusal::UnknownKey));
        let mut other = key.clone();
        other[100] ^= 1;
        assert_eq!(check(&signed, NODE, &other), Err(Refusal::Mismatch));
        assert_eq!(check(&signed, NODE, b"no key"), Err(Refusal::Mismatch));
    }
}
