//! `ssmtui sim --agents`: what an agent needs to become a node, as files, variables and instructions.

use std::{fs, io, path::PathBuf};

use super::Failure;
use crate::sim::AgentAccess;

/// The folder with the files that agents need. One that was made for the region goes with it.
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    /// Writes the files into a folder: the one that was asked for, or a new one among the system's temporary ones.
    pub(super) fn write(access: &AgentAccess, wanted: Option<PathBuf>) -> Result<Folder, Failure> {
        let made = wanted.is_none();
        let path = wanted
            .unwrap_or_else(|| std::env::temp_dir().join(format!("ssmtui-agents-{}", std::process::id())));
        let folder = Folder { path, made };
        folder.fill(access).map_err(|error| {
            Failure::told(
                format!("cannot write what agents need to {}", folder.path.display()),
                error.to_string(),
                "name another folder with `--agents-dir`",
            )
        })?;
        Ok(folder)
    }

    fn fill(&self, access: &AgentAccess) -> io::Result<()> {
        match self.made {
            // Not one that somebody else put there.
            true => fs::create_dir(&self.path)?,
            false => fs::create_dir_all(&self.path)?,
        }
        fs::write(self.path.join("ca.pem"), &access.authority)?;
        fs::write(self.path.join("amazon-ssm-agent.json"), access.configuration())
    }

    /// What scripts need to start an agent.
    pub(super) fn environment(&self, access: &AgentAccess) -> [(&'static str, String); 5] {
        [
            ("SSMTUI_AGENT_ENDPOINT", access.endpoint.clone()),
            ("SSMTUI_AGENT_ACTIVATION_ID", access.activation_id.clone()),
            ("SSMTUI_AGENT_ACTIVATION_CODE", access.activation_code.clone()),
            ("SSMTUI_AGENT_CA", self.file("ca.pem")),
            ("SSMTUI_AGENT_CONFIG", self.file("amazon-ssm-agent.json")),
        ]
    }

    /// How the official agent is started, line by line.
    pub(super) fn instructions(&self, access: &AgentAccess) -> String {
        let (authority, configuration) = (self.file("ca.pem"), self.file("amazon-ssm-agent.json"));
        let AgentAccess { region, activation_id, activation_code, .. } = access;
        format!(
            "# an agent becomes a node of this region like this, as root, with the official amazon-ssm-agent:\n\
             #   cp {configuration} /etc/amazon/ssm/amazon-ssm-agent.json\n\
             #   export SSL_CERT_FILE={authority}\n\
             #   amazon-ssm-agent -register -y -id {activation_id} -code {activation_code} -region {region}\n\
             #   amazon-ssm-agent\n"
        )
    }

    fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            // What is left there does no harm.
            let _ = fs::remove_dir_all(&self.path);
        }
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
        let folder = Folder::write(&access(), Some(named.clone())).unwrap();
        assert_eq!(fs::read_to_string(named.join("ca.pem")).unwrap(), "PEM");
        let configuration = fs::read(named.join("amazon-ssm-agent.json")).unwrap();
        let configuration: serde_json::Value = serde_json::from_slice(&configuration).unwrap();
        assert_eq!(configuration["Mgs"]["Endpoint"], "https://localhost:4000");
        assert!(folder.instructions(&access()).contains("-register -y -id id -code code -region eu-west-1"));
        drop(folder);
        assert!(named.exists());
        let own = Folder::write(&access(), None).unwrap();
        let path = own.path.clone();
        assert!(path.join("ca.pem").exists());
        drop(own);
        assert!(!path.exists());
    }
}
