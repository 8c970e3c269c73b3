//! Temporary keys: who gets them, with which proof, and how long they are good.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::call::{Caller, Reply};
use crate::sim::{Options, Profile, Way, api::sigv4::Credentials};

const MFA: &str = "arn:aws:iam::123456789012:mfa/mfa-user";
const CODE: &str = "246810";

/// The text of an element.
fn element<'a>(reply: &'a Reply, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let from = reply.body.find(&open).unwrap_or_else(|| panic!("no {name}: {reply:?}")) + open.len();
    &reply.body[from..from + reply.body[from..].find(&close).unwrap()]
}

impl Caller {
    /// Goes on as the user of a profile.
    pub(super) fn become_user(&mut self, profile: &str) {
        let profiles = self.region.profiles();
        let way = profiles.into_iter().find(|known| known.name == profile).map(|Profile { way, .. }| way);
        let Some(Way::Keys { id, secret }) = way else { panic!("{profile} has no keys") };
        self.credentials = Credentials { access_key_id: id, secret_access_key: secret };
        self.token = None;
    }

    /// Goes on with the temporary keys of an answer.
    pub(super) fn take(&mut self, reply: &Reply) {
        assert_eq!(reply.status, 200, "{reply:?}");
        self.credentials = Credentials {
            access_key_id: element(reply, "AccessKeyId").to_owned(),
            secret_access_key: element(reply, "SecretAccessKey").to_owned(),
        };
        self.token = Some(element(reply, "SessionToken").to_owned());
    }

    pub(super) async fn assume(&self, account: &str, role: &str, more: &str) -> Reply {
        let arn = format!("arn%3Aaws%3Aiam%3A%3A{account}%3Arole%2F{role}");
        self.sts(&format!("Action=AssumeRole&RoleArn={arn}&RoleSessionName=peer{more}")).await
    }

    async fn arn(&self) -> String {
        element(&self.sts("Action=GetCallerIdentity").await, "Arn").to_owned()
    }
}

async fn with_code() -> Caller {
    Caller::of(Options { mfa_code: Some(CODE.to_owned()), ..Options::default() }).await
}

fn proof(code: &str) -> String {
    format!("&SerialNumber={}&TokenCode={code}", MFA.replace(':', "%3A").replace('/', "%2F"))
}

#[tokio::test]
async fn a_role_is_assumed_and_acts() {
    let mut caller = with_code().await;
    let answer = caller.assume("123456789012", "ops", "").await;
    assert_eq!(element(&answer, "Arn"), "arn:aws:sts::123456789012:assumed-role/ops/peer");
    let expires: Timestamp = element(&answer, "Expiration").parse().unwrap();
    assert!((3590..=3600).contains(&expires.duration_since(Timestamp::now()).as_secs()), "{expires}");
    caller.take(&answer);
    assert!(caller.credentials.access_key_id.starts_with("ASIA"));
    assert_eq!(caller.arn().await, "arn:aws:sts::123456789012:assumed-role/ops/peer");
    let target = json!({"Target": caller.some_node().await});
    let session = caller.ssm("StartSession", target).await.json();
    let id = session["SessionId"].as_str().unwrap();
    assert!(id.starts_with("peer-"), "{id}");
    assert_eq!(caller.ssm("TerminateSession", json!({"SessionId": id})).await.status, 200);

    // The token belongs to the keys.
    let token = caller.token.take();
    let refused = caller.ssm("DescribeSessions", json!({"State": "Active"})).await.error();
    assert!(refused.starts_with("400 UnrecognizedClientException"), "{refused}");
    caller.token = token.map(|token| format!("{token}x"));
    assert!(caller.sts("Action=GetCallerIdentity").await.error().starts_with("403 InvalidClientTokenId"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_role_that_trusts_others_is_refused_like_one_that_is_not_there() {
    let mut caller = with_code().await;
    caller.become_user("staging");
    for role in ["ops", "nobody"] {
        assert_eq!(
            caller.assume("123456789012", role, "").await.error(),
            format!(
                "403 AccessDenied: User: arn:aws:iam::210987654321:user/demo is not authorized to perform: sts:AssumeRole on resource: \
                 arn:aws:iam::123456789012:role/{role}"
            )
        );
    }
    // Trusted, and without the right to go there.
    caller.become_user("prod-limited");
    assert!(caller.assume("123456789012", "ops", "").await.error().starts_with("403 AccessDenied: User: "));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_other_account_asks_for_the_id_that_was_agreed_on() {
    let mut caller = with_code().await;
    let audit = |more: &'static str| (more, "345678901234", "audit");
    for (more, account, role) in [audit(""), audit("&ExternalId=guess")] {
        assert!(caller.assume(account, role, more).await.error().starts_with("403 AccessDenied"), "{more}");
    }
    caller.take(&caller.assume("345678901234", "audit", "&ExternalId=shop-audit").await);
    assert_eq!(caller.arn().await, "arn:aws:sts::345678901234:assumed-role/audit/peer");
    caller.scope = "us-east-1";
    assert!(caller.ec2("Action=DescribeInstances").await.body.contains("us-spark-1"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_chain_lasts_an_hour_at_most() {
    let mut caller = with_code().await;
    caller.take(&caller.assume("123456789012", "ops", "&DurationSeconds=7200").await);
    let long = caller.assume("123456789012", "ops", "&DurationSeconds=3601").await.error();
    assert_eq!(
        long,
        "400 ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    );
    caller.take(&caller.assume("123456789012", "ops", "&DurationSeconds=3600").await);
    assert!(caller.sts("Action=GetSessionToken").await.error().contains("with session credentials"));
    caller.become_user("prod");
    let long = caller.assume("345678901234", "audit", "&ExternalId=shop-audit&DurationSeconds=7201").await;
    assert!(long.error().contains("exceeds the MaxSessionDuration set for this role"), "{long:?}");
    let short = caller.assume("123456789012", "ops", "&DurationSeconds=899").await.error();
    assert!(short.ends_with(
        "'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"
    ));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn without_the_code_nothing_goes_and_with_it_all() {
    let mut caller = with_code().await;
    caller.become_user("prod-mfa-user");
    assert_eq!(caller.arn().await, "arn:aws:iam::123456789012:user/mfa-user");
    let denied = caller.ssm("DescribeInstanceInformation", json!({})).await.error();
    assert!(
        denied.ends_with(
            "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/shop-demand-mfa"
        ),
        "{denied}"
    );
    let refused = caller.assume("123456789012", "ops-mfa", "").await.error();
    assert!(refused.starts_with("403 AccessDenied: User: "), "{refused}");
    for (form, said) in [
        ("&TokenCode=246810".to_owned(), "must provide both MFA serial number and one time pass code"),
        (proof("000000"), "failed with invalid MFA one time pass code"),
        (proof("24681"), "400 ValidationError"),
        (proof(CODE).replace("mfa-user", "other"), "unable to validate MFA code"),
    ] {
        let refused = caller.sts(&format!("Action=GetSessionToken{form}")).await.error();
        assert!(refused.contains(said), "{form}: {refused}");
    }

    let role = caller.assume("123456789012", "ops-mfa", &proof(CODE)).await;
    assert_eq!(role.status, 200, "{role:?}");
    let session = caller.sts(&format!("Action=GetSessionToken{}", proof(CODE))).await;
    let expires: Timestamp = element(&session, "Expiration").parse().unwrap();
    assert!((43_190..=43_200).contains(&expires.duration_since(Timestamp::now()).as_secs()), "{expires}");
    caller.take(&session);
    assert_eq!(caller.arn().await, "arn:aws:iam::123456789012:user/mfa-user");
    assert_eq!(caller.ssm("DescribeInstanceInformation", json!({})).await.status, 200);
    // The proof goes along: a role that asks for it is open to these keys.
    assert_eq!(caller.assume("123456789012", "ops-mfa", "").await.status, 200);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn keys_that_have_expired_are_told_apart_from_unknown_ones() {
    let options = Options { credentials: Some(Duration::ZERO), ..Options::default() };
    let mut caller = Caller::of(options).await;
    caller.take(&caller.assume("123456789012", "ops", "").await);
    let expired = "The security token included in the request is expired";
    assert_eq!(
        caller.ssm("DescribeSessions", json!({"State": "Active"})).await.error(),
        format!("400 ExpiredTokenException: {expired}")
    );
    assert_eq!(caller.sts("Action=GetCallerIdentity").await.error(), format!("403 ExpiredToken: {expired}"));
    assert!(caller.ec2("Action=DescribeRegions").await.error().starts_with("400 RequestExpired"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_session_policy_is_a_limit() {
    let mut caller = with_code().await;
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22ssm%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    let answer = caller.assume("123456789012", "ops", &format!("&Policy={policy}")).await;
    assert!(element(&answer, "PackedPolicySize").parse::<u32>().unwrap() > 0);
    caller.take(&answer);
    assert_eq!(caller.ssm("DescribeInstanceInformation", json!({})).await.status, 200);
    let denied = caller.ec2("Action=DescribeInstances").await.error();
    assert!(
        denied.ends_with("because no session policy allows the ec2:DescribeInstances action"),
        "{denied}"
    );
    caller.become_user("prod");
    let bad = caller.assume("123456789012", "ops", "&Policy=%7B").await.error();
    assert_eq!(bad, "400 MalformedPolicyDocument: This policy contains invalid Json");
    let managed = "&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3A123456789012%3Apolicy%2Fshop-ssm-only";
    caller.take(&caller.assume("123456789012", "ops", managed).await);
    assert!(caller.ec2("Action=DescribeInstances").await.error().contains("no session policy allows"));
    caller.region.shutdown().await;
}
