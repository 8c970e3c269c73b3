//! Documents by calls: listed, read, written, and sessions started from them.

use serde_json::{Value, json};

use super::{call::Caller, sessions::id_of};
use crate::sim::Options;

async fn names(caller: &Caller, filters: Value) -> Vec<String> {
    let mut names = Vec::new();
    let mut token = Value::Null;
    loop {
        let request = json!({"Filters": filters, "MaxResults": 7, "NextToken": token});
        let page = caller.ssm("ListDocuments", request).await.json();
        let rows = page["DocumentIdentifiers"].as_array().unwrap_or_else(|| panic!("{page}"));
        names.extend(rows.iter().map(|row| row["Name"].as_str().unwrap().to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            return names;
        }
    }
}

/// All sessions: those that are over at once, too.
pub(super) async fn sessions(caller: &Caller) -> Vec<Value> {
    let mut rows = Vec::new();
    for state in ["Active", "History"] {
        let list = caller.ssm("DescribeSessions", json!({"State": state, "MaxResults": 200})).await.json();
        rows.extend(list["Sessions"].as_array().unwrap().clone());
    }
    rows
}

fn shell(idle: &str, description: &str) -> String {
    json!({
        "schemaVersion": "1.0", "description": description, "sessionType": "Standard_Stream",
        "inputs": {"idleSessionTimeout": idle, "maxSessionDuration": "90"},
    })
    .to_string()
}

#[tokio::test]
async fn documents_are_listed_by_owner_type_and_word() {
    let caller = Caller::of(Options::default()).await;
    let sessions = json!([{"Key": "DocumentType", "Values": ["Session"]}]);
    let all = names(&caller, sessions).await;
    assert!(
        all.contains(&"AWS-StartSSHSession".to_owned()) && all.contains(&"Shop-Check".to_owned()),
        "{all:?}"
    );
    assert!(!all.contains(&"AWS-RunShellScript".to_owned()));
    assert_eq!(
        all.len(),
        all.iter().collect::<std::collections::HashSet<_>>().len(),
        "none twice over pages"
    );
    let amazon = names(&caller, json!([{"Key": "Owner", "Values": ["Amazon"]}])).await;
    assert!(amazon.len() == 8 && amazon.iter().all(|name| name.starts_with("AWS-")), "{amazon:?}");
    let shared = names(&caller, json!([{"Key": "Owner", "Values": ["Private"]}])).await;
    assert_eq!(shared, ["arn:aws:ssm:eu-west-1:210987654321:document/Platform-Uptime"]);
    assert_eq!(
        names(&caller, json!([{"Key": "SearchKeyword", "Values": ["DATABASE"]}])).await,
        ["Shop-DatabaseTunnel"]
    );
    assert!(
        names(
            &caller,
            json!([{"Key": "PlatformTypes", "Values": ["Windows"]}, {"Key": "Name", "Values": ["Shop-Tail"]}])
        )
        .await
        .is_empty()
    );
    let refusal = caller.ssm("ListDocuments", json!({"Filters": [{"Key": "Moon", "Values": ["x"]}]})).await;
    assert!(refusal.error().starts_with("400 InvalidFilterKey"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_document_is_described_and_read_in_both_forms_and_all_versions() {
    let caller = Caller::of(Options::default()).await;
    let described =
        caller.ssm("DescribeDocument", json!({"Name": "Shop-Announce"})).await.json()["Document"].clone();
    assert_eq!(described["PlatformTypes"], json!(["Linux", "MacOS"]));
    let parameters = described["Parameters"].as_array().unwrap();
    let one = |name: &str| parameters.iter().find(|parameter| parameter["Name"] == name).unwrap();
    assert_eq!(one("audience")["Type"], "StringList");
    assert_eq!(one("audience")["DefaultValue"], r#"["web","api"]"#);
    assert!(one("service").get("DefaultValue").is_none());

    let get = async |request: Value| caller.ssm("GetDocument", request).await;
    let document = get(json!({"Name": "Shop-Greet"})).await.json();
    assert_eq!((&document["DocumentVersion"], &document["DocumentFormat"]), (&json!("1"), &json!("JSON")));
    let louder =
        get(json!({"Name": "Shop-Greet", "VersionName": "louder", "DocumentFormat": "YAML"})).await.json();
    assert_eq!(louder["DocumentVersion"], "2");
    let text = louder["Content"].as_str().unwrap();
    assert!(text.contains("schemaVersion: \"1.0\"") && text.contains("echo AND GOOD BYE"), "{text}");
    let as_json = get(json!({"Name": "Shop-Greet", "DocumentVersion": "$LATEST"})).await.json();
    let content: Value = serde_json::from_str(as_json["Content"].as_str().unwrap()).unwrap();
    assert_eq!(content["sessionType"], "InteractiveCommands");
    assert!(
        get(json!({"Name": "Shop-Greet", "DocumentVersion": "9"}))
            .await
            .error()
            .starts_with("400 InvalidDocumentVersion")
    );
    assert_eq!(
        get(json!({"Name": "Nowhere"})).await.error(),
        "400 InvalidDocument: Document with name Nowhere does not exist."
    );
    // One of another account is called by its ARN, and by the right one.
    assert!(get(json!({"Name": "Platform-Uptime"})).await.error().contains("does not exist"));
    let arn = "arn:aws:ssm:eu-west-1:210987654321:document/Platform-Uptime";
    assert_eq!(get(json!({"Name": arn})).await.json()["Name"], arn);
    assert!(get(json!({"Name": arn.replace("2109", "2108")})).await.error().contains("does not exist"));
    let versions = caller.ssm("ListDocumentVersions", json!({"Name": "Shop-Greet"})).await.json();
    assert_eq!(versions["DocumentVersions"][0]["DocumentVersion"], "2");
    assert_eq!(versions["DocumentVersions"][1]["IsDefaultVersion"], true);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn every_document_starts_its_session() {
    let caller = Caller::of(Options { unpaced: true, ..Options::default() }).await;
    let web = id_of(&caller, "web-2").await;
    let mut started = 0;
    for name in names(
        &caller,
        json!([{"Key": "DocumentType", "Values": ["Session"]}, {"Key": "Owner", "Values": ["All"]}]),
    )
    .await
    {
        let described =
            caller.ssm("DescribeDocument", json!({"Name": name})).await.json()["Document"].clone();
        let mut parameters = serde_json::Map::new();
        for parameter in described["Parameters"].as_array().into_iter().flatten() {
            if parameter.get("DefaultValue").is_none() {
                let name = parameter["Name"].as_str().unwrap();
                let value = if name == "localUnixSocket" { "/tmp/x.sock" } else { "true" };
                parameters.insert(name.to_owned(), json!([value]));
            }
        }
        let request = json!({"Target": web, "DocumentName": name, "Parameters": parameters});
        let reply = caller.ssm("StartSession", request).await;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        started += 1;
    }
    assert!(started > 20, "{started}");
    let rows = sessions(&caller).await;
    let short = rows.iter().find(|row| row["DocumentName"] == "Shop-ShortShell").unwrap();
    assert_eq!(short["MaxSessionDuration"], "2");
    caller.region.shutdown().await;
}

#[tokio::test]
async fn the_preferences_are_changed_as_users_change_them() {
    let caller = Caller::of(Options::default()).await;
    let name = "SSM-SessionManagerRunShell";
    let update = json!({"Name": name, "Content": shell("7", "mine"), "DocumentVersion": "$LATEST"});
    let updated = caller.ssm("UpdateDocument", update.clone()).await.json();
    assert_eq!(updated["DocumentDescription"]["LatestVersion"], "2");
    assert_eq!(updated["DocumentDescription"]["DefaultVersion"], "1");
    assert!(caller.ssm("UpdateDocument", update).await.error().starts_with("400 DuplicateDocumentContent"));
    let web = id_of(&caller, "web-1").await;
    caller.ssm("StartSession", json!({"Target": web})).await.json();
    // Where a document says nothing about it, the preferences do.
    let port = json!({"Target": web, "DocumentName": "AWS-StartPortForwardingSession"});
    caller.ssm("StartSession", port).await.json();
    let rows = sessions(&caller).await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row["MaxSessionDuration"] == "90"), "{rows:?}");
    let default = json!({"Name": name, "DocumentVersion": "2"});
    let answer = caller.ssm("UpdateDocumentDefaultVersion", default).await.json();
    assert_eq!(answer, json!({"Description": {"Name": name, "DefaultVersion": "2"}}));
    assert_eq!(caller.ssm("DeleteDocument", json!({"Name": name})).await.json(), json!({}));
    // Without preferences a plain shell is still one; asked for by name there is none.
    assert_eq!(caller.ssm("StartSession", json!({"Target": web})).await.status, 200);
    let refusal = caller.ssm("StartSession", json!({"Target": web, "DocumentName": name})).await.error();
    assert_eq!(refusal, format!("400 InvalidDocument: Document with name {name} does not exist."));
    let create = json!({"Name": name, "Content": shell("5", "new"), "DocumentType": "Session"});
    assert_eq!(caller.ssm("CreateDocument", create.clone()).await.status, 200);
    assert!(caller.ssm("CreateDocument", create).await.error().starts_with("400 DocumentAlreadyExists"));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn documents_of_ones_own_are_made_used_and_refused() {
    let caller = Caller::of(Options::default()).await;
    let yaml = "schemaVersion: '1.0'\ndescription: Says it\nsessionType: InteractiveCommands\nparameters:\n  word:\n    type: String\n    allowedPattern: '^[a-z]+$'\nproperties:\n  linux:\n    commands: |\n      echo {{ word }}\n";
    let create = |name: &str, content: &str, more: Value| {
        let mut request = json!({"Name": name, "Content": content, "DocumentType": "Session"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let made = caller
        .ssm(
            "CreateDocument",
            create("Say", yaml, json!({"DocumentFormat": "YAML", "Tags": [{"Key": "team", "Value": "web"}]})),
        )
        .await
        .json();
    assert_eq!(made["DocumentDescription"]["PlatformTypes"], json!(["Linux"]));
    assert_eq!(names(&caller, json!([{"Key": "tag:team", "Values": ["web"]}])).await, ["Say"]);
    let web = id_of(&caller, "web-1").await;
    let start = |word: &str| json!({"Target": web, "DocumentName": "Say", "Parameters": {"word": [word]}});
    assert_eq!(caller.ssm("StartSession", start("hello")).await.status, 200);
    let refusal = caller.ssm("StartSession", start("HELLO")).await.error();
    assert_eq!(
        refusal,
        "400 InvalidParameters: Parameter \"word\" has value \"HELLO\" not matching \"^[a-z]+$\"."
    );
    for (request, words) in [
        (create("Bad", "{", json!({})), "InvalidDocumentContent: JSON not well-formed."),
        (create("Bad", "{\"schemaVersion\": \"2.2\"}", json!({})), "InvalidDocumentSchemaVersion: "),
        (create("Bad", &shell("99", ""), json!({})), "InvalidDocumentContent: inputs.idleSessionTimeout"),
        (create("Bad", &" ".repeat(70_000), json!({})), "MaxDocumentSizeExceeded"),
        (create("AWS-Mine", &shell("5", ""), json!({})), "ValidationException: The document name AWS-Mine"),
        (
            create("Bad", &shell("5", ""), json!({"DocumentType": "Command"})),
            "InvalidDocumentContent: This simulated",
        ),
        (
            create("a b", &shell("5", ""), json!({})),
            "ValidationException: 1 validation error detected: Value 'a b' at 'name'",
        ),
    ] {
        let refusal = caller.ssm("CreateDocument", request).await.error();
        assert!(refusal.contains(words), "{refusal}");
    }
    let amazons = json!({"Name": "AWS-StartSSHSession", "Content": shell("5", "")});
    assert!(caller.ssm("UpdateDocument", amazons).await.error().starts_with("400 InvalidDocument: "));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn rights_to_documents_are_checked() {
    let caller = Caller::with("deny=ssm:GetDocument").await;
    let refusal = caller.ssm("GetDocument", json!({"Name": "AWS-StartSSHSession"})).await.error();
    assert!(
        refusal.contains(
            "ssm:GetDocument on resource: arn:aws:ssm:eu-west-1::document/AWS-StartSSHSession because"
        ),
        "{refusal}"
    );
    assert_eq!(caller.ssm("ListDocuments", json!({})).await.status, 200);
    caller.region.shutdown().await;
}
