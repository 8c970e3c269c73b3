//! The messages of a control channel: what an agent is told to do, and what it says about it. Pure.
//!
//! They are frames as on a data channel, with other types (official agent: `session/contracts/model.go`).

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::session::message::{ChannelClosed, Frame, HeaderLength, MessageType, PayloadType};

/// Starts a session of any kind.
const INTERACTIVE_SHELL: &str = "interactive_shell";
/// A session is over, the agent says.
const TASK_COMPLETE: &str = "agent_task_complete";
/// The receipt for that; without it the agent says it again.
const TASK_ACKNOWLEDGE: &str = "agent_task_acknowledge";
/// The outcome of a Run Command document, which this region sends none of.
const JOB_REPLY: &str = "agent_job_reply";
/// The receipt for that.
const JOB_REPLY_ACK: &str = "agent_job_reply_ack";

/// A session as its agent is told about it.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) session_id: String,
    /// The document's name and its content as it was written: the agent fills in the parameters itself.
    pub(crate) document: String,
    pub(crate) content: Value,
    /// Of StartSession: lists there, plain strings here, since the agent would fill in a list as a list.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) run_as: Option<String>,
    /// The ARN of the caller.
    pub(crate) owner: String,
}

/// `agent_task_complete`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Completion {
    /// The session.
    pub(crate) task_id: String,
    #[serde(default)]
    topic: String,
    /// `Success`, `Failed`, `Cancelled`, `TimedOut` and others.
    #[serde(default)]
    pub(crate) final_task_status: String,
    /// What the user shall be told.
    #[serde(default)]
    pub(crate) output: String,
}

/// Something that an agent said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A session is over; the frame is the receipt.
    Complete(Completion, Bytes),
    /// Something that needs a receipt and nothing more.
    Reply(Bytes),
    /// Anything else, such as telemetry.
    Nothing,
}

impl Task {
    /// The frame that starts it.
    pub(crate) fn start(&self, now: Timestamp) -> Bytes {
        let content = json!({
            "DocumentName": self.document,
            "DocumentContent": self.content,
            "SessionId": self.session_id,
            "Parameters": self.parameters,
            "RunAsUser": self.run_as.as_deref().unwrap_or_default(),
            "SessionOwner": self.owner,
        });
        let payload = json!({
            "Content": content.to_string(),
            "TaskId": self.session_id,
            "Topic": "aws.ssm.startSession",
            "SchemaVersion": 1,
        });
        frame(INTERACTIVE_SHELL, Uuid::new_v4(), now, payload.to_string().into())
    }
}

/// The frame that ends a session, as TerminateSession does. The agent ends it at once and says that it is complete.
pub(crate) fn terminate(session_id: &str, now: Timestamp) -> Bytes {
    let id = Uuid::new_v4();
    let payload = ChannelClosed {
        message_id: id.to_string(),
        created_date: format!("{now:.3}"),
        destination_id: String::new(),
        session_id: session_id.to_owned(),
        message_type: MessageType::ChannelClosed.as_str().to_owned(),
        schema_version: 1,
        output: String::new(),
    };
    frame(MessageType::ChannelClosed.as_str(), id, now, payload.encode())
}

/// What a frame from an agent says.
pub(crate) fn hear(frame_: &Frame, now: Timestamp) -> Said {
    let MessageType::Other(kind) = &frame_.message_type else { return Said::Nothing };
    match kind.as_str() {
        TASK_COMPLETE => match serde_json::from_slice::<Completion>(&frame_.payload) {
            Ok(completion) => {
                let receipt = Receipt {
                    schema_version: 1,
                    message_id: frame_.id.to_string(),
                    task_id: &completion.task_id,
                    topic: &completion.topic,
                };
                let payload = serde_json::to_vec(&receipt).unwrap_or_default();
                let receipt = frame(TASK_ACKNOWLEDGE, Uuid::new_v4(), now, payload.into());
                Said::Complete(completion, receipt)
            }
            Err(_) => Said::Nothing,
        },
        JOB_REPLY => {
            let job = serde_json::from_slice::<Value>(&frame_.payload).unwrap_or_default();
            let payload =
                json!({ "jobId": job["jobId"], "acknowledgedMessageId": frame_.id.to_string() }).to_string();
            Said::Reply(frame(JOB_REPLY_ACK, Uuid::new_v4(), now, payload.into()))
        }
        _ => Said::Nothing,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt<'a> {
    schema_version: u32,
    message_id: String,
    task_id: &'a str,
    topic: &'a str,
}

fn frame(kind: &str, id: Uuid, now: Timestamp, payload: Bytes) -> Bytes {
    Frame {
        message_type: MessageType::from_text(kind),
        schema_version: 1,
        created_ms: now.as_millisecond().unsigned_abs(),
        sequence: 0,
        flags: 0,
        id,
        payload_type: PayloadType::None,
        payload,
        header_length: HeaderLength::Full,
    }
    .encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::message::Checks;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn from_agent(kind: &str, payload: &str) -> Frame {
        let bytes = frame(kind, Uuid::from_u128(7), now(), payload.to_owned().into());
        Frame::parse(&bytes, Checks::Agent).unwrap()
    }

    #[test]
    fn a_task_carries_the_document_as_a_string_of_json() {
        let task = Task {
            session_id: "demo-1".into(),
            document: "AWS-StartPortForwardingSession".into(),
            content: json!({"schemaVersion": "1.0", "sessionType": "Port"}),
            parameters: json!({"portNumber": "80"}).as_object().unwrap().clone(),
            run_as: None,
            owner: "arn:aws:iam::123456789012:user/demo".into(),
        };
        let frame = Frame::parse(&task.start(now()), Checks::Agent).unwrap();
        assert_eq!(frame.message_type.as_str(), "interactive_shell");
        let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        assert_eq!((&payload["TaskId"], &payload["SchemaVersion"]), (&json!("demo-1"), &json!(1)));
        let content: Value = serde_json::from_str(payload["Content"].as_str().unwrap()).unwrap();
        assert_eq!(content["DocumentContent"]["sessionType"], "Port");
        assert_eq!(content["Parameters"], json!({"portNumber": "80"}));
        assert_eq!(content["RunAsUser"], "");
    }

    #[test]
    fn a_completion_gets_its_receipt() {
        // As the official agent prints it (replytypes/sessioncompletereplytype.go).
        let text = r#"{"SchemaVersion":1,"TaskId":"demo-1","Topic":"agent_task_complete","FinalTaskStatus":"Failed","IsRoutingFailure":false,"AwsAccountId":"","InstanceId":"mi-1","Output":"no such user","S3Bucket":"","S3UrlSuffix":"","CwlGroup":"","CwlStream":"","RetryNumber":0}"#;
        let Said::Complete(completion, receipt) = hear(&from_agent("agent_task_complete", text), now())
        else {
            panic!("not heard");
        };
        assert_eq!(completion.task_id, "demo-1");
        assert_eq!(
            (completion.final_task_status.as_str(), completion.output.as_str()),
            ("Failed", "no such user")
        );
        let receipt = Frame::parse(&receipt, Checks::Agent).unwrap();
        assert_eq!(receipt.message_type.as_str(), "agent_task_acknowledge");
        let receipt: Value = serde_json::from_slice(&receipt.payload).unwrap();
        assert_eq!(receipt["MessageId"], Uuid::from_u128(7).to_string());
        assert_eq!(receipt["Topic"], "agent_task_complete");
    }

    #[test]
    fn nonsense_is_passed_over() {
        for (kind, text) in [("agent_task_complete", "{"), ("agent_telemetry", "{}"), ("channel_closed", "x")]
        {
            assert_eq!(hear(&from_agent(kind, text), now()), Said::Nothing, "{kind}");
        }
    }
}
