//! The lists: pages, filters, texts of refusals.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::call::Caller;
use crate::sim::{Options, options::Rights};

async fn all(caller: &Caller, operation: &str, list: &str, request: Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let mut request = request.clone();
        if let Some(token) = token {
            request["NextToken"] = token;
        }
        let reply = caller.ssm(operation, request).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut page = reply.json();
        token = page.get("NextToken").cloned();
        pages.push(page[list].take().as_array().unwrap().clone());
        if token.is_none() {
            return pages;
        }
    }
}

async fn named(caller: &Caller, name: &str) -> Value {
    let rows =
        all(caller, "DescribeInstanceProperties", "InstanceProperties", json!({"MaxResults": 1000})).await;
    rows.concat().into_iter().find(|row| row["Name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

async fn listed(caller: &Caller, request: Value) -> Vec<String> {
    let rows = all(caller, "DescribeInstanceInformation", "InstanceInformationList", request).await.concat();
    rows.iter().map(|row| row["InstanceId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_page_of_every_list_holds_every_node_once() {
    let caller = Caller::of(Options { nodes: 300, ..Options::default() }).await;
    let pages =
        all(&caller, "DescribeInstanceInformation", "InstanceInformationList", json!({"MaxResults": 50}))
            .await;
    assert!(
        pages.len() >= 5 && pages[..pages.len() - 1].iter().all(|page| page.len() == 50),
        "{}",
        pages.len()
    );
    let ids: Vec<String> = pages.concat().iter().map(|row| row["InstanceId"].to_string()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    let properties =
        all(&caller, "DescribeInstanceProperties", "InstanceProperties", json!({"MaxResults": 7})).await;
    let others: Vec<String> = properties.concat().iter().map(|row| row["InstanceId"].to_string()).collect();
    assert_eq!(ids, others);

    let mut seen = 0;
    let mut token = String::new();
    loop {
        let reply = caller.ec2(&format!("Action=DescribeInstances&MaxResults=100{token}")).await;
        assert_eq!(reply.status, 200);
        seen += reply.body.matches("<instanceId>").count();
        let Some((_, rest)) = reply.body.split_once("<nextToken>") else { break };
        let next = rest.split_once("</nextToken>").unwrap().0;
        token = format!("&NextToken={}", next.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
    }
    let machines = caller.ec2("Action=DescribeInstances").await.body.matches("<instanceId>").count();
    assert!(machines > 330, "{machines}");
    assert_eq!(seen, machines);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn filters_choose_as_awss_do() {
    let caller = Caller::of(Options::default()).await;
    let web = named(&caller, "web-1").await;
    let id = web["InstanceId"].as_str().unwrap();
    let filter = |key: &str, values: &[&str]| json!({"Filters": [{"Key": key, "Values": values}]});
    assert_eq!(listed(&caller, filter("InstanceIds", &[id])).await, [id]);
    assert_eq!(
        listed(&caller, json!({"InstanceInformationFilterList": [{"key": "InstanceIds", "valueSet": [id]}]}))
            .await,
        [id]
    );
    assert!(listed(&caller, filter("InstanceIds", &["i-0123456789abcdef0"])).await.is_empty());
    let windows = listed(&caller, filter("PlatformTypes", &["Windows"])).await;
    assert_eq!(windows.len(), 3);
    let hybrid = listed(&caller, filter("ResourceType", &["ManagedInstance"])).await;
    assert_eq!(hybrid.len(), 5);
    assert!(hybrid.iter().all(|id| id.starts_with("mi-")));
    assert_eq!(listed(&caller, filter("tag:team", &["pay"])).await.len(), 1);
    let lost = listed(&caller, filter("PingStatus", &["ConnectionLost"])).await;
    assert!(lost.len() >= 4, "{lost:?}");
    let properties = |filter: Value| {
        all(
            &caller,
            "DescribeInstanceProperties",
            "InstanceProperties",
            json!({"FiltersWithOperator": [filter]}),
        )
    };
    let old = properties(json!({"Key": "AgentVersion", "Values": ["2.3.68.0"], "Operator": "LessThan"}))
        .await
        .concat();
    assert_eq!(old.iter().map(|row| row["Name"].as_str().unwrap()).collect::<Vec<_>>(), ["legacy-1"]);
    let twos =
        properties(json!({"Key": "AgentVersion", "Values": ["2."], "Operator": "BeginWith"})).await.concat();
    assert_eq!(twos, old);

    for (request, error) in [
        (filter("Moon", &["x"]), "400 InvalidFilterKey: "),
        (filter("InstanceIds", &["x"]), "400 InvalidInstanceId: The instance ID 'x' is not valid."),
        (
            filter("ResourceType", &["EC2Instance", "ManagedInstance"]),
            "400 InvalidInstanceInformationFilterValue: ResourceType filter may contain only one value.",
        ),
        (
            filter("ResourceType", &["Document"]),
            "400 InvalidInstanceInformationFilterValue: ResourceType filter is invalid, valid values are EC2Instance, ManagedInstance",
        ),
        (
            json!({"Filters": [{"Key": "tag:a", "Values": ["b"]}, {"Key": "PingStatus", "Values": ["Online"]}]}),
            "400 ValidationException: Cannot mix tag or inventory filter with any other filter.",
        ),
        (json!({"NextToken": "AAAA"}), "400 InvalidNextToken: The specified token is not valid."),
        (
            json!({"MaxResults": 51}),
            "400 ValidationException: 1 validation error detected: Value '51' at 'maxResults' failed to satisfy constraint: Member must have \
             value less than or equal to 50",
        ),
    ] {
        assert_eq!(
            caller.ssm("DescribeInstanceInformation", request.clone()).await.error(),
            error,
            "{request}"
        );
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn ec2_filters_and_refuses_as_ec2_does() {
    let caller = Caller::of(Options::default()).await;
    let count = |reply: &super::call::Reply| reply.body.matches("<instanceId>").count();
    let web = caller.ec2("Action=DescribeInstances&Filter.1.Name=tag%3AName&Filter.1.Value.1=web-*").await;
    assert_eq!(count(&web), 8);
    assert_eq!(web.body.matches("<reservationId>").count(), 1, "launched together");
    let idle = caller
        .ec2("Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=stopped")
        .await;
    assert_eq!(count(&idle), 1);
    assert!(idle.body.contains("<reason>User initiated ("), "{}", idle.body);
    let windows =
        caller.ec2("Action=DescribeInstances&Filter.1.Name=platform&Filter.1.Value.1=windows").await;
    assert_eq!((count(&windows), windows.body.matches("<platform>windows</platform>").count()), (3, 3));
    for (form, error) in [
        (
            "InstanceId.1=i-0123456789abcdef0",
            "400 InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist",
        ),
        (
            "InstanceId.1=i-0123456789abcdef0&InstanceId.2=i-0123456789abcdef1",
            "400 InvalidInstanceID.NotFound: The instance IDs 'i-0123456789abcdef0, i-0123456789abcdef1' do not exist",
        ),
        ("InstanceId.1=web-1", "400 InvalidInstanceID.Malformed: Invalid id: \"web-1\""),
        (
            "InstanceId.1=mi-0f3a81c2d4e5b6a70",
            "400 InvalidInstanceID.Malformed: Invalid id: \"mi-0f3a81c2d4e5b6a70\"",
        ),
        (
            "InstanceId.1=i-0123456789abcdef0&MaxResults=5",
            "400 InvalidParameterCombination: The parameter instancesSet cannot be used with the parameter maxResults",
        ),
        (
            "MaxResults=1",
            "400 InvalidParameterValue: Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        ("NextToken=AAAA", "400 InvalidParameterValue: Unable to parse pagination token"),
        ("Filter.1.Name=moon&Filter.1.Value.1=x", "400 InvalidParameterValue: The filter 'moon' is invalid"),
        ("Moon=1", "400 UnknownParameter: The parameter Moon is not recognized"),
        ("DryRun=true", "412 DryRunOperation: Request would have succeeded, but DryRun flag is set."),
    ] {
        assert_eq!(caller.ec2(&format!("Action=DescribeInstances&{form}")).await.error(), error, "{form}");
    }
    let regions = caller.ec2("Action=DescribeRegions&AllRegions=true").await.body;
    assert!(
        regions.contains("<optInStatus>not-opted-in</optInStatus>")
            && regions.contains("<regionName>eu-west-1</regionName>")
    );
    caller.region.shutdown().await;
}

#[tokio::test]
async fn connection_status_tells_online_from_ready() {
    let caller = Caller::of(Options::default()).await;
    for (name, status) in [
        ("web-1", "connected"),
        ("etl-1", "notconnected"),
        ("vault-2", "notconnected"),
        ("dh-1", "connected"),
    ] {
        let row = named(&caller, name).await;
        assert_eq!(row["PingStatus"], "Online");
        let target = &row["InstanceId"];
        let answer = caller.ssm("GetConnectionStatus", json!({"Target": target})).await.json();
        assert_eq!(answer, json!({"Target": target, "Status": status}), "{name}");
    }
    let nobody = caller.ssm("GetConnectionStatus", json!({"Target": "i-0123456789abcdef0"})).await.json();
    assert_eq!(nobody["Status"], "notconnected");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_sample_policies_grant_what_they_grant() {
    let caller = Caller::of(Options { rights: Rights::EndUser, ..Options::default() }).await;
    assert!(
        caller
            .ssm("DescribeInstanceInformation", json!({}))
            .await
            .error()
            .starts_with("400 AccessDeniedException")
    );
    assert_eq!(caller.ssm("DescribeInstanceProperties", json!({})).await.status, 200);
    caller.region.shutdown().await;
    let caller = Caller::of(Options { rights: Rights::NoList, ..Options::default() }).await;
    assert!(
        caller
            .ssm("DescribeInstanceProperties", json!({}))
            .await
            .error()
            .starts_with("400 AccessDeniedException")
    );
    assert!(caller.ec2("Action=DescribeInstances").await.error().starts_with("403 UnauthorizedOperation"));
    assert_eq!(caller.ssm("GetConnectionStatus", json!({"Target": "i-1"})).await.status, 200);
    caller.region.shutdown().await;
}
