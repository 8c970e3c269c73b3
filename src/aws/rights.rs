//! Whether the caller may do something, found out by the cheapest call that harms nothing: a dry run, a list of one row, a
//! question after something that does not exist, or IAM's own simulator. Denial comes before every other answer of AWS.

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Client, Error, Kind, error::Task};
use crate::fleet::{document, evidence::Decision};

/// Nothing has this name, and no right stands or falls with it.
const NOBODY: &str = "ssmtui-doctor";
/// No instance has this id.
const NO_INSTANCE: &str = "i-00000000000000000";

/// Whether the caller may do one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not.
    Denied {
        /// AWS's reason, in our words.
        why: String,
        /// Whom to ask for what.
        next: String,
    },
    /// Nothing needs it here, for this reason.
    NotNeeded(String),
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl Client {
    /// Whether the caller has the right to `action`, one of those that this program uses.
    pub async fn may(&self, action: &'static str) -> Permission {
        let (ec2, ssm, iam) = (&self.0.ec2, &self.0.ssm, &self.0.iam);
        macro_rules! ask {
            ($call:expr) => {
                self.judge(action, $call.send().await).await
            };
        }
        match action {
            "ec2:DescribeInstances" => ask!(ec2.describe_instances().dry_run(true)),
            "ec2:DescribeInstanceStatus" => ask!(ec2.describe_instance_status().dry_run(true)),
            "ec2:DescribeIamInstanceProfileAssociations" => {
                // The one call of these that has no dry run.
                ask!(ec2.describe_iam_instance_profile_associations().max_results(5))
            }
            "ec2:DescribeImages" => ask!(ec2.describe_images().dry_run(true)),
            "ec2:DescribeRegions" => ask!(ec2.describe_regions().dry_run(true)),
            "ec2:DescribeSubnets" => ask!(ec2.describe_subnets().dry_run(true)),
            "ec2:DescribeRouteTables" => ask!(ec2.describe_route_tables().dry_run(true)),
            "ec2:DescribeVpcEndpoints" => ask!(ec2.describe_vpc_endpoints().dry_run(true)),
            "ec2:DescribeSecurityGroups" => ask!(ec2.describe_security_groups().dry_run(true)),
            "ec2:DescribeNetworkAcls" => ask!(ec2.describe_network_acls().dry_run(true)),
            "ec2:DescribeNatGateways" => ask!(ec2.describe_nat_gateways().dry_run(true)),
            "ec2:DescribeVpcAttribute" => {
                let attribute = aws_sdk_ec2::types::VpcAttributeName::EnableDnsSupport;
                let call = ec2.describe_vpc_attribute().vpc_id("vpc-00000000000000000").attribute(attribute);
                ask!(call.dry_run(true))
            }
            "ssm:DescribeInstanceInformation" => ask!(ssm.describe_instance_information().max_results(5)),
            "ssm:DescribeInstanceProperties" => ask!(ssm.describe_instance_properties().max_results(5)),
            "ssm:GetConnectionStatus" => ask!(ssm.get_connection_status().target(NO_INSTANCE)),
            "ssm:GetServiceSetting" => ask!(ssm.get_service_setting().setting_id(super::evidence::TIER)),
            "ssm:GetDocument" => ask!(ssm.get_document().name(document::PREFERENCES)),
            "ssm:DescribeDocument" => ask!(ssm.describe_document().name(document::PREFERENCES)),
            "ssm:ListDocuments" => ask!(ssm.list_documents().max_results(1)),
            "ssm:DescribeActivations" => ask!(ssm.describe_activations().max_results(1)),
            "iam:GetInstanceProfile" => ask!(iam.get_instance_profile().instance_profile_name(NOBODY)),
            "iam:GetRole" => ask!(iam.get_role().role_name(NOBODY)),
            "iam:ListAttachedRolePolicies" => ask!(iam.list_attached_role_policies().role_name(NOBODY)),
            "iam:ListInstanceProfiles" => ask!(iam.list_instance_profiles().max_items(1)),
            "iam:SimulatePrincipalPolicy" => match self.own_right(&["sts:GetCallerIdentity"], "*").await {
                Ok(_) => Permission::Allowed,
                Err(error) => told(&error),
            },
            "kms:GenerateDataKey" => self.may_encrypt(action).await,
            _ => self.may_by_simulation(action).await,
        }
    }

    async fn judge<T, E>(&self, action: &'static str, answer: Result<T, SdkError<E, Response>>) -> Permission
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let Err(error) = answer else { return Permission::Allowed };
        let was_answered = matches!(error, SdkError::ServiceError(_));
        let task = Task { verb: format!("call {action}"), action, target: None };
        let error = self.failed(&task, &error).await;
        match error.kind {
            Kind::Denied => told(&error),
            // A dry run, or something that is not there: AWS looks at rights first.
            Kind::Service | Kind::Invalid | Kind::NoDocument | Kind::Gone
                if was_answered && error.code().is_some_and(is_about_something_else) =>
            {
                Permission::Allowed
            }
            _ => told(&error),
        }
    }

    /// Rights that hold for some nodes or sessions only can be told for one, and not for all.
    async fn may_by_simulation(&self, action: &'static str) -> Permission {
        match self.own_right(&[action], "*").await {
            Err(error) if error.kind == Kind::Denied => Permission::Unknown(
                "iam:SimulatePrincipalPolicy is denied; `ssmtui why TARGET` tells what can be told for one node".to_owned(),
            ),
            Err(error) => told(&error),
            Ok(rights) => match rights.first().map(|right| right.decision) {
                Some(Decision::Allowed) => Permission::Allowed,
                Some(Decision::ExplicitDeny) => Permission::Denied {
                    why: "the policy simulator says: explicitly denied".to_owned(),
                    next: "no further right can mend that; ask whoever owns that policy".to_owned(),
                },
                _ => Permission::Unknown(
                    "it is not allowed for everything, but may be for some; `ssmtui why TARGET` tells it for one node"
                        .to_owned(),
                ),
            },
        }
    }

    async fn may_encrypt(&self, action: &'static str) -> Permission {
        let key = match self.preferences().await {
            Ok(preferences) => preferences.and_then(|preferences| preferences.kms_key),
            Err(error) => {
                return Permission::Unknown(format!("the session preferences are not known: {}", error.why));
            }
        };
        let Some(key) = key else {
            return Permission::NotNeeded("the session preferences name no key".to_owned());
        };
        let call = self.0.kms.generate_data_key().key_id(&key).number_of_bytes(64).dry_run(true);
        self.judge(action, call.send().await).await
    }
}

fn told(error: &Error) -> Permission {
    match error.kind {
        Kind::Denied => Permission::Denied { why: error.why.clone(), next: error.next.clone() },
        _ => Permission::Unknown(error.why.clone()),
    }
}

/// AWS looked at the rights, and stumbled over what comes after.
fn is_about_something_else(code: &str) -> bool {
    let words =
        ["DryRunOperation", "NotFound", "NoSuchEntity", "InvalidDocument", "Malformed", "InvalidInstanceId"];
    words.iter().any(|word| code.contains(word))
}
