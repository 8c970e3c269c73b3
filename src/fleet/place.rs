//! Where a row is: its account and region, and the profile that reads it.

use super::record::Text;

/// An account and a region, as far as they are known, and whose keys ask there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The profile, if one was named.
    pub profile: Option<Text>,
    /// The region; none until it is looked up.
    pub region: Option<Text>,
    /// The account's number; none until STS has said it.
    pub account: Option<Text>,
    /// The account's alias (iam:ListAccountAliases), where there is one and it may be read.
    pub alias: Option<Text>,
}

impl Place {
    /// The account as people call it: its alias, else its number.
    pub fn account_words(&self) -> Option<&str> {
        self.alias.as_deref().or(self.account.as_deref())
    }

    /// "prod/eu-west-1": the profile and the region, as far as they are known.
    pub fn words(&self) -> String {
        match (self.profile.as_deref(), self.region.as_deref()) {
            (Some(profile), Some(region)) => format!("{profile}/{region}"),
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        }
    }
}
