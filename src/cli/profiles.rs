//! `ssmtui sim --aws-config`: the region's accounts as AWS's own two files.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Failure, folder::Folder};
use crate::sim::{Profile, Region, Way};

/// What the sign-in and the endpoints are called there.
const SECTION: &str = "shop";

/// The two files.
pub(super) struct Files(Folder);

impl Files {
    /// Writes them into a folder: the one that was asked for, or a new one among the system's temporary ones.
    pub(super) fn write(region: &Region, wanted: Option<PathBuf>) -> Result<Files, Failure> {
        let told = |error: io::Error| {
            let what = "cannot write the AWS files of the simulated region";
            Failure::told(what, error.to_string(), "name another folder with `--aws-config`")
        };
        let folder = Folder::open(wanted, "ssmtui-aws").map_err(told)?;
        let profiles = region.profiles();
        secret(&folder.path().join("config"), &config(&profiles, region)).map_err(told)?;
        secret(&folder.path().join("credentials"), &credentials(&profiles)).map_err(told)?;
        Ok(Files(folder))
    }

    /// The variables that lead AWS clients to them.
    pub(super) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_CONFIG_FILE", self.0.file("config")),
            ("AWS_SHARED_CREDENTIALS_FILE", self.0.file("credentials")),
        ]
    }
}

/// A file for its owner alone, whatever stood there before.
fn secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

fn config(profiles: &[Profile], region: &Region) -> String {
    let (endpoint, name) = (region.endpoint(), region.name());
    let mut text = "# Written by `ssmtui sim`; good as long as it runs.\n".to_owned();
    for profile in profiles {
        let mut put = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        put(&format!("\n[profile {}]", profile.name));
        put(&format!("region = {name}\nendpoint_url = {endpoint}\nservices = {SECTION}"));
        match &profile.way {
            Way::Keys { .. } => {}
            Way::Role { arn, source, mfa_serial, external_id } => {
                put(&format!("role_arn = {arn}\nsource_profile = {source}"));
                if let Some(serial) = mfa_serial {
                    put(&format!("mfa_serial = {serial}"));
                }
                if let Some(id) = external_id {
                    put(&format!("external_id = {id}"));
                }
            }
            Way::SignOn { account, role } => {
                put(&format!("sso_session = {SECTION}\nsso_account_id = {account}\nsso_role_name = {role}"));
            }
        }
    }
    // AWS SDKs read endpoints of single services in such a section; for some calls they look nowhere else.
    let _ = write!(
        text,
        "\n[sso-session {SECTION}]\nsso_region = {name}\nsso_start_url = {endpoint}/start\nsso_registration_scopes = sso:account:access\n\
         \n[services {SECTION}]\n"
    );
    for service in ["sso", "sso_oidc", "sts"] {
        let _ = write!(text, "{service} =\n  endpoint_url = {endpoint}\n");
    }
    text
}

fn credentials(profiles: &[Profile]) -> String {
    let mut text = "# Written by `ssmtui sim`; good as long as it runs.\n".to_owned();
    for profile in profiles {
        if let Way::Keys { id, secret } = &profile.way {
            let _ = write!(
                text,
                "\n[{}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n",
                profile.name
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::sim::Options;

    #[tokio::test]
    async fn the_files_name_every_way_in_and_are_their_owners_alone() {
        let region = Region::start(Options::default()).await.unwrap();
        let files = Files::write(&region, None).unwrap();
        let [(_, config), (_, credentials)] = files.environment();
        for path in [&config, &credentials] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
        }
        let (config_text, keys) =
            (fs::read_to_string(&config).unwrap(), fs::read_to_string(&credentials).unwrap());
        for account in ["prod", "staging", "data"] {
            for name in ["", "-admin", "-reader", "-limited", "-contractor", "-mfa-user"] {
                assert!(
                    keys.contains(&format!("\n[{account}{name}]\naws_access_key_id = AKIA")),
                    "{account}{name}"
                );
            }
            for name in ["", "-ops", "-mfa", "-audit", "-sso", "-sso-reader"] {
                assert!(config_text.contains(&format!("\n[profile {account}{name}]\n")), "{account}{name}");
            }
        }
        let mfa = "role_arn = arn:aws:iam::123456789012:role/ops-mfa\nsource_profile = prod-mfa-user\n\
                   mfa_serial = arn:aws:iam::123456789012:mfa/mfa-user\n";
        assert!(config_text.contains(mfa), "{config_text}");
        assert!(
            config_text
                .contains("sso_session = shop\nsso_account_id = 345678901234\nsso_role_name = Operators\n")
        );
        drop(files);
        assert!(!Path::new(&config).exists(), "a folder that was made goes");
        region.shutdown().await;
    }

    #[tokio::test]
    async fn a_folder_that_was_named_stays_and_loses_its_wide_rights() {
        let folder = std::env::temp_dir().join(format!("ssmtui-profiles-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("credentials"), "open").unwrap();
        fs::set_permissions(folder.join("credentials"), fs::Permissions::from_mode(0o644)).unwrap();
        let region = Region::start(Options::default()).await.unwrap();
        drop(Files::write(&region, Some(folder.clone())).unwrap());
        let credentials = folder.join("credentials");
        assert_eq!(fs::metadata(&credentials).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&credentials).unwrap().contains("[prod]"));
        fs::remove_dir_all(folder).unwrap();
        region.shutdown().await;
    }
}
