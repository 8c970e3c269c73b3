//! Whom to log in as over SSH where nobody said: the user that the platform's official images make.

use super::{Instance, record::Platform};

/// Words in a platform's name, and the user of its images (EC2 user guide, "default user name for your AMI").
const USERS: [(&str, &str); 14] = [
    ("Amazon Linux", "ec2-user"),
    ("Ubuntu", "ubuntu"),
    ("Debian", "admin"),
    ("Red Hat", "ec2-user"),
    ("SLES", "ec2-user"),
    ("SUSE", "ec2-user"),
    ("CentOS", "centos"),
    ("Rocky", "rocky"),
    ("Alma", "ec2-user"),
    ("Fedora", "fedora"),
    ("Oracle", "ec2-user"),
    ("FreeBSD", "ec2-user"),
    ("Bottlerocket", "ec2-user"),
    ("macOS", "ec2-user"),
];

/// The usual user of the instance's image; `None` where nobody knows: an unknown platform, or a hybrid node, whose users
/// its owner made.
pub fn default_user(instance: &Instance) -> Option<&'static str> {
    if instance.target().is_hybrid() {
        return None;
    }
    match instance.platform() {
        Some(Platform::Windows) => return Some("Administrator"),
        Some(Platform::MacOs) => return Some("ec2-user"),
        _ => {}
    }
    let words = instance.platform_words()?;
    USERS.iter().find(|(sign, _)| words.contains(sign)).map(|(_, user)| *user)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fleet::{AgentRecord, Part};

    fn node(id: &str, name: &str, platform: Platform) -> Instance {
        let record = AgentRecord {
            platform_name: Some(name.into()),
            platform: Some(platform),
            ..AgentRecord::new(id)
        };
        Instance { agent: Part::Seen(Arc::new(record)), ..Instance::new(id) }
    }

    #[test]
    fn each_platform_has_its_user() {
        for (name, platform, user) in [
            ("Amazon Linux", Platform::Linux, "ec2-user"),
            ("Ubuntu", Platform::Linux, "ubuntu"),
            ("Debian GNU/Linux", Platform::Linux, "admin"),
            ("Red Hat Enterprise Linux", Platform::Linux, "ec2-user"),
            ("Microsoft Windows Server 2022 Datacenter", Platform::Windows, "Administrator"),
            ("macOS", Platform::MacOs, "ec2-user"),
        ] {
            assert_eq!(default_user(&node("i-1", name, platform)), Some(user), "{name}");
        }
    }

    #[test]
    fn nobody_is_made_up() {
        assert_eq!(default_user(&node("i-1", "Plan 9", Platform::Linux)), None);
        assert_eq!(default_user(&node("mi-1", "Ubuntu", Platform::Linux)), None, "its owner knows");
        assert_eq!(default_user(&Instance::new("i-1")), None);
    }
}
