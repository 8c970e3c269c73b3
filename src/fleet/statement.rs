//! Names and grants, as policies have them: the ARNs of what a session needs, and the smallest statement that allows it. Pure.

use serde_json::json;

use super::document::PREFERENCES;

/// The action that starts a session.
pub const START: &str = "ssm:StartSession";

/// Where something is, as its ARN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// The region; `*` where it isn't known.
    pub region: &'a str,
    /// The account's number; `*` where it isn't known.
    pub account: &'a str,
}

impl Site<'_> {
    /// A session's target: an instance of EC2, or a hybrid node.
    pub fn target(&self, id: &str) -> String {
        let Site { partition, region, account } = self;
        match id.starts_with("mi-") {
            true => format!("arn:{partition}:ssm:{region}:{account}:managed-instance/{id}"),
            false => format!("arn:{partition}:ec2:{region}:{account}:instance/{id}"),
        }
    }

    /// A document, by its name or its ARN; Amazon's own have no account.
    pub fn document(&self, name: &str) -> String {
        let Site { partition, region, account } = self;
        match name {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            name if name.starts_with("AWS-") => format!("arn:{partition}:ssm:{region}::document/{name}"),
            name => format!("arn:{partition}:ssm:{region}:{account}:document/{name}"),
        }
    }

    /// The sessions of one who starts them; `${aws:userid}` fits whoever asks, federated callers too.
    pub fn sessions_of(&self, user: &str) -> String {
        let Site { partition, region, account } = self;
        format!("arn:{partition}:ssm:{region}:{account}:session/{user}-*")
    }

    /// The smallest statement that starts a session on a target by a document; none is the account's own. It names both, since
    /// the second would be refused next.
    pub fn start(&self, target: &str, document: Option<&str>) -> String {
        allow(START, &[self.target(target), self.document(document.unwrap_or(PREFERENCES))])
    }
}

/// The smallest statement that allows an action.
pub fn allow(action: &str, resources: &[String]) -> String {
    let resource = match resources {
        [one] => json!(one),
        many => json!(many),
    };
    format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":{resource}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_both_halves_in_the_words_of_its_partition() {
        let site = |partition, region| Site { partition, region, account: "123456789012" };
        assert_eq!(
            site("aws", "eu-west-1").start("i-0a", None),
            r#"{"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws:ec2:eu-west-1:123456789012:instance/i-0a","arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell"]}"#
        );
        assert_eq!(
            site("aws-cn", "cn-north-1").start("mi-0a", Some("AWS-StartSSHSession")),
            r#"{"Effect":"Allow","Action":"ssm:StartSession","Resource":["arn:aws-cn:ssm:cn-north-1:123456789012:managed-instance/mi-0a","arn:aws-cn:ssm:cn-north-1::document/AWS-StartSSHSession"]}"#
        );
        let shared = "arn:aws:ssm:eu-west-1:999999999999:document/theirs";
        assert_eq!(site("aws", "eu-west-1").document(shared), shared);
    }
}
