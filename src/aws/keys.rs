//! Credentials, kept until they are about to expire, and found anew from the very start after AWS refused them: a
//! login in another window, a rewritten file or a refreshed token counts at once.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::{
    BehaviorVersion, Region, default_provider::credentials::DefaultCredentialsChain,
    ecs::EcsCredentialsProvider, imds, meta::credentials::CredentialsProviderChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use tokio::sync::Mutex;

/// Keys that live shorter than this are renewed before they are used.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Given; nothing is looked up.
    Fixed(Credentials),
    /// The AWS CLI's chain for a profile and region. `explicit`: named by the flag, so that ambient keys do not count.
    Chain { profile: Option<String>, explicit: bool, region: String },
}

/// The one holder of credentials; every clone shares them.
#[derive(Clone)]
pub(super) struct Keys {
    source: Source,
    held: Arc<Mutex<Option<Credentials>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: Arc::default() }
    }

    /// Keys that are good for some minutes yet; one look-up at a time.
    pub(super) async fn get(&self) -> provider::Result {
        let mut held = self.held.lock().await;
        if let Some(keys) = held.as_ref().filter(|keys| is_fresh(keys, SystemTime::now())) {
            return Ok(keys.clone());
        }
        let keys = self.source.find().await?;
        *held = Some(keys.clone());
        Ok(keys)
    }

    /// AWS refused them: the next call looks them up from the start.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }
}

fn is_fresh(keys: &Credentials, now: SystemTime) -> bool {
    keys.expiry().is_none_or(|expiry| expiry > now + MARGIN)
}

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

impl Source {
    /// Providers are built anew each time, since they keep what they read from files for ever.
    async fn find(&self) -> provider::Result {
        let (profile, explicit, region) = match self {
            Self::Fixed(keys) => return Ok(keys.clone()),
            Self::Chain { profile, explicit, region } => (profile, *explicit, Region::new(region.clone())),
        };
        // One try: on anything but an EC2 instance nobody answers there.
        let metadata = imds::Client::builder().max_attempts(1).build();
        if let Some(profile) = profile.as_deref().filter(|_| explicit) {
            let place = ProviderConfig::default()
                .with_region(Some(region))
                .with_behavior_version(Some(BehaviorVersion::latest()));
            let files =
                ProfileFileCredentialsProvider::builder().configure(&place).profile_name(profile).build();
            let instance =
                imds::credentials::ImdsCredentialsProvider::builder().imds_client(metadata).build();
            return CredentialsProviderChain::first_try("Profile", files)
                .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&place).build())
                .or_else("Ec2InstanceMetadata", instance)
                .provide_credentials()
                .await;
        }
        let mut chain = DefaultCredentialsChain::builder().region(region).imds_client(metadata);
        if let Some(profile) = profile {
            chain = chain.profile_name(profile);
        }
        chain.build().await.provide_credentials().await
    }
}

/// An error and what it came from, each said once.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        source = error.source();
    }
    text
}

/// The credentials error somewhere under an SDK error.
pub(super) fn beneath<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(expiry: Option<Duration>) -> Credentials {
        let expiry = expiry.map(|from_epoch| SystemTime::UNIX_EPOCH + from_epoch);
        Credentials::new("AKIA", "s3cret", Some("t0ken".into()), expiry, "test")
    }

    #[test]
    fn peers_c16_keys_are_renewed_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        assert!(is_fresh(&keys(None), now));
        assert!(is_fresh(&keys(Some(Duration::from_secs(10_301))), now));
        assert!(!is_fresh(&keys(Some(Duration::from_secs(10_300))), now));
    }

    #[tokio::test]
    async fn peers_c16_keys_that_aws_refused_are_looked_up_from_the_start() {
        let holder = Keys::new(Source::Fixed(keys(None)));
        assert_eq!(holder.get().await.unwrap().access_key_id(), "AKIA");
        assert!(holder.held.lock().await.is_some());
        holder.clone().forget().await;
        assert!(holder.held.lock().await.is_none(), "clones share");
        assert_eq!(holder.get().await.unwrap().access_key_id(), "AKIA");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let text = format!("{:?}", Keys::new(Source::Fixed(keys(None))));
        assert!(!text.contains("s3cret") && !text.contains("t0ken") && !text.contains("AKIA"), "{text}");
    }
}
