//! Whatever the far side sends: no panic, no endless work, no memory without bound.

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::session::message::HeaderLength;

fn frame(message_type: MessageType, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Bytes {
    let frame = Frame {
        message_type,
        schema_version: 1,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Uuid::from_u128(1),
        payload_type,
        payload,
        header_length: HeaderLength::Full,
    };
    frame.encode()
}

fn output(sequence: i64, payload: impl Into<Bytes>) -> Bytes {
    frame(MessageType::OutputStreamData, sequence, PayloadType::Output, payload.into())
}

fn channel() -> (Channel, Instant) {
    let now = Instant::now();
    let config = Config { size: Size { cols: 80, rows: 24 }, seed: 1, nonce: [1; 12], unix_ms: 1 };
    let mut channel = Channel::new(now, &config);
    channel.handle_reconnected(now);
    (channel, now)
}

fn acknowledged(channel: &mut Channel, now: Instant) -> usize {
    std::iter::from_fn(|| channel.poll_transmit(now))
        .filter(|bytes| Frame::parse(bytes, Checks::Client).unwrap().message_type == MessageType::Acknowledge)
        .count()
}

#[test]
fn messages_before_their_time_are_held_up_to_a_bound() {
    let (mut channel, now) = channel();
    for sequence in 1..30_000 {
        channel.handle_frame(now, &output(sequence * 7, "x"));
    }
    assert_eq!(channel.incoming.held().0, 10_000);
    assert_eq!(acknowledged(&mut channel, now), 10_000, "what was refused is not acknowledged");
    for sequence in 0..20 {
        channel.handle_frame(now, &output(i64::MAX - sequence, vec![b'x'; 1 << 20]));
    }
    assert_eq!(channel.incoming.held().0, 10_000);
    // The one that all wait for is taken all the same.
    channel.handle_frame(now, &output(0, "first"));
    assert_eq!(acknowledged(&mut channel, now), 1);
    assert_eq!(channel.poll_event(), Some(ChannelEvent::Ready));

    let (mut channel, now) = self::channel();
    for sequence in 1..100 {
        channel.handle_frame(now, &output(sequence, vec![b'x'; 1 << 20]));
    }
    assert!(channel.incoming.held().1 <= 10_000 * 1024, "{:?}", channel.incoming.held());
}

#[test]
fn what_nobody_reads_is_refused_in_the_end_and_comes_again() {
    let (mut channel, now) = channel();
    let mut taken = 0;
    for sequence in 0..100_000 {
        channel.handle_frame(now, &output(sequence, vec![b'x'; 1000]));
        if acknowledged(&mut channel, now) == 0 {
            break;
        }
        taken = sequence + 1;
    }
    assert!((3000..5000).contains(&taken), "{taken}");
    while channel.poll_event().is_some() {}
    channel.handle_frame(now, &output(taken, "again"));
    assert_eq!(acknowledged(&mut channel, now), 1);
    let again = ChannelEvent::Data { kind: PayloadType::Output, bytes: Bytes::from_static(b"again") };
    assert_eq!(channel.poll_event(), Some(again));
}

#[test]
fn a_flood_of_each_fault_ends_the_session_by_its_name_and_a_trickle_does_not() {
    let faults: [(&str, Bytes); 5] = [
        ("damaged messages", Bytes::from_static(&[1; 130])),
        ("damaged acknowledgements", frame(MessageType::Acknowledge, 0, PayloadType::None, "{}".into())),
        ("unknown type", frame(MessageType::Other("news".into()), 0, PayloadType::None, "x".into())),
        ("unknown type", frame(MessageType::AgentSessionState, 0, PayloadType::None, "x".into())),
        ("damaged messages", {
            let mut bytes = output(0, "right").to_vec();
            bytes[120] = b'w';
            bytes.into()
        }),
    ];
    for (words, fault) in faults {
        let (mut channel, mut now) = channel();
        for _ in 0..1000 {
            channel.handle_frame(now, &fault);
            now += ms(100);
        }
        let events: Vec<_> = std::iter::from_fn(|| channel.poll_event()).collect();
        assert!(!channel.ended && events.len() <= 1, "{words}: {events:?}");
        for _ in 0..1000 {
            channel.handle_frame(now, &fault);
        }
        let events: Vec<_> = std::iter::from_fn(|| channel.poll_event()).collect();
        let [ChannelEvent::Failed(violation)] = &events[..] else { panic!("{words}: {events:?}") };
        assert!(violation.to_string().contains(words), "{violation}");
        assert_eq!((channel.poll_transmit(now), channel.poll_timeout()), (None, None));
    }
}

#[test]
fn pauses_that_nobody_has_seen_do_not_pile_up() {
    let (mut channel, now) = channel();
    for _ in 0..10_000 {
        for message_type in [MessageType::PausePublication, MessageType::StartPublication] {
            channel.handle_frame(now, &frame(message_type, 0, PayloadType::None, Bytes::new()));
        }
    }
    assert_eq!(channel.poll_event(), None);
}

fn arbitrary(random: &mut Random) -> Bytes {
    let sequence = match random.below(10) {
        0 => random.next() as i64,
        1 => i64::MIN,
        2 => i64::MAX,
        _ => random.below(30) as i64,
    };
    let action = ["SessionType", "KMSEncryption", "Dance"][random.below(3) as usize];
    let session_type = ["Standard_Stream", "Port", "x"][random.below(3) as usize];
    let request = json!({"AgentVersion": "3.3.987.0", "RequestedClientActions": [
        {"ActionType": action,
         "ActionParameters": {"SessionType": session_type}}]});
    let payload: Bytes = match random.below(6) {
        0 => Bytes::new(),
        1 => request.to_string().into(),
        2 => "{}".into(),
        3 => format!("{{\"AcknowledgedMessageSequenceNumber\":{}}}", random.below(40) as i64 - 5).into(),
        4 => "null".into(),
        _ => pattern(random.next(), random.below(3000) as usize).into(),
    };
    let types = [
        MessageType::OutputStreamData,
        MessageType::OutputStreamData,
        MessageType::OutputStreamData,
        MessageType::Acknowledge,
        MessageType::Acknowledge,
        MessageType::PausePublication,
        MessageType::StartPublication,
        MessageType::InputStreamData,
        MessageType::Other("odd".to_owned()),
    ];
    let message_type = match random.below(2000) {
        0 => MessageType::ChannelClosed,
        _ => types[random.below(types.len() as u64) as usize].clone(),
    };
    let bytes = frame(message_type, sequence, PayloadType::from_number(random.below(14) as u32), payload);
    match random.below(20) {
        0 => bytes.slice(..random.below(bytes.len() as u64) as usize),
        _ => bytes,
    }
}

#[test]
fn no_sequence_of_messages_and_calls_breaks_the_channel() {
    let typed = Bytes::from(pattern(1, 100_000));
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let (mut channel, mut now) = channel();
        let mut over = false;
        for _ in 0..400 {
            now += ms(random.below(300));
            match random.below(14) {
                0 => channel.resize(Size { cols: random.next() as u32, rows: random.next() as u32 }),
                1 => drop(channel.send(typed.slice(..random.below(100_000) as usize))),
                12 => channel.send_flag(Flag::DisconnectToPort),
                13 => channel.provide_key(now, Ok(super::kms::Keys::of(seed).data_key())),
                2 => channel.discard_input(vec![]),
                3 => channel.handle_disconnected(),
                4 | 5 => channel.handle_reconnected(now),
                _ => channel.handle_frame(now, &arbitrary(&mut random)),
            }
            if channel.poll_timeout().is_some_and(|at| at <= now) {
                channel.handle_timeout(now);
            }
            let frames = std::iter::from_fn(|| channel.poll_transmit(now)).take(2000).count();
            assert!(frames < 1000, "seed {seed}: {frames} frames at once");
            while let Some(event) = channel.poll_event() {
                assert!(!over, "seed {seed}: {event:?} after the end");
                over = matches!(event, ChannelEvent::Closed { .. } | ChannelEvent::Failed(_));
            }
            assert_eq!(channel.unread(), 0);
        }
    }
}
