//! The calls that write documents: CreateDocument, UpdateDocument, UpdateDocumentDefaultVersion, DeleteDocument. So users change
//! their preferences, and peers bring documents of their own.

use serde_json::{Map, Value, json};

use super::{FORMAT, NAME, NONE, VERSION, VERSION_NAME, description, no_version, unknown};
use crate::sim::{
    api::{
        Context,
        error::{ApiError, Wire},
        input::{Input, Text},
    },
    world::document::{ContentError, Format, New, ShelfError, Wanted},
};

/// The name of a document of one's own is no ARN.
const OWN_NAME: Text =
    Text { required: true, pattern: Some((r"^[a-zA-Z0-9_\-.]{3,128}$", is_own_name)), ..NONE };
const TYPES: [&str; 14] = [
    "Command",
    "Policy",
    "Automation",
    "Session",
    "Package",
    "ApplicationConfiguration",
    "ApplicationConfigurationSchema",
    "DeploymentStrategy",
    "ChangeCalendar",
    "Automation.ChangeTemplate",
    "ProblemAnalysis",
    "ProblemAnalysisTemplate",
    "CloudFormation",
    "ConformancePackTemplate",
];
const ONLY_SESSIONS: &str =
    "This simulated region takes documents of type Session, in JSON or YAML, and no others.";

fn is_own_name(name: &str) -> bool {
    super::is_name(name) && !name.contains([':', '/'])
}

/// An error of the shelf, as AWS tells it.
fn error(name: &str, error: ShelfError) -> ApiError {
    let (code, text) = match error {
        ShelfError::NoDocument => return unknown(name),
        ShelfError::NoVersion => return no_version(name),
        ShelfError::Content(ContentError::Schema(text)) => ("InvalidDocumentSchemaVersion", text),
        ShelfError::Content(ContentError::Content(text)) => ("InvalidDocumentContent", text),
        ShelfError::Exists => {
            ("DocumentAlreadyExists", format!("Document with same name {name} already exists"))
        }
        ShelfError::Amazons => {
            let text = format!("{name} is not a document of this account and cannot be changed by it.");
            ("InvalidDocument", text)
        }
        ShelfError::TooLarge => {
            ("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.".to_owned())
        }
        ShelfError::TooManyDocuments => {
            ("DocumentLimitExceeded", "You can have at most 500 active SSM documents.".to_owned())
        }
        ShelfError::TooManyVersions => {
            ("DocumentVersionLimitExceeded", "The document has too many versions.".to_owned())
        }
        ShelfError::SameContent => (
            "DuplicateDocumentContent",
            "The content of the association document matches another document. Change the content of the document and try again."
                .to_owned(),
        ),
        ShelfError::SameVersionName => {
            ("DuplicateDocumentVersionName", "The version name has already been used in this document.".to_owned())
        }
        ShelfError::IsDefault => {
            ("InvalidDocumentOperation", "Default version of the document can't be deleted.".to_owned())
        }
    };
    ApiError::modelled(code, text)
}

/// The form of a new text: JSON unless said otherwise.
fn format(text: Option<&str>) -> Result<Format, ApiError> {
    text.map_or(Some(Format::Json), Format::parse)
        .ok_or_else(|| ApiError::modelled("InvalidDocumentContent", ONLY_SESSIONS))
}

/// CreateDocument.
pub(in crate::sim::api) fn create_document(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let text = input.text("Content", Text { required: true, min: 1, ..NONE })?;
    let name = input.text("Name", OWN_NAME)?;
    let display_name = input.text("DisplayName", Text { max: 1024, ..NONE })?;
    let version_name = input.text("VersionName", VERSION_NAME)?;
    let kind = input.text("DocumentType", Text { one_of: &TYPES, ..NONE })?;
    let form = input.text("DocumentFormat", FORMAT)?;
    let target_type = input.text("TargetType", Text { max: 200, ..NONE })?;
    let tags = input.structures("Tags", (0, 1000), |input| {
        let key = input.text("Key", Text { required: true, min: 1, max: 128, ..NONE })?;
        let value = input.text("Value", Text { required: true, max: 256, ..NONE })?;
        Ok((key.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned()))
    })?;
    input.done()?;
    let (name, text) = (name.unwrap_or_default(), text.unwrap_or_default());
    context.permit(Wire::Json, "ssm:CreateDocument", Some(&api.document_arn(name)))?;
    // Those that are AWS's alone.
    if ["aws", "amazon", "amzn"].iter().any(|reserved| name.to_ascii_lowercase().starts_with(reserved)) {
        let text = format!("The document name {name} begins with a prefix that is reserved for AWS.");
        return Err(ApiError::common("ValidationException", text));
    }
    // A document without a type is a Command.
    if kind != Some("Session") {
        return Err(ApiError::modelled("InvalidDocumentContent", ONLY_SESSIONS));
    }
    let new = New { format: format(form)?, text, version_name, created: context.now };
    let mut shelf = api.shelf();
    let stored = shelf.create(name, "Session", &new).map_err(|why| error(name, why))?;
    stored.display_name = display_name.map(str::to_owned);
    stored.target_type = target_type.map(str::to_owned);
    stored.tags = tags;
    Ok(json!({ "DocumentDescription": description(api, stored, stored.latest()) }))
}

/// UpdateDocument.
pub(in crate::sim::api) fn update_document(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let text = input.text("Content", Text { required: true, min: 1, ..NONE })?;
    let name = input.text("Name", OWN_NAME)?;
    let display_name = input.text("DisplayName", Text { max: 1024, ..NONE })?;
    let version_name = input.text("VersionName", VERSION_NAME)?;
    let version = input.text("DocumentVersion", VERSION)?;
    let form = input.text("DocumentFormat", FORMAT)?;
    let target_type = input.text("TargetType", Text { max: 200, ..NONE })?;
    input.done()?;
    let (name, text) = (name.unwrap_or_default(), text.unwrap_or_default());
    context.permit(Wire::Json, "ssm:UpdateDocument", Some(&api.document_arn(name)))?;
    let mut shelf = api.shelf();
    if let (Some(version), Some(stored)) = (version, shelf.find(name)) {
        let meant = stored.version(Wanted::of(Some(version), None)).ok_or_else(|| no_version(name))?;
        if meant.number != stored.latest().number {
            let text = "The document version must be the latest one.";
            return Err(ApiError::modelled("InvalidDocumentVersion", text));
        }
    }
    let new = New { format: format(form)?, text, version_name, created: context.now };
    let stored = shelf.update(name, &new).map_err(|why| error(name, why))?;
    if let Some(display_name) = display_name {
        stored.display_name = Some(display_name.to_owned());
    }
    if let Some(target_type) = target_type {
        stored.target_type = Some(target_type.to_owned());
    }
    Ok(json!({ "DocumentDescription": description(api, stored, stored.latest()) }))
}

/// UpdateDocumentDefaultVersion.
pub(in crate::sim::api) fn update_document_default_version(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let name = input.text("Name", OWN_NAME)?;
    let number = Text {
        required: true,
        pattern: Some(("(^[1-9][0-9]*$)", |text| text.parse::<u64>().is_ok())),
        ..NONE
    };
    let number = input.text("DocumentVersion", number)?;
    input.done()?;
    let name = name.unwrap_or_default();
    context.permit(Wire::Json, "ssm:UpdateDocumentDefaultVersion", Some(&api.document_arn(name)))?;
    let number = number.unwrap_or_default().parse().unwrap_or(0);
    let mut shelf = api.shelf();
    let stored = shelf.set_default(name, number).map_err(|why| error(name, why))?;
    let mut row = json!({ "Name": stored.name, "DefaultVersion": number.to_string() });
    if let Some(name) = stored.version(Wanted::Default).and_then(|version| version.name.as_ref()) {
        row["DefaultVersionName"] = json!(name);
    }
    Ok(json!({ "Description": row }))
}

/// DeleteDocument.
pub(in crate::sim::api) fn delete_document(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let api = context.api;
    let mut input = Input::new(request);
    let name = input.text("Name", Text { pattern: NAME.pattern, ..OWN_NAME })?;
    let version = input.text("DocumentVersion", VERSION)?;
    let version_name = input.text("VersionName", VERSION_NAME)?;
    input.truth("Force")?;
    input.done()?;
    let name = name.unwrap_or_default();
    context.permit(Wire::Json, "ssm:DeleteDocument", Some(&api.arn_of_document(name)))?;
    let wanted = (version.is_some() || version_name.is_some()).then(|| Wanted::of(version, version_name));
    api.shelf().delete(name, wanted).map_err(|why| match why {
        ShelfError::NoVersion => unknown(name),
        why => error(name, why),
    })?;
    Ok(json!({}))
}
