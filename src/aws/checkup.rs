//! The caller's own side, for a check-up: where keys came from, what the clock says, which hosts must be reachable. Never a
//! secret.

use std::path::PathBuf;

use aws_credential_types::{Credentials, credential_feature::AwsCredentialFeature as Feature};
use aws_types::os_shim_internal::{Env, Fs};
use jiff::Timestamp;

use super::{
    Client, Error, Scope, Simulated, client::configured_endpoint, error::Task, login::SsoSession, profile,
};

/// What the AWS files and the environment say, without a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The profile that was named, by flag or variable.
    pub profile: Option<String>,
    /// From flag, variable or profile.
    pub region: Option<String>,
    /// Keys come from environment variables.
    pub environment_keys: bool,
    /// Where the profile signs in, if it does.
    pub sso: Option<SsoSession>,
}

/// Where keys came from, and until when they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// In words: "an assumed role, by the AWS files".
    pub source: String,
    /// When they end.
    pub expires: Option<Timestamp>,
    /// They are renewed where they came from; what stands in a variable is not.
    pub renewable: bool,
}

/// One host that calls or sessions go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    /// `ssm`, `ssmmessages`, `ec2`, `sts`.
    pub service: &'static str,
    /// `https://ssm.eu-west-1.amazonaws.com`.
    pub url: String,
}

/// Reads files and variables.
///
/// # Errors
/// An unknown profile, unreadable files, a region that is none.
pub async fn setup(scope: &Scope) -> Result<Setup, Error> {
    let found = profile::resolve(scope, &Fs::real(), &Env::real()).await?;
    let profile::Resolved { profile, region, environment_keys, sso, .. } = found;
    Ok(Setup { profile, region, environment_keys, sso })
}

impl Setup {
    /// Of a region of our own making.
    pub fn simulated(simulated: &Simulated) -> Self {
        Self { profile: None, region: Some(simulated.region.clone()), environment_keys: false, sso: None }
    }
}

/// The AWS files that are there.
pub fn files() -> Vec<String> {
    let file = |name: &str, usual: &str| {
        let named = std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(usual)))
    };
    let both =
        [file("AWS_CONFIG_FILE", ".aws/config"), file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];
    both.into_iter().flatten().filter(|path| path.exists()).map(|path| path.display().to_string()).collect()
}

impl Client {
    /// Whether the account uses a region (DescribeRegions).
    ///
    /// # Errors
    /// The question is denied, or fails.
    pub async fn is_region_enabled(&self, region: &str) -> Result<bool, Error> {
        let verb = format!("ask whether {region} is enabled");
        let task = Task { verb, action: "ec2:DescribeRegions", target: None };
        match self.0.ec2.describe_regions().all_regions(true).region_names(region).send().await {
            Ok(answer) => {
                let found = answer.regions.unwrap_or_default().into_iter().next();
                Ok(found.is_some_and(|found| found.opt_in_status.as_deref() != Some("not-opted-in")))
            }
            Err(error) => Err(self.failed(&task, &error).await),
        }
    }

    /// Where the keys come from.
    ///
    /// # Errors
    /// There are none, or the login has ended.
    pub async fn key_source(&self) -> Result<KeySource, Error> {
        let task = Task { verb: "find credentials".to_owned(), action: "", target: None };
        let keys = self.0.keys.get().await.map_err(|error| self.without_keys(&task, &error))?;
        let expires = keys.expiry().and_then(|at| Timestamp::try_from(at).ok());
        let steps = keys.get_property::<Vec<Feature>>();
        let renewable = steps.is_none_or(|steps| !steps.contains(&Feature::CredentialsEnvVars));
        Ok(KeySource { source: source(&keys), expires, renewable })
    }

    /// Local clock minus AWS's, in seconds, as the last answer told.
    pub fn clock_skew(&self) -> Option<i64> {
        self.0.clock.skew()
    }

    /// The hosts that this program talks to in this region, as the SDK finds them; `ssmmessages` is the gateway of sessions.
    pub async fn endpoint_urls(&self) -> Vec<EndpointUrl> {
        let shared = &self.0.shared;
        let region = self.region();
        // Each SDK has types of its own for the same thing.
        macro_rules! resolved {
            ($sdk:ident, $service:literal, $id:literal) => {{
                use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
                let params = Params::builder()
                    .region(region)
                    .set_endpoint(configured_endpoint(shared, $id))
                    .set_use_fips(shared.use_fips())
                    .set_use_dual_stack(shared.use_dual_stack());
                match params.build() {
                    Ok(params) => ResolveEndpoint::resolve_endpoint(&DefaultResolver::new(), &params)
                        .await
                        .ok()
                        .map(|endpoint| EndpointUrl { service: $service, url: endpoint.url().to_owned() }),
                    Err(_) => None,
                }
            }};
        }
        let ssm = resolved!(aws_sdk_ssm, "ssm", "SSM");
        let gateway = ssm.as_ref().map(|ssm| EndpointUrl {
            service: "ssmmessages",
            // Where the user configured an endpoint, sessions go to what it answers, which is itself.
            url: match configured_endpoint(shared, "SSM") {
                Some(own) => own,
                None => ssm.url.replacen("://ssm", "://ssmmessages", 1),
            },
        });
        let ec2 = resolved!(aws_sdk_ec2, "ec2", "EC2");
        let sts = resolved!(aws_sdk_sts, "sts", "STS");
        [ssm, gateway, ec2, sts].into_iter().flatten().collect()
    }
}

/// Where keys came from, the last step first.
fn source(keys: &Credentials) -> String {
    let steps = keys.get_property::<Vec<Feature>>().map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<&str> = steps.iter().rev().filter_map(step).collect();
    words.dedup();
    match words.is_empty() {
        true => "the simulated region".to_owned(),
        false => words.join(", by "),
    }
}

fn step(feature: &Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::CredentialsEnvVars => "environment variables",
        Feature::CredentialsProfile => "the AWS files",
        Feature::CredentialsProfileSso | Feature::CredentialsSso => "IAM Identity Center",
        Feature::CredentialsProfileProcess | Feature::CredentialsProcess => "credential_process",
        Feature::CredentialsStsAssumeRole => "an assumed role",
        Feature::CredentialsStsAssumeRoleWebId
        | Feature::CredentialsProfileStsWebIdToken
        | Feature::CredentialsEnvVarsStsWebIdToken => "a web identity",
        Feature::CredentialsHttp => "the container's role",
        Feature::CredentialsImds => "the instance's role",
        Feature::CredentialsProfileLogin | Feature::CredentialsLogin => "`aws login`",
        Feature::CredentialsCode => "a step of this program",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::simulated(&Simulated {
            endpoint: "http://127.0.0.1:4000".to_owned(),
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "s3cret".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_simulated_region_is_its_own_gateway() {
        let urls = client().endpoint_urls().await;
        assert_eq!(
            urls.iter().map(|url| url.service).collect::<Vec<_>>(),
            ["ssm", "ssmmessages", "ec2", "sts"]
        );
        assert!(urls.iter().all(|url| url.url.trim_end_matches('/') == "http://127.0.0.1:4000"), "{urls:?}");
    }

    #[tokio::test]
    async fn where_keys_came_from_is_told_without_them() {
        let found = client().key_source().await.unwrap();
        assert_eq!(
            found,
            KeySource { source: "the simulated region".to_owned(), expires: None, renewable: true }
        );
    }

    #[test]
    fn the_last_step_is_told_first() {
        let mut keys = Credentials::new("AKIA", "s3cret", None, None, "test");
        keys.set_property(vec![Feature::CredentialsProfile, Feature::CredentialsStsAssumeRole]);
        assert_eq!(source(&keys), "an assumed role, by the AWS files");
    }
}
