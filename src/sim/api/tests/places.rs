//! Several accounts and regions behind one address.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::call::Caller;
use crate::sim::{Options, Spread, api::sigv4::Credentials};

impl Caller {
    /// The same region as another place's caller sees it.
    pub(super) fn go(&mut self, profile: &str, region: &'static str) {
        let places = self.region.places();
        let place = places.into_iter().find(|place| place.profile_name == profile && place.region == region);
        let place = place.unwrap_or_else(|| panic!("no {profile} in {region}"));
        self.credentials =
            Credentials { access_key_id: place.access_key_id, secret_access_key: place.secret_access_key };
        self.scope = region;
    }

    /// The ids of all machines here.
    async fn machines(&self) -> Vec<String> {
        let listed = self.ec2("Action=DescribeInstances").await;
        assert_eq!(listed.status, 200, "{listed:?}");
        let ids = listed.body.split("<instanceId>").skip(1);
        ids.filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())).collect()
    }
}

const PLACES: [(&str, &str); 6] = [
    ("prod", "eu-west-1"),
    ("prod", "us-east-1"),
    ("staging", "eu-west-1"),
    ("staging", "us-east-1"),
    ("data", "eu-west-1"),
    ("data", "us-east-1"),
];

#[tokio::test]
async fn each_place_has_a_fleet_of_its_own_and_no_id_twice() {
    let mut caller = Caller::of(Options::default()).await;
    let places = caller.region.places();
    let named: Vec<_> =
        places.iter().map(|place| (place.profile_name.as_str(), place.region.as_str())).collect();
    assert_eq!(named, PLACES);
    let accounts: HashMap<&str, &str> =
        places.iter().map(|place| (place.account.as_str(), place.alias.as_str())).collect();
    assert_eq!(accounts.len(), 3);
    assert_eq!(accounts["123456789012"], "shop-prod");
    let mut all = HashSet::new();
    for (profile, region) in PLACES {
        caller.go(profile, region);
        let machines = caller.machines().await;
        assert!(machines.len() >= 10, "{profile} {region}: {machines:?}");
        for id in machines {
            assert!(all.insert(id.clone()), "{id} twice");
        }
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_key_says_the_account_and_the_scope_the_region() {
    let mut caller = Caller::of(Options::default()).await;
    for (profile, account) in
        [("prod", "123456789012"), ("staging", "210987654321"), ("data", "345678901234")]
    {
        caller.go(profile, "us-east-1");
        let who = caller.sts("Action=GetCallerIdentity").await;
        assert!(who.body.contains(&format!("<Arn>arn:aws:iam::{account}:user/demo</Arn>")), "{who:?}");
        assert_eq!(caller.ec2("Action=DescribeRegions").await.status, 200);
        // A region that every account has and in which nothing is, and one that there is not.
        caller.scope = "eu-north-1";
        let nodes = caller.ssm("DescribeInstanceInformation", json!({})).await.json();
        assert_eq!(nodes, json!({ "InstanceInformationList": [] }));
        assert!(caller.machines().await.is_empty());
        caller.scope = "eu-north-9";
        let elsewhere = caller.ssm("DescribeSessions", json!({})).await.error();
        assert!(elsewhere.contains("scoped to a valid region, not 'eu-north-9'"), "{elsewhere}");
        // Where the account has not opted in, its keys are unknown.
        caller.scope = "eu-south-1";
        let closed = caller.ssm("DescribeSessions", json!({})).await.error();
        assert!(closed.starts_with("400 UnrecognizedClientException"), "{closed}");
        assert!(caller.ec2("Action=DescribeRegions").await.error().starts_with("401 AuthFailure"));
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_session_belongs_to_its_place() {
    let mut caller = Caller::of(Options::default()).await;
    caller.go("staging", "us-east-1");
    let target = caller.machines().await.remove(0);
    let started = caller.ssm("StartSession", json!({"Target": target})).await.json();
    let id = started["SessionId"].as_str().unwrap().to_owned();
    let shown = caller.ssm("DescribeSessions", json!({"State": "Active"})).await.json();
    assert_eq!(shown["Sessions"][0]["SessionId"], json!(id));
    assert_eq!(shown["Sessions"][0]["Owner"], json!("arn:aws:iam::210987654321:user/demo"));
    for (profile, region) in [("staging", "eu-west-1"), ("prod", "us-east-1")] {
        caller.go(profile, region);
        let none = caller.ssm("DescribeSessions", json!({"State": "Active"})).await.json();
        assert_eq!(none["Sessions"], json!([]), "{profile} {region}");
        let gone = caller.ssm("ResumeSession", json!({"SessionId": id})).await.error();
        assert!(gone.starts_with("400 DoesNotExistException"), "{gone}");
        let stranger = caller.ssm("StartSession", json!({"Target": target})).await.error();
        assert_eq!(stranger, format!("400 TargetNotConnected: {target} is not connected."));
        assert_eq!(caller.ssm("TerminateSession", json!({"SessionId": id})).await.status, 200);
    }
    caller.go("staging", "us-east-1");
    assert_eq!(caller.ssm("ResumeSession", json!({"SessionId": id})).await.status, 200, "nobody ended it");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn hybrid_nodes_take_sessions_where_the_tier_is_paid_for() {
    let mut caller = Caller::of(Options::default()).await;
    caller.go("staging", "eu-west-1");
    let refused = caller.ssm("StartSession", json!({"Target": "mi-0b5e9d3c2a1f40718"})).await.error();
    assert!(refused.contains("Enable advanced-instances tier"), "{refused}");
    caller.go("data", "eu-west-1");
    assert_eq!(caller.ssm("StartSession", json!({"Target": "mi-04d7c1b2e3f5a6980"})).await.status, 200);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn synthetic_nodes_stand_in_the_primary_place_or_everywhere() {
    for (spread, wanted) in [(Spread::Primary, [60, 0, 0, 0, 0, 0]), (Spread::All, [10; 6])] {
        let (mut few, mut many) = (
            Caller::of(Options { spread, ..Options::default() }).await,
            Caller::of(Options { nodes: 60, spread, ..Options::default() }).await,
        );
        let mut all = HashSet::new();
        for ((profile, region), wanted) in PLACES.into_iter().zip(wanted) {
            few.go(profile, region);
            many.go(profile, region);
            let more = many.machines().await;
            assert_eq!(more.len() - few.machines().await.len(), wanted, "{spread:?} {profile} {region}");
            assert!(more.into_iter().all(|id| all.insert(id)));
        }
        few.region.shutdown().await;
        many.region.shutdown().await;
    }
}

#[tokio::test]
async fn a_fault_of_one_place_leaves_the_others_alone() {
    let mut caller = Caller::with("deny=ec2:DescribeInstances@staging/us-east-1").await;
    for (profile, region) in PLACES {
        caller.go(profile, region);
        let denied = (profile, region) == ("staging", "us-east-1");
        let status = caller.ec2("Action=DescribeInstances").await.status;
        assert_eq!(status, if denied { 403 } else { 200 }, "{profile} {region}");
    }
    caller.region.shutdown().await;
}
