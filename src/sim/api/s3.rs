//! S3, 2006-03-01, as far as it takes to see and mend the encryption of the buckets that sessions are recorded in. Its calls have no
//! operation's name: method, path and query say what is meant, `PUT /BUCKET?encryption`.

use http::Method;

use super::{
    Context,
    error::{ApiError, Wire},
    xml::Xml,
};
use crate::sim::world::recording::Encryption;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What is asked of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    operation: &'static str,
    action: &'static str,
    bucket: String,
}

impl Request {
    /// By method, path and query, if it is a call that is known here.
    pub(super) fn read(method: &Method, path: &str, query: &str) -> Option<Request> {
        let bucket = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest))?;
        if !is_bucket(bucket) || !matches!(query, "encryption" | "encryption=") {
            return None;
        }
        let (operation, action) = match *method {
            Method::GET => ("GetBucketEncryption", "s3:GetEncryptionConfiguration"),
            Method::PUT => ("PutBucketEncryption", "s3:PutEncryptionConfiguration"),
            _ => return None,
        };
        Some(Request { operation, action, bucket: bucket.to_owned() })
    }

    /// As traffic and faults name it.
    pub(super) fn name(&self) -> String {
        format!("s3:{}", self.operation)
    }

    /// The answer's body.
    pub(super) fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<String, ApiError> {
        let arn = format!("arn:aws:s3:::{}", self.bucket);
        let found = context.world.buckets.iter().find(|bucket| bucket.name == self.bucket);
        let found = found.ok_or_else(|| {
            ApiError::common("NoSuchBucket", "The specified bucket does not exist").status(404)
        })?;
        context.permit(Wire::S3, self.action, Some(&arn))?;
        if self.operation == "GetBucketEncryption" {
            return Ok(show(found.encryption));
        }
        let encryption = algorithm(body)?;
        context.api.change(context.now, |world| {
            let bucket = world.buckets.iter_mut().filter(|bucket| bucket.name == self.bucket);
            bucket.for_each(|bucket| bucket.encryption = encryption);
            Ok(())
        })?;
        Ok(String::new())
    }
}

/// As S3 lets buckets be named.
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
}

fn show(encryption: Encryption) -> String {
    Xml::document("ServerSideEncryptionConfiguration", Some(NAMESPACE), |xml| {
        xml.element("Rule", |xml| {
            xml.element("ApplyServerSideEncryptionByDefault", |xml| {
                xml.text("SSEAlgorithm", encryption.as_str());
            });
            xml.text("BucketKeyEnabled", "false");
        });
    })
}

/// The algorithm that a ServerSideEncryptionConfiguration names. Its one rule is all that is looked for: elements have no prefixes
/// with any client, and the rest of the schema says nothing here.
fn algorithm(body: &[u8]) -> Result<Encryption, ApiError> {
    const MALFORMED: &str =
        "The XML you provided was not well-formed or did not validate against our published schema";
    let within = |text: &'_ str, name: &str| -> Option<String> {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside.to_owned())
    };
    let named =
        std::str::from_utf8(body).ok().filter(|text| text.contains("<ServerSideEncryptionConfiguration"));
    let rule = named.and_then(|text| within(text, "Rule"));
    let word = rule.and_then(|rule| within(&rule, "SSEAlgorithm"));
    word.and_then(|word| Encryption::parse(word.trim()))
        .ok_or_else(|| ApiError::common("MalformedXML", MALFORMED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_known_by_method_path_and_query() {
        let read = |method, path, query| Request::read(&method, path, query).map(|request| request.name());
        assert_eq!(read(Method::PUT, "/logs-1", "encryption").as_deref(), Some("s3:PutBucketEncryption"));
        assert_eq!(read(Method::GET, "/logs-1/", "encryption=").as_deref(), Some("s3:GetBucketEncryption"));
        for (method, path, query) in [
            (Method::POST, "/logs-1", "encryption"),
            (Method::GET, "/logs-1", "acl"),
            (Method::GET, "/logs-1/key", "encryption"),
            (Method::GET, "/", "encryption"),
            (Method::GET, "/Logs", "encryption"),
        ] {
            assert_eq!(read(method, path, query), None, "{path}?{query}");
        }
    }

    #[test]
    fn the_algorithm_is_found_in_the_configuration() {
        for encryption in [Encryption::Aes256, Encryption::Kms, Encryption::KmsTwice] {
            assert_eq!(algorithm(show(encryption).as_bytes()).ok(), Some(encryption));
        }
        for body in ["", "x", "<a>", "<Rule><SSEAlgorithm>rot13</SSEAlgorithm></Rule>", "<Rule></Rule>"] {
            assert_eq!(algorithm(body.as_bytes()).unwrap_err().code, "MalformedXML", "{body}");
        }
    }
}
