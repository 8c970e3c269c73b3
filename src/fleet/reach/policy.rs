//! `why --policy`: all rights that this program can make use of, by purpose (diagnosis 3.3).

use serde_json::{Value, json};

use super::Context;
use crate::fleet::document::PREFERENCES;
use crate::fleet::statement::{START, Site};

/// What a set of rights is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The list.
    List,
    /// Sessions on every instance of the region.
    Open,
    /// The free part of a deep check: settings and network.
    Explain,
    /// The part of it that reads IAM.
    Prove,
    /// Sessions that are encrypted.
    Encrypted,
}

impl Purpose {
    /// All of them, the most needed first.
    pub const ALL: [Self; 5] = [Self::List, Self::Open, Self::Explain, Self::Prove, Self::Encrypted];

    /// Its name, as `--policy` takes it; also the statement's Sid.
    pub const fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Open => "open",
            Self::Explain => "explain",
            Self::Prove => "prove",
            Self::Encrypted => "encrypted",
        }
    }

    /// What one can do with it, in words.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::List => "see instances and their state",
            Self::Open => "start, resume and end sessions",
            Self::Explain => "see why an instance can't be reached: settings and network",
            Self::Prove => "prove what a role may do, instead of suspecting it",
            Self::Encrypted => "open sessions that are encrypted with KMS",
        }
    }
}

/// A policy with the rights for these purposes, as JSON to paste.
pub fn policy(purposes: &[Purpose], context: &Context) -> String {
    let mut statements = Vec::new();
    for purpose in purposes {
        statements.extend(statements_for(*purpose, context));
    }
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn statements_for(purpose: Purpose, context: &Context) -> Vec<Value> {
    let allow = |sid: &str, actions: &[&str], resources: Value| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
    let site = context.site(None);
    let Site { partition, region, account } = site;
    match purpose {
        Purpose::List => vec![allow(
            "List",
            &[
                "ssm:DescribeInstanceInformation",
                "ssm:DescribeInstanceProperties",
                "ssm:GetConnectionStatus",
                "ec2:DescribeInstances",
                "ec2:DescribeRegions",
                "iam:ListAccountAliases",
            ],
            json!("*"),
        )],
        Purpose::Open => vec![
            allow(
                "Open",
                &[START],
                json!([
                    site.target("*"),
                    format!("arn:{partition}:ssm:{region}:{account}:managed-instance/*"),
                    site.document(PREFERENCES),
                ]),
            ),
            allow(
                "OwnSessions",
                &["ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"],
                json!(site.sessions_of("${aws:userid}")),
            ),
            allow("Documents", &["ssm:ListDocuments", "ssm:DescribeDocument"], json!("*")),
        ],
        Purpose::Explain => vec![allow(
            "Explain",
            &[
                "ssm:GetServiceSetting",
                "ssm:GetDocument",
                "ssm:DescribeActivations",
                "ec2:DescribeSubnets",
                "ec2:DescribeRouteTables",
                "ec2:DescribeVpcEndpoints",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeNetworkAcls",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeNatGateways",
                "ec2:DescribeIamInstanceProfileAssociations",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeImages",
            ],
            json!("*"),
        )],
        Purpose::Prove => vec![allow(
            "Prove",
            &[
                "iam:GetInstanceProfile",
                "iam:GetRole",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfiles",
                "iam:SimulatePrincipalPolicy",
            ],
            json!("*"),
        )],
        Purpose::Encrypted => vec![allow(
            "Encrypted",
            &["kms:GenerateDataKey", "kms:DescribeKey"],
            json!(format!("arn:{partition}:kms:{region}:{account}:key/KEY")),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(region: &str) -> Context {
        Context { region: Some(region.into()), account: Some("123456789012".into()), ..Context::default() }
    }

    #[test]
    fn the_whole_policy_is_json_and_names_each_purpose_once() {
        let text = policy(&Purpose::ALL, &context("eu-west-1"));
        let value: Value = serde_json::from_str(&text).unwrap();
        let sids: Vec<&str> =
            value["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
        assert_eq!(sids, ["List", "Open", "OwnSessions", "Documents", "Explain", "Prove", "Encrypted"]);
        assert!(text.contains("session/${aws:userid}-*"));
    }
}
