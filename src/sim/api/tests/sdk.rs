//! The real SDK against the region: it must not notice.

use aws_credential_types::Credentials;
use aws_sdk_ec2::config::{BehaviorVersion, Region as AwsRegion};

use crate::sim::{Options, Region};

fn keys(region: &Region, secret: Option<&str>) -> Credentials {
    let [_, _, (_, id), (_, right), _] = region.environment();
    Credentials::new(id, secret.map_or(right, str::to_owned), None, None, "test")
}

fn ssm(region: &Region, secret: Option<&str>) -> aws_sdk_ssm::Client {
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(AwsRegion::new("eu-west-1"))
        .endpoint_url(region.endpoint())
        .credentials_provider(keys(region, secret))
        .build();
    aws_sdk_ssm::Client::from_conf(config)
}

fn ec2(region: &Region) -> aws_sdk_ec2::Client {
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(AwsRegion::new("eu-west-1"))
        .endpoint_url(region.endpoint())
        .credentials_provider(keys(region, None))
        .build();
    aws_sdk_ec2::Client::from_conf(config)
}

#[tokio::test]
async fn peers_c36_the_sdk_lists_137_nodes_over_pages() {
    let region = Region::start(Options { nodes: 137, ..Options::default() }).await.unwrap();
    let mut pages = 0;
    let mut managed = Vec::new();
    let mut paginator =
        ssm(&region, None).describe_instance_information().max_results(20).into_paginator().send();
    while let Some(page) = paginator.next().await {
        pages += 1;
        managed.extend(page.unwrap().instance_information_list.unwrap_or_default());
    }
    assert!(pages > 6, "{pages}");
    assert!(managed.iter().all(|row| row.last_ping_date_time.is_some() && row.agent_version.is_some()));

    let mut machines = Vec::new();
    let mut paginator = ec2(&region).describe_instances().max_results(20).into_paginator().send();
    while let Some(page) = paginator.next().await {
        for reservation in page.unwrap().reservations.unwrap_or_default() {
            machines.extend(reservation.instances.unwrap_or_default());
        }
    }
    let synthetic = |name: &str| name.rsplit_once('-').is_some_and(|(_, number)| number.len() == 5);
    let named = machines.iter().filter(|machine| {
        machine.tags().iter().any(|tag| tag.key() == Some("Name") && tag.value().is_some_and(synthetic))
    });
    assert_eq!(named.count(), 137);
    assert!(machines.iter().all(|machine| machine.launch_time().is_some() && machine.state().is_some()));
    region.shutdown().await;
}

#[tokio::test]
async fn the_sdk_knows_the_errors_by_their_types() {
    let region = Region::start(Options::default()).await.unwrap();
    let client = ssm(&region, None);
    let error =
        client.start_session().target("i-0123456789abcdef0").send().await.unwrap_err().into_service_error();
    assert!(error.is_target_not_connected(), "{error:?}");
    assert_eq!(error.meta().message(), Some("i-0123456789abcdef0 is not connected."));
    let error = client
        .describe_instance_information()
        .next_token("no")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_invalid_next_token(), "{error:?}");
    let error = client.resume_session().session_id("demo-no").send().await.unwrap_err().into_service_error();
    assert!(error.is_does_not_exist_exception(), "{error:?}");
    let wrong = ssm(&region, Some("wrong"));
    let error = wrong.describe_instance_information().send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("InvalidSignatureException"));
    let error =
        ec2(&region).describe_instances().instance_ids("i-0123456789abcdef0").send().await.unwrap_err();
    assert_eq!(error.into_service_error().meta().code(), Some("InvalidInstanceID.NotFound"));
    region.shutdown().await;
}

#[tokio::test]
async fn the_sdk_gets_over_a_throttled_call_by_itself() {
    let faults = vec!["throttle=ssm:DescribeInstanceProperties".parse().unwrap()];
    let region = Region::start(Options { faults, ..Options::default() }).await.unwrap();
    let answer = ssm(&region, None).describe_instance_properties().send().await.unwrap();
    assert_eq!(answer.instance_properties.unwrap_or_default().len(), 10);
    region.shutdown().await;
}
