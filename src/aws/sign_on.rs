//! Keys of a role of IAM Identity Center: from the AWS CLI's cache while they last, so that nobody is asked and nothing is
//! called; else as the SDK gets them, and kept there.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, credential_feature::AwsCredentialFeature as Feature};
use serde::{Deserialize, Serialize};

use super::{
    cache::{self, Cache, StoredKeys},
    profile::SignOn,
};

/// Keys that live shorter than this are not taken from the cache.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// By this the AWS CLI knows which files of the folder go when its user signs out.
const PROVIDER: &str = "sso";

/// The key of a role's keys in the cache (botocore `SSOCredentialFetcher._create_cache_key`).
fn key(sign_on: &SignOn) -> String {
    let session = &sign_on.session;
    let (name, value) = match &session.name {
        Some(name) => ("sessionName", name),
        None => ("startUrl", &session.start_url),
    };
    let arguments = [("roleName", &sign_on.role), ("accountId", &sign_on.account), (name, value)];
    cache::key(&cache::compact_json(&BTreeMap::from(arguments)))
}

/// The stored keys, if they last for some minutes yet.
pub(super) fn stored(sign_on: &SignOn, cache: &Cache) -> Option<Credentials> {
    let stored: Stored = cache.read(&key(sign_on))?;
    // Whose they are is part of what names the file; not every version of the AWS CLI writes it inside.
    let keys = StoredKeys { account_id: Some(sign_on.account.clone()), ..stored.credentials };
    let keys = keys.into_keys("SSO", Feature::CredentialsProfileSso)?;
    keys.expiry().is_some_and(|expiry| expiry > SystemTime::now() + MARGIN).then_some(keys)
}

/// Takes keys away that AWS no longer takes, unless others lie there meanwhile.
pub(super) fn forget(sign_on: &SignOn, cache: &Cache, access_key_id: &str) {
    let key = key(sign_on);
    if cache.read::<Stored>(&key).is_some_and(|stored| stored.credentials.access_key_id == access_key_id) {
        cache.remove(&key);
    }
}

/// Keeps keys for the next program that needs them.
pub(super) fn keep(sign_on: &SignOn, cache: &Cache, keys: &Credentials) {
    let (Some(token), Some(expiry)) = (keys.session_token(), keys.expiry()) else { return };
    let stored = Stored {
        provider_type: PROVIDER.to_owned(),
        credentials: StoredKeys {
            access_key_id: keys.access_key_id().to_owned(),
            secret_access_key: keys.secret_access_key().to_owned(),
            session_token: token.to_owned(),
            expiration: cache::stamp(expiry),
            account_id: Some(sign_on.account.clone()),
        },
    };
    if let Err(error) = cache.write(&key(sign_on), &stored) {
        tracing::debug!(%error, "the keys are not kept");
    }
}

/// A file of the cache. No `Debug`: it holds keys.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    provider_type: String,
    credentials: StoredKeys,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::login::SsoSession;

    fn sign_on(name: Option<&str>) -> SignOn {
        SignOn {
            session: SsoSession {
                profile: None,
                name: name.map(str::to_owned),
                start_url: "https://example.awsapps.com/start".to_owned(),
                region: "eu-west-1".to_owned(),
                scopes: Vec::new(),
            },
            account: "111122223333".to_owned(),
            role: "Operators".to_owned(),
        }
    }

    fn keys(ends_in: Duration) -> Credentials {
        let expiry = Some(SystemTime::now() + ends_in);
        Credentials::new("ASIA1", "s3cret", Some("t0ken".to_owned()), expiry, "test")
    }

    /// `SSOCredentialFetcher(start_url, region, role, account, None, sso_session_name=…)._cache_key` of the AWS CLI 2.9.
    #[test]
    fn keys_are_the_aws_clis() {
        assert_eq!(key(&sign_on(Some("shöp"))), "280c7015a324df5fd877d18e67235147126b9b56");
        assert_eq!(key(&sign_on(None)), "b8e53797016ac2b2472d3eb6b840f20fc0a91ad8");
    }

    #[test]
    fn what_is_kept_is_found_while_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, shop) = (Cache::at(folder.path()), sign_on(Some("shop")));
        assert!(stored(&shop, &cache).is_none());
        keep(&shop, &cache, &keys(Duration::from_secs(600)));
        let found = stored(&shop, &cache).unwrap();
        assert_eq!(
            (found.access_key_id(), found.secret_access_key(), found.session_token()),
            ("ASIA1", "s3cret", Some("t0ken"))
        );
        assert!(stored(&sign_on(None), &cache).is_none(), "they are of another session");
        forget(&shop, &cache, "ASIA2");
        assert!(stored(&shop, &cache).is_some(), "those that were refused were others");
        forget(&shop, &cache, "ASIA1");
        assert!(stored(&shop, &cache).is_none());
        keep(&shop, &cache, &keys(Duration::from_secs(290)));
        assert!(stored(&shop, &cache).is_none());
    }
}
