//! The callers of the file, and the documents that they have.

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::sim::{
    options::{Options, Rights},
    policy::{self, Decision, Request},
    world::World,
};

fn directory(rights: Rights) -> Directory {
    Directory::new(World::accounts(), &Options { rights, ..Options::default() })
}

fn decide(caller: &Caller, action: &str, resource: &str) -> Decision {
    let principal = caller.named();
    let keys = caller.with_keys(Keys::default(), Timestamp::UNIX_EPOCH);
    let request = Request { principal: &principal, action, resource, keys: &keys };
    policy::evaluate(&caller.layers(), &request).decision
}

#[test]
fn every_account_has_the_same_principals_and_no_key_twice() {
    let directory = directory(Rights::Full);
    assert_eq!(directory.accounts.len(), 3);
    let mut keys = BTreeSet::new();
    for account in &directory.accounts {
        let names: Vec<&str> = account.users.iter().map(|user| user.caller.name.as_str()).collect();
        assert_eq!(names, ["demo", "admin", "reader", "limited", "contractor", "mfa-user"]);
        assert_eq!(account.starter().caller.arn, format!("arn:aws:iam::{}:user/demo", account.facts.id));
        assert!(account.users.iter().all(|user| keys.insert(user.keys.access_key_id.clone())));
        for role in &account.roles {
            assert_eq!(directory.role(&role.arn).map(|found| &found.id), Some(&role.id));
            assert_eq!(role.account(), account.facts.id);
        }
    }
}

#[test]
fn each_choice_of_rights_differs_where_it_says() {
    let list = "arn:aws:ssm:eu-west-1:123456789012:*";
    for (rights, information, properties) in
        [(Rights::Full, true, true), (Rights::EndUser, false, true), (Rights::NoList, false, false)]
    {
        let directory = directory(rights);
        let caller = &directory.accounts[0].starter().caller;
        for (action, allowed) in
            [("ssm:DescribeInstanceInformation", information), ("ssm:DescribeInstanceProperties", properties)]
        {
            assert_eq!(decide(caller, action, list) == Decision::Allowed, allowed, "{rights:?} {action}");
        }
        let session = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0";
        assert_eq!(decide(caller, "ssm:StartSession", session), Decision::Allowed, "{rights:?}");
    }
}

#[test]
fn temporary_keys_are_found_until_many_newer_ones_came() {
    let directory = directory(Rights::Full);
    let role = &directory.accounts[0].roles[0];
    let now = "2026-03-01T12:00:00.7Z".parse::<Timestamp>().unwrap();
    let issue = || directory.issue(role.session("peer", Vec::new(), None), Duration::from_secs(900), now);
    let first = issue();
    let id = first.credentials.access_key_id.clone();
    let held = directory.find(&id).unwrap();
    assert_eq!(held.token(), first.token());
    assert!(!held.expired("2026-03-01T12:14:59Z".parse().unwrap()));
    assert!(held.expired("2026-03-01T12:15:00Z".parse().unwrap()), "whole seconds, as STS tells them");
    for _ in 0..10_000 {
        issue();
    }
    assert!(directory.find(&id).is_none());
    assert!(!format!("{held:?}").contains(&held.credentials.secret_access_key));
}

#[test]
fn a_chain_is_shorter_than_a_role_allows() {
    let directory = directory(Rights::Full);
    let account = &directory.accounts[0];
    let ops = account.roles.iter().find(|role| role.name == "ops").unwrap();
    assert_eq!(ops.longest_for(&account.starter().caller), Duration::from_secs(4 * 3600));
    assert_eq!(ops.longest_for(&ops.session("peer", Vec::new(), None)), Duration::from_secs(3600));
}
