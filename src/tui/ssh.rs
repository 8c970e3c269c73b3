//! How this program runs itself as `ssmtui ssh TARGET`: the same account and region as on the screen.

use std::{ffi::OsString, io};

use super::local::Program;
use crate::{aws::Connector, fleet::InstanceId};

/// Variables that would lead a program elsewhere than to the simulated region.
const MISLEADING: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_DEFAULT_REGION",
];

/// The program for a target.
///
/// # Errors
/// The system does not say which file this program is.
pub(super) fn program(connector: &Connector, target: &InstanceId) -> io::Result<Program> {
    let (mut arguments, environment) = place(connector);
    arguments.push("ssh".into());
    match connector {
        Connector::Environment(_) => arguments.push(target.as_str().into()),
        Connector::Simulated(_) => arguments.extend(to_sample(target)),
    }
    Ok(Program { file: std::env::current_exe()?, arguments, environment })
}

/// The machines of a simulated region are this one: they know its user and a key of the moment, and have other host keys each time,
/// which are not worth remembering.
fn to_sample(target: &InstanceId) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--push-key".into()];
    if let Some(user) = user() {
        arguments.extend(["--user".into(), user]);
    }
    arguments.push(target.as_str().into());
    for setting in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"] {
        arguments.extend(["-o".into(), setting.into()]);
    }
    arguments
}

/// Who we are on this machine; where no variable says it, as in many containers, `id` does.
fn user() -> Option<OsString> {
    let known = ["USER", "LOGNAME"].into_iter().find_map(std::env::var_os).filter(|user| !user.is_empty());
    known.or_else(|| {
        let answer = std::process::Command::new("id").arg("-un").output().ok()?;
        let name = String::from_utf8(answer.stdout).ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty()).map(Into::into)
    })
}

/// Flags and variables that say which account and region.
fn place(connector: &Connector) -> (Vec<OsString>, Vec<(&'static str, Option<OsString>)>) {
    match connector {
        Connector::Environment(scope) => {
            let mut arguments = Vec::new();
            for (flag, value) in [("--profile", &scope.profile), ("--region", &scope.region)] {
                if let Some(value) = value {
                    arguments.extend([flag.into(), value.into()]);
                }
            }
            (arguments, Vec::new())
        }
        Connector::Simulated(simulated) => {
            let mut environment: Vec<(&'static str, Option<OsString>)> =
                MISLEADING.into_iter().map(|name| (name, None)).collect();
            for (name, value) in [
                ("AWS_ENDPOINT_URL", simulated.endpoint.as_str()),
                ("AWS_REGION", &simulated.region),
                ("AWS_ACCESS_KEY_ID", &simulated.access_key_id),
                ("AWS_SECRET_ACCESS_KEY", &simulated.secret_access_key),
                // Nothing of the user's AWS set-up is looked at.
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ] {
                environment.push((name, Some(value.into())));
            }
            (Vec::new(), environment)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Scope, Simulated};

    #[test]
    fn account_and_region_of_the_screen_go_along() {
        let scope = Scope { profile: Some("prod".into()), region: Some("eu-west-1".into()) };
        let program = program(&Connector::Environment(scope), &InstanceId::new("i-1")).unwrap();
        assert_eq!(program.arguments, ["--profile", "prod", "--region", "eu-west-1", "ssh", "i-1"]);
        assert!(program.environment.is_empty());
    }

    #[test]
    fn a_simulated_region_is_found_by_variables_and_the_users_own_are_out_of_the_way() {
        let simulated = Simulated {
            endpoint: "http://127.0.0.1:4000".into(),
            region: "eu-west-1".into(),
            access_key_id: "AKIA".into(),
            secret_access_key: "secret".into(),
        };
        let program = program(&Connector::Simulated(simulated), &InstanceId::new("i-1")).unwrap();
        assert!(
            program.arguments.starts_with(&["ssh".into(), "--push-key".into()]),
            "{:?}",
            program.arguments
        );
        assert!(
            !format!("{:?}", program.arguments).contains("secret"),
            "nothing secret in arguments (peers c27)"
        );
        let value = |name: &str| program.environment.iter().find(|(n, _)| *n == name).unwrap().1.clone();
        assert_eq!(value("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:4000".into()));
        assert_eq!(value("AWS_PROFILE"), None);
    }
}
