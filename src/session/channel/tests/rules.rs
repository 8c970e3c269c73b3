//! Rules of the protocol and wishes of users, one test each.

use serde_json::Value;

use super::*;
use crate::session::message::{
    ActionStatus, HandshakeComplete, HandshakeRequest, HandshakeResponse, RequestedAction,
    STREAM_PAYLOAD_LIMIT,
};

fn good() -> Network {
    Network { delay: ms(20), ..Network::default() }
}

/// A shell that has printed its prompt to a client that has sent its size.
fn running(network: Network) -> Pair {
    let mut pair = Pair::new(1, Kind::Shell, network);
    pair.agent.script.push_back((pair.now, PayloadType::Output, Bytes::from_static(b"$ ")));
    pair.run(|pair| pair.seen == b"$ " && pair.client.is_idle() && pair.agent.is_idle());
    pair
}

fn quiet(pair: &Pair) -> bool {
    !pair.is_typing() && pair.client.is_idle() && pair.agent.is_idle()
}

#[test]
fn peers_c05_resize_is_never_missed() {
    let mut pair = running(Network { lose: 200, delay: ms(40), jitter: ms(60), ..Network::default() });
    for width in 81..=300 {
        pair.after(ms(u64::from(width)), Happening::Resize { cols: width, rows: 24 });
    }
    pair.run(quiet);
    assert_eq!(pair.agent.sizes.last(), Some(&Size { cols: 300, rows: 24 }));
    assert!(
        pair.agent.sizes.len() < 30,
        "sizes that were overtaken are not sent: {}",
        pair.agent.sizes.len()
    );
}

#[test]
fn peers_c07_a_paste_of_650_lines_arrives_whole() {
    let lines: String = (0..650).map(|n| format!("echo line {n} of a pasted script\r")).collect();
    let mut pair = running(Network { lose: 50, delay: ms(100), jitter: ms(50), ..Network::default() });
    pair.after(ms(1), Happening::Type(lines.clone().into()));
    pair.run(quiet);
    assert!(pair.agent.received == lines.as_bytes());
}

#[test]
fn peers_c07_a_paste_of_10_mb_is_paced_by_acknowledgements() {
    let paste = pattern(3, 10 << 20);
    let mut pair = running(good());
    pair.after(ms(1), Happening::Type(paste.clone().into()));
    pair.run(quiet);
    assert!(pair.agent.received == paste);
    assert!(pair.most_in_flight <= 256, "{}", pair.most_in_flight);
    assert!(pair.sent.iter().all(|frame| frame.payload.len() <= STREAM_PAYLOAD_LIMIT));
}

#[test]
fn peers_c07_a_paste_can_be_cancelled() {
    let mut pair = running(good());
    pair.after(ms(1), Happening::Type(format!("\x1b[200~{}\x1b[201~", "y".repeat(10 << 20)).into()));
    pair.after(ms(100), Happening::Discard);
    pair.after(ms(101), Happening::Type(Bytes::from_static(b"\x03")));
    pair.run(quiet);
    assert!(pair.agent.received.len() < 1 << 20, "{}", pair.agent.received.len());
    assert!(pair.agent.received.ends_with(b"y\x1b[201~\x03"));
}

#[test]
fn peers_c12_silence_is_told_and_so_is_its_end() {
    let mut pair = running(good());
    let typed_at = pair.now;
    pair.network.lose = 1000;
    pair.after(Duration::ZERO, Happening::Type(Bytes::from_static(b"anybody there?")));
    pair.run(|pair| pair.now > typed_at + ms(20_000));
    let silent: Vec<_> =
        pair.events.iter().filter(|event| matches!(event, ChannelEvent::Silent { .. })).collect();
    assert_eq!(silent, [&ChannelEvent::Silent { since: typed_at }]);
    pair.network.lose = 0;
    pair.run(quiet);
    assert!(pair.events.contains(&ChannelEvent::Answering));
    assert_eq!(pair.agent.received, b"anybody there?");
}

#[test]
fn peers_c14_a_pause_is_told_and_not_answered_with_a_flood() {
    let mut pair = running(good());
    let start = pair.now;
    pair.after(Duration::ZERO, Happening::AgentCut);
    pair.after(ms(10), Happening::Type(Bytes::from_static(b"while you were out")));
    pair.after(ms(60_000), Happening::AgentReconnect);
    pair.run(|pair| pair.now >= start + ms(59_000));
    assert!(pair.events.contains(&ChannelEvent::Paused));
    let sequence = pair.sent.last().unwrap().sequence;
    let sends = pair.sends(sequence);
    assert!((2..=13).contains(&sends), "sent {sends} times in a minute");
    pair.run(quiet);
    assert_eq!(pair.agent.received, b"while you were out");
    assert!(pair.events.contains(&ChannelEvent::Unpaused));
    assert!(!pair.events.iter().any(|event| matches!(event, ChannelEvent::Silent { .. })));
    assert!(pair.now < start + ms(61_000), "what waited is sent at once when the agent is back");
}

#[test]
fn one_lost_message_is_sent_again_when_three_later_ones_are_acknowledged() {
    let mut pair = running(Network { delay: ms(500), ..Network::default() });
    let start = pair.now;
    pair.network.lose = 1000;
    pair.after(Duration::ZERO, Happening::Type(Bytes::from_static(b"0")));
    pair.run(|pair| pair.now >= start && !pair.client.is_idle());
    pair.network.lose = 0;
    let lost = pair.sent.last().unwrap().sequence;
    for n in 1..=3 {
        pair.after(ms(n), Happening::Type(Bytes::from_static(b"n")));
    }
    pair.run(quiet);
    assert_eq!(pair.agent.received, b"0nnn");
    // A round trip for the three, and another for the lost one; the timer alone would have taken longer.
    assert!(pair.now <= start + ms(2010), "{:?}", pair.now - start);
    assert_eq!((lost..lost + 4).map(|sequence| pair.sends(sequence)).collect::<Vec<_>>(), [2, 1, 1, 1]);
}

#[test]
fn nothing_is_sent_twice_on_a_slow_but_sound_network() {
    let mut pair = running(Network { delay: ms(450), jitter: ms(50), ..Network::default() });
    let before = pair.sent.len();
    for n in 0..50 {
        pair.after(ms(n * 100), Happening::Type(Bytes::from_static(b"x")));
    }
    pair.run(quiet);
    let inputs: Vec<i64> = pair.sent[before..]
        .iter()
        .filter(|frame| frame.message_type == MessageType::InputStreamData)
        .map(|frame| frame.sequence)
        .collect();
    let mut unique = inputs.clone();
    unique.dedup();
    assert_eq!(inputs, unique);
}

#[test]
fn a_reconnect_sends_the_window_again_in_order_and_then_the_size() {
    let mut pair = running(good());
    pair.network.lose = 1000;
    for _ in 0..5 {
        pair.after(Duration::ZERO, Happening::Type(vec![b'x'; 1024].into()));
    }
    pair.after(ms(1), Happening::Cut { tell: true });
    pair.run(|pair| !pair.is_typing());
    let before = pair.sent.len();
    pair.network.lose = 0;
    pair.after(ms(2000), Happening::Reconnect);
    pair.run(quiet);
    let again: Vec<_> =
        pair.sent[before..].iter().map(|frame| (frame.sequence, frame.payload_type)).collect();
    assert_eq!(again.len(), 6, "{again:?}");
    assert!(again.is_sorted_by_key(|(sequence, _)| *sequence));
    assert_eq!(again[5].1, PayloadType::Size);
    assert_eq!(pair.agent.received.len(), 5 * 1024);
}

#[test]
fn the_handshake_is_answered_once_even_if_the_answer_is_lost_and_the_question_repeated() {
    let mut pair = Pair::new(1, Kind::Greeted, Network { lose: 700, double: 300, ..good() });
    pair.after(Duration::ZERO, Happening::Type(Bytes::from_static(b"early")));
    pair.after(ms(500), Happening::Cut { tell: false });
    pair.after(ms(900), Happening::Reconnect);
    pair.run(quiet);
    assert_eq!(pair.agent.responses.len(), 1);
    assert_eq!(pair.agent.responses[0].client_version, CLIENT_VERSION);
    assert_eq!((pair.agent.wasted, &pair.agent.received[..]), (0, &b"early"[..]));
    let agent_version = "3.3.987.0".to_owned();
    let session_type = SessionType::Shell;
    assert!(pair.events.contains(&ChannelEvent::Handshaken { agent_version, session_type }));
}

/// Our answer to these actions, and what the user is told.
fn answer_to(actions: Vec<RequestedAction>) -> (HandshakeResponse, Vec<ChannelEvent>, Pair) {
    let mut pair = Pair::new(1, Kind::Shell, good());
    let request = HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions };
    let now = pair.now;
    pair.agent.send(now, PayloadType::HandshakeRequest, request.encode());
    let bytes = pair.agent.out.pop_front().unwrap();
    pair.client.handle_frame(now, &bytes);
    let events = std::iter::from_fn(|| pair.client.poll_event()).collect();
    let answers: Vec<Frame> = std::iter::from_fn(|| pair.client.poll_transmit(now))
        .map(|bytes| Frame::parse(&bytes, Checks::Client).unwrap())
        .filter(|frame| frame.payload_type == PayloadType::HandshakeResponse)
        .collect();
    assert_eq!(answers.len(), 1);
    (HandshakeResponse::parse(&answers[0].payload).unwrap(), events, pair)
}

fn session_type(name: &str) -> RequestedAction {
    RequestedAction::SessionType { session_type: name.to_owned(), properties: Value::Null }
}

#[test]
fn each_requested_action_has_its_answer() {
    for name in ["Standard_Stream", "InteractiveCommands", "NonInteractiveCommands", "Port"] {
        let (response, events, _) = answer_to(vec![session_type(name)]);
        assert_eq!(response.actions[0].status, ActionStatus::Success);
        assert_eq!((&response.actions[0].error[..], response.errors), ("", None));
        assert_eq!(events.len(), 1, "{events:?}");
    }
    let other = RequestedAction::Other { action_type: "Dance".to_owned(), parameters: Value::Null };
    for (action, status, words) in [
        (session_type("Sing"), ActionStatus::Failed, "Unknown session type Sing"),
        (other, ActionStatus::Unsupported, "Unsupported action Dance"),
    ] {
        let action_type = action.action_type().to_owned();
        let (response, events, _) = answer_to(vec![action]);
        let answer = &response.actions[0];
        assert_eq!((answer.status, &answer.action_type), (status, &action_type));
        assert!(
            answer.error.starts_with(&format!("Failed to process action {action_type}: ")),
            "{}",
            answer.error
        );
        assert!(answer.error.contains(words), "{}", answer.error);
        assert!(matches!(&events[1], ChannelEvent::Notice(text) if text.contains(words)), "{events:?}");
    }
}

#[test]
fn a_session_that_starts_on_refused_terms_is_ended() {
    let (_, _, mut pair) = answer_to(vec![session_type("Sing")]);
    let now = pair.now;
    let complete = HandshakeComplete::default();
    pair.agent.send(now, PayloadType::HandshakeComplete, complete.encode());
    let bytes = pair.agent.out.pop_front().unwrap();
    pair.client.handle_frame(now, &bytes);
    assert_eq!(pair.client.poll_event(), Some(ChannelEvent::Failed(Violation::StartedAfterRefusal)));
}

#[test]
fn the_first_of_two_messages_with_one_number_counts() {
    let mut pair = running(good());
    let now = pair.now;
    let mut messages: Vec<Bytes> = Vec::new();
    for text in ["first", "later"] {
        pair.agent.send(now, PayloadType::Output, text.into());
        messages.push(pair.agent.out.pop_back().unwrap());
    }
    let mut twin = Frame::parse(&messages[1], Checks::Client).unwrap();
    twin.payload = Bytes::from_static(b"other");
    for bytes in [&messages[1], &twin.encode(), &messages[0], &twin.encode()] {
        pair.client.handle_frame(now, bytes);
    }
    let acknowledged = std::iter::from_fn(|| pair.client.poll_transmit(now)).count();
    assert_eq!(acknowledged, 4, "one for each arrival");
    let data: Vec<_> = std::iter::from_fn(|| pair.client.poll_event())
        .filter_map(|event| match event {
            ChannelEvent::Data { bytes, .. } => Some(bytes),
            _ => None,
        })
        .collect();
    assert_eq!(data, ["first", "later"]);
}

#[test]
fn output_that_was_lost_at_the_end_is_admitted() {
    let mut pair = running(good());
    let now = pair.now;
    for text in ["lost", "late"] {
        pair.agent.send(now, PayloadType::Output, text.into());
    }
    let late = pair.agent.out.pop_back().unwrap();
    pair.agent.out.clear();
    pair.client.handle_frame(now, &late);
    pair.close("");
    let notice = ChannelEvent::Notice("some of the last output was lost on the way".to_owned());
    assert_eq!(
        pair.events[pair.events.len() - 2..],
        [notice, ChannelEvent::Closed { output: String::new() }]
    );
}

#[test]
fn a_lossy_network_costs_a_transfer_little_and_sends_little_twice() {
    // 25 000 lines of 80 bytes, at 2 % loss, doubling and reordering each.
    let lines: String = (0..25_000).map(|n| format!("{n:079}\n")).collect();
    for kind in [Kind::Shell, Kind::Port] {
        let network = Network { lose: 20, double: 20, delay: ms(5), jitter: ms(3) };
        let mut pair = Pair::new(1, kind, network);
        pair.agent.script.push_back((pair.now, PayloadType::Output, Bytes::from_static(b"$ ")));
        pair.run(|pair| pair.events.contains(&ChannelEvent::Ready) && pair.client.is_idle());
        let (start, before) = (pair.now, pair.sent.len());
        pair.after(ms(1), Happening::Type(lines.clone().into()));
        pair.run(quiet);
        assert!(pair.agent.received == lines.as_bytes());
        assert!(pair.now - start < ms(5000), "{kind:?}: {:?}", pair.now - start);
        let sent =
            pair.sent[before..].iter().filter(|frame| frame.payload_type == PayloadType::Output).count();
        let needed = lines.len().div_ceil(STREAM_PAYLOAD_LIMIT);
        assert!(sent < needed * 5 / 4, "{kind:?}: {sent} messages for {needed}");
    }
}
