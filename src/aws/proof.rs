//! What an MFA code proved, for as long as this program runs: a session of the user who gave it, by which every role that
//! asks for the same device is assumed, and assumed again when its keys end. AWS takes each code once, so one does for all.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{login::MfaCode, role::is_about_the_code};

/// A session is used while it lasts longer than this.
const MARGIN: Duration = Duration::from_secs(60);

/// By the access key of the user and the device's serial. In memory alone: the AWS CLI has no file for them.
type Proofs = HashMap<(String, String), Credentials>;
static PROOFS: LazyLock<Mutex<Proofs>> = LazyLock::new(Mutex::default);

fn with<T>(work: impl FnOnce(&mut Proofs) -> T) -> T {
    work(&mut PROOFS.lock().unwrap_or_else(PoisonError::into_inner))
}

fn name(user: &Credentials, serial: &str) -> (String, String) {
    (user.access_key_id().to_owned(), serial.to_owned())
}

/// The session that an earlier code gave.
pub(super) fn of(user: &Credentials, serial: &str) -> Option<Credentials> {
    let lasts = |keys: &&Credentials| keys.expiry().is_some_and(|end| end > SystemTime::now() + MARGIN);
    with(|proofs| proofs.get(&name(user, serial)).filter(lasts).cloned())
}

/// AWS takes it no longer.
pub(super) fn forget(user: &Credentials, serial: &str) {
    with(|proofs| proofs.remove(&name(user, serial)));
}

/// Gets a session with a code (GetSessionToken); none where these keys may have none, and the code is good still.
///
/// # Errors
/// STS's words where it refuses the code.
pub(super) async fn give(
    user: &Credentials,
    serial: &str,
    code: &MfaCode,
    shared: &SdkConfig,
) -> Result<Option<Credentials>, String> {
    // Only a user's own keys may ask.
    if user.session_token().is_some() {
        return Ok(None);
    }
    let provider = SharedCredentialsProvider::new(user.clone());
    let config = aws_sdk_sts::config::Builder::from(shared).credentials_provider(provider).build();
    let call = aws_sdk_sts::Client::from_conf(config).get_session_token();
    let given = match call.serial_number(serial).token_code(code.digits()).send().await {
        Ok(answer) => answer.credentials,
        Err(error) => {
            let words = error.message().unwrap_or_default();
            if is_about_the_code(words) {
                return Err(words.trim().to_owned());
            }
            tracing::debug!(
                code = error.code(),
                "no session for the user; the role is asked for with the code"
            );
            return Ok(None);
        }
    };
    let session = given.and_then(|given| {
        let (token, end) = (Some(given.session_token), SystemTime::try_from(given.expiration).ok()?);
        Some(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            token,
            Some(end),
            "GetSessionToken",
        ))
    });
    if let Some(session) = &session {
        with(|proofs| proofs.insert(name(user, serial), session.clone()));
    }
    Ok(session)
}
