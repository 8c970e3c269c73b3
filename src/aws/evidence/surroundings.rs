//! What holds for a whole account and region.

use aws_sdk_kms::types as kms;
use aws_sdk_ssm::types as ssm;
use tokio::sync::mpsc;

use super::{Client, answers::Answer, fact, moment, or_none, task};
use crate::{
    aws::Error,
    fleet::{
        document::PREFERENCES,
        evidence::{Activation, Call, HostManagement, Key, KeyState, OptIn, Piece, Tier},
        record::Fact,
    },
};

/// The setting that decides about hybrid nodes.
pub(in crate::aws) const TIER: &str = "/ssm/managed-instance/activation-tier";
const HOST_MANAGEMENT: &str = "/ssm/managed-instance/default-ec2-instance-management-role";
/// The value that stands for no role.
const NONE: &str = "$None";

impl Client {
    async fn setting(&self, id: &str) -> Result<Option<ssm::ServiceSetting>, Error> {
        let ask = self.0.ssm.get_service_setting().setting_id(id).send();
        let task = task("read a setting of Systems Manager", Call::Tier.action());
        Ok(self.ask(&task, ask).await?.service_setting)
    }

    pub(super) async fn host_management(&self) -> Answer {
        let ask = async {
            let setting = self.setting(HOST_MANAGEMENT).await;
            fact(Call::HostManagement, setting.map(host_management), Piece::HostManagement)
        };
        self.0.answers.once(Call::HostManagement, "", ask).await
    }

    pub(super) async fn tier(&self) -> Answer {
        let ask = async {
            let tier = |setting: Option<ssm::ServiceSetting>| match setting
                .and_then(|setting| setting.setting_value)
            {
                Some(value) if value == "advanced" => Tier::Advanced,
                _ => Tier::Standard,
            };
            fact(Call::Tier, self.setting(TIER).await.map(tier), Piece::Tier)
        };
        self.0.answers.once(Call::Tier, "", ask).await
    }

    pub(super) async fn activations(&self) -> Answer {
        let call = Call::Activations;
        let ask = async {
            let ask = self.0.ssm.describe_activations().into_paginator().items().send();
            let task = task("read the hybrid activations", call.action());
            let rows = self.ask(&task, ask.collect::<Result<Vec<_>, _>>()).await;
            fact(call, rows.map(|rows| rows.into_iter().map(activation).collect()), Piece::Activations)
        };
        self.0.answers.once(call, "", ask).await
    }

    /// What a session by a document is like; without one, and by that of a plain shell, the account's preferences say it.
    pub(super) async fn session_preferences(&self, document: Option<&str>) -> Answer {
        let named = document.filter(|name| *name != PREFERENCES);
        let ask = async {
            let turn = self.0.answers.turn().await;
            let preferences = match named {
                None => self.preferences().await,
                Some(name) => self.document(name).await.map(|document| Some(document.preferences)),
            };
            drop(turn);
            fact(Call::Preferences, preferences, Piece::Preferences)
        };
        self.0.answers.once(Call::Preferences, named.unwrap_or_default(), ask).await
    }

    pub(super) async fn session_documents(&self) -> Answer {
        let ask = async {
            let turn = self.0.answers.turn().await;
            let (sender, mut pages) = mpsc::channel(4);
            let mut all = Vec::new();
            let collect = async {
                while let Some(page) = pages.recv().await {
                    all.extend(page);
                }
            };
            let (listed, ()) = futures_util::future::join(self.documents(sender), collect).await;
            drop(turn);
            fact(Call::Documents, listed.map(|()| all), Piece::Documents)
        };
        self.0.answers.once(Call::Documents, "", ask).await
    }

    /// The key of a session by a document; the fact is that nobody asked where it names none.
    pub(super) async fn session_key(&self, document: Option<&str>) -> Answer {
        let preferences = self.session_preferences(document).await;
        let name = match preferences.piece {
            Piece::Preferences(Fact::Known { value, .. }) => {
                value.and_then(|preferences| preferences.kms_key)
            }
            _ => None,
        };
        let Some(name) = name else { return Answer::new(Piece::Key(Fact::NotAsked)) };
        let ask = async {
            let ask = self.0.kms.describe_key().key_id(&name).send();
            let answer = self.ask(&task("read the sessions' key", Call::Key.action()), ask).await;
            let found = or_none(answer, &["NotFoundException"]);
            fact(
                Call::Key,
                found.map(|found| found.and_then(|found| found.key_metadata).map(key)),
                Piece::Key,
            )
        };
        self.0.answers.once(Call::Key, &name, ask).await
    }

    pub(super) async fn opt_in(&self) -> Answer {
        let ask = async {
            let enabled = self.is_region_enabled(self.region()).await;
            let state = |enabled| if enabled { OptIn::Enabled } else { OptIn::NotEnabled };
            fact(Call::OptIn, enabled.map(state), Piece::OptIn)
        };
        self.0.answers.once(Call::OptIn, "", ask).await
    }
}

/// Off is no setting, AWS's default, or a value that stands for no role (diagnosis C1).
fn host_management(setting: Option<ssm::ServiceSetting>) -> HostManagement {
    let Some(setting) = setting else { return HostManagement::Off };
    let is_default = setting.status.as_deref() == Some("Default");
    match setting.setting_value.filter(|value| !value.is_empty() && value != NONE && !is_default) {
        // A role may stand there with its path.
        Some(role) => HostManagement::On { role, since: moment(setting.last_modified_date) },
        None => HostManagement::Off,
    }
}

fn activation(row: ssm::Activation) -> Activation {
    let count = |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or_default();
    Activation {
        id: row.activation_id.unwrap_or_default(),
        name: row.default_instance_name.or(row.description).unwrap_or_default(),
        role: row.iam_role.unwrap_or_default(),
        expired: row.expired,
        expires: moment(row.expiration_date),
        limit: count(row.registration_limit),
        used: count(row.registrations_count),
    }
}

fn key(found: kms::KeyMetadata) -> Key {
    Key {
        state: KeyState::from_wire(found.key_state.as_ref().map_or("", |state| state.as_str())),
        arn: found.arn.unwrap_or(found.key_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_management_is_off_in_three_ways() {
        let setting = |value: &str, status: &str| {
            host_management(Some(ssm::ServiceSetting::builder().setting_value(value).status(status).build()))
        };
        assert_eq!(host_management(None), HostManagement::Off);
        assert_eq!(setting("$None", "Customized"), HostManagement::Off);
        assert_eq!(setting("service-role/Default", "Default"), HostManagement::Off);
        assert_eq!(setting("", "Customized"), HostManagement::Off);
        let on = HostManagement::On { role: "service-role/Hosts".into(), since: None };
        assert_eq!(setting("service-role/Hosts", "Customized"), on);
    }
}
