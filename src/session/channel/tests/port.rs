//! Rules of port sessions.

use serde_json::json;

use super::*;
use crate::session::message::{
    HandshakeComplete, HandshakeRequest, PortProperties, RequestedAction, STREAM_PAYLOAD_LIMIT,
};

/// A port session whose handshake is complete; nothing else was said.
fn open() -> Pair {
    let mut pair = Pair::new(1, Kind::Port, Network { delay: ms(5), ..Network::default() });
    pair.run(|pair| pair.client.is_idle() && pair.events.contains(&ChannelEvent::Ready));
    pair
}

fn payloads(pair: &mut Pair) -> Vec<(PayloadType, Bytes)> {
    let before = pair.sent.len();
    pair.run(|pair| !pair.is_typing() && pair.client.is_idle());
    pair.sent[before..]
        .iter()
        .filter(|frame| frame.message_type == MessageType::InputStreamData)
        .map(|frame| (frame.payload_type, frame.payload.clone()))
        .collect()
}

#[test]
fn the_port_is_told_and_no_size_is_ever_sent() {
    let mut pair = open();
    let properties = PortProperties {
        port: "80".to_owned(),
        forward_type: Some("LocalPortForwarding".to_owned()),
        ..PortProperties::default()
    };
    let handshaken = ChannelEvent::Handshaken {
        agent_version: "3.3.987.0".to_owned(),
        session_type: SessionType::Port(properties),
    };
    assert!(pair.events.contains(&handshaken), "{:?}", pair.events);
    pair.after(ms(1), Happening::Resize { cols: 132, rows: 43 });
    pair.after(ms(2), Happening::Cut { tell: true });
    pair.after(ms(9), Happening::Reconnect);
    assert_eq!(payloads(&mut pair), []);
}

#[test]
fn bytes_are_cut_at_1024_whatever_they_are_and_small_pieces_go_together() {
    let mut pair = open();
    // Would be kept together if they were keys.
    let keys = "\u{1b}[200~é".repeat(1000);
    pair.after(ms(1), Happening::Type(keys.clone().into()));
    let sent = payloads(&mut pair);
    assert!(sent[..sent.len() - 1].iter().all(|(_, payload)| payload.len() == STREAM_PAYLOAD_LIMIT));
    assert!(pair.agent.received == keys.as_bytes());

    for _ in 0..100 {
        pair.after(ms(1), Happening::Type(Bytes::from_static(b"0123456789")));
    }
    let sent: Vec<usize> = payloads(&mut pair).iter().map(|(_, payload)| payload.len()).collect();
    assert_eq!(sent, [1000]);
}

#[test]
fn a_lone_newline_stays_one() {
    let mut pair = open();
    pair.after(ms(1), Happening::Type(Bytes::from_static(b"\n")));
    assert_eq!(payloads(&mut pair), [(PayloadType::Output, Bytes::from_static(b"\n"))]);
}

#[test]
fn a_flag_goes_out_between_the_bytes_before_and_after_it() {
    let mut pair = open();
    let type_bytes = |text: &'static str| Happening::Type(Bytes::from_static(text.as_bytes()));
    for happening in
        [type_bytes("a"), type_bytes("b"), Happening::Flag(1), type_bytes("c"), Happening::Flag(2)]
    {
        pair.after(ms(1), happening);
    }
    let sent = payloads(&mut pair);
    let flag = |number: u8| (PayloadType::Flag, Bytes::copy_from_slice(&[0, 0, 0, number]));
    let bytes = |text: &'static str| (PayloadType::Output, Bytes::from_static(text.as_bytes()));
    assert_eq!(sent, [bytes("ab"), flag(1), bytes("c"), flag(2)]);
    assert_eq!(pair.agent.flags, [(2, Flag::DisconnectToPort), (3, Flag::TerminateSession)]);
}

#[test]
fn bytes_given_before_the_handshake_are_those_of_the_port_too() {
    let mut pair = Pair::new(1, Kind::Port, Network::default());
    let early = pattern(1, 100_000);
    pair.after(Duration::ZERO, Happening::Type(early.clone().into()));
    pair.run(|pair| !pair.is_typing() && pair.client.is_idle() && pair.agent.is_idle());
    assert!(pair.agent.received == early);
}

#[test]
fn a_flag_of_the_agent_that_cannot_be_read_is_data_and_one_that_is_unknown_is_told() {
    let mut pair = open();
    let now = pair.now;
    for payload in [&[0, 0, 0, 9][..], b"no", &[0, 0, 0, 3]] {
        pair.agent.send(now, PayloadType::Flag, Bytes::copy_from_slice(payload));
    }
    pair.run(|pair| pair.agent.is_idle());
    assert_eq!(pair.flags, [(0, Flag::Other(9)), (2, Flag::ConnectToPortError)]);
    assert_eq!(pair.seen, b"no");
}

#[test]
fn numbers_and_missing_fields_in_the_properties_are_put_up_with() {
    let mut pair = Pair::new(1, Kind::Shell, Network::default());
    let now = pair.now;
    let properties = json!({"portNumber": 22});
    let actions = vec![RequestedAction::SessionType { session_type: "Port".to_owned(), properties }];
    let request = HandshakeRequest { agent_version: "2.3.672.0".to_owned(), actions };
    pair.agent.send(now, PayloadType::HandshakeRequest, request.encode());
    pair.agent.send(now, PayloadType::HandshakeComplete, HandshakeComplete::default().encode());
    for bytes in pair.agent.out.drain(..) {
        pair.client.handle_frame(now, &bytes);
    }
    let events: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
    let ChannelEvent::Handshaken { session_type: SessionType::Port(port), .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert_eq!((&port.port[..], port.forwards()), ("22", false));
    assert_eq!(events[1], ChannelEvent::Ready);
}
