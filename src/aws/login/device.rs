//! The device flow of an SSO login (RFC 8628): register, ask for a code, wait until the user has confirmed it in a
//! browser, store the token. One call of [`begin`], one of [`DeviceLogin::wait`]; who drops either has cancelled it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ssooidc::{
    Client as Oidc,
    error::SdkError,
    operation::{create_token::CreateTokenError, start_device_authorization::StartDeviceAuthorizationOutput},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    SsoSession,
    poll::{Answer, Next, Poll},
    token::{self, Registration, Token},
};
use crate::aws::{
    Error, Kind,
    cache::{self, Cache},
    client::{facts, timeouts},
    error::{Place, Task, classify, made},
};

/// RFC 8628, 3.4.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A login that waits for its user.
pub struct DeviceLogin {
    /// What the user compares, or types.
    pub user_code: String,
    /// Where it is typed.
    pub verification_uri: String,
    /// The same page with the code filled in.
    pub verification_uri_complete: String,
    /// The code is good until then.
    pub expires_at: SystemTime,
    session: SsoSession,
    oidc: Oidc,
    cache: Cache,
    registration: Registration,
    device_code: String,
    poll: Poll,
}

impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceLogin({}, codes [redacted])", self.session.label())
    }
}

/// Asks the Identity Center for a code.
///
/// # Errors
/// It cannot be reached, or knows no such start URL.
pub async fn begin(session: &SsoSession) -> Result<DeviceLogin, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .region(Region::new(session.region.clone()))
        .timeout_config(timeouts());
    if let Some(profile) = &session.profile {
        loader = loader.profile_name(profile);
    }
    begin_at(session, Oidc::new(&loader.load().await), Cache::of(cache::TOKENS)).await
}

async fn begin_at(session: &SsoSession, oidc: Oidc, cache: Cache) -> Result<DeviceLogin, Error> {
    let known = token::registration(&cache, session, SystemTime::now());
    let (registration, answer) = match known {
        Some(registration) => match authorize(&oidc, session, &registration).await {
            // The client was known once, and is no more.
            Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidClient")) => {
                register(&oidc, session, &cache).await?
            }
            answer => (registration, answer?),
        },
        None => register(&oidc, session, &cache).await?,
    };
    let expires_at = SystemTime::now() + seconds(answer.expires_in);
    let (Some(device_code), Some(user_code), Some(verification_uri)) =
        (answer.device_code, answer.user_code, answer.verification_uri)
    else {
        return Err(incomplete(session));
    };
    Ok(DeviceLogin {
        user_code,
        verification_uri_complete: answer
            .verification_uri_complete
            .unwrap_or_else(|| verification_uri.clone()),
        verification_uri,
        expires_at,
        session: session.clone(),
        oidc,
        cache,
        registration,
        device_code,
        poll: Poll::new(answer.interval, expires_at),
    })
}

async fn register(
    oidc: &Oidc,
    session: &SsoSession,
    cache: &Cache,
) -> Result<(Registration, StartDeviceAuthorizationOutput), Error> {
    let scopes = (!session.scopes.is_empty()).then(|| session.scopes.clone());
    // Named after the program, as the AWS CLI names its own: users see it on the page where they confirm.
    let call = oidc.register_client().client_name("ssmtui").client_type("public").set_scopes(scopes.clone());
    let answer = call.send().await.map_err(|error| failed(session, &error))?;
    let (Some(client_id), Some(client_secret)) = (answer.client_id, answer.client_secret) else {
        return Err(incomplete(session));
    };
    let expires_at = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(answer.client_secret_expires_at).unwrap_or(0));
    let registration = Registration {
        client_id,
        client_secret,
        expires_at: cache::stamp(expires_at),
        scopes,
        grant_types: None,
    };
    token::keep_registration(cache, session, &registration);
    let answer = authorize(oidc, session, &registration).await?;
    Ok((registration, answer))
}

async fn authorize(
    oidc: &Oidc,
    session: &SsoSession,
    registration: &Registration,
) -> Result<StartDeviceAuthorizationOutput, Error> {
    oidc.start_device_authorization()
        .client_id(&registration.client_id)
        .client_secret(&registration.client_secret)
        .start_url(&session.start_url)
        .send()
        .await
        .map_err(|error| failed(session, &error))
}

impl DeviceLogin {
    /// The session that is signed in to.
    pub fn session(&self) -> &SsoSession {
        &self.session
    }

    /// Waits for the user, stores the token where the AWS CLI looks for it, and says until when it is good.
    ///
    /// # Errors
    /// The user said no or let the time pass; the Identity Center failed; the token cannot be stored.
    pub async fn wait(mut self) -> Result<SystemTime, Error> {
        loop {
            let asked = self
                .oidc
                .create_token()
                .grant_type(GRANT)
                .client_id(&self.registration.client_id)
                .client_secret(&self.registration.client_secret)
                .device_code(&self.device_code)
                .send()
                .await;
            let answer = match asked {
                Ok(answer) => return self.keep(answer.access_token, answer.refresh_token, answer.expires_in),
                Err(error) => read(&error).ok_or_else(|| failed(&self.session, &error))?,
            };
            match self.poll.after(answer, SystemTime::now()) {
                Next::AskAfter(pause) => tokio::time::sleep(pause).await,
                Next::Denied => {
                    return Err(self
                        .over("the login was refused in the browser", "sign in again, and allow it there"));
                }
                Next::Expired => {
                    return Err(self.over(
                        "the code was not confirmed in time",
                        "sign in again, and confirm the new code",
                    ));
                }
            }
        }
    }

    fn keep(
        &self,
        access: Option<String>,
        refresh: Option<String>,
        expires_in: i32,
    ) -> Result<SystemTime, Error> {
        let access_token = access.ok_or_else(|| incomplete(&self.session))?;
        let until = SystemTime::now() + seconds(expires_in);
        let token = Token {
            start_url: self.session.start_url.clone(),
            region: self.session.region.clone(),
            access_token,
            expires_at: cache::stamp(until),
            client_id: self.registration.client_id.clone(),
            client_secret: self.registration.client_secret.clone(),
            registration_expires_at: self.registration.expires_at.clone(),
            refresh_token: refresh,
        };
        token::keep(&self.cache, &self.session, &token).map_err(|error| {
            made(
                Kind::BrokenFiles,
                format!("cannot sign in to {}: the token cannot be stored", self.session.label()),
                error.to_string(),
                "make ~/.aws/sso/cache a folder that you may write to",
            )
        })?;
        Ok(until)
    }

    fn over(&self, why: &str, next: &str) -> Error {
        made(Kind::SsoExpired, format!("cannot sign in to {}", self.session.label()), why, next)
    }
}

/// What a refusal means for the next look; `None` ends the login.
fn read(error: &SdkError<CreateTokenError, aws_smithy_runtime_api::http::Response>) -> Option<Answer> {
    let Some(told) = error.as_service_error() else {
        return matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_))
            .then_some(Answer::Lost);
    };
    match told {
        CreateTokenError::AuthorizationPendingException(_) => Some(Answer::Pending),
        CreateTokenError::SlowDownException(_) => Some(Answer::SlowDown),
        CreateTokenError::ExpiredTokenException(_) => Some(Answer::Expired),
        CreateTokenError::AccessDeniedException(_) => Some(Answer::Denied),
        CreateTokenError::InternalServerException(_) => Some(Answer::Lost),
        _ => None,
    }
}

fn seconds(count: i32) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}

fn failed<E>(session: &SsoSession, error: &SdkError<E, aws_smithy_runtime_api::http::Response>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let task = Task { verb: format!("sign in to {}", session.label()), action: "sso-oidc", target: None };
    let place =
        Place { region: session.region.clone(), profile: session.profile.clone(), ..Place::default() };
    let mut error = classify(&task, &place, facts(error, None));
    if error.code() == Some("InvalidRequestException") {
        error.next =
            format!("check sso_start_url ({}) and sso_region ({})", session.start_url, session.region);
    }
    tracing::debug!(kind = ?error.kind, reference = error.reference(), "SSO login failed");
    error
}

fn incomplete(session: &SsoSession) -> Error {
    made(
        Kind::Service,
        format!("cannot sign in to {}: the answer is incomplete", session.label()),
        "IAM Identity Center answered without a code or a token",
        "try again; if it stays, something between here and AWS changes answers",
    )
}

#[cfg(test)]
mod tests;
