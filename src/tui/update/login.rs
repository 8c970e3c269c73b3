//! Logins and codes: a place that needs its user says so, the sign-in or the code is asked for, and what waited for it goes
//! on. No session is lost meanwhile: those that have lost their connection go on trying.

use jiff::{SignedDuration, Timestamp};

use super::{fleet, note, session};
use crate::{
    fleet::phrase,
    tui::{
        action::Action,
        event::{Ask, DeviceCode, Effect, Failure, Life, MfaDevice, PlaceId, SsoSession},
        state::{
            State,
            forward::{Board, LaneLink},
            login::{CodeForm, Digits, SignIn, Stage},
            place::Access,
            popup::Popup,
            tab::{Ending, Phase, Tab},
        },
    },
};

/// Who opens what asks the user.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    User,
    Itself,
}

/// It was seen whether a place that can be asked has keys. Where a list has failed and there are some, it is read once more:
/// AWS may no longer have taken those before.
pub(super) fn keys_sought(
    state: &mut State,
    place: PlaceId,
    missing: Option<Failure>,
    out: &mut Vec<Effect>,
) {
    let Some(view) = state.fleet.places.get_mut(place).filter(|view| view.access == Access::Ready) else {
        return;
    };
    let lists = [&view.completeness.agents, &view.completeness.machines];
    if missing.is_none() && !view.reading.again && lists.iter().any(|list| list.failure().is_some()) {
        view.reading.again = true;
        fleet::read(view, out);
    }
    let asked_before = std::mem::replace(&mut view.missing, missing).is_some();
    if !asked_before {
        offer(state, place);
    }
}

/// Something in a place failed: if only the user can mend it, that is to be told.
pub(super) fn failed(state: &mut State, place: PlaceId, failure: &Failure) {
    if let Some(view) = state.fleet.places.get_mut(place).filter(|view| view.access == Access::Ready)
        && failure.ask.is_some()
        && view.missing.replace(failure.clone()).is_none()
    {
        offer(state, place);
    }
}

/// A session's connection cannot be made anew: perhaps for want of keys.
pub(super) fn suspect(state: &State, life: Life, attempt: u32, out: &mut Vec<Effect>) {
    // The first attempt has not been made yet.
    if attempt > 1
        && let Some(tab) = state.tabs.get(life.tab)
    {
        out.push(Effect::FindKeys(tab.place));
    }
}

/// Opens by itself what a place needs, where that place is what the user looks at and nothing is being typed.
pub(super) fn offer(state: &mut State, place: PlaceId) {
    let looked_at =
        state.fleet.places.only().is_some() || matches!(state.fleet.places.access(), Access::Failed(_));
    let typing = !state.fleet.query.text().is_empty()
        || !state.pending.is_empty()
        || !state.fleet.list.held.is_empty();
    let free = state.popup.is_none() && state.leaving.is_none() && state.tabs.current().is_none();
    if looked_at && free && !typing {
        // An offer makes nothing begin.
        open(state, place, By::Itself, &mut Vec::new());
    }
}

/// The user wants to give what is missing: to the place under the cursor or on the screen, else to the first that needs it.
pub(super) fn start(state: &mut State, out: &mut Vec<Effect>) {
    if let Some(place) = state.needing().map(|view| view.id) {
        open(state, place, By::User, out);
    }
}

fn open(state: &mut State, place: PlaceId, by: By, out: &mut Vec<Effect>) {
    let Some(failure) = state.fleet.places.get(place).and_then(|view| view.needs()) else { return };
    let why = failure.why.clone();
    match failure.ask.as_deref() {
        Some(Ask::Sso(session)) => {
            let session = session.clone();
            match by {
                By::User => begin(state, session, out),
                By::Itself => {
                    let number = state.sign_ins;
                    let offered = SignIn { number, session, stage: Stage::Offered { why } };
                    state.popup = Some(Popup::Login(Box::new(offered)));
                }
            }
        }
        Some(Ask::Mfa(device)) => {
            let form = CodeForm {
                place,
                device: device.clone(),
                typed: Digits::default(),
                checking: false,
                refused: None,
                offered: by == By::Itself,
            };
            state.popup = Some(Popup::MfaCode(Box::new(form)));
        }
        None => {}
    }
}

fn begin(state: &mut State, session: SsoSession, out: &mut Vec<Effect>) {
    state.sign_ins += 1;
    let number = state.sign_ins;
    let sign_in = SignIn { number, session: session.clone(), stage: Stage::Asking };
    state.popup = Some(Popup::Login(Box::new(sign_in)));
    out.push(Effect::SignIn { number, session });
}

/// The number of the sign-in that goes on, if one does.
pub(super) fn under_way(state: &State) -> Option<u32> {
    match &state.popup {
        Some(Popup::Login(open)) => {
            matches!(open.stage, Stage::Asking | Stage::Waiting { .. }).then_some(open.number)
        }
        _ => None,
    }
}

/// However the sign-in was closed: nobody waits for it any more.
pub(super) fn cancel(state: &State, before: Option<u32>, out: &mut Vec<Effect>) {
    if before.is_some() && under_way(state).is_none() {
        out.push(Effect::CancelSignIn);
    }
}

/// What opened by itself takes nothing that was meant for the search: a letter closes it and goes where it would have gone,
/// and digits before it, too.
pub(super) fn step_aside(state: &mut State, text: &str, out: &mut Vec<Effect>) {
    let before = match &mut state.popup {
        Some(Popup::Login(open)) if matches!(open.stage, Stage::Offered { .. }) => String::new(),
        Some(Popup::MfaCode(form)) if form.offered && !form.checking && !Digits::default().insert(text) => {
            form.typed.text().to_owned()
        }
        _ => return,
    };
    state.popup = None;
    if !before.is_empty() {
        state.fleet.query.insert_text(&before);
        fleet::query_changed(state, out);
    }
}

/// Does an action in what asks the user; whether it was one of its own.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    match &mut state.popup {
        Some(Popup::Login(open)) => match (action, &open.stage) {
            (Action::Accept, Stage::Offered { .. } | Stage::Failed(_)) => {
                let session = open.session.clone();
                begin(state, session, out);
            }
            (Action::Accept, Stage::Waiting { code, .. }) => out.push(Effect::Browse(code.page.clone())),
            (Action::Accept, Stage::Asking) => {}
            (Action::CopyPage, Stage::Waiting { code, .. }) => {
                let page = code.page.clone();
                super::action::copy(state, page, "the address of the page", out);
            }
            _ => return false,
        },
        Some(Popup::MfaCode(form)) => match action {
            Action::Accept if form.checking => {}
            Action::Accept => match form.typed.code() {
                Ok(code) => {
                    form.checking = true;
                    form.refused = None;
                    let (place, device) = (form.place, form.device.clone());
                    out.push(Effect::TryCode { place, device, code });
                }
                Err(words) => form.refused = Some(words.to_owned()),
            },
            Action::Erase | Action::EraseWord | Action::EraseLine => form.typed.edit(action),
            _ => return false,
        },
        _ => return false,
    }
    true
}

/// Types or pastes a text as a code.
pub(super) fn typed(state: &mut State, text: &str) {
    if let Some(Popup::MfaCode(form)) = &mut state.popup
        && !form.checking
    {
        form.refused =
            (!form.typed.insert(text)).then(|| "an MFA code has six digits, and nothing else".to_owned());
    }
}

/// There is a code to confirm.
pub(super) fn code_shown(state: &mut State, number: u32, code: DeviceCode, out: &mut Vec<Effect>) {
    if let Some(Popup::Login(open)) = &mut state.popup
        && open.number == number
        && open.stage == Stage::Asking
    {
        out.push(Effect::Browse(code.page.clone()));
        open.stage = Stage::Waiting { code, opened: None };
    }
}

/// A page was to be opened; whether it was that of a sign-in.
pub(super) fn browsed(state: &mut State, now_open: bool) -> bool {
    let Some(Popup::Login(open)) = &mut state.popup else { return false };
    let Stage::Waiting { opened, .. } = &mut open.stage else { return false };
    *opened = Some(now_open);
    true
}

/// A sign-in is over.
pub(super) fn signed_in(
    state: &mut State,
    number: u32,
    session: SsoSession,
    result: Result<Timestamp, Failure>,
    out: &mut Vec<Effect>,
) {
    match (result, &mut state.popup) {
        (Ok(until), popup) => {
            if matches!(popup, Some(Popup::Login(open)) if open.session.is_same(&session)) {
                *popup = None;
            }
            let lasts = lasts(state, until);
            note(state, format!("signed in to {}: good for {lasts}", session.label()));
            answered(state, &Ask::Sso(session), out);
        }
        (Err(failure), Some(Popup::Login(open))) if open.number == number => {
            open.stage = Stage::Failed(failure);
        }
        (Err(_), _) => {}
    }
}

/// A code was tried.
pub(super) fn code_tried(
    state: &mut State,
    device: MfaDevice,
    result: Result<Option<Timestamp>, Failure>,
    out: &mut Vec<Effect>,
) {
    let open = matches!(&state.popup, Some(Popup::MfaCode(form)) if form.device == device);
    match result {
        Ok(until) => {
            if open {
                state.popup = None;
            }
            let lasts = until.map(|until| format!(": good for {}", lasts(state, until)));
            note(state, format!("the code is taken{}", lasts.unwrap_or_default()));
            answered(state, &Ask::Mfa(device), out);
        }
        Err(failure) => {
            let Some(Popup::MfaCode(form)) = state.popup.as_mut().filter(|_| open) else { return };
            form.checking = false;
            form.typed.clear();
            let why = match failure.ask {
                Some(_) => failure.why,
                None => format!("{}: {}", failure.what, failure.why),
            };
            form.refused = Some(why);
        }
    }
}

/// To the nearest: eight hours are not seven for the second that has passed.
fn lasts(state: &State, until: Timestamp) -> String {
    phrase::age(state.now.time, until.saturating_add(SignedDuration::from_secs(30)).unwrap_or(until))
}

/// The user gave what was missing: the places that waited for it are asked again, their sessions resume, and what could not
/// start starts.
fn answered(state: &mut State, ask: &Ask, out: &mut Vec<Effect>) {
    let like = |failure: &Failure| failure.ask.as_deref().is_some_and(|other| other.is_like(ask));
    let mut served = Vec::new();
    for view in state.fleet.places.iter_mut().filter(|view| view.needs().is_some_and(like)) {
        view.missing = None;
        fleet::refresh_place(view, out);
        served.push(view.id);
    }
    let there = state.tabs.iter().filter(|tab| served.contains(&tab.place));
    let is_lost = |tab: &&Tab| {
        let lane = tab.board().and_then(Board::worst);
        matches!(tab.phase, Phase::Reconnecting { .. }) || matches!(lane, Some(LaneLink::Reconnecting { .. }))
    };
    out.extend(there.filter(is_lost).map(|tab| Effect::Hurry(tab.life())));
    let refused = |phase: &Phase| matches!(phase, Phase::Ended(Ending::NotStarted(failure)) if like(failure));
    let again: Vec<_> = state.tabs.iter().filter(|tab| refused(&tab.phase)).map(|tab| tab.id).collect();
    for id in again {
        session::start_again(state, id, out);
    }
}
