//! KMS, EC2 Instance Connect and ECS by calls, raw and by the real SDK.

use std::collections::HashMap;

use aws_credential_types::Credentials;
use aws_sdk_ec2::config::{BehaviorVersion, Region as AwsRegion};
use aws_sdk_kms::{error::ProvideErrorMetadata, primitives::Blob};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{call::Caller, document, sessions::id_of};
use crate::sim::{Options, Region};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/5e551011-0000-4000-8000-00000000000";

fn kms(region: &Region) -> aws_sdk_kms::Client {
    let [_, _, (_, id), (_, secret), _] = region.environment();
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(AwsRegion::new("eu-west-1"))
        .endpoint_url(region.endpoint())
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .build();
    aws_sdk_kms::Client::from_conf(config)
}

#[tokio::test]
async fn the_sdk_has_a_data_key_made_and_opened_with_its_context_alone() {
    let region = Region::start(Options::default()).await.unwrap();
    let client = kms(&region);
    let context: HashMap<String, String> = [("aws:ssm:SessionId", "demo-1"), ("aws:ssm:TargetId", "i-1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let made = client
        .generate_data_key()
        .key_id("alias/sessions")
        .number_of_bytes(64)
        .set_encryption_context(Some(context.clone()))
        .send()
        .await
        .unwrap();
    assert_eq!(made.key_id.unwrap(), format!("{KEY}1"));
    let plaintext = made.plaintext.unwrap();
    assert_eq!(plaintext.as_ref().len(), 64);
    let blob = made.ciphertext_blob.unwrap();
    let opened = client
        .decrypt()
        .ciphertext_blob(blob.clone())
        .set_encryption_context(Some(context.clone()))
        .send()
        .await
        .unwrap();
    assert_eq!(opened.plaintext.unwrap(), plaintext);
    let wrong = client
        .decrypt()
        .ciphertext_blob(blob.clone())
        .encryption_context("aws:ssm:SessionId", "demo-1")
        .send()
        .await;
    assert!(wrong.unwrap_err().into_service_error().is_invalid_ciphertext_exception());
    let other = client
        .decrypt()
        .ciphertext_blob(blob)
        .key_id("alias/vault")
        .set_encryption_context(Some(context))
        .send()
        .await;
    assert!(other.unwrap_err().into_service_error().is_incorrect_key_exception());
    let nothing = client.decrypt().ciphertext_blob(Blob::new(*b"nonsense")).send().await;
    assert!(nothing.unwrap_err().into_service_error().is_invalid_ciphertext_exception());
    let denied =
        client.generate_data_key().key_id("alias/vault").number_of_bytes(64).send().await.unwrap_err();
    assert_eq!(denied.into_service_error().code(), Some("AccessDeniedException"));
    region.shutdown().await;
}

#[tokio::test]
async fn each_key_refuses_in_its_own_words() {
    let caller = Caller::of(Options::default()).await;
    let user = "User: arn:aws:iam::123456789012:user/demo is not authorized to perform: kms:GenerateDataKey on resource:";
    for (request, error) in [
        (
            json!({"KeyId": "alias/vault", "NumberOfBytes": 64}),
            format!(
                "400 AccessDeniedException: {user} {KEY}2 because no resource-based policy allows the kms:GenerateDataKey action"
            ),
        ),
        (
            json!({"KeyId": "alias/retired", "NumberOfBytes": 64}),
            format!("400 DisabledException: {KEY}3 is disabled."),
        ),
        (
            json!({"KeyId": "alias/dying", "NumberOfBytes": 64}),
            format!("400 KMSInvalidStateException: {KEY}5 is pending deletion."),
        ),
        (
            json!({"KeyId": "alias/nowhere", "NumberOfBytes": 64}),
            "400 NotFoundException: Alias arn:aws:kms:eu-west-1:123456789012:alias/nowhere is not found."
                .to_owned(),
        ),
        (
            json!({"KeyId": "alias/sessions"}),
            "400 ValidationException: Please specify either number of bytes or key spec.".to_owned(),
        ),
        (
            json!({"KeyId": "alias/sessions", "NumberOfBytes": 64, "EncryptionContext": {"aws:ssm:TargetId": ""}}),
            "400 ValidationException: Invalid EncryptionContext".to_owned(),
        ),
    ] {
        let reply = caller.kms("GenerateDataKey", request).await;
        assert_eq!(reply.error(), error);
        assert!(reply.json().get("Message").is_none(), "KMS's message is lower-case");
    }
    let made =
        caller.kms("GenerateDataKey", json!({"KeyId": "alias/sealed", "KeySpec": "AES_256"})).await.json();
    assert_eq!(STANDARD.decode(made["Plaintext"].as_str().unwrap()).unwrap().len(), 32);
    caller.region.shutdown().await;
    let caller = Caller::with("deny=kms:GenerateDataKey/explicit-service-control").await;
    let refusal =
        caller.kms("GenerateDataKey", json!({"KeyId": "alias/sessions", "NumberOfBytes": 64})).await.error();
    assert_eq!(
        refusal,
        format!("400 AccessDeniedException: {user} {KEY}1 with an explicit deny in a service control policy")
    );
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_public_key_is_sent_to_a_running_instance() {
    let caller = Caller::of(Options::default()).await;
    let web = id_of(&caller, "web-1").await;
    let idle = id_of(&caller, "idle-1").await;
    let blob = [&11_u32.to_be_bytes()[..], b"ssh-ed25519", &32_u32.to_be_bytes(), &[7; 32]].concat();
    let key = format!("ssh-ed25519 {} me@here", STANDARD.encode(blob));
    let request =
        |id: &str, key: &str| json!({"InstanceId": id, "InstanceOSUser": "ec2-user", "SSHPublicKey": key});
    let answer = caller.instance_connect("SendSSHPublicKey", request(&web, &key)).await.json();
    assert_eq!(answer["Success"], true);
    for (id, key, code) in [
        (&idle, key.as_str(), "EC2InstanceStateInvalidException"),
        (&"i-0123456789abcdef0".to_owned(), &key, "EC2InstanceNotFoundException"),
        (&web, &"x".repeat(100), "InvalidArgsException"),
        (&web, "short", "ValidationException"),
        (&"mi-0f3a81c2d4e5b6a70".to_owned(), &key, "ValidationException"),
    ] {
        let error = caller.instance_connect("SendSSHPublicKey", request(id, key)).await.error();
        assert!(error.starts_with(&format!("400 {code}: ")), "{error}");
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_command_is_executed_in_a_container_as_the_cli_asks_for_it() {
    let caller = Caller::of(Options::default()).await;
    let tasks = caller.ecs("ListTasks", json!({"cluster": "shop", "family": "cart"})).await.json();
    let task = tasks["taskArns"][0].as_str().unwrap().to_owned();
    let execute = |container: Option<&str>, task: &str| json!({"cluster": "shop", "task": task, "container": container, "command": "/bin/sh", "interactive": true});
    let answer = caller.ecs("ExecuteCommand", execute(Some("app"), &task)).await.json();
    let session = &answer["session"];
    assert!(session["sessionId"].as_str().unwrap().starts_with("ecs-execute-command-"), "{answer}");
    assert!(session["streamUrl"].as_str().unwrap().starts_with("ws://") && session["tokenValue"].is_string());
    // From here on as the CLI: the runtime id makes the target.
    let id = task.rsplit('/').next().unwrap();
    let shown = caller.ecs("DescribeTasks", json!({"cluster": "shop", "tasks": [id]})).await.json();
    let containers = shown["tasks"][0]["containers"].as_array().unwrap();
    let runtime = containers.iter().find(|one| one["name"] == "app").unwrap()["runtimeId"].as_str().unwrap();
    let target = format!("ecs:shop_{id}_{runtime}");
    let rows = document::sessions(&caller).await;
    assert_eq!(
        (&rows[0]["Target"], &rows[0]["DocumentName"]),
        (&json!(target), &json!("AmazonECS-ExecuteInteractiveCommand"))
    );
    assert_eq!(
        caller.ssm("GetConnectionStatus", json!({"Target": target})).await.json()["Status"],
        "connected"
    );
    assert_eq!(caller.ssm("StartSession", json!({"Target": target})).await.status, 200);
    let wrong = format!("{target}0");
    assert_eq!(
        caller.ssm("StartSession", json!({"Target": wrong})).await.error(),
        format!("400 TargetNotConnected: {wrong} is not connected.")
    );

    for (request, words) in [
        (execute(None, &task), "400 InvalidParameterException: container must be specified"),
        (execute(Some("nobody"), &task), "400 InvalidParameterException: The specified container"),
        (execute(None, "0000"), "400 InvalidParameterException: The specified task"),
        (
            execute(None, "c7e0a5d21b3f4c6e9a8b7d6c5e4f3a2b"),
            "400 InvalidParameterException: The execute command failed because execute command was not enabled",
        ),
        (
            json!({"cluster": "moon", "task": id, "command": "sh", "interactive": true}),
            "400 ClusterNotFoundException: Cluster not found.",
        ),
        (
            json!({"cluster": "shop", "task": id, "command": "sh", "interactive": false}),
            "400 InvalidParameterException: Interactive is the only mode",
        ),
    ] {
        let error = caller.ecs("ExecuteCommand", request).await.error();
        assert!(error.starts_with(words), "{error}");
    }
    let missing = caller.ecs("DescribeTasks", json!({"cluster": "shop", "tasks": ["0000"]})).await.json();
    assert_eq!(missing["failures"][0]["reason"], "MISSING");
    let clusters = caller.ecs("DescribeClusters", json!({"clusters": ["shop", "moon"]})).await.json();
    assert_eq!(
        (clusters["clusters"].as_array().unwrap().len(), clusters["failures"].as_array().unwrap().len()),
        (1, 1)
    );
    caller.region.shutdown().await;
}
