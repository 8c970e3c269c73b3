//! Credentials, kept until they are about to expire, and found anew from the very start after AWS refused them: a
//! login in another window, a rewritten file or a refreshed token counts at once. One holder per profile, whatever the
//! number of regions: what is asked of a user or a program is asked once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex as StdMutex},
    time::{Duration, Instant, SystemTime},
};

use aws_config::{
    BehaviorVersion, Region, default_provider::credentials::DefaultCredentialsChain,
    ecs::EcsCredentialsProvider, environment::EnvironmentVariableCredentialsProvider, imds,
    meta::credentials::CredentialsProviderChain, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};
use aws_types::os_shim_internal::{Env, Fs};
use tokio::sync::Mutex;

use super::{
    cache::{self, Cache},
    login::MfaCode,
    profile::{self, Base, Chain, SignOn},
    role::{self, Desk},
    sign_on,
};

/// Keys that live shorter than this are renewed before they are used.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Where keys come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Given; nothing is looked up.
    Fixed(Credentials),
    /// The AWS CLI's chain for a profile; the region is where STS is asked. `explicit`: named by the flag, so that
    /// ambient keys do not count.
    Chain { profile: Option<String>, explicit: bool, region: String },
}

/// The one holder of credentials; every clone shares them.
#[derive(Clone)]
pub(super) struct Keys {
    source: Source,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    keys: Option<Credentials>,
    /// The last look-up's failure, and when it came: it answers those who waited for that look-up, too.
    failure: Option<(Instant, Arc<CredentialsError>)>,
    /// The access key id of keys that AWS no longer takes, though their time is not over.
    refused: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

/// The holders of this process, by profile and whether the flag named it.
type Holders = HashMap<(Option<String>, bool), Keys>;
static HOLDERS: LazyLock<StdMutex<Holders>> = LazyLock::new(StdMutex::default);

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: Arc::default() }
    }

    /// The profile's holder, the same for all of its regions.
    pub(super) fn of_profile(profile: Option<String>, explicit: bool, region: String) -> Self {
        let mut holders = HOLDERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let holder = holders.entry((profile.clone(), explicit));
        holder.or_insert_with(|| Self::new(Source::Chain { profile, explicit, region })).clone()
    }

    /// Keys that are good for some minutes yet, or the last ones as long as they are good where there are no newer; one
    /// look-up at a time.
    pub(super) async fn get(&self) -> provider::Result {
        let asked = Instant::now();
        let mut held = self.held.lock().await;
        let now = SystemTime::now();
        if let Some(keys) = held.keys.as_ref().filter(|keys| is_fresh(keys, now)) {
            return Ok(keys.clone());
        }
        if let Some((_, failure)) = held.failure.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(CredentialsError::provider_error(Shared(Arc::clone(failure))));
        }
        match self.source.find(None, held.refused.as_deref()).await {
            Ok(keys) => {
                held.failure = None;
                Ok(held.keys.insert(keys).clone())
            }
            Err(error) => {
                if let Some(keys) =
                    held.keys.as_ref().filter(|keys| keys.expiry().is_some_and(|end| end > now))
                {
                    tracing::debug!(%error, "no newer keys; those that are held have some minutes yet");
                    return Ok(keys.clone());
                }
                let failure = Arc::new(error);
                held.failure = Some((Instant::now(), Arc::clone(&failure)));
                Err(CredentialsError::provider_error(Shared(failure)))
            }
        }
    }

    /// Keys with the user's MFA code; when they end.
    pub(super) async fn answer(&self, code: &MfaCode) -> Result<Option<SystemTime>, CredentialsError> {
        let mut held = self.held.lock().await;
        let keys = self.source.find(Some(code), held.refused.as_deref()).await?;
        *held = Held { keys: Some(keys), ..Held::default() };
        Ok(held.keys.as_ref().and_then(Credentials::expiry))
    }

    /// The next call looks them up from the start. `expired`: AWS says that their time is over, so a cache that holds
    /// the same ones does not count.
    pub(super) async fn forget(&self, expired: bool) {
        let mut held = self.held.lock().await;
        let Some(keys) = held.keys.take() else { return };
        if let Source::Chain { profile, .. } = &self.source
            && let Some(sign_on) = sign_on_of(profile.as_deref()).await
        {
            // Others can be had without asking anybody, so these are nobody's any more.
            sign_on::forget(&sign_on, &Cache::of(cache::ROLES), keys.access_key_id());
        }
        if expired {
            held.refused = Some(keys.access_key_id().to_owned());
        }
    }
}

/// One failure for all who waited.
#[derive(Debug)]
struct Shared(Arc<CredentialsError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
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
    async fn find(&self, code: Option<&MfaCode>, refused: Option<&str>) -> provider::Result {
        let (profile, explicit, region) = match self {
            Self::Fixed(keys) => return Ok(keys.clone()),
            Self::Chain { profile, explicit, region } => (profile, *explicit, Region::new(region.clone())),
        };
        let (fs, env) = (Fs::real(), Env::real());
        if explicit || !profile::has_keys(&env) {
            let name = profile.as_deref().unwrap_or("default");
            if let Some(chain) = profile::roles(&fs, &env, name).await? {
                let cache = Cache::of(cache::ROLES);
                let desk =
                    Desk { profile: profile.as_deref(), region: &region, cache: &cache, code, refused };
                return through_roles(chain, &desk).await;
            }
            if let Some(sign_on) = sign_on_of(profile.as_deref()).await {
                return signed_on(&sign_on, name, &region).await;
            }
        }
        if let Some(profile) = profile.as_deref().filter(|_| explicit) {
            return CredentialsProviderChain::first_try("Profile", of_files(profile, &region))
                .or_else("EcsContainer", container(&region))
                .or_else("Ec2InstanceMetadata", instance())
                .provide_credentials()
                .await;
        }
        let mut chain = DefaultCredentialsChain::builder().region(region).imds_client(metadata());
        if let Some(profile) = profile {
            chain = chain.profile_name(profile);
        }
        chain.build().await.provide_credentials().await
    }
}

/// From the last stored session on, or from the very first keys.
async fn through_roles(chain: Chain, desk: &Desk<'_>) -> provider::Result {
    let (done, keys) = match role::stored(&chain.roles, desk) {
        Some(stored) => stored,
        None => {
            let first = match &chain.base {
                Base::Keys(keys) => keys.clone(),
                Base::Profile(name) => of_files(name, desk.region).provide_credentials().await?,
                Base::Environment => {
                    EnvironmentVariableCredentialsProvider::new().provide_credentials().await?
                }
                Base::Instance => instance().provide_credentials().await?,
                Base::Container => container(desk.region).provide_credentials().await?,
            };
            (0, first)
        }
    };
    role::assume(&chain.roles[done..], keys, desk).await
}

async fn sign_on_of(profile: Option<&str>) -> Option<SignOn> {
    profile::sign_on(&Fs::real(), &Env::real(), profile.unwrap_or("default")).await
}

/// Those of a profile that is a role of Identity Center: stored ones, else fresh ones, which are stored.
async fn signed_on(sign_on: &SignOn, profile: &str, region: &Region) -> provider::Result {
    let cache = Cache::of(cache::ROLES);
    if let Some(keys) = sign_on::stored(sign_on, &cache) {
        return Ok(keys);
    }
    let keys = of_files(profile, region).provide_credentials().await?;
    sign_on::keep(sign_on, &cache, &keys);
    Ok(keys)
}

fn place(region: &Region) -> ProviderConfig {
    ProviderConfig::default()
        .with_region(Some(region.clone()))
        .with_behavior_version(Some(BehaviorVersion::latest()))
}

fn of_files(profile: &str, region: &Region) -> ProfileFileCredentialsProvider {
    ProfileFileCredentialsProvider::builder().configure(&place(region)).profile_name(profile).build()
}

fn container(region: &Region) -> EcsCredentialsProvider {
    EcsCredentialsProvider::builder().configure(&place(region)).build()
}

fn instance() -> imds::credentials::ImdsCredentialsProvider {
    imds::credentials::ImdsCredentialsProvider::builder().imds_client(metadata()).build()
}

/// One try: on anything but an EC2 instance nobody answers there.
fn metadata() -> imds::Client {
    imds::Client::builder().max_attempts(1).build()
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

/// The error of this type somewhere under another.
pub(super) fn beneath<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
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
        assert!(holder.held.lock().await.keys.is_some());
        holder.clone().forget(false).await;
        assert!(holder.held.lock().await.keys.is_none(), "clones share");
        assert_eq!(holder.get().await.unwrap().access_key_id(), "AKIA");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let text = format!("{:?}", Keys::new(Source::Fixed(keys(None))));
        assert!(!text.contains("s3cret") && !text.contains("t0ken") && !text.contains("AKIA"), "{text}");
    }
}
