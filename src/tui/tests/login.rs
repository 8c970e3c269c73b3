//! Sign-ins and codes: offered, typed, answered; what waited for them goes on.

use std::time::Duration;

use super::stage::{PLACE, Stage, USUAL, failure, ticket};
use crate::{
    fleet::{Outcome, Place, Source, Update},
    session::{self, kinds::forward::ForwardEvent},
    tui::{
        action::Context,
        event::{Ask, DeviceCode, Effect, Event, Failure, MfaDevice, PlaceId, SsoSession},
        state::{login::Stage as At, place::Access, popup::Popup},
    },
};

pub(super) const OTHER: PlaceId = PlaceId(1);
const SERIAL: &str = "arn:aws:iam::123456789012:mfa/me";

pub(super) fn shop(profile: &str) -> SsoSession {
    SsoSession {
        profile: Some(profile.to_owned()),
        name: Some("shop".to_owned()),
        start_url: "https://shop.awsapps.com/start".to_owned(),
        region: "eu-west-1".to_owned(),
        scopes: vec!["sso:account:access".to_owned()],
    }
}

pub(super) fn sso(profile: &str) -> Failure {
    Failure {
        what: format!("cannot list instances ({profile}/eu-west-1): the SSO login has ended"),
        why: format!(
            "the SSO token has expired for profile `{profile}`; open sessions go on, but cannot be resumed after a network loss"
        ),
        next: format!("run `ssmtui login --profile {profile}`, then try again"),
        detail: None,
        ask: Some(Box::new(Ask::Sso(shop(profile)))),
    }
}

pub(super) fn device(profile: &str) -> MfaDevice {
    MfaDevice {
        profile: profile.to_owned(),
        serial: SERIAL.to_owned(),
        role: format!("arn:aws:iam::123456789012:role/{profile}"),
    }
}

pub(super) fn mfa(profile: &str, why: &str) -> Failure {
    Failure {
        what: format!("cannot list instances ({profile}/eu-west-1): an MFA code is needed"),
        why: why.to_owned(),
        next: format!(
            "run `ssmtui login --profile {profile}` and type the code of {SERIAL}; each code is good once"
        ),
        detail: None,
        ask: Some(Box::new(Ask::Mfa(device(profile)))),
    }
}

pub(super) fn code(stage: &Stage) -> DeviceCode {
    DeviceCode {
        code: "ABCD-EFGH".to_owned(),
        page: "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH".to_owned(),
        until: stage.now.time + jiff::SignedDuration::from_secs(600),
    }
}

/// Up to the code that is to be confirmed; the number of the sign-in.
pub(super) fn waits_for_the_user(stage: &mut Stage) -> u32 {
    let number = stage.state.sign_ins;
    let code = code(stage);
    stage.happens(Event::CodeShown { number, code });
    stage.happens(Event::Browsed { opened: true });
    number
}

fn in_eight_hours(stage: &Stage) -> jiff::Timestamp {
    stage.now.time + jiff::SignedDuration::from_hours(8)
}

fn signs_in(stage: &mut Stage) {
    let (number, until) = (stage.state.sign_ins, in_eight_hours(stage));
    stage.happens(Event::SignedIn { number, session: Box::new(shop("whoever")), result: Ok(until) });
}

/// One account and region, and no way there for want of this.
pub(super) fn without(failure: Failure) -> Stage {
    let mut stage = Stage::new(USUAL);
    stage.happens(Event::NotConnected { place: PLACE, failure });
    stage.taken();
    stage
}

fn beside(stage: &mut Stage, profile: &str) -> PlaceId {
    let text = |text: &str| Some(text.into());
    let place = Place { profile: text(profile), region: text("eu-west-1"), ..Place::default() };
    stage.state.fleet.places.add(place)
}

fn tried(effects: Vec<Effect>) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::TryCode { .. }))
}

#[test]
fn a_sign_in_is_offered_begun_by_a_yes_and_ends_with_a_place_that_is_asked() {
    let mut stage = without(sso("prod"));
    assert_eq!(stage.state.context(), Context::Login);
    stage.press("enter");
    let number = stage.state.sign_ins;
    assert!(matches!(&stage.taken()[..], [Effect::SignIn { number: begun, .. }] if *begun == number));
    let code = code(&stage);
    stage.happens(Event::CodeShown { number, code: code.clone() });
    assert!(matches!(&stage.taken()[..], [Effect::Browse(page)] if *page == code.page));
    stage.happens(Event::Browsed { opened: false });
    assert!(stage.screen().contains("there is no browser"), "{}", stage.screen());
    stage.press("y");
    assert!(matches!(&stage.taken()[..], [Effect::Copy(page)] if *page == code.page));
    stage.waits(Duration::from_secs(41));
    assert!(stage.screen().contains("9:19 left"), "{}", stage.screen());
    signs_in(&mut stage);
    assert_eq!(stage.state.popup, None);
    assert!(stage.screen().contains("signed in to shop: good for 8 h"), "{}", stage.screen());
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Connect { place: PLACE, .. })));
}

#[test]
fn one_sign_in_serves_every_place_of_its_session_and_no_other() {
    let mut stage = without(sso("prod"));
    let (staging, elsewhere) = (beside(&mut stage, "staging"), beside(&mut stage, "bank"));
    stage.happens(Event::NotConnected { place: staging, failure: sso("staging") });
    let mut other = sso("bank");
    let session = SsoSession { name: Some("bank".to_owned()), ..shop("bank") };
    other.ask = Some(Box::new(Ask::Sso(session)));
    stage.happens(Event::NotConnected { place: elsewhere, failure: other });
    stage.press("enter");
    waits_for_the_user(&mut stage);
    signs_in(&mut stage);
    let access = |place| stage.state.fleet.places.get(place).unwrap().access.clone();
    assert_eq!((access(PLACE), access(staging)), (Access::Connecting, Access::Connecting));
    assert!(matches!(access(elsewhere), Access::Failed(_)));
}

#[test]
fn escape_cancels_and_what_comes_late_of_it_is_dropped() {
    let mut stage = without(sso("prod"));
    stage.press("enter");
    let first = stage.state.sign_ins;
    stage.taken();
    stage.press("esc");
    assert!(matches!(&stage.taken()[..], [Effect::CancelSignIn]));
    assert!(stage.screen().contains("ctrl-l signs in here"), "{}", stage.screen());
    stage.press("ctrl-l");
    assert!(matches!(&stage.taken()[..], [Effect::SignIn { .. }]), "who asked for it is not asked again");
    let code = code(&stage);
    stage.happens(Event::CodeShown { number: first, code });
    stage.happens(Event::SignedIn { number: first, session: Box::new(shop("prod")), result: Err(failure()) });
    assert!(matches!(&stage.state.popup, Some(Popup::Login(open)) if open.stage == At::Asking));
}

#[test]
fn a_sign_in_that_fails_says_why_and_begins_again() {
    let mut stage = without(sso("prod"));
    stage.press("enter");
    let number = waits_for_the_user(&mut stage);
    stage.happens(Event::SignedIn { number, session: Box::new(shop("prod")), result: Err(failure()) });
    stage.taken();
    assert!(stage.screen().contains("access denied"), "{}", stage.screen());
    stage.press("enter");
    assert!(matches!(&stage.taken()[..], [Effect::SignIn { .. }]));
}

#[test]
fn what_is_typed_for_the_search_is_not_stolen() {
    let mut stage = without(sso("prod"));
    stage.types("yes");
    assert_eq!((stage.state.popup.as_ref(), stage.state.fleet.query.text()), (None, "yes"));
    // A query that begins with digits goes to the search whole.
    let mut stage = without(mfa("ops", "role ops asks for an MFA code"));
    stage.types("10.1");
    assert_eq!((stage.state.popup.as_ref(), stage.state.fleet.query.text()), (None, "10.1"));
    let mut stage = without(mfa("ops", "role ops asks for an MFA code"));
    stage.happens(Event::Paste("web-1".to_owned()));
    assert_eq!((stage.state.popup.as_ref(), stage.state.fleet.query.text()), (None, "web-1"));
    // And while something is typed nothing opens.
    let mut stage = Stage::new(USUAL);
    stage.types("w");
    stage.happens(Event::NotConnected { place: PLACE, failure: mfa("ops", "") });
    assert_eq!((stage.state.popup.as_ref(), stage.state.context()), (None, Context::Search));
    stage.press("ctrl-l").types("w1");
    assert_eq!(stage.state.context(), Context::MfaCode, "who asked for it has only digits to type");
    assert_eq!(stage.state.fleet.query.text(), "w");
}

#[test]
fn a_code_is_typed_refused_and_typed_again() {
    let mut stage = without(mfa("ops", "role ops asks for an MFA code"));
    stage.types("77014").press("enter");
    assert!(!tried(stage.taken()));
    assert!(stage.screen().contains("six digits"), "{}", stage.screen());
    stage.types("4").press("enter");
    assert!(tried(stage.taken()));
    assert!(!format!("{:?}", stage.state).contains("770144"));
    stage.types("9").press("enter");
    assert!(!tried(stage.taken()), "it is being tried");
    let refused = Err(mfa("ops", "AWS says: MultiFactorAuthentication failed"));
    stage.happens(Event::CodeTried { device: Box::new(device("ops")), result: refused });
    assert!(stage.screen().contains("AWS says: MultiFactorAuthentication failed"), "{}", stage.screen());
    stage.happens(Event::Paste("654 321\n".to_owned()));
    stage.press("enter");
    let effects = stage.taken();
    let [Effect::TryCode { place: PLACE, code, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*code, "654321".parse().unwrap());
    let until = in_eight_hours(&stage);
    stage.happens(Event::CodeTried { device: Box::new(device("ops")), result: Ok(Some(until)) });
    assert_eq!(stage.state.popup, None);
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Connect { place: PLACE, .. })));
}

#[test]
fn one_code_asks_every_place_of_its_device_again() {
    let mut stage = without(mfa("ops", ""));
    let audit = beside(&mut stage, "audit");
    stage.happens(Event::NotConnected { place: audit, failure: mfa("audit", "") });
    stage.types("123456").press("enter");
    stage.taken();
    stage.happens(Event::CodeTried { device: Box::new(device("ops")), result: Ok(None) });
    let connected = |place| {
        let wanted =
            |effect: &Effect| matches!(effect, Effect::Connect { place: other, .. } if *other == place);
        stage.effects.iter().any(wanted)
    };
    assert!(connected(PLACE) && connected(audit));
}

#[test]
fn a_place_that_is_not_looked_at_waits_to_be_called() {
    let mut stage = Stage::listed(USUAL);
    assert_eq!(beside(&mut stage, "data"), OTHER);
    stage.happens(Event::NotConnected { place: OTHER, failure: sso("data") });
    assert_eq!(stage.state.popup, None);
    assert!(stage.screen().contains("a login to shop is needed: ctrl-l signs in"), "{}", stage.screen());
    stage.press("ctrl-l");
    assert!(matches!(&stage.taken()[..], [Effect::SignIn { .. }]));
}

#[test]
fn keys_that_end_while_a_session_is_open_are_asked_for_and_the_session_resumes() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.taken();
    let lost = |attempt| session::Event::Reconnecting { attempt, cause: "cannot resume".to_owned() };
    stage.session(life, lost(1));
    assert!(stage.taken().is_empty(), "the first attempt is still to be made");
    stage.session(life, lost(2));
    assert!(matches!(&stage.taken()[..], [Effect::FindKeys(PLACE)]));
    stage.happens(Event::KeysSought { place: PLACE, missing: Some(sso("prod")) });
    assert_eq!(stage.state.popup, None, "keys go to the session, not to a question");
    let screen = stage.screen();
    assert!(screen.contains("a login to shop is needed: ctrl-] l signs in"), "{screen}");
    stage.press("ctrl-] l");
    assert!(matches!(&stage.taken()[..], [Effect::SignIn { .. }]));
    signs_in(&mut stage);
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Hurry(hurried) if *hurried == life)));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::List { place: PLACE, .. })));
    stage.session(life, session::Event::Resumed { away: Duration::from_secs(40) });
    assert_eq!(stage.life(), life, "it is the same session");
}

#[test]
fn a_forward_that_lost_its_session_is_hurried_when_the_keys_are_there() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    let cause = "cannot resume".to_owned();
    stage.forward(life, ForwardEvent::Reconnecting { lane: 0, attempt: 2, cause });
    stage.happens(Event::KeysSought { place: PLACE, missing: Some(sso("prod")) });
    stage.press("ctrl-] l");
    stage.taken();
    signs_in(&mut stage);
    let hurried = |effect: &Effect| matches!(effect, Effect::Hurry(hurried) if *hurried == life);
    assert!(stage.taken().iter().any(hurried));
}

#[test]
fn keys_that_are_there_again_are_asked_for_no_more() {
    let mut stage = Stage::listed(USUAL);
    stage.happens(Event::KeysSought { place: PLACE, missing: Some(sso("prod")) });
    assert_eq!(stage.state.context(), Context::Login, "the only place, and nothing else on the screen");
    stage.press("esc");
    stage.happens(Event::KeysSought { place: PLACE, missing: Some(sso("prod")) });
    assert_eq!(stage.state.popup, None, "a no is not asked again");
    stage.happens(Event::KeysSought { place: PLACE, missing: None });
    assert!(!stage.screen().contains("login"), "{}", stage.screen());
    stage.press("ctrl-l");
    assert!(stage.screen().contains("no login and no code is waited for"), "{}", stage.screen());
}

#[test]
fn a_list_that_fails_has_the_keys_looked_for() {
    let mut stage = Stage::listed(USUAL);
    stage.press("ctrl-r");
    let generation = stage.generation();
    stage.taken();
    let outcome = Outcome::Failed { message: "the SSO login has ended".to_owned() };
    let source = Source::AgentList;
    stage.happens(Event::listed_here(Update::Done { generation, source, outcome }));
    stage.happens(Event::ListEnded { place: PLACE, generation });
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::FindKeys(PLACE))));
    // There are some, so AWS did not take those before: the list is read once more, and then no more.
    let lists = |effect: &Effect| matches!(effect, Effect::List { place: PLACE, .. });
    for (time, reads) in [(1, true), (2, false)] {
        stage.happens(Event::KeysSought { place: PLACE, missing: None });
        assert_eq!(stage.taken().iter().any(lists), reads, "{time}");
        let generation = stage.generation();
        stage.happens(Event::ListEnded { place: PLACE, generation });
    }
}

#[test]
fn what_could_not_start_starts_when_the_keys_are_there() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Err(sso("prod")) });
    assert!(stage.screen().contains("l signs in here"), "{}", stage.screen());
    stage.press("l");
    assert_eq!(stage.state.context(), Context::Login);
    stage.taken();
    signs_in(&mut stage);
    let again = stage.life();
    assert_eq!((again.tab, again.number), (life.tab, life.number + 1));
    assert!(
        stage.taken().iter().any(|effect| matches!(effect, Effect::Start { life, .. } if *life == again))
    );
    stage.happens(Event::Started { life: again, place: PLACE, result: Ok(ticket()) });
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Open { .. })));
}
