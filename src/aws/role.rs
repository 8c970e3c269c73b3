//! Keys of assumed roles: from the AWS CLI's cache while they last, else from STS, with an MFA code where the role asks
//! for one.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    credential_feature::AwsCredentialFeature,
    provider::{self, SharedCredentialsProvider, error::CredentialsError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    cache::{self, Cache, StoredKeys},
    client::timeouts,
    keys,
    login::{MfaCode, MfaDevice},
    profile::Role,
    proof,
};

/// A stored session is used while it lasts longer than this: for a role that is free to assume again, and for one whose
/// user would be asked.
const MARGIN: Duration = Duration::from_secs(5 * 60);
const MARGIN_MFA: Duration = Duration::from_secs(60);

/// No keys without a code; the source of a [`CredentialsError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MfaNeeded {
    pub(super) device: MfaDevice,
    /// STS's words, where a code was given and refused.
    pub(super) refused: Option<String>,
}

impl fmt::Display for MfaNeeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {} asks for an MFA code of {}", self.device.role, self.device.serial)
    }
}

impl std::error::Error for MfaNeeded {}

/// Where STS is asked, and what is known beforehand.
pub(super) struct Desk<'a> {
    pub(super) profile: Option<&'a str>,
    pub(super) region: &'a Region,
    pub(super) cache: &'a Cache,
    /// For the first role that asks for one.
    pub(super) code: Option<&'a MfaCode>,
    /// The access key id of a stored session that AWS no longer takes.
    pub(super) refused: Option<&'a str>,
}

/// A stored session that saves the roles before it, too: how many of them, and its keys.
pub(super) fn stored(roles: &[Role], desk: &Desk<'_>) -> Option<(usize, Credentials)> {
    let now = SystemTime::now();
    let good = |role: &Role| {
        // A code was typed to begin anew.
        if desk.code.is_some() && role.serial.is_some() {
            return None;
        }
        let margin = if role.serial.is_some() { MARGIN_MFA } else { MARGIN };
        read(desk.cache, role).filter(|keys| {
            desk.refused != Some(keys.access_key_id())
                && keys.expiry().is_some_and(|expiry| expiry > now + margin)
        })
    };
    (1..=roles.len()).rev().find_map(|count| Some((count, good(&roles[count - 1])?)))
}

/// Goes from these keys through the roles, one by one.
pub(super) async fn assume(roles: &[Role], mut keys: Credentials, desk: &Desk<'_>) -> provider::Result {
    if roles.is_empty() {
        return Ok(keys);
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .region(desk.region.clone())
        .timeout_config(timeouts());
    if let Some(profile) = desk.profile {
        loader = loader.profile_name(profile);
    }
    let shared = loader.load().await;
    let mut code = desk.code;
    for role in roles {
        keys = match &role.serial {
            Some(serial) => guarded(role, serial, keys, code.take(), &shared, desk.cache).await?,
            None => ask(role, keys, None, &shared, desk.cache).await?,
        };
    }
    Ok(keys)
}

/// A role that asks for a device: by the code, or by what an earlier one proved.
async fn guarded(
    role: &Role,
    serial: &str,
    with: Credentials,
    code: Option<&MfaCode>,
    shared: &SdkConfig,
    cache: &Cache,
) -> provider::Result {
    if let Some(code) = code {
        return match proof::give(&with, serial, code, shared).await {
            Ok(Some(proof)) => ask(role, proof, None, shared, cache).await,
            Ok(None) => ask(role, with, Some(code), shared, cache).await,
            Err(words) => Err(needed(role, serial, Some(words))),
        };
    }
    let Some(proof) = proof::of(&with, serial) else { return Err(needed(role, serial, None)) };
    let result = ask(role, proof, None, shared, cache).await;
    let over = |error| keys::beneath::<Refused>(error).is_some_and(Refused::of_keys);
    if result.as_ref().err().is_some_and(|error| over(error)) {
        proof::forget(&with, serial);
        return Err(needed(role, serial, None));
    }
    result
}

fn needed(role: &Role, serial: &str, refused: Option<String>) -> CredentialsError {
    let device =
        MfaDevice { profile: role.profile.clone(), serial: serial.to_owned(), role: role.arn.clone() };
    CredentialsError::provider_error(MfaNeeded { device, refused })
}

async fn ask(
    role: &Role,
    with: Credentials,
    code: Option<&MfaCode>,
    shared: &SdkConfig,
    cache: &Cache,
) -> provider::Result {
    let config = aws_sdk_sts::config::Builder::from(shared)
        .credentials_provider(SharedCredentialsProvider::new(with))
        .build();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let session = role.session_name.clone().unwrap_or_else(|| format!("ssmtui-{now}"));
    let answer = aws_sdk_sts::Client::from_conf(config)
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(session)
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration)
        .set_serial_number(role.serial.clone().filter(|_| code.is_some()))
        .set_token_code(code.map(|code| code.digits().to_owned()))
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let words = error.message().unwrap_or_default();
            if let (Some(serial), true) = (&role.serial, is_about_the_code(words)) {
                return Err(needed(role, serial, Some(words.trim().to_owned())));
            }
            return Err(CredentialsError::provider_error(Refused {
                role: role.arn.clone(),
                code: error.code().map(str::to_owned),
                why: keys::chain(&error),
            }));
        }
    };
    let user = answer
        .assumed_role_user
        .map(|user| AssumedRoleUser { assumed_role_id: user.assumed_role_id, arn: user.arn });
    let given = answer.credentials.ok_or_else(|| CredentialsError::unhandled("STS answered without keys"))?;
    let expiry = SystemTime::try_from(given.expiration)
        .map_err(|_| CredentialsError::unhandled("STS gave keys without a time that they end"))?;
    let account = user.as_ref().and_then(|user| user.arn.split(':').nth(4)).map(str::to_owned);
    let stored = Stored {
        credentials: StoredKeys {
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: given.session_token,
            expiration: cache::stamp(expiry).replace('Z', "UTC"),
            account_id: account,
        },
        assumed_role_user: user,
    };
    // What can be had again without a user is kept in memory alone.
    if role.serial.is_some()
        && let Err(error) = cache.write(&key(role), &stored)
    {
        tracing::debug!(%error, "the session is not kept");
    }
    stored
        .into_keys()
        .ok_or_else(|| CredentialsError::unhandled("STS gave keys without a time that they end"))
}

/// STS's words where the code is wrong, used already, of another device, or out of form.
pub(super) fn is_about_the_code(words: &str) -> bool {
    words.contains("MultiFactorAuthentication failed") || words.contains("tokenCode")
}

/// STS gave no keys for a role.
#[derive(Debug)]
struct Refused {
    role: String,
    code: Option<String>,
    why: String,
}

impl Refused {
    /// Not the role is refused, but the keys that asked for it.
    fn of_keys(&self) -> bool {
        matches!(self.code.as_deref(), Some("ExpiredToken" | "InvalidClientTokenId"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot assume {}: {}", self.role, self.why)
    }
}

impl std::error::Error for Refused {}

/// The key of a role's session in the cache: of the arguments of AssumeRole, but for those that differ each time.
fn key(role: &Role) -> String {
    let mut arguments = BTreeMap::from([("RoleArn", Value::from(role.arn.as_str()))]);
    let words = [
        ("RoleSessionName", &role.session_name),
        ("ExternalId", &role.external_id),
        ("SerialNumber", &role.serial),
    ];
    arguments.extend(words.iter().filter_map(|(name, word)| Some((*name, Value::from(word.as_deref()?)))));
    arguments.extend(role.duration.map(|seconds| ("DurationSeconds", seconds.into())));
    cache::key(&cache::json(&arguments))
}

/// A file of the cache: what STS answered. No `Debug`: it holds keys.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    credentials: StoredKeys,
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed_role_user: Option<AssumedRoleUser>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Stored {
    fn into_keys(self) -> Option<Credentials> {
        self.credentials.into_keys("AssumeRole", AwsCredentialFeature::CredentialsStsAssumeRole)
    }
}

fn read(cache: &Cache, role: &Role) -> Option<Credentials> {
    cache.read::<Stored>(&key(role))?.into_keys()
}

#[cfg(test)]
mod tests;
