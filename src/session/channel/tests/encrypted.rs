//! Rules of encrypted sessions.

use super::{kms::Keys, *};
use crate::session::message::{
    ActionResult, ActionStatus, EncryptionChallenge, HandshakeComplete, HandshakeRequest, HandshakeResponse,
    RequestedAction, STREAM_PAYLOAD_LIMIT,
};
use uuid::Uuid;

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1111";

/// A channel to which the test plays the agent message by message.
struct Far {
    channel: Channel,
    now: Instant,
    next: i64,
    keys: Keys,
    count: u64,
}

impl Far {
    fn new() -> Self {
        let now = Instant::now();
        let config = Config { size: Size { cols: 80, rows: 24 }, seed: 1, nonce: [9; 12], unix_ms: 1 };
        let mut channel = Channel::new(now, &config);
        channel.handle_reconnected(now);
        Self { channel, now, next: 0, keys: Keys::of(1), count: 0 }
    }

    fn frame(&self, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Bytes {
        let frame = Frame {
            message_type: MessageType::OutputStreamData,
            schema_version: 1,
            created_ms: 1,
            sequence,
            flags: 0,
            id: Uuid::from_u128(1),
            payload_type,
            payload,
            header_length: crate::session::message::HeaderLength::Full,
        };
        frame.encode()
    }

    fn send(&mut self, payload_type: PayloadType, payload: impl Into<Bytes>) {
        let bytes = self.frame(self.next, payload_type, payload.into());
        self.next += 1;
        self.channel.handle_frame(self.now, &bytes);
    }

    fn sealed(&mut self, content: &[u8]) -> Bytes {
        self.count += 1;
        self.keys.seal(self.count, content)
    }

    fn output(&mut self, content: &str) {
        let sealed = self.sealed(content.as_bytes());
        self.send(PayloadType::Output, sealed);
    }

    fn ask(&mut self, challenge: Option<&str>) {
        let kms = RequestedAction::KmsEncryption {
            key_id: KEY.to_owned(),
            challenge: challenge.map(str::to_owned),
        };
        let session = RequestedAction::SessionType {
            session_type: "Standard_Stream".to_owned(),
            properties: serde_json::Value::Null,
        };
        let request = HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions: vec![session, kms] };
        self.send(PayloadType::HandshakeRequest, request.encode());
    }

    fn challenge(&mut self) {
        let challenge = self.sealed(&[0x42; 64]).to_vec();
        self.send(PayloadType::EncChallengeRequest, EncryptionChallenge { challenge }.encode());
    }

    fn complete(&mut self, message: &str) {
        let complete = HandshakeComplete { nanoseconds: 1, customer_message: message.to_owned() };
        self.send(PayloadType::HandshakeComplete, complete.encode());
    }

    /// To the running session.
    fn running() -> Self {
        let mut far = Self::new();
        far.ask(None);
        far.channel.provide_key(far.now, Ok(far.keys.data_key()));
        far.challenge();
        far.complete("This session is encrypted using AWS KMS.");
        far
    }

    fn events(&mut self) -> Vec<ChannelEvent> {
        std::iter::from_fn(|| self.channel.poll_event()).collect()
    }

    /// What the client sends: acknowledgements by number, and messages.
    fn sent(&mut self) -> (Vec<i64>, Vec<Frame>) {
        let frames: Vec<Frame> = std::iter::from_fn(|| self.channel.poll_transmit(self.now))
            .map(|bytes| Frame::parse(&bytes, Checks::Client).unwrap())
            .collect();
        let (acks, rest): (Vec<_>, Vec<_>) =
            frames.into_iter().partition(|frame| frame.message_type == MessageType::Acknowledge);
        (acks.iter().map(|ack| Acknowledge::parse(&ack.payload).unwrap().sequence).collect(), rest)
    }
}

#[test]
fn a_key_is_asked_for_and_its_sealed_half_is_the_answer() {
    for challenge in [None, Some("c29tZXRoaW5nIHJhbmRvbQ==")] {
        let mut far = Far::new();
        far.ask(challenge);
        let wanted =
            ChannelEvent::KeyWanted { key_id: KEY.to_owned(), challenge: challenge.map(str::to_owned) };
        assert_eq!(far.events(), [wanted]);
        assert_eq!(far.sent(), (vec![0], vec![]), "nothing is answered yet");
        // The socket may come and go meanwhile.
        far.channel.handle_disconnected();
        far.channel.provide_key(far.now, Ok(far.keys.data_key()));
        far.channel.provide_key(far.now, Ok(far.keys.data_key()));
        assert_eq!(far.sent(), (vec![], vec![]));
        far.channel.handle_reconnected(far.now);
        let (_, sent) = far.sent();
        assert_eq!(sent.len(), 1, "once");
        let response = HandshakeResponse::parse(&sent[0].payload).unwrap();
        assert!(response.actions.iter().all(|action| action.status == ActionStatus::Success));
        let result = ActionResult::Kms {
            cipher_text_key: far.keys.ciphertext.clone(),
            cipher_text_hash: None,
            challenge_acknowledged: challenge.is_some(),
        };
        assert_eq!(response.actions[1].result, result);
        assert!(matches!(far.events()[..], [ChannelEvent::Handshaken { .. }]));
    }
}

#[test]
fn the_challenge_is_met_once_and_the_customer_is_told() {
    let mut far = Far::running();
    let (acks, sent) = far.sent();
    assert_eq!(acks, [0, 1, 2]);
    let kinds: Vec<PayloadType> = sent.iter().map(|frame| frame.payload_type).collect();
    assert_eq!(kinds, [PayloadType::HandshakeResponse, PayloadType::EncChallengeResponse, PayloadType::Size]);
    let answer = EncryptionChallenge::parse(&sent[1].payload).unwrap();
    assert_eq!(far.keys.open(&answer.challenge), [0x42; 64]);
    let notice = ChannelEvent::Notice("This session is encrypted using AWS KMS.".to_owned());
    assert!(far.events().contains(&notice));
    far.challenge();
    assert_eq!(far.sent(), (vec![3], vec![]), "no second time");
}

#[test]
fn what_is_typed_and_printed_is_sealed_and_nothing_else_is() {
    let mut far = Far::running();
    assert!(far.channel.send(vec![b'x'; 1500].into()).is_empty());
    let (_, sent) = far.sent();
    let size = sent.iter().find(|frame| frame.payload_type == PayloadType::Size).unwrap();
    assert_eq!(size.payload, r#"{"cols":80,"rows":24}"#);
    let typed: Vec<_> = sent.iter().filter(|frame| frame.payload_type == PayloadType::Output).collect();
    assert_eq!(typed[0].payload.len(), STREAM_PAYLOAD_LIMIT + 28);
    let opened: Vec<u8> = typed.iter().flat_map(|frame| far.keys.open(&frame.payload)).collect();
    assert_eq!(opened, vec![b'x'; 1500]);
    assert_ne!(typed[0].payload[..12], typed[1].payload[..12], "each has its own nonce");

    // A resend is the same message to the byte: sealing it anew would be another one under its number.
    far.channel.handle_disconnected();
    far.channel.handle_reconnected(far.now);
    let (_, again) = far.sent();
    assert_eq!(again[..sent.len()], sent);

    far.events();
    far.output("printed");
    let error = far.sealed(b"wrong");
    far.send(PayloadType::StdErr, error);
    let code = far.sealed(b"EXIT_CODE: 7");
    far.send(PayloadType::ExitCode, code);
    let data =
        |kind, text: &'static str| ChannelEvent::Data { kind, bytes: Bytes::from_static(text.as_bytes()) };
    assert_eq!(
        far.events(),
        [data(PayloadType::Output, "printed"), data(PayloadType::StdErr, "wrong"), ChannelEvent::ExitCode(7)]
    );
}

#[test]
fn a_wrong_tag_is_not_accepted_nor_acknowledged_and_in_the_end_named() {
    let mut far = Far::running();
    far.sent();
    far.events();
    let mut sealed = far.sealed(b"forged").to_vec();
    *sealed.last_mut().unwrap() ^= 1;
    let forged = far.frame(far.next, PayloadType::Output, sealed.into());
    let clear = far.frame(far.next, PayloadType::Output, "in clear".into());
    let early = far.frame(far.next + 1, PayloadType::Output, "in clear, and long enough for a tag".into());
    for bytes in [&forged, &clear, &early] {
        far.channel.handle_frame(far.now, bytes);
    }
    assert_eq!(far.sent(), (vec![], vec![]));
    assert_eq!(far.events(), []);
    // The right one in its place is taken.
    far.output("right");
    assert_eq!(far.sent().0, [3]);
    assert!(matches!(&far.events()[..], [ChannelEvent::Data { bytes, .. }] if bytes == "right"));
    // A copy of what was taken is acknowledged whatever is in it.
    far.channel.handle_frame(far.now, &forged);
    assert_eq!(far.sent().0, [3]);
    let forged = far.frame(far.next, PayloadType::StdErr, "x".into());
    for _ in 0..20 {
        far.channel.handle_frame(far.now, &forged);
    }
    let failed = ChannelEvent::Failed(Violation::WrongTag { sequence: 4 });
    assert_eq!(far.events(), [failed]);
}

#[test]
fn clear_text_that_came_before_the_key_does_not_slip_in() {
    // In its place.
    let mut far = Far::new();
    far.ask(None);
    far.send(PayloadType::Output, "clear");
    let failed = ChannelEvent::Failed(Violation::InClear { got: PayloadType::Output });
    assert_eq!(far.events().last(), Some(&failed));
    // Before its place, so that it would be looked at when the key is there.
    for early_first in [true, false] {
        let mut far = Far::new();
        let early = far.frame(2, PayloadType::Output, "clear".into());
        if early_first {
            far.channel.handle_frame(far.now, &early);
        }
        far.ask(None);
        if !early_first {
            far.channel.handle_frame(far.now, &early);
        }
        far.channel.provide_key(far.now, Ok(far.keys.data_key()));
        assert_eq!(far.events().last(), Some(&failed));
    }
}

#[test]
fn without_a_key_the_agent_is_told_why_and_so_is_the_user() {
    let why = "access denied: kms:GenerateDataKey on arn:aws:kms:eu-west-1:123456789012:key/1111";
    let mut far = Far::new();
    far.ask(Some("x"));
    far.events();
    far.channel.provide_key(far.now, Err(why.to_owned()));
    let (_, sent) = far.sent();
    let response = HandshakeResponse::parse(&sent[0].payload).unwrap();
    let kms = &response.actions[1];
    assert_eq!((kms.status, &kms.result), (ActionStatus::Failed, &ActionResult::None));
    assert_eq!(kms.error, format!("Failed to process action KMSEncryption: {why}"));
    assert_eq!(response.errors, Some(vec![why.to_owned()]));
    assert!(far.events().contains(&ChannelEvent::Notice(why.to_owned())));
    far.complete("");
    assert_eq!(far.events(), [ChannelEvent::Failed(Violation::StartedAfterRefusal)]);
}

#[test]
fn an_answer_that_is_too_late_for_the_agent_is_never_sent() {
    let mut far = Far::new();
    far.ask(None);
    far.sent();
    far.now += Duration::from_secs(15);
    far.channel.provide_key(far.now, Ok(far.keys.data_key()));
    assert_eq!(far.sent().1, []);
    assert!(matches!(far.events().last(), Some(ChannelEvent::Notice(text)) if text.contains("15 s")));

    // Nor if the key was there in time, but no connection.
    let mut far = Far::new();
    far.ask(None);
    far.channel.handle_disconnected();
    far.channel.provide_key(far.now, Ok(far.keys.data_key()));
    far.now += Duration::from_secs(15);
    far.channel.handle_reconnected(far.now);
    assert_eq!(far.sent().1, []);
}

#[test]
fn challenges_that_do_not_fit_end_the_session() {
    let mut far = Far::new();
    far.ask(None);
    far.channel.provide_key(far.now, Ok(Keys::of(2).data_key()));
    far.challenge();
    assert_eq!(far.events().last(), Some(&ChannelEvent::Failed(Violation::Challenge)), "another key");

    for content in [vec![0; 5000], vec![]] {
        let mut far = Far::new();
        far.ask(None);
        far.channel.provide_key(far.now, Ok(far.keys.data_key()));
        let fits = content.is_empty();
        let challenge = far.sealed(&content).to_vec();
        far.send(PayloadType::EncChallengeRequest, EncryptionChallenge { challenge }.encode());
        let failed = far.events().contains(&ChannelEvent::Failed(Violation::Challenge));
        assert_eq!(failed, !fits, "we seal no page for anybody");
    }

    let mut far = Far::new();
    far.ask(None);
    far.challenge();
    assert_eq!(far.events().last(), Some(&ChannelEvent::Failed(Violation::ChallengeWithoutKey)));

    let mut far = Far::running();
    far.sent();
    for _ in 0..1000 {
        far.challenge();
    }
    let (acks, sent) = far.sent();
    assert!(sent.is_empty() && acks.len() <= 201, "{}", acks.len());
    assert!(matches!(far.events().last(), Some(ChannelEvent::Failed(Violation::OutOfPlace { .. }))));
}

#[test]
fn requests_that_are_repeated_ask_for_one_key_and_then_end_the_session() {
    let mut far = Far::new();
    for _ in 0..1000 {
        far.ask(None);
    }
    let events = far.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(matches!(events[0], ChannelEvent::KeyWanted { .. }));
    assert!(matches!(events[1], ChannelEvent::Failed(Violation::OutOfPlace { .. })));
}

#[test]
fn no_key_is_in_a_debug_print() {
    let far = Far::running();
    let print = format!("{:?} {:?}", far.channel, far.keys.data_key());
    let byte = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    for half in far.keys.plaintext.chunks(32) {
        assert!(!print.contains(&byte(&half[..4])));
    }
}
