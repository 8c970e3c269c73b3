//! Session documents and ssh in tabs, limits counted down, encryption told.

use std::time::Duration;

use bytes::Bytes;

use super::stage::{PLACE, Stage, USUAL, failure, ticket};
use crate::{
    fleet::{Document, DocumentSummary, Platform, Preferences},
    session::{self, End, SessionType},
    tui::{
        action::Context,
        event::{Effect, Event, Life},
        state::{
            forward::{Run, listen},
            tab::{Ending, Phase, Unseen},
        },
    },
};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) const RESTART: &str = r#"{"schemaVersion":"1.0",
  "description":"Restarts a service and shows the last lines of its log.",
  "sessionType":"InteractiveCommands",
  "inputs":{"idleSessionTimeout":"10","maxSessionDuration":"60"},
  "parameters":{
    "service":{"type":"String","description":"The service to restart.","allowedValues":["nginx","redis","postgres"]},
    "lines":{"type":"String","description":"How many lines of the log.","default":"10","allowedPattern":"^[0-9]{1,3}$","maxChars":3}},
  "properties":{"linux":{"commands":"restart {{ service }} {{ lines }}"}}}"#;

pub(super) fn summary(name: &str, owner: &str) -> DocumentSummary {
    DocumentSummary { name: name.to_owned(), owner: owner.to_owned(), platforms: vec![Platform::Linux] }
}

impl Stage {
    /// Opens the choice of a document on the instance of that name, with the sample documents listed.
    pub(super) fn chooses(&mut self, name: &str) {
        self.press("alt-1").select(name).press("alt-c");
        let generation = self.place().documents.generation;
        let page = vec![
            summary("AWS-StartInteractiveCommand", "Amazon"),
            summary("AWS-StartNonInteractiveCommand", "Amazon"),
            summary("Restart-Service", "123456789012"),
            summary("Tail-Log", "123456789012"),
        ];
        self.happens(Event::Documents { place: PLACE, generation, page });
        self.happens(Event::DocumentsEnded { place: PLACE, generation, result: Ok(()) });
    }

    /// And takes the one that restarts a service.
    pub(super) fn reads(&mut self, name: &str) {
        self.chooses(name);
        self.types("restart").press("enter");
        let document = Document::parse("Restart-Service", RESTART).unwrap();
        self.happens(Event::Document {
            place: PLACE,
            name: "Restart-Service".to_owned(),
            result: Box::new(Ok(document)),
        });
    }

    /// Runs a command without a terminal.
    pub(super) fn runs(&mut self, session_type: SessionType) -> Life {
        self.reads("web-1");
        self.types("nginx").press("enter");
        let life = self.life();
        self.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
        self.session(life, session::Event::Handshaken { agent_version: None, session_type });
        self.session(life, session::Event::Ready);
        life
    }
}

#[test]
fn c_lists_documents_and_the_form_of_one_opens_it() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("esc c");
    assert_eq!(stage.state.context(), Context::Documents);
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Documents { .. })));
    stage.reads("web-1");
    assert!(
        stage.taken().iter().any(|e| matches!(e, Effect::Document { name, .. } if name == "Restart-Service"))
    );
    assert_eq!(stage.state.context(), Context::Form);
    stage.press("enter");
    assert!(stage.screen().contains("service is needed"), "{}", stage.screen());
    stage.press("down down tab").types("5000");
    assert!(stage.screen().contains("4 characters are too many"), "{}", stage.screen());
    stage.press("ctrl-u").types("25").press("enter");
    let effects = stage.taken();
    let run = effects.iter().find_map(|effect| match effect {
        Effect::Start { run: Some(run), .. } => Some(run.clone()),
        _ => None,
    });
    let values = [("service", "redis"), ("lines", "25")];
    let parameters = values.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).to_vec();
    assert_eq!(run, Some(Run { document: "Restart-Service".to_owned(), parameters }));
    assert_eq!(stage.state.tabs.current().unwrap().name, "web-1 Restart-Service");
    stage.reads("web-1");
    stage.press("enter");
    assert!(
        stage.screen().contains("web-1 Restart-Serv"),
        "the values of the last time do:\n{}",
        stage.screen()
    );
}

#[test]
fn a_document_that_no_list_has_is_opened_by_its_name() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("alt-c");
    let generation = stage.place().documents.generation;
    stage.happens(Event::DocumentsEnded { place: PLACE, generation, result: Err(failure()) });
    assert!(stage.screen().contains("may not call"), "{}", stage.screen());
    stage.types("Hidden-One").press("enter");
    assert!(stage.taken().iter().any(|e| matches!(e, Effect::Document { name, .. } if name == "Hidden-One")));
    stage.happens(Event::Document {
        place: PLACE,
        name: "Hidden-One".to_owned(),
        result: Box::new(Err(failure())),
    });
    assert!(stage.screen().contains("may not call"), "{}", stage.screen());
}

#[test]
fn a_documents_forward_opens_in_a_forwards_tab_and_leads_where_the_document_says() {
    let mut stage = Stage::listed(USUAL);
    stage.chooses("web-1");
    stage.types("tail").press("enter");
    let content = r#"{"schemaVersion":"1.0","sessionType":"Port",
        "parameters":{"localPortNumber":{"type":"String","default":"15432"},"host":{"type":"String","default":"db"}},
        "properties":{"type":"LocalPortForwarding","portNumber":"5432","host":"{{ host }}","localPortNumber":"{{localPortNumber}}"}}"#;
    let document = Document::parse("Tail-Log", content).unwrap();
    stage.happens(Event::Document {
        place: PLACE,
        name: "Tail-Log".to_owned(),
        result: Box::new(Ok(document)),
    });
    stage.press("enter");
    let effects = stage.taken();
    let wish = effects.iter().find_map(|effect| match effect {
        Effect::Forward { wish, .. } => Some(wish.clone()),
        _ => None,
    });
    let wish = wish.expect("a forward is begun");
    assert_eq!((wish.port, wish.host.as_deref(), wish.near), (5432, Some("db"), listen(15432)));
    assert_eq!(wish.document.map(|run| run.document).as_deref(), Some("Tail-Log"));
    assert_eq!(stage.state.tabs.current().unwrap().name, "⇄ 15432→db:5432");
}

#[test]
fn a_late_answer_opens_nothing() {
    let mut stage = Stage::listed(USUAL);
    stage.chooses("web-1");
    stage.types("restart").press("enter esc");
    let document = Document::parse("Restart-Service", RESTART).unwrap();
    stage.happens(Event::Document {
        place: PLACE,
        name: "Restart-Service".to_owned(),
        result: Box::new(Ok(document)),
    });
    assert_eq!(stage.state.popup, None);
}

#[test]
fn peers_c29_the_exit_code_of_a_command_is_its_last_line() {
    for (code, words) in [(0, "✓ ended with exit code 0"), (3, "✗ ended with exit code 3")] {
        let mut stage = Stage::listed(USUAL);
        let life = stage.runs(SessionType::NonInteractiveCommands);
        stage.output(life, "one\ntwo\n");
        stage.session(life, session::Event::ErrorOutput(Bytes::from_static(b"oops\n")));
        stage.session(life, session::Event::ExitCode(code));
        stage.session(life, session::Event::Ended(End::Closed { output: String::new() }));
        let screen = stage.screen();
        assert!(screen.contains(words), "{screen}");
        let lines: Vec<&str> = screen.lines().skip(1).take(3).collect();
        assert_eq!(lines, ["one", "two", "oops"], "each line begins at the left");
        assert_eq!(stage.state.tabs.current().unwrap().phase, Phase::Ended(Ending::Exited(code)));
    }
}

#[test]
fn h_opens_ssh_in_a_tab_and_its_code_is_told() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("esc h");
    let life = stage.life();
    assert!(
        stage
            .taken()
            .iter()
            .any(|e| matches!(e, Effect::Ssh { size, .. } if (size.cols, size.rows) == (80, 22)))
    );
    stage.session(life, session::Event::Ready);
    stage.output(life, "ec2-user@web-1 $ ");
    stage.press("l s enter");
    assert_eq!(stage.typed(), "ls\r");
    stage.session(life, session::Event::ExitCode(255));
    stage.session(life, session::Event::Ended(End::Closed { output: String::new() }));
    assert!(stage.screen().contains("✗ ended with exit code 255"), "{}", stage.screen());
    stage.taken();
    stage.press("enter");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Ssh { .. })), "enter opens it again");
}

#[test]
fn an_instance_that_cannot_be_reached_is_explained_for_every_kind() {
    for keys in ["f", "c", "h"] {
        let mut stage = Stage::listed(USUAL);
        stage.select("bare-1").press(&format!("esc {keys}"));
        assert_eq!(stage.state.context(), Context::Explain, "{keys}");
    }
}

#[test]
fn peers_c18_the_idle_end_is_counted_down_in_the_tab_and_told_before() {
    let mut stage = Stage::listed(USUAL);
    stage.state.fleet.every = None;
    stage.place().reading.due = None;
    let life = stage.opens("web-1");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Preferences(_))));
    assert!(!stage.screen().contains("idle"), "what is not known is not shown");
    let preferences = Preferences { max_duration: Some(60 * MINUTE), ..Preferences::default() };
    stage.happens(Event::Preferences { place: PLACE, preferences: Some(Box::new(preferences)) });
    assert!(stage.screen().contains("idle 20 min · ends in 60 min"), "{}", stage.screen());
    stage.waits(5 * MINUTE);
    assert!(stage.screen().contains("idle 15 min · ends in 55 min"), "{}", stage.screen());
    stage.press("l");
    assert!(stage.screen().contains("idle 20 min · ends in 55 min"), "a key is data:\n{}", stage.screen());
    stage.waits(18 * MINUTE + Duration::from_secs(17));
    assert!(stage.screen().contains("the service ends this in 1:43"), "{}", stage.screen());
    stage.output(life, "tick");
    assert!(!stage.screen().contains("the service ends this"), "output is data, too");
}

#[test]
fn peers_c18_a_hidden_session_warns_of_its_end() {
    let mut stage = Stage::listed(USUAL);
    stage.state.fleet.every = None;
    stage.place().reading.due = None;
    let life = stage.opens("web-1");
    stage.happens(Event::Preferences { place: PLACE, preferences: Some(Box::default()) });
    stage.press("alt-1");
    stage.waits(17 * MINUTE);
    assert_eq!(stage.state.tabs.get(life.tab).unwrap().unseen, Unseen::Nothing);
    stage.waits(MINUTE);
    assert_eq!(stage.state.tabs.get(life.tab).unwrap().unseen, Unseen::Bell);
    assert!(stage.screen().contains("web-1 is ended in 2 min unless used"), "{}", stage.screen());
    stage.waits(10 * MINUTE);
    assert_eq!(stage.state.next_deadline(), None, "told once");
}

#[test]
fn the_limits_of_a_document_go_before_the_preferences() {
    let mut stage = Stage::listed(USUAL);
    stage.runs(SessionType::InteractiveCommands);
    stage.happens(Event::Preferences { place: PLACE, preferences: Some(Box::default()) });
    assert!(stage.screen().contains("idle 10 min · ends in 60 min"), "{}", stage.screen());
}

#[test]
fn an_encrypted_session_says_so() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    assert!(!stage.screen().contains("encrypted"));
    let notice = "This session is encrypted using AWS KMS.".to_owned();
    stage.session(life, session::Event::Notice(notice));
    stage.waits(MINUTE);
    let screen = stage.screen();
    assert!(screen.lines().last().unwrap().contains("encrypted"), "also when the notice is gone:\n{screen}");
}

#[test]
fn what_kms_says_of_a_key_is_shown_whole() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    let why = "cannot make a data key with arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9: \
               role ops-read in account 123456789012 may not call kms:GenerateDataKey on it; \
               ask for that right on the key and in its policy";
    stage.session(life, session::Event::Ended(End::Refused(why.to_owned())));
    // Without the places where it is broken into lines.
    let plain = |text: &str| text.replace(['│', '\n', ' '], "");
    let words = plain(&stage.screen());
    for piece in ["key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "kms:GenerateDataKey on it", "in its policy"] {
        assert!(words.contains(&plain(piece)), "{piece} is not in\n{}", stage.screen());
    }
}
