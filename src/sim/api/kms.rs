//! KMS, 2014-11-01, as far as encrypted sessions need it: GenerateDataKey for clients, Decrypt for agents, and DescribeKey for
//! those who ask what is wrong with a key (protocol 1.7, 6.1).

mod ring;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use self::ring::KeyError;
pub(crate) use self::ring::{NodeKeys, Ring};
use super::{
    Context,
    error::ApiError,
    error::Wire,
    input::{Input, Text},
    inventory::seconds,
    random,
};
use crate::sim::{caller::CallerKind, world::KeyState};

const KEY_ID: Text = Text { required: false, min: 1, max: 2048, pattern: None, one_of: &[] };

impl KeyError {
    /// As the call is answered.
    fn answer(self) -> ApiError {
        let (code, message) = self.words();
        match message {
            Some(message) => ApiError::common(code, message),
            None => ApiError::bare(code),
        }
    }
}

/// DescribeKey.
pub(super) fn describe_key(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    const ACTION: &str = "kms:DescribeKey";
    let api = context.api;
    let mut input = Input::new(request);
    let key_id = input.text("KeyId", Text { required: true, ..KEY_ID })?;
    if input.has("GrantTokens") {
        input.strings("GrantTokens", (0, 10))?;
    }
    input.done()?;
    let held = api.ring.find(key_id.unwrap_or_default()).map_err(KeyError::answer)?;
    let arn = api.ring.arn(held);
    context.permit(Wire::Json, ACTION, Some(&arn))?;
    if held.key.caller_lacks.iter().any(|lacking| lacking == ACTION) {
        return Err(context.key_denial(ACTION, &arn));
    }
    let mut metadata = json!({
        "AWSAccountId": api.account,
        "KeyId": held.key.id,
        "Arn": arn,
        "CreationDate": seconds(api.started - SignedDuration::from_hours(400 * 24)),
        "Enabled": held.key.state == KeyState::Enabled,
        "Description": "",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": match held.key.state {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
        },
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": false,
    });
    if held.key.state == KeyState::PendingDeletion {
        metadata["DeletionDate"] = seconds(api.started + SignedDuration::from_hours(7 * 24));
    }
    Ok(json!({ "KeyMetadata": metadata }))
}

/// GenerateDataKey.
pub(super) fn generate_data_key(
    context: &Context<'_>,
    request: &Map<String, Value>,
) -> Result<Value, ApiError> {
    const ACTION: &str = "kms:GenerateDataKey";
    let api = context.api;
    let mut input = Input::new(request);
    let key_id = input.text("KeyId", Text { required: true, ..KEY_ID })?;
    let bytes = input.number("NumberOfBytes", 1, 1024)?;
    let spec = input.text("KeySpec", Text { one_of: &["AES_256", "AES_128"], ..Text::default() })?;
    let encryption_context = input.texts_by_name("EncryptionContext")?;
    let dry_run = input.truth("DryRun")?;
    input.done()?;
    let held = api.ring.find(key_id.unwrap_or_default()).map_err(KeyError::answer)?;
    let arn = api.ring.arn(held);
    context.permit(Wire::Json, ACTION, Some(&arn))?;
    if held.key.caller_lacks.iter().any(|lacking| lacking == ACTION) {
        return Err(context.key_denial(ACTION, &arn));
    }
    let length = match (bytes, spec) {
        (Some(bytes), None) => usize::try_from(bytes).unwrap_or(32),
        (None, Some("AES_128")) => 16,
        (None, Some(_)) => 32,
        _ => {
            let text = "Please specify either number of bytes or key spec.";
            return Err(ApiError::common("ValidationException", text));
        }
    };
    api.ring.usable(held).map_err(KeyError::answer)?;
    if dry_run {
        let text = "The request would have succeeded, but the DryRun option is set.";
        return Err(ApiError::common("DryRunOperationException", text).status(412));
    }
    let plaintext = random::bytes::<1024>();
    let plaintext = &plaintext[..length];
    let blob = api.ring.seal(held, plaintext, &encryption_context).map_err(KeyError::answer)?;
    Ok(json!({
        "CiphertextBlob": STANDARD.encode(blob),
        "Plaintext": STANDARD.encode(plaintext),
        "KeyId": arn,
    }))
}

/// Decrypt.
pub(super) fn decrypt(context: &Context<'_>, request: &Map<String, Value>) -> Result<Value, ApiError> {
    const ACTION: &str = "kms:Decrypt";
    let api = context.api;
    let mut input = Input::new(request);
    let blob = input.blob("CiphertextBlob", (1, 6144))?;
    let key_id = input.text("KeyId", KEY_ID)?;
    let algorithms = &["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"];
    let algorithm = input.text("EncryptionAlgorithm", Text { one_of: algorithms, ..Text::default() })?;
    let encryption_context = input.texts_by_name("EncryptionContext")?;
    let dry_run = input.truth("DryRun")?;
    input.done()?;
    if algorithm.is_some_and(|algorithm| algorithm != algorithms[0]) {
        let text = "The key's usage does not allow this encryption algorithm.";
        return Err(ApiError::common("InvalidKeyUsageException", text));
    }
    let blob = blob.unwrap_or_default();
    let held = api.ring.of_blob(&blob, key_id).map_err(KeyError::answer)?;
    let arn = api.ring.arn(held);
    let lacking = |list: &[String]| list.iter().any(|lacking| lacking == ACTION);
    match context.caller.kind {
        CallerKind::User | CallerKind::UserSession | CallerKind::RoleSession => {
            context.permit(Wire::Json, ACTION, Some(&arn))?;
            if lacking(&held.key.caller_lacks) {
                return Err(context.key_denial(ACTION, &arn));
            }
        }
        CallerKind::Machine => {
            let role = context.caller.arn.as_str();
            let refused = api
                .node_denial(role, ACTION, &arn)
                .or_else(|| lacking(&held.key.nodes_lack).then(|| ring::nodes_denial(role, &arn)));
            if let Some(sentence) = refused {
                return Err(ApiError::denied(Wire::Json, &sentence));
            }
        }
    }
    let plaintext = api.ring.open(held, &blob, &encryption_context).map_err(KeyError::answer)?;
    if dry_run {
        let text = "The request would have succeeded, but the DryRun option is set.";
        return Err(ApiError::common("DryRunOperationException", text).status(412));
    }
    Ok(json!({
        "KeyId": arn,
        "Plaintext": STANDARD.encode(plaintext),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}
