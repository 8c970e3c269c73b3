//! The account as a place: which regions it has enabled, and the name that people gave it.

use super::{Client, Error, Kind, error::Task};

/// One region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionSummary {
    /// `eu-west-1`.
    pub name: String,
    /// The account may use it.
    pub enabled: bool,
    /// AWS did not tell: the name is of a list of our own, which may be old, and `enabled` is a guess.
    pub built_in: bool,
}

impl Client {
    /// All regions of the partition, by name. Where the account may not ask, they come from a list of our own.
    ///
    /// # Errors
    /// Anything but a denial: no keys, no network, AWS slowing us down.
    pub async fn regions(&self) -> Result<Vec<RegionSummary>, Error> {
        let task = Task { verb: "list the regions".to_owned(), action: "ec2:DescribeRegions", target: None };
        let answer = match self.0.ec2.describe_regions().all_regions(true).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match self.failed(&task, &error).await {
                    error if error.kind == Kind::Denied => Ok(built_in_regions(self.region())),
                    error => Err(error),
                };
            }
        };
        let region = |region: aws_sdk_ec2::types::Region| {
            let enabled = region.opt_in_status.as_deref() != Some("not-opted-in");
            Some(RegionSummary { name: region.region_name?, enabled, built_in: false })
        };
        let mut regions: Vec<_> = answer.regions.unwrap_or_default().into_iter().filter_map(region).collect();
        regions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(regions)
    }

    /// The account's alias, the name that its people know it by; `None` where it has none or we may not ask.
    pub async fn account_alias(&self) -> Option<String> {
        let task = Task {
            verb: "ask for the account's alias".to_owned(),
            action: "iam:ListAccountAliases",
            target: None,
        };
        match self.0.iam.list_account_aliases().send().await {
            Ok(answer) => answer.account_aliases.into_iter().next(),
            Err(error) => {
                // A name is a comfort: without it the number stands.
                let _ = self.failed(&task, &error).await;
                None
            }
        }
    }
}

/// Regions that need no opting in, then those that do; each partition as botocore 1.43 lists it.
const COMMERCIAL: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
const OPT_IN: [&str; 17] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];
const OTHER_PARTITIONS: [&[&str]; 3] =
    [&["cn-north-1", "cn-northwest-1"], &["us-gov-east-1", "us-gov-west-1"], &["eusc-de-east-1"]];

/// The regions of the partition that this one is in, from a list of our own, by name.
pub fn built_in_regions(region: &str) -> Vec<RegionSummary> {
    let named = |names: &[&str], enabled: bool| -> Vec<RegionSummary> {
        names.iter().map(|name| RegionSummary { name: (*name).to_owned(), enabled, built_in: true }).collect()
    };
    if let Some(names) = OTHER_PARTITIONS.iter().find(|names| names.contains(&region)) {
        return named(names, true);
    }
    let mut regions = named(&COMMERCIAL, true);
    regions.extend(named(&OPT_IN, false));
    regions.sort_by(|a, b| a.name.cmp(&b.name));
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_regions_are_those_of_the_partition() {
        let names = |region: &str| built_in_regions(region).into_iter().map(|r| r.name).collect::<Vec<_>>();
        assert_eq!(names("us-gov-west-1"), ["us-gov-east-1", "us-gov-west-1"]);
        let commercial = built_in_regions("eu-west-1");
        assert_eq!(commercial.len(), 34);
        assert!(commercial.is_sorted_by(|a, b| a.name < b.name) && commercial.iter().all(|r| r.built_in));
        let enabled = |name: &str| commercial.iter().find(|r| r.name == name).map(|r| r.enabled);
        assert_eq!((enabled("eu-west-1"), enabled("eu-south-1")), (Some(true), Some(false)));
        assert_eq!(names("xx-new-1"), names("eu-west-1"), "a region that we have not heard of");
    }
}
