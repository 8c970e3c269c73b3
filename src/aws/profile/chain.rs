//! How a profile that assumes roles comes to its keys: where the first ones are, and the roles from there on. By the AWS
//! CLI's rules; the SDK's own chain knows neither MFA codes nor durations.

use aws_credential_types::Credentials;
use aws_runtime::env_config::section::{EnvConfigSections, Profile};

/// First keys, then role by role.
#[derive(Debug)]
pub(in crate::aws) struct Chain {
    pub(in crate::aws) base: Base,
    /// In the order in which they are assumed.
    pub(in crate::aws) roles: Vec<Role>,
}

/// Where the first keys are.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::aws) enum Base {
    /// Whatever this profile, which assumes nothing, has.
    Profile(String),
    /// Keys in the files, of a profile that has a role, too.
    Keys(Credentials),
    /// `credential_source = Environment`.
    Environment,
    /// `Ec2InstanceMetadata`.
    Instance,
    /// `EcsContainer`.
    Container,
}

/// One role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::aws) struct Role {
    /// The profile that names it.
    pub(in crate::aws) profile: String,
    pub(in crate::aws) arn: String,
    pub(in crate::aws) session_name: Option<String>,
    pub(in crate::aws) external_id: Option<String>,
    /// The MFA device whose code it asks for.
    pub(in crate::aws) serial: Option<String>,
    /// Seconds.
    pub(in crate::aws) duration: Option<i32>,
}

/// The chain of a profile; `None` for one that assumes no role.
///
/// # Errors
/// The files contradict themselves: said in words, as the end of a sentence.
pub(in crate::aws) fn chain(sections: &EnvConfigSections, profile: &str) -> Result<Option<Chain>, String> {
    let Some(mut current) = sections.get_profile(profile) else { return Ok(None) };
    let mut roles = Vec::new();
    let mut seen = vec![current.name()];
    let base = loop {
        let name = current.name();
        let own = own_keys(current);
        // Keys of its own end the chain in all profiles but the first.
        let Some(role) = role(current).filter(|_| seen.len() == 1 || own.is_none()) else {
            break match own.filter(|_| role(current).is_some()) {
                Some(keys) => Base::Keys(keys),
                None => Base::Profile(name.to_owned()),
            };
        };
        roles.push(role);
        match (value(current, "source_profile"), value(current, "credential_source")) {
            (Some(source), None) if source == name => {
                break own
                    .map(Base::Keys)
                    .ok_or_else(|| format!("profile `{name}` is its own source_profile and has no keys"))?;
            }
            (Some(source), None) => {
                if seen.contains(&source) {
                    return Err(format!("the source_profile of `{name}` leads back to `{source}`"));
                }
                current = sections
                    .get_profile(source)
                    .ok_or_else(|| format!("the source_profile `{source}` of `{name}` does not exist"))?;
                seen.push(current.name());
            }
            (None, Some(place)) => {
                break match place.to_ascii_lowercase().as_str() {
                    "environment" => Base::Environment,
                    "ec2instancemetadata" => Base::Instance,
                    "ecscontainer" => Base::Container,
                    _ => return Err(format!("profile `{name}` has an unknown credential_source, `{place}`")),
                };
            }
            (Some(_), Some(_)) => {
                return Err(format!("profile `{name}` has both source_profile and credential_source"));
            }
            (None, None) => {
                return Err(format!(
                    "profile `{name}` has role_arn, but no source_profile or credential_source"
                ));
            }
        }
    };
    roles.reverse();
    Ok((!roles.is_empty()).then_some(Chain { base, roles }))
}

fn value<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).filter(|value| !value.is_empty())
}

/// With a token in a file, the role is the profile's own business.
fn role(profile: &Profile) -> Option<Role> {
    let arn = value(profile, "role_arn").filter(|_| value(profile, "web_identity_token_file").is_none())?;
    let owned = |key| value(profile, key).map(str::to_owned);
    Some(Role {
        profile: profile.name().to_owned(),
        arn: arn.to_owned(),
        session_name: owned("role_session_name"),
        external_id: owned("external_id"),
        serial: owned("mfa_serial"),
        // What is no number counts for nothing, as in the AWS CLI.
        duration: value(profile, "duration_seconds").and_then(|seconds| seconds.parse().ok()),
    })
}

fn own_keys(profile: &Profile) -> Option<Credentials> {
    let (id, secret) = value(profile, "aws_access_key_id").zip(value(profile, "aws_secret_access_key"))?;
    let token = value(profile, "aws_session_token").map(str::to_owned);
    Some(Credentials::new(id, secret, token, None, "AWS files"))
}

#[cfg(test)]
mod tests {
    use aws_types::os_shim_internal::{Env, Fs};

    use super::*;

    const CONFIG: &str = "[profile keys]\naws_access_key_id = AKIA\naws_secret_access_key = s3cret\n\
        [profile guarded]\nrole_arn = arn:aws:iam::1:role/g\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/me\n\
        duration_seconds = 7200\nexternal_id = x1\nrole_session_name = me\n\
        [profile beyond]\nrole_arn = arn:aws:iam::2:role/b\nsource_profile = guarded\nduration_seconds = long\n\
        [profile self]\nrole_arn = arn:aws:iam::1:role/s\nsource_profile = self\naws_access_key_id = SELF\naws_secret_access_key = x\n\
        [profile behind]\nrole_arn = arn:aws:iam::1:role/h\nsource_profile = self\n\
        [profile box]\nrole_arn = arn:aws:iam::1:role/b\ncredential_source = Ec2InstanceMetadata\n\
        [profile pod]\nrole_arn = arn:aws:iam::1:role/p\nweb_identity_token_file = /t\n\
        [profile by-pod]\nrole_arn = arn:aws:iam::1:role/q\nsource_profile = pod\n\
        [profile a]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = b\n\
        [profile b]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = a\n\
        [profile lost]\nrole_arn = arn:aws:iam::1:role/l\nsource_profile = nobody\n\
        [profile bare]\nrole_arn = arn:aws:iam::1:role/n\n\
        [profile both]\nrole_arn = arn:aws:iam::1:role/n\nsource_profile = keys\ncredential_source = Environment\n\
        [profile odd]\nrole_arn = arn:aws:iam::1:role/n\ncredential_source = Moon\n\
        [profile mirror]\nrole_arn = arn:aws:iam::1:role/n\nsource_profile = mirror\n";

    async fn of(profile: &str) -> Result<Option<Chain>, String> {
        let fs = Fs::from_slice(&[("/h/.aws/config", CONFIG)]);
        let sections = super::super::sections(&fs, &Env::from_slice(&[("HOME", "/h")])).await.unwrap();
        chain(&sections, profile)
    }

    async fn roles(profile: &str) -> (Base, Vec<String>) {
        let chain = of(profile).await.unwrap().unwrap();
        (chain.base, chain.roles.into_iter().map(|role| role.profile).collect())
    }

    #[tokio::test]
    async fn roles_come_in_the_order_in_which_they_are_assumed() {
        assert_eq!(
            roles("beyond").await,
            (Base::Profile("keys".into()), vec!["guarded".into(), "beyond".into()])
        );
        assert_eq!(roles("box").await, (Base::Instance, vec!["box".into()]));
        assert_eq!(roles("by-pod").await, (Base::Profile("pod".into()), vec!["by-pod".into()]));
        assert!(of("keys").await.unwrap().is_none() && of("pod").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn keys_of_its_own_count_for_a_profile_that_is_its_own_source_and_end_the_chain_elsewhere() {
        let (base, names) = roles("self").await;
        assert!(matches!(base, Base::Keys(keys) if keys.access_key_id() == "SELF"));
        assert_eq!(names, ["self"]);
        let (base, names) = roles("behind").await;
        assert!(matches!(base, Base::Keys(keys) if keys.access_key_id() == "SELF"));
        assert_eq!(names, ["behind"]);
    }

    #[tokio::test]
    async fn a_role_has_all_that_its_profile_says() {
        let chain = of("beyond").await.unwrap().unwrap();
        let guarded = &chain.roles[0];
        assert_eq!(guarded.serial.as_deref(), Some("arn:aws:iam::1:mfa/me"));
        assert_eq!((guarded.duration, chain.roles[1].duration), (Some(7200), None));
        assert_eq!(
            (guarded.external_id.as_deref(), guarded.session_name.as_deref()),
            (Some("x1"), Some("me"))
        );
    }

    #[tokio::test]
    async fn files_that_contradict_themselves_are_told() {
        for (profile, words) in [
            ("a", "leads back to `a`"),
            ("lost", "`nobody` of `lost` does not exist"),
            ("bare", "no source_profile"),
            ("both", "both"),
            ("odd", "unknown credential_source, `Moon`"),
            ("mirror", "its own source_profile and has no keys"),
        ] {
            let told = of(profile).await.unwrap_err();
            assert!(told.contains(words), "{profile}: {told}");
        }
    }
}
