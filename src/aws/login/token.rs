//! The AWS CLI's files of SSO: the token of a session, and the client that was registered to ask for it.

use std::{
    collections::BTreeMap,
    io,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SsoSession;
use crate::aws::cache::{self, Cache};

/// A client that expires sooner is registered anew, as the AWS CLI has it.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// A client as `RegisterClient` made it. No `Debug`: it holds a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Registration {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scopes: Option<Vec<String>>,
    /// Only the AWS CLI's own login by a local web server writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grant_types: Option<Vec<String>>,
}

impl Registration {
    /// A client made for another kind of login cannot ask for codes.
    fn is_good(&self, now: SystemTime) -> bool {
        let other = |grants: &Vec<String>| grants.iter().any(|grant| grant == "authorization_code");
        cache::time(&self.expires_at).is_some_and(|expiry| expiry > now + MARGIN)
            && !self.grant_types.as_ref().is_some_and(other)
    }
}

/// A token. No `Debug`: it is a secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    pub(super) start_url: String,
    pub(super) region: String,
    pub(super) access_token: String,
    pub(super) expires_at: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) registration_expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
}

/// Tokens lie under the session's name, or the start URL of profiles without one.
fn token_key(session: &SsoSession) -> String {
    cache::key(session.label())
}

/// Clients lie under all that makes them differ, so that none gets the rights of another.
fn registration_key(session: &SsoSession) -> String {
    let scopes = if session.scopes.is_empty() { Value::Null } else { session.scopes.clone().into() };
    cache::key(&cache::json(&BTreeMap::from([
        ("tool", Value::from("botocore")),
        ("startUrl", session.start_url.as_str().into()),
        ("region", session.region.as_str().into()),
        ("scopes", scopes),
        ("session_name", session.name.clone().into()),
    ])))
}

pub(super) fn registration(cache: &Cache, session: &SsoSession, now: SystemTime) -> Option<Registration> {
    cache.read(&registration_key(session)).filter(|found: &Registration| found.is_good(now))
}

/// Without its file the next login registers another client: no more than a debug line.
pub(super) fn keep_registration(cache: &Cache, session: &SsoSession, registration: &Registration) {
    if let Err(error) = cache.write(&registration_key(session), registration) {
        tracing::debug!(%error, "the registered client is not kept");
    }
}

pub(super) fn keep(cache: &Cache, session: &SsoSession, token: &Token) -> io::Result<()> {
    cache.write(&token_key(session), token)
}

impl SsoSession {
    /// Until when the login that lies on this machine is good; none where there is none.
    pub fn signed_in_until(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Expiry {
            expires_at: String,
        }
        let found: Expiry = Cache::of(cache::TOKENS).read(&token_key(self))?;
        Timestamp::try_from(cache::time(&found.expires_at)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: Option<&str>, scopes: &[&str]) -> SsoSession {
        SsoSession {
            profile: None,
            name: name.map(str::to_owned),
            start_url: "https://example.awsapps.com/start".into(),
            region: "eu-west-1".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }

    /// The keys that version 2 of the AWS CLI makes of the same (`_registration_cache_key`, `_token_cache_key`).
    #[test]
    fn keys_are_the_aws_clis() {
        let (named, legacy) = (session(Some("main"), &["sso:account:access"]), session(None, &[]));
        assert_eq!(registration_key(&named), "f1fa61de3b4911bcec4b885850adea58358596a3");
        assert_eq!(registration_key(&legacy), "9d9dd9a416ed033eec7556781302088a89d3d330");
        assert_eq!(token_key(&named), "b28b7af69320201d1cf206ebf28373980add1451");
        assert_eq!(token_key(&legacy), "e8be5486177c5b5392bd9aa76563515b29358e6e");
    }

    #[test]
    fn a_client_that_expires_or_is_of_another_kind_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let now = cache::time("2026-11-28T12:00:00Z").unwrap();
        let found = |expires_at: &str, grants: Option<&str>| {
            let session = session(Some("main"), &[]);
            let kept = Registration {
                client_id: "id".into(),
                client_secret: "secret".into(),
                expires_at: expires_at.into(),
                scopes: None,
                grant_types: grants.map(|grant| vec![grant.to_owned()]),
            };
            keep_registration(&cache, &session, &kept);
            registration(&cache, &session, now).map(|found| found.client_id)
        };
        assert_eq!(found("2026-11-28T12:16:00UTC", None).as_deref(), Some("id"));
        assert_eq!(found("2026-11-28T12:14:00Z", None), None, "about to expire");
        assert_eq!(found("2026-12-28T12:00:00Z", Some("authorization_code")), None);
        assert_eq!(found("never", None), None);
    }
}
