//! Deep checks: begun when the user asks why, taken in as they answer, and handed on as a ticket.

use super::action;
use crate::{
    fleet::{
        InstanceId,
        evidence::{Answer, Attempt, Ending as Happened, Piece},
        reach,
    },
    session::End,
    tui::{
        event::Effect,
        state::{State, popup::Popup},
    },
};

/// The user asks why: the details come up, and what the lists can't show is asked for.
pub(super) fn why(state: &mut State, out: &mut Vec<Effect>) {
    if !matches!(state.popup, Some(Popup::Explain { .. })) {
        state.popup = Some(Popup::Details { scroll: 0 });
    }
    let Some(instance) = state.subject().cloned() else { return };
    let Some(place) = state.fleet.places.of(&instance.id).map(|view| view.id) else { return };
    if state.fleet.places.is_ready() && state.examinations.begin(&instance.id, state.now.time) {
        let context = state.reach_context(&instance);
        out.push(Effect::Examine { place, instance: Box::new(instance), context: Box::new(context) });
    }
}

/// A call of a deep check answered, or something else was learned of a row or its target.
pub(super) fn took(state: &mut State, id: &InstanceId, piece: Piece) {
    let row = state.fleet.places.find(id).map_or_else(|| id.clone(), |row| row.id.clone());
    state.examinations.take(&row, piece);
}

/// A session opened on a target: whatever was refused before, is not any more.
pub(super) fn opened(state: &mut State, target: &InstanceId) {
    let at = state.now.time;
    let attempt = Attempt { at, document: None, answer: Answer::Opened, request_id: None };
    took(state, target, Piece::Attempt(attempt));
}

/// A session has ended. What the user did, and an ordinary `exit`, says nothing of its target.
pub(super) fn session_ended(state: &mut State, target: &InstanceId, end: &End, had_begun: bool) {
    let (said, by_node) = match end {
        End::Closed { output } => (output.trim().to_owned(), true),
        End::Refused(why) | End::Lost(why) => (why.clone(), false),
        End::Terminated | End::TimedOut | End::Protocol(_) => return,
    };
    if !(said.is_empty() && had_begun) {
        let ending = Happened { at: state.now.time, had_begun, by_node, said, session: None };
        took(state, target, Piece::Ending(ending));
    }
}

/// A session opened, and nothing came in it until the user gave it up.
pub(super) fn nothing_came(state: &mut State, target: &InstanceId) {
    let said = String::new();
    let ending = Happened { at: state.now.time, had_begun: false, by_node: false, said, session: None };
    took(state, target, Piece::Ending(ending));
}

/// The far side of a forward did not take a connection.
pub(super) fn connection_refused(state: &mut State, target: &InstanceId, said: String) {
    let ending = Happened { at: state.now.time, had_begun: true, by_node: false, said, session: None };
    took(state, target, Piece::Ending(ending));
}

/// A deep check is over.
pub(super) fn ended(state: &mut State, id: &InstanceId) {
    state.examinations.end(id, state.now.time);
}

/// Copies the report about the instance in question.
pub(super) fn copy_report(state: &mut State, out: &mut Vec<Effect>) {
    let Some(instance) = state.subject() else { return };
    let evidence = state.evidence(instance);
    let report = reach::report(instance, &evidence, &state.reach_context(instance), state.now.time);
    action::copy(state, report.text(), "the report", out);
}
