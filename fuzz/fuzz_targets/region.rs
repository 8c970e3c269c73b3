//! Anything as a call of the region: JSON and query forms behind its door, signatures at the door, documents with values.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ssmtui_fuzz::sim::fuzz::{Door, document};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Json { operation: u8, body: &'a str },
    Form { body: &'a [u8] },
    Signed { authorization: &'a str, date: &'a str, token: &'a str, query: &'a str, body: &'a [u8] },
    Document { yaml: bool, text: &'a str, given: Vec<(&'a str, Vec<&'a str>)> },
}

const OPERATIONS: &[&str] = &[
    "AmazonEC2ContainerServiceV20141113.DescribeTasks",
    "AmazonEC2ContainerServiceV20141113.ExecuteCommand",
    "AmazonEC2ContainerServiceV20141113.ListTasks",
    "AmazonSSM.CreateDocument",
    "AmazonSSM.DeleteDocument",
    "AmazonSSM.DescribeDocument",
    "AmazonSSM.DescribeInstanceInformation",
    "AmazonSSM.DescribeInstanceProperties",
    "AmazonSSM.DescribeSessions",
    "AmazonSSM.GetConnectionStatus",
    "AmazonSSM.GetDocument",
    "AmazonSSM.ListDocuments",
    "AmazonSSM.ResumeSession",
    "AmazonSSM.StartSession",
    "AmazonSSM.TerminateSession",
    "AmazonSSM.UpdateDocument",
    "AWSEC2InstanceConnectService.SendSSHPublicKey",
    "TrentService.Decrypt",
    "TrentService.GenerateDataKey",
];

static DOOR: LazyLock<Door> = LazyLock::new(Door::default);

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

fuzz_target!(|input: Input| match input {
    Input::Json { operation, body } => {
        let operation = OPERATIONS[usize::from(operation) % OPERATIONS.len()];
        let answer = DOOR.call(operation, body.as_bytes()).expect("a request").unwrap_or_else(|error| error);
        assert!(is_json(&answer), "{answer}");
    }
    Input::Form { body } => {
        let answer = DOOR.call("", body).expect("a request").unwrap_or_else(|error| error);
        assert!(!answer.contains('\0'), "{answer:?}");
    }
    Input::Signed { authorization, date, token, query, body } => {
        let headers = [
            ("host", "127.0.0.1:1"),
            ("authorization", authorization),
            ("x-amz-date", date),
            ("x-amz-security-token", token),
        ];
        if let Some(answer) = DOOR.signed(&headers, query, body) {
            assert!(answer.is_err(), "let in without the key");
        }
    }
    Input::Document { yaml, text, given } => document(if yaml { "YAML" } else { "JSON" }, text, &given),
});
