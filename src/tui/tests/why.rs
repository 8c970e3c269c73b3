//! Asking why: the deep check begins, its answers fill the checklist in, and what it finds can be copied.

use std::time::Duration;

use super::stage::{PLACE, Stage, USUAL, WIDE, agents, ticket};
use crate::{
    fleet::{
        AgentRecord, Call, Connection, Evidence, Fact, Fleet, HostManagement, InstanceId, Piece,
        evidence::{Answer, Attempt},
        history::{self, Kind, Opening, Where},
        reach::{Cause, Context, next_calls},
    },
    session::{self, End},
    tui::event::{Effect, Event},
};

/// Asks why about the row of that name; whom the check is about, and its context.
fn asks(stage: &mut Stage, name: &str) -> (InstanceId, Box<Context>) {
    stage.select(name).press("esc w");
    match stage.taken().pop() {
        Some(Effect::Examine { instance, context, .. }) => (instance.id.clone(), context),
        other => panic!("no check begins: {other:?}"),
    }
}

fn answers(stage: &mut Stage, id: &InstanceId, piece: Piece) {
    stage.happens(Event::Evidence { id: id.clone(), piece: Box::new(piece) });
}

#[test]
fn the_checklist_fills_in_beneath_the_verdict() {
    let mut pages = String::new();
    let mut stage = Stage::listed(WIDE);
    let (id, context) = asks(&mut stage, "bare-1");
    assert_eq!(context.region.as_deref(), Some("eu-west-1"));
    let instance = stage.state.fleet.places.find(&id).cloned().unwrap();
    for call in next_calls(&instance, &Evidence::default(), &context, stage.now.time) {
        answers(&mut stage, &id, Piece::Asking(call));
    }
    pages.push_str(&stage.screen());
    let at = stage.now.time;
    answers(&mut stage, &id, Piece::HostManagement(Fact::Known { value: HostManagement::Off, at }));
    answers(&mut stage, &id, Piece::denied(Call::Subnet));
    stage.happens(Event::Examined { id });
    pages.push_str("\n\n");
    pages.push_str(&stage.screen());
    insta::assert_snapshot!("why_fills_in", pages);
}

#[test]
fn what_a_check_found_can_be_copied_as_a_line_and_as_a_ticket() {
    let mut stage = Stage::listed(USUAL);
    let (id, _) = asks(&mut stage, "bare-1");
    let at = stage.now.time;
    answers(&mut stage, &id, Piece::HostManagement(Fact::Known { value: HostManagement::Off, at }));
    stage.press("y");
    assert!(
        matches!(stage.taken().as_slice(), [Effect::Copy(line)] if line.starts_with("aws ec2 associate-iam-instance-profile --instance-id "))
    );
    stage.press("r");
    match stage.taken().as_slice() {
        [Effect::Copy(report)] => {
            assert!(report.starts_with("## bare-1 ("), "{report}");
            assert!(report.contains("default host management is off in this region"), "{report}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_check_is_made_once_a_minute_and_never_while_one_runs() {
    let mut stage = Stage::listed(USUAL);
    let (id, _) = asks(&mut stage, "bare-1");
    stage.press("esc w");
    assert!(stage.taken().is_empty(), "it runs");
    stage.happens(Event::Examined { id });
    stage.press("esc w");
    assert!(stage.taken().is_empty(), "it is fresh");
    stage.passes(std::time::Duration::from_secs(61));
    stage.press("esc w");
    assert!(matches!(stage.taken().as_slice(), [Effect::Examine { .. }]));
}

#[test]
fn an_explanation_is_looked_into_where_it_stands() {
    let mut stage = Stage::listed(USUAL);
    stage.select("lost-1").press("enter w");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Examine { .. })));
    assert!(stage.screen().contains("no session on lost-1"), "{}", stage.screen());
}

fn causes(stage: &Stage, name: &str) -> Vec<Cause> {
    let mut rows = stage.state.fleet.places.iter().flat_map(|view| view.fleet.instances());
    let row = rows.find(|row| row.name() == Some(name)).unwrap();
    stage.state.verdict(row).findings.iter().map(|finding| finding.cause).collect()
}

#[test]
fn a_start_that_was_refused_is_evidence_until_one_succeeds() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.session(life, session::Event::Ended(End::Terminated));
    let (id, at) = (InstanceId::new("i-0a1b2c3d4e5f60001"), stage.now.time);
    let text = "User: arn:aws:sts::1:assumed-role/dev-ro/a is not authorized to perform: ssm:StartSession on resource: \
                arn:aws:ec2:eu-west-1:1:instance/i-0a1b2c3d4e5f60001 because no identity-based policy allows the \
                ssm:StartSession action";
    let answer = Answer::refused("AccessDeniedException", text).unwrap();
    let attempt = Attempt { at, document: None, answer, request_id: Some("7f3c".into()) };
    answers(&mut stage, &id, Piece::Attempt(attempt));
    assert_eq!(causes(&stage, "web-1").first(), Some(&Cause::NotAllowed));
    stage.press("f");
    // It is worth another try all the same: rights change.
    stage.opens("web-1");
    assert!(!causes(&stage, "web-1").contains(&Cause::NotAllowed));
}

#[test]
fn how_a_session_ended_is_evidence_unless_the_user_ended_it() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.session(life, session::Event::Ended(End::Closed { output: String::new() }));
    assert_eq!(causes(&stage, "web-1"), [Cause::Ready], "an `exit` is no trouble");
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    let output = "Session was terminated due to inactivity: idle timeout".to_owned();
    stage.session(life, session::Event::Ended(End::Closed { output }));
    assert!(causes(&stage, "web-1").contains(&Cause::EndedByNode));
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    let output = "failed to start pty since RunAs user \"deploy\" does not exist".to_owned();
    stage.session(life, session::Event::Ended(End::Closed { output }));
    assert!(causes(&stage, "web-1").contains(&Cause::RunAs));
    // A connection that a forward's far side does not take.
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.session(
        life,
        session::Event::Ended(End::Closed { output: "nothing listens on port 5432 of the instance".into() }),
    );
    assert!(causes(&stage, "web-1").contains(&Cause::NothingListens));
    // What lies between here and AWS is not the node's.
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.session(life, session::Event::Ended(End::Lost("network is unreachable".to_owned())));
    assert_eq!(causes(&stage, "web-1"), [Cause::Ready]);
}

#[test]
fn what_was_known_the_last_time_is_evidence() {
    let mut stage = Stage::new(WIDE);
    let mut before = Fleet::new();
    let now = stage.now.time;
    let was = |record: AgentRecord| AgentRecord { agent_version: Some("3.1.501.0".into()), ..record };
    let records = agents(stage.now).into_iter().map(was).collect();
    before.apply(crate::fleet::Update::Agents { generation: 1, records }, now);
    let mut listing = before.listing(now);
    listing.agents_at = Some(now);
    let before = Box::new(Fleet::from_last_time(listing, now));
    stage.happens(Event::Cached { place: PLACE, fleet: Some(before) });
    stage.happens(Event::Connected { place: PLACE, region: "eu-west-1".into(), profile: None });
    stage.list();
    assert!(causes(&stage, "lost-1").contains(&Cause::UpdateBroke), "{:?}", causes(&stage, "lost-1"));
    assert!(!causes(&stage, "web-2").contains(&Cause::UpdateBroke), "one that beats was not broken");
}

#[test]
fn after_the_fix_the_user_is_told_how_long_it_takes() {
    let mut stage = Stage::listed(WIDE);
    asks(&mut stage, "bare-1");
    let screen = stage.screen();
    assert!(screen.contains("then the agent tries again every 25 to 30 min"), "{screen}");
    stage.press("esc");
    stage.select("bare-1").press("esc W");
    let screen = stage.screen();
    assert!(screen.contains("the bell rings when it is ready, up to 35 min after the fix"), "{screen}");
}

#[test]
fn an_id_that_no_list_has_is_looked_for_where_it_was_opened() {
    let mut stage = Stage::listed(USUAL);
    let id = InstanceId::new("i-0a1b2c3d4e5f6ffff");
    let place = Where { profile: Some("prod".into()), region: Some("us-east-1".into()), account: None };
    let at = stage.now.time;
    let opening = Opening { at, id: id.clone(), name: "far-1".into(), kind: Kind::Shell, place };
    stage.state.habits.take(history::Event::Opened(opening), at);
    stage.types(id.as_str());
    let screen = stage.screen();
    assert!(screen.contains("you opened it in prod/us-east-1"), "{screen}");
}

#[test]
fn a_denied_look_at_channels_is_said_in_the_footer() {
    let mut stage = Stage::listed(WIDE);
    let action = "ssm:GetConnectionStatus".to_owned();
    let id = InstanceId::new("i-0a1b2c3d4e5f60001");
    stage.happens(Event::Probed { id: id.clone(), status: Fact::Denied { action } });
    assert!(stage.screen().contains("online is not verified"), "{}", stage.screen());
    let status = Fact::Known { value: Connection::Connected, at: stage.now.time };
    stage.happens(Event::Probed { id, status });
    assert!(!stage.screen().contains("online is not verified"), "{}", stage.screen());
}

#[test]
fn a_session_that_is_given_up_because_nothing_comes_counts_and_one_that_is_given_up_at_once_does_not() {
    for (seconds, counts) in [(3, false), (45, true)] {
        let mut stage = Stage::listed(USUAL);
        stage.select("web-1").press("enter");
        let life = stage.life();
        stage.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
        stage.session(life, session::Event::SocketOpen);
        stage.waits(Duration::from_secs(seconds));
        stage.press("esc");
        assert!(stage.state.tabs.current().is_none(), "{}", stage.screen());
        let told = causes(&stage, "web-1").contains(&Cause::NoPrompt);
        assert_eq!(told, counts, "after {seconds} s");
    }
}
