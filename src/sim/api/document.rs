//! Systems Manager's calls about documents: ListDocuments, DescribeDocument, GetDocument, ListDocumentVersions; `change` has
//! those that write.

mod change;

use std::sync::PoisonError;

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

pub(super) use self::change::{
    create_document, delete_document, update_document, update_document_default_version,
};
use super::{
    Api, Context,
    error::{ApiError, Wire},
    input::{Input, Text},
    inventory::seconds,
    page,
};
use crate::sim::world::document::{Format, Kind, Owner, Shelf, Stored, Version, Wanted};

/// DocumentName, which may be an ARN.
pub(super) const NAME: Text =
    Text { required: true, pattern: Some((r"^[a-zA-Z0-9_\-.:/]{3,128}$", is_name)), ..NONE };
const NONE: Text = Text { required: false, min: 0, max: 0, pattern: None, one_of: &[] };
const VERSION: Text = Text { pattern: Some((r"([$]LATEST|[$]DEFAULT|^[1-9][0-9]*$)", is_version)), ..NONE };
const VERSION_NAME: Text = Text { pattern: Some((r"^[a-zA-Z0-9_\-.]{1,128}$", is_version_name)), ..NONE };
const FORMAT: Text = Text { one_of: &["YAML", "JSON", "TEXT"], ..NONE };
const LEGACY_KEYS: [&str; 4] = ["Name", "Owner", "PlatformTypes", "DocumentType"];
const OWNERS: [&str; 6] = ["Self", "Amazon", "Private", "Public", "ThirdParty", "All"];

pub(super) fn is_name(name: &str) -> bool {
    (3..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte))
}

fn is_version(text: &str) -> bool {
    let number = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    number || text.contains("$LATEST") || text.contains("$DEFAULT")
}

fn is_version_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl Api {
    pub(super) fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document that a request names: by its name, or by its ARN, as those of others must be.
    pub(super) fn document<'a>(&self, shelf: &'a Shelf, name: &str) -> Option<&'a Stored> {
        let Some((front, bare)) = name.rsplit_once(":document/") else {
            return shelf.find(name).filter(|stored| !matches!(stored.owner, Owner::Other(_)));
        };
        let account = front.rsplit(':').next().unwrap_or_default();
        let region = front.strip_prefix("arn:aws:ssm:")?.split(':').next()?;
        let stored = shelf.find(bare).filter(|_| region == self.options.region)?;
        let right = match &stored.owner {
            Owner::Amazon => account.is_empty(),
            Owner::Own => account == self.account,
            Owner::Other(owner) => account == owner,
        };
        right.then_some(stored)
    }

    /// As the account calls a document.
    fn called(&self, stored: &Stored) -> String {
        match &stored.owner {
            Owner::Amazon | Owner::Own => stored.name.clone(),
            Owner::Other(account) => {
                format!("arn:aws:ssm:{}:{account}:document/{}", self.options.region, stored.name)
            }
        }
    }

    fn owner(&self, stored: &Stored) -> String {
        match &stored.owner {
            Owner::Amazon => "Amazon".to_owned(),
            Owner::Own => self.account.clone(),
            Owner::Other(account) => account.clone(),
        }
    }

    /// What policies call a document that a request names.
    pub(super) fn arn_of_document(&self, name: &str) -> String {
        if name.starts_with("arn:") { name.to_owned() } else { self.document_arn(name) }
    }
}

/// No such document.
pub(super) fn unknown(name: &str) -> ApiError {
    ApiError::modelled("InvalidDocument", format!("Document with name {name} does not exist."))
}

fn no_version(name: &str) -> ApiError {
    let text = format!("The document version of {name} is not valid or does not exist.");
    ApiError::modelled("InvalidDocumentVersion", text)
}

/// The platforms of a version; of what is no session document none are told.
fn platforms(version: &Version) -> Vec<&'static str> {
    version.document.as_ref().map_or_else(|| vec!["Linux", "MacOS"], |document| document.platforms())
}

fn schema(version: &Version) -> &str {
    version.value.get("schemaVersion").and_then(Value::as_str).unwrap_or("1.0")
}

/// ListDocuments.
pub(super) fn list_documents(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let size = input.number("MaxResults", 1, 50)?.unwrap_or(10);
    let token = input.text("NextToken", NONE)?;
    let mut filters = input.structures("Filters", (0, 6), |input| {
        let key = input.text("Key", Text { min: 1, max: 128, ..NONE })?;
        let values = if input.has("Values") { input.strings("Values", (0, usize::MAX))? } else { Vec::new() };
        Ok((key.unwrap_or_default(), values))
    })?;
    let limits = if input.has("DocumentFilterList") { (1, usize::MAX) } else { (0, usize::MAX) };
    let legacy = input.structures("DocumentFilterList", limits, |input| {
        let key = input.text("key", Text { required: true, one_of: &LEGACY_KEYS, ..NONE })?;
        let value = input.text("value", Text { required: true, min: 1, ..NONE })?;
        Ok((key.unwrap_or_default(), vec![value.unwrap_or_default()]))
    })?;
    input.done()?;
    filters.extend(legacy);
    context.permit(Wire::Json, "ssm:ListDocuments", Some(&api.service_arn("ssm")))?;
    for (key, values) in &filters {
        let known = LEGACY_KEYS.contains(key)
            || ["SearchKeyword", "TargetType", "DocumentCategory"].contains(key)
            || key.starts_with("tag:");
        if !known {
            return Err(ApiError::bare("InvalidFilterKey"));
        }
        if *key == "Owner" && values.iter().any(|value| !OWNERS.contains(value)) {
            let text = format!("Owner filter is invalid, valid values are {}", OWNERS.join(", "));
            return Err(ApiError::common("ValidationException", text));
        }
    }
    let question = format!("ListDocuments\n{filters:?}");
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::modelled("InvalidNextToken", "The specified token is not valid."))?,
    };
    let shelf = api.shelf();
    let documents: Vec<&Stored> = shelf.all().collect();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    // What others share is listed only where it is asked for.
    let shared = filters.iter().any(|(key, _)| *key == "Owner");
    let (list, next) = page::walk(&documents, from, size, |stored| {
        if !shared && matches!(stored.owner, Owner::Other(_)) {
            return None;
        }
        filters.iter().all(|(key, values)| matches(api, stored, key, values)).then(|| identifier(api, stored))
    });
    let mut answer = Map::new();
    answer.insert("DocumentIdentifiers".to_owned(), Value::Array(list));
    if let Some(place) = next {
        answer.insert("NextToken".to_owned(), Value::String(api.tokens.seal(&question, place)));
    }
    Ok(Value::Object(answer))
}

fn matches(api: &Api, stored: &Stored, key: &str, values: &[&str]) -> bool {
    let Some(version) = stored.version(Wanted::Default) else { return false };
    let name = api.called(stored);
    let any = |test: &dyn Fn(&str) -> bool| values.iter().any(|value| test(value));
    match key {
        "Name" => any(&|value| name.starts_with(value) || stored.name == value),
        "Owner" => any(&|value| match value {
            "Self" => stored.owner == Owner::Own,
            "Amazon" => stored.owner == Owner::Amazon,
            "Private" => matches!(stored.owner, Owner::Other(_)),
            "All" => true,
            _ => false,
        }),
        "PlatformTypes" => any(&|value| platforms(version).contains(&value)),
        "DocumentType" => any(&|value| stored.kind == value),
        "TargetType" => any(&|value| stored.target_type.as_deref() == Some(value)),
        "SearchKeyword" => {
            let description = version.document.as_ref().and_then(|document| document.description.clone());
            let text = format!("{name} {}", description.unwrap_or_default()).to_lowercase();
            any(&|value| text.contains(&value.to_lowercase()))
        }
        _ => key.strip_prefix("tag:").is_some_and(|key| {
            stored
                .tags
                .iter()
                .any(|(tag, text)| tag == key && (values.is_empty() || any(&|value| value == text)))
        }),
    }
}

fn tags(stored: &Stored) -> Value {
    stored.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn identifier(api: &Api, stored: &Stored) -> Value {
    let version = stored.version(Wanted::Default).unwrap_or(stored.latest());
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
    put("Name", json!(api.called(stored)));
    put("CreatedDate", seconds(version.created));
    put("Owner", json!(api.owner(stored)));
    put("PlatformTypes", json!(platforms(version)));
    put("DocumentVersion", json!(version.number.to_string()));
    put("DocumentType", json!(stored.kind));
    put("SchemaVersion", json!(schema(version)));
    put("DocumentFormat", json!(version.format.as_str()));
    put("Tags", tags(stored));
    for (name, value) in [
        ("DisplayName", &stored.display_name),
        ("TargetType", &stored.target_type),
        ("VersionName", &version.name),
    ] {
        if let Some(value) = value {
            put(name, json!(value));
        }
    }
    Value::Object(row)
}

/// DocumentDescription.
fn description(api: &Api, stored: &Stored, version: &Version) -> Value {
    let Value::Object(mut row) = identifier(api, stored) else { return Value::Null };
    let mut put = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
    let hash = digest::digest(&digest::SHA256, version.text.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    put("Hash", json!(hash));
    put("HashType", json!("Sha256"));
    put("CreatedDate", seconds(version.created));
    put("Status", json!("Active"));
    put("DocumentVersion", json!(version.number.to_string()));
    put("DocumentFormat", json!(version.format.as_str()));
    put("LatestVersion", json!(stored.latest().number.to_string()));
    put("DefaultVersion", json!(stored.default_version().to_string()));
    put("PlatformTypes", json!(platforms(version)));
    put("SchemaVersion", json!(schema(version)));
    if let Some(text) = version.value.get("description").and_then(Value::as_str) {
        put("Description", json!(text));
    }
    match &version.name {
        Some(name) => put("VersionName", json!(name)),
        None => drop(row.remove("VersionName")),
    }
    let parameters: Vec<Value> = version
        .document
        .iter()
        .flat_map(|document| &document.parameters)
        .map(|(name, parameter)| {
            let mut row = Map::new();
            row.insert("Name".to_owned(), json!(name));
            row.insert("Type".to_owned(), json!(parameter.kind.as_str()));
            if let Some(text) = &parameter.description {
                row.insert("Description".to_owned(), json!(text));
            }
            if let Some(values) = &parameter.default {
                // A list's is JSON, told as text.
                let text = match parameter.kind {
                    Kind::Text => values.first().cloned().unwrap_or_default(),
                    Kind::List => json!(values).to_string(),
                };
                row.insert("DefaultValue".to_owned(), json!(text));
            }
            Value::Object(row)
        })
        .collect();
    if !parameters.is_empty() {
        row.insert("Parameters".to_owned(), Value::Array(parameters));
    }
    Value::Object(row)
}

/// DescribeDocument.
pub(super) fn describe_document(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let name = input.text("Name", NAME)?;
    let wanted =
        Wanted::of(input.text("DocumentVersion", VERSION)?, input.text("VersionName", VERSION_NAME)?);
    input.done()?;
    let name = name.unwrap_or_default();
    context.permit(Wire::Json, "ssm:DescribeDocument", Some(&api.arn_of_document(name)))?;
    let shelf = api.shelf();
    let stored = api.document(&shelf, name).ok_or_else(|| unknown(name))?;
    let version = stored.version(wanted).ok_or_else(|| no_version(name))?;
    Ok(json!({ "Document": description(api, stored, version) }))
}

/// GetDocument.
pub(super) fn get_document(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let name = input.text("Name", NAME)?;
    let wanted =
        Wanted::of(input.text("DocumentVersion", VERSION)?, input.text("VersionName", VERSION_NAME)?);
    let format = input.text("DocumentFormat", FORMAT)?;
    input.done()?;
    let name = name.unwrap_or_default();
    context.permit(Wire::Json, "ssm:GetDocument", Some(&api.arn_of_document(name)))?;
    let shelf = api.shelf();
    let stored = api.document(&shelf, name).ok_or_else(|| unknown(name))?;
    let version = stored.version(wanted).ok_or_else(|| no_version(name))?;
    // Another form than the one that was stored is made on the way; without a wish it is JSON, the call's default.
    let format = format.map_or(Format::Json, |format| Format::parse(format).unwrap_or(version.format));
    let content = if format == version.format { version.text.clone() } else { format.write(&version.value) };
    let mut answer = Map::new();
    let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
    put("Name", json!(api.called(stored)));
    put("CreatedDate", seconds(version.created));
    put("DocumentVersion", json!(version.number.to_string()));
    put("Status", json!("Active"));
    put("Content", json!(content));
    put("DocumentType", json!(stored.kind));
    put("DocumentFormat", json!(format.as_str()));
    for (name, value) in [("DisplayName", &stored.display_name), ("VersionName", &version.name)] {
        if let Some(value) = value {
            put(name, json!(value));
        }
    }
    Ok(Value::Object(answer))
}

/// ListDocumentVersions: the newest first.
pub(super) fn list_document_versions(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let name = input.text("Name", NAME)?;
    let size = input.number("MaxResults", 1, 50)?.unwrap_or(50);
    let token = input.text("NextToken", NONE)?;
    input.done()?;
    let name = name.unwrap_or_default();
    context.permit(Wire::Json, "ssm:ListDocumentVersions", Some(&api.arn_of_document(name)))?;
    let question = format!("ListDocumentVersions\n{name}");
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::modelled("InvalidNextToken", "The specified token is not valid."))?,
    };
    let shelf = api.shelf();
    let stored = api.document(&shelf, name).ok_or_else(|| unknown(name))?;
    let versions: Vec<&Version> = stored.versions().collect();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (list, next) = page::walk(&versions, from, size, |version| {
        let mut row = json!({
            "Name": stored.name,
            "DocumentVersion": version.number.to_string(),
            "CreatedDate": seconds(version.created),
            "IsDefaultVersion": version.number == stored.default_version(),
            "DocumentFormat": version.format.as_str(),
            "Status": "Active",
        });
        if let Some(name) = &version.name {
            row["VersionName"] = json!(name);
        }
        Some(row)
    });
    let mut answer = json!({ "DocumentVersions": list });
    if let Some(place) = next {
        answer["NextToken"] = json!(api.tokens.seal(&question, place));
    }
    Ok(answer)
}
