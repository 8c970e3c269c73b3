//! AWS's errors: their codes and texts, and how each wire protocol writes them (protocol 1.1, 1.5, 1.6).

use serde_json::{Map, Value};

use super::{sigv4::Refusal, xml::Xml};

/// Which protocol a caller speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// JSON 1.1: Systems Manager.
    Json,
    /// EC2's query protocol.
    Ec2,
    /// The query protocol of all others: STS.
    Query,
    /// S3's own XML.
    S3,
}

/// An error as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) status: u16,
    /// The message's member in JSON; the models declare one or the other.
    member: &'static str,
}

impl ApiError {
    /// A fault of the caller whose model has a `Message`.
    pub(crate) fn modelled(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { code, message: Some(message.into()), status: 400, member: "Message" }
    }

    /// A fault of the caller whose model has a `message`, or that is in no model.
    pub(crate) fn common(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { code, message: Some(message.into()), status: 400, member: "message" }
    }

    /// A fault whose model has no message at all.
    pub(crate) fn bare(code: &'static str) -> ApiError {
        ApiError { code, message: None, status: 400, member: "message" }
    }

    /// The same error with another HTTP status.
    pub(crate) fn status(self, status: u16) -> ApiError {
        ApiError { status, ..self }
    }

    /// What a request gets that is not signed as it should be.
    pub(crate) fn refusal(wire: Wire, refusal: Refusal) -> ApiError {
        const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                                Key and signing method. Consult the service documentation for details.";
        const EC2: &str = "AWS was not able to validate the provided access credentials";
        match (wire, refusal) {
            (wire, Refusal::Expired) => ApiError::expired(wire),
            (Wire::Json, Refusal::Missing) => ApiError::common(
                "MissingAuthenticationTokenException",
                "Request is missing Authentication Token",
            ),
            (Wire::S3, Refusal::Missing) => ApiError::common("AccessDenied", "Access Denied").status(403),
            (Wire::Query, Refusal::Missing) => {
                ApiError::common("MissingAuthenticationToken", "Request is missing Authentication Token")
                    .status(403)
            }
            (Wire::Ec2, Refusal::Missing) => ApiError::common(
                "MissingAuthenticationToken",
                "The request must contain a valid (registered) AWS access key ID.",
            )
            .status(403),
            (Wire::Json, Refusal::Incomplete(text)) => ApiError::common("IncompleteSignatureException", text),
            (Wire::S3, Refusal::Incomplete(text)) => ApiError::common("AuthorizationHeaderMalformed", text),
            (_, Refusal::Incomplete(text)) => ApiError::common("IncompleteSignature", text),
            (Wire::Json, Refusal::UnknownKey) => ApiError::common(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            (Wire::Query, Refusal::UnknownKey) => ApiError::common(
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            )
            .status(403),
            (Wire::S3, Refusal::UnknownKey) => ApiError::common(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .status(403),
            (Wire::S3, Refusal::Scope(text)) => ApiError::common("AuthorizationHeaderMalformed", text),
            (Wire::S3, Refusal::Skewed(_)) => ApiError::common(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
            .status(403),
            (Wire::Json, Refusal::Scope(text) | Refusal::Skewed(text)) => {
                ApiError::common("InvalidSignatureException", text)
            }
            (Wire::Query, Refusal::Scope(text) | Refusal::Skewed(text)) => {
                ApiError::common("SignatureDoesNotMatch", text).status(403)
            }
            (Wire::Json, Refusal::Mismatch) => ApiError::common("InvalidSignatureException", MISMATCH),
            (Wire::Query | Wire::S3, Refusal::Mismatch) => {
                ApiError::common("SignatureDoesNotMatch", MISMATCH).status(403)
            }
            // EC2 has one answer to a wrong key, secret, scope and clock.
            (Wire::Ec2, _) => ApiError::common("AuthFailure", EC2).status(401),
        }
    }

    /// The credentials have expired.
    pub(crate) fn expired(wire: Wire) -> ApiError {
        const TEXT: &str = "The security token included in the request is expired";
        match wire {
            Wire::Json => ApiError::common("ExpiredTokenException", TEXT),
            Wire::Query => ApiError::common("ExpiredToken", TEXT).status(403),
            Wire::Ec2 => ApiError::common("RequestExpired", "Request has expired."),
            Wire::S3 => ApiError::common("ExpiredToken", "The provided token has expired."),
        }
    }

    /// Too many calls.
    pub(crate) fn throttled(wire: Wire) -> ApiError {
        match wire {
            Wire::Json => ApiError::common("ThrottlingException", "Rate exceeded"),
            Wire::Query => ApiError::common("Throttling", "Rate exceeded"),
            Wire::Ec2 => ApiError::common("RequestLimitExceeded", "Request limit exceeded.").status(503),
            Wire::S3 => ApiError::common("SlowDown", "Please reduce your request rate.").status(503),
        }
    }

    /// A policy refuses the call; `text` is the sentence that names who, what, where and why.
    pub(crate) fn denied(wire: Wire, text: &str) -> ApiError {
        match wire {
            Wire::Json => ApiError::common("AccessDeniedException", text),
            Wire::Query | Wire::S3 => ApiError::common("AccessDenied", text).status(403),
            Wire::Ec2 => ApiError::common(
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. {text}"),
            )
            .status(403),
        }
    }

    /// No such operation.
    pub(crate) fn unknown_operation(wire: Wire, action: &str, version: &str) -> ApiError {
        match wire {
            Wire::Json => ApiError::bare("UnknownOperationException"),
            Wire::Query => ApiError::common(
                "InvalidAction",
                format!("Could not find operation {action} for version {version}"),
            ),
            Wire::Ec2 => ApiError::common(
                "InvalidAction",
                format!("The action {action} is not valid for this web service."),
            ),
            Wire::S3 => ApiError::common(
                "NotImplemented",
                "A header or query you provided requested a function that is not implemented.",
            )
            .status(501),
        }
    }

    /// The body, as the protocol writes it.
    pub(crate) fn body(&self, wire: Wire, request_id: &str) -> String {
        let message = self.message.as_deref().unwrap_or_default();
        match wire {
            Wire::Json => {
                let mut body = Map::new();
                body.insert("__type".to_owned(), Value::from(self.code));
                if let Some(message) = &self.message {
                    body.insert(self.member.to_owned(), Value::from(message.as_str()));
                }
                Value::Object(body).to_string()
            }
            Wire::Ec2 => Xml::document("Response", None, |xml| {
                xml.element("Errors", |xml| {
                    xml.element("Error", |xml| {
                        xml.text("Code", self.code);
                        xml.text("Message", message);
                    });
                });
                xml.text("RequestID", request_id);
            }),
            Wire::S3 => Xml::document("Error", None, |xml| {
                xml.text("Code", self.code);
                xml.text("Message", message);
                xml.text("RequestId", request_id);
            }),
            Wire::Query => Xml::document("ErrorResponse", Some(super::sts::NAMESPACE), |xml| {
                xml.element("Error", |xml| {
                    xml.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                    xml.text("Code", self.code);
                    xml.text("Message", message);
                });
                xml.text("RequestId", request_id);
            }),
        }
    }
}
