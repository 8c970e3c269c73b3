//! `ssmtui ssh-proxy`, `ssmtui ssh-config` and `ssmtui ssh`: OpenSSH over AWS-StartSSHSession.

mod config;
mod key;
mod proxy;
mod run;

pub(super) use config::run as config;
pub(super) use proxy::run as proxy;
pub(super) use run::run;

use std::path::PathBuf;

use super::Failure;
use crate::aws::{Connector, Scope};

/// The line that makes ssh go by us. The shell that ssh runs it with reads it once, and ssh itself reads `%`.
fn proxy_command(connector: &Connector) -> Result<String, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::told("cannot find this program's own path", error.to_string(), ""))?;
    Ok(line(program, connector))
}

fn line(program: PathBuf, connector: &Connector) -> String {
    let mut words = vec![program.to_string_lossy().into_owned(), "ssh-proxy".to_owned()];
    if let Connector::Environment(Scope { profile, region }) = connector {
        for (flag, value) in [("--profile", profile), ("--region", region)] {
            if let Some(value) = value {
                words.extend([flag.to_owned(), value.clone()]);
            }
        }
    }
    let words: Vec<_> = words.iter().map(|word| super::quoted(word).replace('%', "%%")).collect();
    format!("{} %h %p", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_command_survives_ssh_and_the_shell() {
        let scope = Scope { profile: Some("my prod".into()), region: Some("eu-west-1".into()) };
        assert_eq!(
            line("/opt/my tools/100%/ssmtui".into(), &Connector::Environment(scope)),
            "'/opt/my tools/100%%/ssmtui' ssh-proxy --profile 'my prod' --region eu-west-1 %h %p"
        );
        assert_eq!(
            line("/usr/bin/ssmtui".into(), &Connector::Environment(Scope::default())),
            "/usr/bin/ssmtui ssh-proxy %h %p"
        );
    }
}
