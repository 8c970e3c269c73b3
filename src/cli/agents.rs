//! `ssmtui sim --agents`: what an agent needs to become a node, as files, variables and instructions.

use std::{fs, io, path::PathBuf};

use super::{Failure, folder::Folder};
use crate::sim::AgentAccess;

/// The folder with the files that agents need.
pub(super) struct Files(Folder);

impl Files {
    /// Writes the files into a folder: the one that was asked for, or a new one among the system's temporary ones.
    pub(super) fn write(access: &AgentAccess, wanted: Option<PathBuf>) -> Result<Files, Failure> {
        let told = |error: io::Error| {
            let what = "cannot write what agents need";
            Failure::told(what, error.to_string(), "name another folder with `--agents-dir`")
        };
        let folder = Folder::open(wanted, "ssmtui-agents").map_err(told)?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write("ca.pem", &access.authority).map_err(told)?;
        write("amazon-ssm-agent.json", &access.configuration()).map_err(told)?;
        Ok(Files(folder))
    }

    /// What scripts need to start an agent.
    pub(super) fn environment(&self, access: &AgentAccess) -> [(&'static str, String); 5] {
        [
            ("SSMTUI_AGENT_ENDPOINT", access.endpoint.clone()),
            ("SSMTUI_AGENT_ACTIVATION_ID", access.activation_id.clone()),
            ("SSMTUI_AGENT_ACTIVATION_CODE", access.activation_code.clone()),
            ("SSMTUI_AGENT_CA", self.0.file("ca.pem")),
            ("SSMTUI_AGENT_CONFIG", self.0.file("amazon-ssm-agent.json")),
        ]
    }

    /// How the official agent is started, line by line.
    pub(super) fn instructions(&self, access: &AgentAccess) -> String {
        let (authority, configuration) = (self.0.file("ca.pem"), self.0.file("amazon-ssm-agent.json"));
        let AgentAccess { region, activation_id, activation_code, .. } = access;
        format!(
            "# an agent becomes a node of this region like this, as root, with the official amazon-ssm-agent:\n\
             #   cp {configuration} /etc/amazon/ssm/amazon-ssm-agent.json\n\
             #   export SSL_CERT_FILE={authority}\n\
             #   amazon-ssm-agent -register -y -id {activation_id} -code {activation_code} -region {region}\n\
             #   amazon-ssm-agent\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> AgentAccess {
        AgentAccess {
            endpoint: "https://localhost:4000".to_owned(),
            region: "eu-west-1".to_owned(),
            activation_id: "id".to_owned(),
            activation_code: "code".to_owned(),
            authority: "PEM".to_owned(),
        }
    }

    #[test]
    fn a_folder_of_ones_own_goes_and_one_that_was_named_stays() {
        let home = tempfile::tempdir().unwrap();
        let named = home.path().join("a/b");
        let folder = Files::write(&access(), Some(named.clone())).unwrap();
        assert_eq!(fs::read_to_string(named.join("ca.pem")).unwrap(), "PEM");
        let configuration = fs::read(named.join("amazon-ssm-agent.json")).unwrap();
        let configuration: serde_json::Value = serde_json::from_slice(&configuration).unwrap();
        assert_eq!(configuration["Mgs"]["Endpoint"], "https://localhost:4000");
        assert!(folder.instructions(&access()).contains("-register -y -id id -code code -region eu-west-1"));
        drop(folder);
        assert!(named.exists());
        let own = Files::write(&access(), None).unwrap();
        let path = own.0.path().to_owned();
        assert!(path.join("ca.pem").exists());
        drop(own);
        assert!(!path.exists());
    }
}
