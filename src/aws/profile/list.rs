//! All profiles of the AWS files, with what each is, for those who choose among them. Reads files; calls nothing.

use std::fmt;

use aws_runtime::env_config::section::{EnvConfigSections, Profile};
use aws_types::os_shim_internal::{Env, Fs};

use super::{Error, sections};

/// One profile of the AWS files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSummary {
    /// Its name.
    pub name: String,
    /// Where its keys come from.
    pub kind: ProfileKind,
    /// Its own region.
    pub region: Option<String>,
    /// The account that its keys are of, where the files tell.
    pub account: Option<String>,
}

/// Where the keys of a profile come from; shown as a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileKind {
    /// Keys in the files.
    Static,
    /// A login at IAM Identity Center.
    Sso {
        /// The session's name, or the start URL of a profile from before there were sessions.
        session: String,
        /// The role there.
        role: Option<String>,
    },
    /// A role, assumed with other keys.
    Role {
        /// Its name.
        role: String,
        /// The profile whose keys assume it, or AWS's word for the place where they are: `Environment`.
        source: Option<String>,
        /// This role, or one on the way to it, asks for an MFA code.
        mfa: bool,
    },
    /// A role, assumed with a token in a file.
    WebIdentity {
        /// Its name.
        role: String,
    },
    /// A program that prints them.
    Process,
    /// A sign-in to the console by `aws login`.
    Console,
    /// None of its own: from the environment, the container or the instance, if at all.
    Ambient,
}

impl fmt::Display for ProfileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("keys"),
            Self::Sso { session, role: None } => write!(f, "SSO {session}"),
            Self::Sso { session, role: Some(role) } => write!(f, "SSO {session}, role {role}"),
            Self::Role { role, source, mfa } => {
                write!(f, "role {role}")?;
                if let Some(source) = source {
                    write!(f, " by {source}")?;
                }
                if *mfa { f.write_str(", MFA") } else { Ok(()) }
            }
            Self::WebIdentity { role } => write!(f, "role {role} by web identity"),
            Self::Process => f.write_str("program"),
            Self::Console => f.write_str("aws login"),
            Self::Ambient => f.write_str("no keys of its own"),
        }
    }
}

/// The profiles of the AWS config and credentials files: `default` first, the others by name.
///
/// # Errors
/// A file cannot be read or parsed; one that is not there counts as empty.
pub async fn profiles() -> Result<Vec<ProfileSummary>, Error> {
    read(&Fs::real(), &Env::real()).await
}

async fn read(fs: &Fs, env: &Env) -> Result<Vec<ProfileSummary>, Error> {
    let sections = sections(fs, env).await?;
    let summaries =
        sections.profiles().filter_map(|name| Some(summary(&sections, sections.get_profile(name)?)));
    let mut summaries: Vec<ProfileSummary> = summaries.collect();
    summaries.sort_by(|a, b| (a.name != "default", &a.name).cmp(&(b.name != "default", &b.name)));
    Ok(summaries)
}

fn summary(sections: &EnvConfigSections, profile: &Profile) -> ProfileSummary {
    let of = |key: &str| profile.get(key).filter(|value| !value.is_empty());
    let account =
        of("sso_account_id").or_else(|| of("role_arn").and_then(account)).or_else(|| of("aws_account_id"));
    ProfileSummary {
        name: profile.name().to_owned(),
        kind: kind(sections, profile),
        region: of("region").map(str::to_owned),
        account: account.map(str::to_owned),
    }
}

/// In the order in which the AWS CLI looks.
fn kind(sections: &EnvConfigSections, profile: &Profile) -> ProfileKind {
    let of = |key: &str| profile.get(key).filter(|value| !value.is_empty()).map(str::to_owned);
    let role = of("role_arn").map(|arn| role_name(&arn).to_owned());
    if let Some(role) = role {
        if of("web_identity_token_file").is_some() {
            return ProfileKind::WebIdentity { role };
        }
        let source = of("source_profile").or_else(|| of("credential_source"));
        return ProfileKind::Role { role, source, mfa: asks_for_mfa(sections, profile) };
    }
    if let Some(session) = of("sso_session").or_else(|| of("sso_start_url")) {
        return ProfileKind::Sso { session, role: of("sso_role_name") };
    }
    if of("aws_access_key_id").is_some() {
        return ProfileKind::Static;
    }
    if of("credential_process").is_some() {
        return ProfileKind::Process;
    }
    if of("login_session").is_some() { ProfileKind::Console } else { ProfileKind::Ambient }
}

/// Follows `source_profile` as far as roles go; a circle ends it.
fn asks_for_mfa(sections: &EnvConfigSections, profile: &Profile) -> bool {
    let mut seen = vec![profile.name()];
    let mut next = Some(profile);
    while let Some(profile) = next.filter(|profile| profile.get("role_arn").is_some()) {
        if profile.get("mfa_serial").is_some() {
            return true;
        }
        let source = profile.get("source_profile").filter(|name| !seen.contains(name));
        seen.extend(source);
        next = source.and_then(|name| sections.get_profile(name));
    }
    false
}

/// `arn:aws:iam::ACCOUNT:role/path/NAME`.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listed(config: &str, credentials: &str) -> String {
        let fs = Fs::from_slice(&[("/h/.aws/config", config), ("/h/.aws/credentials", credentials)]);
        let env = Env::from_slice(&[("HOME", "/h")]);
        let line = |p: ProfileSummary| {
            let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            format!("{} | {} | {} | {}\n", p.name, p.kind, or_dash(p.region), or_dash(p.account))
        };
        read(&fs, &env).await.unwrap().into_iter().map(line).collect()
    }

    #[tokio::test]
    async fn each_profile_says_what_it_is() {
        let config = "[profile zeta]\nregion = eu-west-1\n\
            [profile corp]\nsso_session = main\nsso_account_id = 111122223333\nsso_role_name = ops\n\
            [profile old]\nsso_start_url = https://x/start\nsso_region = eu-west-1\n\
            [profile admin]\nrole_arn = arn:aws:iam::444455556666:role/team/admin\nsource_profile = corp\nregion = us-east-1\n\
            [profile guarded]\nrole_arn = arn:aws:iam::444455556666:role/g\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/me\n\
            [profile beyond]\nrole_arn = arn:aws:iam::777788889999:role/b\nsource_profile = guarded\n\
            [profile box]\nrole_arn = arn:aws:iam::4:role/box\ncredential_source = Ec2InstanceMetadata\n\
            [profile pod]\nrole_arn = arn:aws:iam::4:role/pod\nweb_identity_token_file = /t\n\
            [profile program]\ncredential_process = /bin/keys\n[profile console]\nlogin_session = arn:aws:iam::1:user/a\n\
            [profile a]\nrole_arn = arn:aws:iam::4:role/a\nsource_profile = b\n\
            [profile b]\nrole_arn = arn:aws:iam::4:role/b\nsource_profile = a\n\
            [sso-session main]\nsso_region = eu-west-1\nsso_start_url = https://x\n";
        let credentials = "[keys]\naws_access_key_id = AKIA\naws_secret_access_key = s3cret\n[default]\n\
            aws_access_key_id = AKIA\naws_secret_access_key = s3cret\naws_account_id = 1234\n";
        insta::assert_snapshot!(listed(config, credentials).await, @r"
        default | keys | - | 1234
        a | role a by b | - | 4
        admin | role admin by corp | us-east-1 | 444455556666
        b | role b by a | - | 4
        beyond | role b by guarded, MFA | - | 777788889999
        box | role box by Ec2InstanceMetadata | - | 4
        console | aws login | - | -
        corp | SSO main, role ops | - | 111122223333
        guarded | role g by keys, MFA | - | 444455556666
        keys | keys | - | -
        old | SSO https://x/start | - | -
        pod | role pod by web identity | - | 4
        program | program | - | -
        zeta | no keys of its own | eu-west-1 | -
        ");
        assert_eq!(listed("", "").await, "");
    }
}
