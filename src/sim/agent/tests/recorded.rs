//! The recordings of the two official ends: the client's frames are fed to the simulated agent, which has to take them as the official agent took
//! them. Once as recorded, and many times with frames lost, repeated and late.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::*;
use crate::{
    session::message::{
        EncryptionChallenge, Flag, RequestedAction,
        recording::{Content, Recording, Side},
        smux::{Decoder, Frame as Smux},
    },
    sim::agent::{
        cipher::Cipher,
        handshake::Encryption,
        plan::{Keys, KmsSetup},
    },
};

/// KMS as the recording has it.
#[derive(Clone)]
struct RecordedKey {
    id: String,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
    context: BTreeMap<String, String>,
}

impl RecordedKey {
    fn of(recording: &Recording) -> Self {
        let value: Value = serde_json::from_slice(&recording.side_file("kms.json")).unwrap();
        let blob = |name: &str| STANDARD.decode(value[name].as_str().unwrap()).unwrap();
        Self {
            id: value["KeyId"].as_str().unwrap().to_owned(),
            plaintext: blob("Plaintext"),
            ciphertext: blob("CiphertextBlob"),
            context: serde_json::from_value(value["EncryptionContext"].clone()).unwrap(),
        }
    }

    /// What the agent's challenge says to who has the key.
    fn open(&self, challenge: &[u8]) -> Vec<u8> {
        let halves = [&self.plaintext[32..], &self.plaintext[..32]].concat();
        Cipher::new(&halves).unwrap().open(challenge).unwrap().to_vec()
    }
}

impl Keys for RecordedKey {
    fn decrypt(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, String> {
        assert_eq!((ciphertext, key_id, context), (&self.ciphertext[..], self.id.as_str(), &self.context));
        Ok(self.plaintext.clone())
    }
}

/// The official agent's frames that a client of `recording` could have got.
fn agent_frames(recording: &Recording) -> Vec<Frame> {
    recording.frames(Side::Agent).map(|(_, bytes)| Frame::parse(bytes, Checks::Client).unwrap()).collect()
}

/// An agent in the place of the recorded one.
fn agent(recording: &Recording, now: Instant) -> Core {
    let frames = agent_frames(recording);
    let request = frames.iter().find(|frame| frame.payload_type == PayloadType::HandshakeRequest);
    let mut setup = setup();
    if let Some(request) = request {
        let request = HandshakeRequest::parse(&request.payload).unwrap();
        setup.agent_version.clone_from(&request.agent_version);
        let RequestedAction::SessionType { session_type, properties } = &request.actions[0] else { panic!() };
        setup.signals = session_type == "NonInteractiveCommands";
        let mut handshake = HandshakeSetup { properties: properties.clone(), ..of_type(session_type) };
        if let Some(RequestedAction::KmsEncryption { key_id, challenge }) = request.actions.get(1) {
            let keys = RecordedKey::of(recording);
            let asked =
                frames.iter().find(|frame| frame.payload_type == PayloadType::EncChallengeRequest).unwrap();
            let asked = EncryptionChallenge::parse(&asked.payload).unwrap().challenge;
            setup.session_id.clone_from(&keys.context["aws:ssm:SessionId"]);
            handshake.encryption = Some(Encryption {
                target: keys.context["aws:ssm:TargetId"].clone(),
                challenge: challenge.clone().unwrap_or_default(),
                proof: keys.open(&asked),
                kms: KmsSetup {
                    key_id: key_id.clone(),
                    keys: Arc::new(keys),
                    challenge: challenge.is_some(),
                    require_challenge: false,
                },
            });
        }
        setup.handshake = Some(handshake);
    }
    let mut core = Core::new(setup, now);
    core.start(now);
    core
}

/// The client's frames of a recording in the order in which the agent got them.
fn client_frames(recording: &Recording) -> Vec<(f64, Bytes)> {
    let mut frames: Vec<(f64, Bytes)> = Vec::new();
    for (message, bytes) in recording.frames(Side::Client) {
        for _ in 0..message.copies {
            frames.push((message.due, bytes.clone()));
        }
    }
    frames.sort_by(|a, b| a.0.total_cmp(&b.0));
    frames
}

/// The numbers that the official agent acknowledged, in its order; lost or not.
fn official_acknowledgements(recording: &Recording) -> Vec<i64> {
    acknowledged(&agent_frames(recording))
}

/// What the session behind the agent got.
#[derive(Default)]
struct Session {
    input: Vec<u8>,
    sizes: Vec<Size>,
    flags: Vec<Flag>,
    signals: Vec<ControlSignal>,
    handshaken: bool,
}

impl Session {
    /// Does what the events ask for. `connects`: whether a new connection can be made for the input that is held.
    fn serve(&mut self, core: &mut Core, now: Instant, connects: bool) {
        while let Some(event) = core.poll_event() {
            match event {
                Event::Input(bytes) if core.is_reading() => self.input.extend_from_slice(&bytes),
                Event::Input(bytes) if connects => {
                    self.input.extend_from_slice(&bytes);
                    core.release(now);
                }
                Event::Input(_) => {}
                Event::Signal(signal) => {
                    self.signals.push(signal);
                    core.release(now);
                }
                Event::Resize(size) => self.sizes.push(size),
                Event::Flag(flag) => {
                    self.flags.push(flag);
                    if flag == Flag::DisconnectToPort {
                        core.hold_next();
                    }
                }
                Event::Handshaken => self.handshaken = true,
                other @ (Event::HandshakeFailed(_) | Event::Cancelled) => panic!("{other:?}"),
            }
        }
    }

    /// Whether it got what the recording says.
    fn check(&self, recording: &Recording, what: &str) {
        let name = &recording.name;
        let is_command = name.starts_with("noninteractive");
        let sent = match name.as_str() {
            "kms-shell" => {
                let value: Value = serde_json::from_slice(&recording.side_file("kms.json")).unwrap();
                value["typed"].as_str().unwrap().as_bytes().to_vec()
            }
            // Nothing goes to a command but signals.
            _ if is_command => Vec::new(),
            _ => recording.side_file("sent"),
        };
        assert_eq!(self.input, sent, "{name}, {what}");
        let signals = if name == "noninteractive-sigint" { vec![ControlSignal::Interrupt] } else { vec![] };
        assert_eq!(self.signals, signals, "{name}, {what}");
        let is_port = name.starts_with("port");
        assert_eq!(self.sizes.is_empty(), is_port || is_command, "{name}, {what}");
    }
}

#[test]
fn the_client_frames_of_every_recording_are_taken_as_the_official_agent_took_them() {
    let mut seen = 0;
    for recording in Recording::all() {
        seen += 1;
        let name = &recording.name;
        let start = Instant::now();
        let official = official_acknowledgements(&recording);
        let mut core = agent(&recording, start);
        // This one was slow to bring its terminal up.
        core.set_handler_ready(name != "kms-shell");
        let (mut session, mut acknowledgements) = (Session::default(), Vec::new());
        for (ms, bytes) in client_frames(&recording) {
            let now = start + Duration::from_secs_f64(ms / 1000.0);
            if !core.is_reading() {
                break;
            }
            match core.handle_frame(now, &bytes) {
                Ok(()) => {}
                Err(Ignored::NotReady) => core.set_handler_ready(true),
                Err(error) => panic!("{name}: {error}"),
            }
            let sequence = Frame::parse(&bytes, Checks::Agent).unwrap().sequence;
            session.serve(&mut core, now, official.contains(&sequence));
            acknowledgements.extend(acknowledged(&sent(&mut core)));
        }
        if name == "port-mux-keepalive" {
            // A FIN behind the flag that ended the session; the official agent was gone by then.
            assert_eq!(session.flags, [Flag::TerminateSession]);
            acknowledgements.pop();
        }
        assert_eq!(acknowledgements, official, "{name}");
        if name == "port-basic-greeting" {
            // The last input found nobody at the port, which crashed the official agent's worker.
            session.input.extend_from_slice(b"x");
        }
        session.check(&recording, "as recorded");
        if name == "shell" {
            assert_eq!(session.sizes, [Size { cols: 80, rows: 24 }, Size { cols: 132, rows: 43 }]);
        }
    }
    assert!(seen >= 24, "only {seen} recordings");
}

#[test]
fn the_streams_of_multiplexed_recordings_are_told_apart_at_any_cutting() {
    let mut seen = 0;
    for recording in Recording::all().into_iter().filter(|recording| {
        ["port-mux", "port-mux-keepalive", "port-halfclose", "port-remote-host"]
            .contains(&recording.name.as_str())
    }) {
        seen += 1;
        let streams: BTreeMap<u32, Value> =
            serde_json::from_slice(&recording.side_file("streams.json")).unwrap();
        for cut in [1, 2, 7, 8, 9, 1000, usize::MAX] {
            let mut decoder = Decoder::new();
            let mut found: BTreeMap<u32, (u64, u64, Vec<u8>)> = BTreeMap::new();
            for piece in recording.side_file("sent").chunks(cut) {
                decoder.push(Bytes::copy_from_slice(piece));
                while let Some(frame) = decoder.pop().unwrap() {
                    match frame {
                        Smux::Open { stream } => found.entry(stream).or_default().0 += 1,
                        Smux::Close { stream } => found.entry(stream).or_default().1 += 1,
                        Smux::Data { stream, bytes } => {
                            found.entry(stream).or_default().2.extend_from_slice(&bytes)
                        }
                        Smux::KeepAlive => {}
                    }
                }
            }
            for (stream, is) in &streams {
                let (opened, closed, data) = found.entry(*stream).or_default();
                let hex: String =
                    digest(&SHA256, data).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let got = (*opened, *closed, data.len() as u64, hex.as_str());
                let number = |key: &str| is[key].as_u64().unwrap_or_default();
                let expected = (
                    number("opened_by_client"),
                    number("fin_from_client"),
                    number("to_remote_len"),
                    is["to_remote_sha256"].as_str().unwrap(),
                );
                assert_eq!(got, expected, "{} stream {stream}, pieces of {cut}", recording.name);
            }
        }
    }
    assert_eq!(seen, 4);
}

#[test]
fn every_recording_arrives_once_and_in_order_when_it_is_cut_repeated_and_delayed() {
    for recording in Recording::all() {
        for seed in 0..40 {
            disturbed(&recording, seed);
        }
    }
}

/// The client's stream messages over a bad network: some are lost, some come twice, all come late, and for a while nothing comes at all. What is not
/// acknowledged is sent again, until all is.
fn disturbed(recording: &Recording, seed: u64) {
    let official = official_acknowledgements(recording);
    let mut unacknowledged: BTreeMap<i64, Bytes> = BTreeMap::new();
    for (_, bytes) in client_frames(recording) {
        let frame = Frame::parse(&bytes, Checks::Agent).unwrap();
        if frame.message_type == MessageType::InputStreamData
            && (recording.name != "port-basic-greeting" || official.contains(&frame.sequence))
        {
            unacknowledged.entry(frame.sequence).or_insert(bytes);
        }
    }
    let start = Instant::now();
    let mut dice = Dice(seed);
    let mut core = agent(recording, start);
    let mut session = Session::default();
    // Behind a handshake the official agent stalls for good when what it acknowledged ahead of its turn finds no handler.
    let skips_handshake =
        agent_frames(recording).iter().all(|frame| frame.payload_type != PayloadType::HandshakeRequest);
    let ready_after = if skips_handshake { dice.below(300) } else { 0 };
    let cut = (dice.below(400), dice.below(400));
    let mut network: BTreeMap<(u64, u64), Bytes> = BTreeMap::new();
    let (mut serial, mut ms) = (0, 0);
    while !unacknowledged.is_empty() {
        assert!(ms < 60_000, "{}, seed {seed}: {} never acknowledged", recording.name, unacknowledged.len());
        if ms % 100 == 0 {
            for bytes in unacknowledged.values() {
                let is_cut = (cut.0..cut.0 + cut.1).contains(&ms);
                let copies = if is_cut { 0 } else { [0, 1, 1, 1, 2][dice.below(5) as usize] };
                for _ in 0..copies {
                    serial += 1;
                    network.insert((ms + dice.below(80), serial), bytes.clone());
                }
            }
        }
        let now = start + MS * u32::try_from(ms).unwrap();
        core.set_handler_ready(ms >= ready_after);
        while let Some(entry) = network.first_entry().filter(|entry| entry.key().0 <= ms) {
            let bytes = entry.remove();
            match core.handle_frame(now, &bytes) {
                Ok(()) | Err(Ignored::NotReady) => {}
                Err(error) => panic!("{}, seed {seed}: {error}", recording.name),
            }
            session.serve(&mut core, now, true);
            for sequence in acknowledged(&sent(&mut core)) {
                unacknowledged.remove(&sequence);
            }
        }
        ms += 1;
    }
    assert!(core.is_reading());
    if recording.name == "port-basic-greeting" {
        session.input.extend_from_slice(b"x");
    }
    session.check(recording, &format!("seed {seed}"));
}

#[test]
fn the_handshakes_of_the_recordings_are_asked_for_in_the_same_words() {
    let mut handshakes = 0;
    for recording in Recording::all() {
        let frames = agent_frames(&recording);
        let payload = |payload_type| {
            frames.iter().find(|frame| frame.payload_type == payload_type).map(|frame| frame.payload.clone())
        };
        let Some(request) = payload(PayloadType::HandshakeRequest) else { continue };
        handshakes += 1;
        let start = Instant::now();
        let mut core = agent(&recording, start);
        let ours = sent(&mut core);
        assert_eq!(ours[1].payload, request, "{}", recording.name);
        assert_eq!((ours[1].sequence, ours[1].flags), (0, 1));
        let mut session = Session::default();
        let mut complete = None;
        for (_, bytes) in client_frames(&recording) {
            let _ = core.handle_frame(start, &bytes);
            session.serve(&mut core, start, false);
            complete = complete.or(sent(&mut core)
                .into_iter()
                .find(|frame| frame.payload_type == PayloadType::HandshakeComplete));
        }
        assert!(session.handshaken, "{}", recording.name);
        let message = |payload: &[u8]| HandshakeComplete::parse(payload).unwrap().customer_message;
        let theirs = payload(PayloadType::HandshakeComplete).unwrap();
        assert_eq!(message(&complete.unwrap().payload), message(&theirs), "{}", recording.name);
    }
    assert!(handshakes >= 15, "only {handshakes} recordings with a handshake");
}

#[test]
fn the_recorded_service_frames_are_understood() {
    let mut seen = BTreeSet::new();
    for recording in Recording::all() {
        let to_agent = recording.messages.iter().filter(|message| {
            message.from == Side::Service && message.to == Some(Side::Agent) && message.copies > 0
        });
        for message in to_agent {
            let Content::Frame(bytes) = &message.content else { continue };
            let mut core = ready_core(Instant::now());
            core.handle_frame(Instant::now(), bytes).unwrap();
            seen.insert(Frame::parse(bytes, Checks::Agent).unwrap().message_type.as_str().to_owned());
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["channel_closed", "pause_publication", "start_publication"]
    );
}
