//! What the AWS files and the environment say about profile and region, found as the AWS CLI finds it.

mod chain;
mod list;

use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::env_config::{file::EnvConfigFiles, section::EnvConfigSections};
use aws_types::os_shim_internal::{Env, Fs};

use super::{Error, Kind, Scope, login::SsoSession};

pub(super) use chain::{Base, Chain, Role};
pub use list::{ProfileKind, ProfileSummary, profiles};

/// The answer for one [`Scope`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The profile that was named, by flag or variable; `None` means `default`.
    pub profile: Option<String>,
    /// It was named by the flag: then keys in the environment do not count, as in the AWS CLI.
    pub explicit: bool,
    /// From flag, variable or profile.
    pub region: Option<String>,
    /// From variable or profile, where keys are asked for whatever region the flag names.
    pub home: Option<String>,
    /// Where the profile, or one it borrows keys from, signs in.
    pub sso: Option<SsoSession>,
    /// A role on the profile's way to keys asks for an MFA code.
    pub mfa: bool,
    /// Keys come from environment variables.
    pub environment_keys: bool,
}

/// Reads files and variables; calls nothing.
pub(super) async fn resolve(scope: &Scope, fs: &Fs, env: &Env) -> Result<Resolved, Error> {
    let variable = |name: &str| env.get(name).ok().filter(|value| !value.is_empty());
    // The AWS CLI's order: AWS_DEFAULT_PROFILE wins.
    let profile =
        scope.profile.clone().or_else(|| variable("AWS_DEFAULT_PROFILE")).or_else(|| variable("AWS_PROFILE"));
    let sections = sections(fs, env).await?;
    if let Some(name) = profile.as_deref().filter(|name| *name != "default")
        && sections.get_profile(name).is_none()
    {
        return Err(unknown_profile(name, &sections));
    }
    let selected = profile.as_deref().unwrap_or("default");
    let of_profile = |key: &str| sections.get_profile(selected).and_then(|p| p.get(key)).map(str::to_owned);
    let home =
        variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).or_else(|| of_profile("region"));
    let region = scope.region.clone().or_else(|| home.clone());
    for region in [&region, &home].into_iter().flatten() {
        check_region(region)?;
    }
    let environment_keys = scope.profile.is_none() && has_keys(env);
    let chain = chain::chain(&sections, selected).ok().flatten();
    Ok(Resolved {
        explicit: scope.profile.is_some(),
        sso: sso(&sections, selected)
            .filter(|_| !environment_keys)
            .map(|found| SsoSession { profile: profile.clone(), ..found }),
        mfa: !environment_keys
            && chain.is_some_and(|chain| chain.roles.iter().any(|role| role.serial.is_some())),
        environment_keys,
        profile,
        region,
        home,
    })
}

/// The AWS files, merged as the AWS CLI merges them; one that is not there is empty.
async fn sections(fs: &Fs, env: &Env) -> Result<EnvConfigSections, Error> {
    let files = EnvConfigFiles::default();
    let source =
        aws_runtime::env_config::source::load(env, fs, &files).await.map_err(|error| broken(&error))?;
    EnvConfigSections::parse(source).map_err(|error| broken(&error))
}

/// Both halves of a key pair are in the environment.
pub(super) fn has_keys(env: &Env) -> bool {
    let set = |name| env.get(name).is_ok_and(|value| !value.is_empty());
    set("AWS_ACCESS_KEY_ID") && set("AWS_SECRET_ACCESS_KEY")
}

/// A role of IAM Identity Center.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignOn {
    pub session: SsoSession,
    pub account: String,
    pub role: String,
}

/// The role of Identity Center that a profile is by itself; none for one that comes to its keys in another way.
pub(super) async fn sign_on(fs: &Fs, env: &Env, name: &str) -> Option<SignOn> {
    let sections = sections(fs, env).await.ok()?;
    let profile = sections.get_profile(name)?;
    let value = |key| profile.get(key).filter(|value| !value.is_empty());
    if ["role_arn", "web_identity_token_file"].into_iter().any(|other| value(other).is_some()) {
        return None;
    }
    let (account, role) = (value("sso_account_id")?.to_owned(), value("sso_role_name")?.to_owned());
    Some(SignOn { session: sso(&sections, name)?, account, role })
}

/// The roles on a profile's way to its keys, as the files have them now.
pub(super) async fn roles(fs: &Fs, env: &Env, profile: &str) -> Result<Option<Chain>, CredentialsError> {
    let sections =
        sections(fs, env).await.map_err(|error| CredentialsError::invalid_configuration(error.why))?;
    chain::chain(&sections, profile).map_err(CredentialsError::invalid_configuration)
}

/// Follows `source_profile` as far as it goes; a circle ends it. What is incomplete is none: the SDK says what is missing.
fn sso(sections: &EnvConfigSections, profile: &str) -> Option<SsoSession> {
    let mut seen = vec![profile];
    loop {
        let profile = sections.get_profile(seen.last()?)?;
        if let Some(name) = profile.get("sso_session") {
            let session = sections.sso_session(name)?;
            // The AWS CLI's own login asks for this where nothing is named: without it no token can be refreshed.
            let scopes = session.get("sso_registration_scopes").unwrap_or("sso:account:access");
            return Some(SsoSession {
                profile: None,
                name: Some(name.to_owned()),
                start_url: session.get("sso_start_url")?.to_owned(),
                region: session.get("sso_region")?.to_owned(),
                scopes: scopes
                    .split(',')
                    .map(str::trim)
                    .filter(|s| !s.is_empty())
                    .map(str::to_owned)
                    .collect(),
            });
        }
        if let Some(start_url) = profile.get("sso_start_url") {
            let region = profile.get("sso_region")?.to_owned();
            return Some(SsoSession {
                profile: None,
                name: None,
                start_url: start_url.to_owned(),
                region,
                scopes: Vec::new(),
            });
        }
        match profile.get("source_profile") {
            Some(next) if !seen.contains(&next) => seen.push(next),
            _ => return None,
        }
    }
}

/// A region becomes part of a host name, so nothing but letters, digits and dashes may stand in it.
fn check_region(region: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !region.is_empty() && region.len() <= 32 && region.chars().all(plain) {
        return Ok(());
    }
    Err(local(
        Kind::NoRegion,
        format!("`{region}` is no region"),
        "a region is written like eu-west-1",
        "correct --region, AWS_REGION or the profile's `region`",
    ))
}

pub(super) fn no_region(profile: Option<&str>) -> Error {
    let profile = profile.unwrap_or("default");
    local(
        Kind::NoRegion,
        "no region is set".to_owned(),
        format!(
            "there is no --region, no AWS_REGION, no AWS_DEFAULT_REGION, and profile `{profile}` has no `region`"
        ),
        format!(
            "pass --region, such as --region eu-west-1, or run `aws configure set region REGION --profile {profile}`"
        ),
    )
}

fn unknown_profile(name: &str, sections: &EnvConfigSections) -> Error {
    let mut names: Vec<&str> = sections.profiles().collect();
    names.sort_unstable();
    let (why, next) = match names.as_slice() {
        [] => (
            "the AWS config and credentials files are empty or not there".to_owned(),
            format!("set one up: aws configure --profile {name}, or aws configure sso --profile {name}"),
        ),
        names => {
            let more = names.len().saturating_sub(12);
            let mut list = names[..names.len() - more].join(", ");
            if more > 0 {
                list.push_str(&format!(" and {more} more"));
            }
            (
                format!("the AWS config and credentials files have {list}"),
                format!(
                    "choose one of these with --profile, or set up `{name}`: aws configure --profile {name}"
                ),
            )
        }
    };
    local(Kind::UnknownProfile, format!("there is no profile `{name}`"), why, next)
}

fn broken(error: &dyn std::error::Error) -> Error {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        why.push_str(&format!(": {error}"));
        source = error.source();
    }
    local(
        Kind::BrokenFiles,
        "the AWS config or credentials file cannot be used".to_owned(),
        why,
        "correct the file, or name another by AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
    )
}

fn local(kind: Kind, what: String, why: impl Into<String>, next: impl Into<String>) -> Error {
    super::error::made(kind, what, why, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile prod]\nregion = us-east-1\nsso_session = corp\n\
        [profile admin]\nsource_profile = prod\nrole_arn = arn:aws:iam::1:role/admin\n\
        [profile bare]\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x\n\
        [profile a]\nsource_profile = b\n[profile b]\nsource_profile = a\n[profile odd]\nregion = eu west\n";

    fn run(scope: &Scope, config: &str, variables: &[(&str, &str)]) -> Result<Resolved, Error> {
        let mut variables = variables.to_vec();
        variables.push(("HOME", "/home/a"));
        let fs = Fs::from_slice(&[("/home/a/.aws/config", config)]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(resolve(scope, &fs, &Env::from_slice(&variables)))
    }

    fn scope(profile: &str, region: &str) -> Scope {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Scope { profile: given(profile), region: given(region) }
    }

    #[test]
    fn flags_win_over_variables_and_these_over_files() {
        let both =
            [("AWS_PROFILE", "bare"), ("AWS_REGION", "ap-south-1"), ("AWS_DEFAULT_REGION", "ap-south-2")];
        let found = run(&scope("prod", "sa-east-1"), CONFIG, &both).unwrap();
        assert_eq!(
            (found.profile.as_deref(), found.region.as_deref(), found.explicit),
            (Some("prod"), Some("sa-east-1"), true)
        );
        let found = run(&scope("", ""), CONFIG, &both).unwrap();
        assert_eq!(
            (found.profile.as_deref(), found.region.as_deref(), found.explicit),
            (Some("bare"), Some("ap-south-1"), false)
        );
        let found =
            run(&scope("", ""), CONFIG, &[("AWS_DEFAULT_PROFILE", "prod"), ("AWS_PROFILE", "bare")]).unwrap();
        assert_eq!((found.profile.as_deref(), found.region.as_deref()), (Some("prod"), Some("us-east-1")));
        let found = run(&scope("", ""), CONFIG, &[("AWS_DEFAULT_REGION", "ap-south-2")]).unwrap();
        assert_eq!(found.region.as_deref(), Some("ap-south-2"));
        let found = run(&scope("", ""), CONFIG, &[("AWS_PROFILE", ""), ("AWS_REGION", "")]).unwrap();
        assert_eq!((found.profile, found.region.as_deref()), (None, Some("eu-west-1")));
        assert_eq!(run(&scope("bare", ""), CONFIG, &[]).unwrap().region, None);
    }

    #[test]
    fn an_sso_login_is_seen_through_the_profile_that_borrows_it() {
        for (profile, sso) in [("prod", true), ("admin", true), ("bare", false), ("a", false), ("", false)] {
            let found = run(&scope(profile, ""), CONFIG, &[]).unwrap().sso;
            assert_eq!(found.is_some(), sso, "{profile}");
        }
    }

    #[test]
    fn a_named_profile_sets_the_keys_of_the_environment_aside() {
        let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s3cret")];
        assert!(run(&scope("", ""), CONFIG, &keys).unwrap().environment_keys);
        assert!(!run(&scope("prod", ""), CONFIG, &keys).unwrap().environment_keys);
    }

    #[test]
    fn an_unknown_profile_is_told_with_those_that_exist() {
        let error = run(&scope("prdo", ""), CONFIG, &[]).unwrap_err();
        assert_eq!(error.kind, Kind::UnknownProfile);
        insta::assert_snapshot!(error.told(), @r"
        there is no profile `prdo`
          why   the AWS config and credentials files have a, admin, b, bare, default, odd, prod
          next  choose one of these with --profile, or set up `prdo`: aws configure --profile prdo
        ");
        assert_eq!(run(&scope("", ""), "", &[("AWS_PROFILE", "x")]).unwrap_err().kind, Kind::UnknownProfile);
        assert!(run(&scope("default", ""), "", &[]).is_ok(), "default need not exist");
    }

    #[test]
    fn a_region_that_is_none_is_refused_before_it_becomes_a_host() {
        for (profile, region) in [("odd", ""), ("", "eu-west-1.evil.example"), ("", "EU"), ("", "a/b")] {
            assert_eq!(
                run(&scope(profile, region), CONFIG, &[]).unwrap_err().kind,
                Kind::NoRegion,
                "{profile}{region}"
            );
        }
    }

    #[test]
    fn a_broken_file_says_where() {
        let error = run(&scope("", ""), "[default\nregion = x", &[]).unwrap_err();
        assert_eq!(error.kind, Kind::BrokenFiles);
        assert!(error.why.contains("line 1"), "{}", error.why);
    }
}
