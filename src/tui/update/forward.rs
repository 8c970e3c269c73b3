//! Events of forwards.

use super::{note, session};
use crate::{
    fleet::{Document, Platform},
    session::{
        End,
        kinds::forward::{ForwardEvent, Mode, Outcome},
    },
    tui::{
        event::{Effect, Life},
        state::{
            State,
            form::Subject,
            forward::{Board, Lane, LaneLink, Run, Wish, bytes, listen},
            popup::Popup,
            tab::{Ending, Phase, Step},
        },
        text::span,
    },
};

/// Something happened in a forward; whether it shows.
pub(super) fn happened(state: &mut State, life: Life, event: ForwardEvent, out: &mut Vec<Effect>) -> bool {
    let (now, at) = (state.now.instant, state.now.time);
    let shown = state.tabs.current().map(|tab| tab.id) == Some(life.tab);
    let label = state
        .tabs
        .get(life.tab)
        .and_then(|tab| state.fleet.places.find(&tab.instance))
        .map(|instance| instance.label().to_owned());
    let Some(tab) = state.tabs.alive(life) else { return false };
    let label = label.unwrap_or_else(|| tab.instance.to_string());
    let Some(board) = tab.content.board_mut() else { return false };
    match event {
        ForwardEvent::Listening { address } => {
            board.say(at, format!("listening on {address}"), false);
            board.address = Some(address);
            let name = board.wish.name(board.local_port(), &label);
            tab.phase = Phase::Live;
            tab.limits.begin(now);
            // Its own name is not one that another tab has.
            if !tab.renamed && !tab.name.starts_with(&name) {
                let name = state.tabs.free_name(&name);
                if let Some(tab) = state.tabs.get_mut(life.tab) {
                    tab.name = name;
                }
            }
            return true;
        }
        ForwardEvent::Lane { lane, id, agent_version, mode } => {
            if mode == Mode::Basic && !board.lanes.values().any(|lane| !lane.many) {
                let version = agent_version.as_deref().unwrap_or("of this instance");
                let why = format!("the agent {version} carries one connection at a time in a session");
                board.say(at, why, false);
            }
            let fresh =
                Lane { session: id.to_string(), agent_version, many: mode == Mode::Mux, link: LaneLink::Up };
            board.lanes.insert(lane, fresh);
            if let Phase::Starting { step, .. } = &mut tab.phase {
                *step = Step::Prompt.max(*step);
            }
            let (place, target) = (tab.place, tab.target.clone());
            let first = board.lanes.len() == 1;
            session::opened(state, place, target, out);
            if first {
                super::kept::opened(state, life, out);
            }
            return true;
        }
        ForwardEvent::Accepted { .. } => {
            tab.limits.active(now);
            return shown;
        }
        ForwardEvent::Closed { connection, sent, received, outcome } => {
            let text = match outcome {
                Outcome::Finished | Outcome::Left => return shown,
                Outcome::Lost => "was lost with its session",
                Outcome::Unread => "was closed: the local program did not read what came, and others waited",
            };
            let moved = format!("{} up, {} down", bytes(sent), bytes(received));
            board.say(at, format!("connection {connection} {text} ({moved})"), true);
        }
        ForwardEvent::Refused { connection, why } => {
            board.refused += 1;
            board.say(at, format!("connection {connection} refused: {why}"), true);
            let target = tab.target.clone();
            super::examination::connection_refused(state, &target, why);
        }
        ForwardEvent::Traffic(traffic) => {
            if (traffic.sent, traffic.received) != (board.sent, board.received) {
                tab.limits.active(now);
            }
            board.traffic(traffic.sent, traffic.received, now);
            (board.open, board.accepted) = (traffic.open, traffic.accepted);
            return shown;
        }
        ForwardEvent::Reconnecting { lane, attempt, cause } => {
            let since = match board.lanes.get(&lane).map(|lane| &lane.link) {
                Some(LaneLink::Reconnecting { since, .. }) => *since,
                _ => {
                    board.say(at, format!("{}: {cause}", lost(board, lane)), true);
                    now
                }
            };
            link(board, lane, LaneLink::Reconnecting { since, attempt, cause });
            super::login::suspect(state, life, attempt, out);
        }
        ForwardEvent::Resumed { lane, away } => {
            link(board, lane, LaneLink::Up);
            board.say(at, format!("resumed after {}; nothing was lost", span(away, false)), false);
        }
        ForwardEvent::Restarted { lane, id } => {
            if let Some(lane) = board.lanes.get_mut(&lane) {
                lane.session = id.to_string();
                lane.link = LaneLink::Up;
            }
            let text = "re-established in a new session; the connections of the old one are lost";
            board.say(at, text, true);
        }
        ForwardEvent::Silent { lane } => link(board, lane, LaneLink::Silent(now)),
        ForwardEvent::Answering { lane } => link(board, lane, LaneLink::Up),
        ForwardEvent::Notice(text) => board.say(at, text, false),
        ForwardEvent::Ended(end) => {
            board.open = 0;
            board.lanes.clear();
            let (again, target, had_begun) = (tab.again, tab.target.clone(), tab.is_live());
            tab.link = Default::default();
            tab.phase = Phase::Ended(Ending::Session(ended(&end)));
            out.push(Effect::Forget(life));
            super::examination::session_ended(state, &target, &end, had_begun);
            if again {
                session::start_again(state, life.tab, out);
            }
            session::quit_when_done(state, out);
        }
    }
    true
}

fn lost(board: &Board, lane: usize) -> String {
    match board.lanes.len() {
        0 | 1 => "the connection is lost".to_owned(),
        _ => format!("the connection of session {} is lost", lane + 1),
    }
}

fn link(board: &mut Board, lane: usize, link: LaneLink) {
    if let Some(lane) = board.lanes.get_mut(&lane) {
        lane.link = link;
    }
}

/// The end of a forward in words; those of a session speak of a session.
fn ended(end: &End) -> String {
    match end {
        End::Terminated => "forward ended by you".to_owned(),
        end => end.to_string(),
    }
}

/// Opens the forward that the form describes.
pub(super) fn open(state: &mut State, wish: Wish, out: &mut Vec<Effect>) {
    let Some(Popup::Form(form)) = state.popup.take() else { return };
    state.memory.forwards.insert(form.instance.clone(), wish.clone());
    session::begin_forward(state, &form.instance, wish, out);
}

/// Opens a forward by a document of the account's own: its parameters say where it leads.
pub(super) fn open_by_document(state: &mut State, run: Run, out: &mut Vec<Effect>) {
    let Some(Popup::Form(form)) = state.popup.take() else { return };
    let Subject::Document(document) = &form.subject else { return };
    let platform = state.fleet.places.find(&form.instance).and_then(|instance| instance.platform());
    let number = |name: &str| property(document, platform, &run, name)?.parse().ok();
    let host = property(document, platform, &run, "host");
    let wish = Wish {
        port: number("portNumber").unwrap_or(0),
        // The node itself, as its document says it.
        host: host.filter(|host| !matches!(host.as_str(), "" | "localhost" | "127.0.0.1")),
        near: listen(number("localPortNumber").unwrap_or(0)),
        document: Some(run),
        ..Wish::default()
    };
    session::begin_forward(state, &form.instance, wish, out);
}

/// A property of a document with the values of its parameters in it.
fn property(document: &Document, platform: Option<Platform>, run: &Run, name: &str) -> Option<String> {
    let mut text = document.property(platform, name)?;
    for parameter in &document.parameters {
        let given = run.parameters.iter().find(|(name, _)| *name == parameter.name);
        let value = given.and_then(|(_, values)| values.first()).or(parameter.default.as_ref());
        for hole in [format!("{{{{ {} }}}}", parameter.name), format!("{{{{{}}}}}", parameter.name)] {
            text = text.replace(&hole, value.map_or("", String::as_str));
        }
    }
    Some(text)
}

/// Starts the forward on the screen anew: one that runs is ended first, so that its port is free again.
pub(super) fn restart(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut() else { return };
    tab.again = true;
    out.push(Effect::End(tab.life()));
    note(state, "ending the forward, to start it anew");
}
