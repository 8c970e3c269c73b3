//! What fills in a mending command, so that it can be typed as shown: profiles and roles that others use or that have what an
//! agent needs, and groups for endpoints. Where nothing is known a word in capitals stays, and the fix says what goes there.

use super::case::Case;
use super::identity::CORE;
use super::{network, trust, words};
use crate::fleet::evidence::CoreProfile;

/// A value for a command, and what it is in the sentence of the fix.
pub(super) struct Filling {
    /// One word of a shell.
    pub(super) value: String,
    /// "profile core, as web-1 and 11 others have".
    pub(super) words: String,
}

impl Case<'_> {
    /// The profile to attach.
    pub(super) fn profile_to_attach(&self) -> Filling {
        let filling = |name: &str, why: String| Filling {
            value: words::quoted(name),
            words: format!("profile {name}, {why}"),
        };
        if let Some(common) = &self.context.usage.profile {
            return filling(&common.name, common.words());
        }
        match self.core_profile() {
            Some(core) => filling(&core.name, format!("whose role has {CORE}")),
            None => Filling {
                value: "PROFILE".to_owned(),
                words: format!(
                    "a profile whose role has {CORE} (its name goes where the command says PROFILE)"
                ),
            },
        }
    }

    /// The role to put into a profile.
    pub(super) fn role_to_add(&self) -> Filling {
        match self.core_profile() {
            Some(core) => Filling {
                value: words::quoted(&core.role),
                words: format!("role {}, which has {CORE},", core.role),
            },
            None => Filling {
                value: "ROLE".to_owned(),
                words: format!("a role that has {CORE} (its name goes where the command says ROLE)"),
            },
        }
    }

    /// The role for a new activation: that of the last one, else what most hybrid nodes have.
    pub(super) fn role_to_activate(&self) -> Filling {
        let activations = self.around.activations.value().map(Vec::as_slice).unwrap_or_default();
        let latest = activations.iter().filter(|one| !one.role.is_empty()).max_by_key(|one| one.expires);
        let common = self.context.usage.hybrid_role.as_ref();
        match (latest, common) {
            (Some(one), _) => Filling {
                value: words::quoted(&one.role),
                words: format!("role {}, as {} had", one.role, one.id),
            },
            (None, Some(common)) => Filling {
                value: words::quoted(&common.name),
                words: format!("role {}, {}", common.name, common.words()),
            },
            (None, None) => Filling {
                value: "ROLE".to_owned(),
                words: format!(
                    "a role that ssm.amazonaws.com may assume and that has {CORE} (its name goes where the command says ROLE)"
                ),
            },
        }
    }

    /// Of the profiles that have what an agent needs the one in use here, else the first that gives the least beyond.
    fn core_profile(&self) -> Option<&CoreProfile> {
        let in_use = self.context.usage.profile.as_ref().map(|common| common.name.as_str());
        let known = self.around.core_profiles.value()?.iter();
        known
            .filter(|core| trust::trusts(&core.trust, "ec2.amazonaws.com") == Some(true))
            .min_by_key(|core| (Some(core.name.as_str()) != in_use, core.policies))
    }

    /// The group for new endpoints, and the command that must go before if it doesn't let the instance in yet.
    pub(super) fn endpoint_group(&self) -> (Filling, Option<String>) {
        let own = self.own_groups();
        let evidence = &self.evidence.network;
        let admitting =
            self.instance.machine.seen().and_then(|machine| network::admitting_group(machine, evidence));
        let filling = |group: &str, words: String| Filling { value: words::quoted(group), words };
        match (admitting, own.first()) {
            (Some(group), _) => {
                let words = format!("in {group}, which admits 443 from the instance");
                (filling(&group, words), None)
            }
            (None, Some(group)) if evidence.security_groups.value().is_some() => {
                let words = format!("in the instance's own {group}, which is first opened to itself on 443");
                let opens = self.aws(&format!(
                    "aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 443 --source-group {group}"
                ));
                (filling(group, words), Some(opens))
            }
            (None, Some(group)) => {
                let words = format!("in the instance's own {group}, which must admit 443 from itself");
                (filling(group, words), None)
            }
            (None, None) => {
                let words =
                    "in a group that admits 443 from the instance (its id goes where the command says GROUP)";
                (filling("GROUP", words.to_owned()), None)
            }
        }
    }
}
