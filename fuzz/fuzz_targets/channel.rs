//! A far side that does anything in any order, on a link that comes and goes: no panic, no endless talk, and everything that
//! the channel sends can be read.
#![no_main]

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ssmtui_fuzz::session::{
    channel::{Channel, ChannelEvent, Config},
    message::{
        Acknowledge, Checks, EncryptionChallenge, Flag, Frame, HeaderLength, MessageType, PayloadType, Size,
    },
    service::DataKey,
};

#[derive(Arbitrary, Debug)]
enum Op {
    /// A message in the place where it is expected, or beside it.
    Stream {
        ahead: i8,
        kind: u8,
        payload: Vec<u8>,
    },
    Request {
        port: bool,
        encrypted: bool,
    },
    Challenge {
        payload: Vec<u8>,
    },
    Key {
        given: bool,
    },
    Complete,
    Acknowledge {
        number: u8,
    },
    Service {
        which: u8,
        payload: Vec<u8>,
    },
    Raw(Vec<u8>),
    Wait {
        milliseconds: u16,
    },
    Type(Vec<u8>),
    Flag,
    Resize {
        cols: u16,
        rows: u16,
    },
    Discard,
    Cut,
    Join,
}

/// Frames that one event may cause at most: what is unacknowledged is sent again at once after a cut.
const MOST_FRAMES: usize = 20_000;

fn frame(message_type: MessageType, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Bytes {
    Frame {
        message_type,
        schema_version: 1,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Default::default(),
        payload_type,
        payload,
        header_length: HeaderLength::Full,
    }
    .encode()
}

fn stream(sequence: i64, payload_type: PayloadType, payload: impl Into<Bytes>) -> Bytes {
    frame(MessageType::OutputStreamData, sequence, payload_type, payload.into())
}

fn request(port: bool, encrypted: bool) -> String {
    let kind = match port {
        true => r#""SessionType":"Port","Properties":{"portNumber":"22","type":"LocalPortForwarding"}"#,
        false => r#""SessionType":"InteractiveCommands","Properties":null"#,
    };
    let kms = match encrypted {
        true => r#",{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"k","Challenge":"c"}}"#,
        false => "",
    };
    format!(
        r#"{{"AgentVersion":"3.3.987.0","RequestedClientActions":[{{"ActionType":"SessionType","ActionParameters":{{{kind}}}}}{kms}]}}"#
    )
}

fuzz_target!(|ops: Vec<Op>| {
    let mut now = Instant::now();
    let mut channel =
        Channel::new(now, &Config { size: Size { cols: 80, rows: 24 }, seed: 1, nonce: [7; 12], unix_ms: 1 });
    channel.handle_reconnected(now);
    let mut next = 0_i64;
    let mut ended = false;
    for op in ops.into_iter().take(200) {
        match op {
            Op::Stream { ahead, kind, payload } => {
                let sequence = next.saturating_add(i64::from(ahead));
                next += i64::from(ahead == 0);
                channel.handle_frame(
                    now,
                    &stream(sequence, PayloadType::from_number(u32::from(kind % 16)), payload),
                );
            }
            Op::Request { port, encrypted } => {
                channel.handle_frame(
                    now,
                    &stream(next, PayloadType::HandshakeRequest, request(port, encrypted)),
                );
                next += 1;
            }
            Op::Challenge { payload } => {
                let challenge = EncryptionChallenge { challenge: payload };
                channel
                    .handle_frame(now, &stream(next, PayloadType::EncChallengeRequest, challenge.encode()));
                next += 1;
            }
            Op::Key { given } => {
                let key = DataKey::new(vec![9; 64], vec![1, 2, 3]).filter(|_| given);
                channel.provide_key(now, key.ok_or_else(|| "denied".to_owned()));
            }
            Op::Complete => {
                let complete = r#"{"HandshakeTimeToComplete":1,"CustomerMessage":"x"}"#;
                channel.handle_frame(now, &stream(next, PayloadType::HandshakeComplete, complete));
                next += 1;
            }
            Op::Acknowledge { number } => {
                let acknowledge = Acknowledge {
                    message_type: "input_stream_data".to_owned(),
                    message_id: Default::default(),
                    sequence: i64::from(number),
                    sequential: true,
                };
                channel.handle_frame(
                    now,
                    &frame(MessageType::Acknowledge, 0, PayloadType::None, acknowledge.encode()),
                );
            }
            Op::Service { which, payload } => {
                let kind = match which % 5 {
                    0 => MessageType::PausePublication,
                    1 => MessageType::StartPublication,
                    2 => MessageType::ChannelClosed,
                    3 => MessageType::Acknowledge,
                    _ => MessageType::Other("surprise".to_owned()),
                };
                channel.handle_frame(now, &frame(kind, 0, PayloadType::None, payload.into()));
            }
            Op::Raw(bytes) => channel.handle_frame(now, &bytes.into()),
            Op::Wait { milliseconds } => {
                now += Duration::from_millis(milliseconds.into());
                if channel.poll_timeout().is_some_and(|at| at <= now) {
                    channel.handle_timeout(now);
                }
            }
            Op::Type(bytes) => drop(channel.send(bytes.into())),
            Op::Flag => channel.send_flag(Flag::DisconnectToPort),
            Op::Resize { cols, rows } => channel.resize(Size { cols: cols.into(), rows: rows.into() }),
            Op::Discard => channel.discard_input(Vec::new()),
            Op::Cut => channel.handle_disconnected(),
            Op::Join => channel.handle_reconnected(now),
        }
        let mut sent = 0;
        while let Some(bytes) = channel.poll_transmit(now) {
            Frame::parse(&bytes, Checks::Client).expect("what is sent can be read");
            sent += 1;
            assert!(sent <= MOST_FRAMES, "no end to what is sent");
        }
        while let Some(event) = channel.poll_event() {
            assert!(!ended, "{event:?} after the end");
            ended = matches!(event, ChannelEvent::Closed { .. } | ChannelEvent::Failed(_));
        }
    }
});
