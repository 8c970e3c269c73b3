//! What is known of one instance: the verdict first, then the facts.

use ratatui::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{checklist, theme::Theme};
use crate::{
    fleet::{Instance, phrase, reach::LineKind},
    tui::{
        action::Action,
        state::{State, fix},
        text::{counted, fit, span, wrap},
    },
};

/// How many of the user's sessions there are told.
const LAST_OPENED: usize = 3;

/// The verdict and the facts, in lines of this width.
pub(super) fn lines(state: &State, instance: &Instance, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let mut lines = verdict(state, instance, theme, width);
    lines.push(Line::default());
    let checks = checklist::lines(state, instance, theme, width);
    if !checks.is_empty() {
        lines.extend(checks);
        lines.push(Line::default());
    }
    lines.extend(facts(state, instance, theme, width));
    lines
}

/// What can be said of why it can or cannot be reached.
pub(super) fn verdict(state: &State, instance: &Instance, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let now_is = instance.state(state.now.time);
    let mut lines = vec![Line::from(vec![
        Span::styled(format!("{} {}", now_is.glyph(), now_is.word()), theme.state(now_is)),
        Span::styled(
            instance.platform_words().map_or_else(String::new, |words| {
                fit(&format!(" · {words}"), width.saturating_sub(now_is.word().len() + 2))
            }),
            Style::new(),
        ),
    ])];
    let verdict = state.verdict(instance);
    let mut copy = fix(&verdict).map(str::to_owned).zip(copies(state));
    let mut before = None;
    for (kind, text) in verdict.lines() {
        let (lead, style) = match kind {
            LineKind::Flag => ("", theme.alarm()),
            LineKind::Headline => ("", Style::new().add_modifier(Modifier::BOLD)),
            LineKind::Also => ("also ", Style::new()),
            LineKind::Evidence => ("  · ", theme.dim()),
            LineKind::Fix => ("→ ", theme.good()),
            LineKind::Command => ("  ", theme.command()),
            LineKind::Then => ("  then ", theme.dim()),
            LineKind::NotVisible => ("? ", theme.dim()),
        };
        // Air before what is not about the same.
        if matches!(kind, LineKind::Also) || (kind == LineKind::NotVisible && before != Some(kind)) {
            lines.push(Line::default());
        }
        before = Some(kind);
        let indent = lead.chars().count();
        for (at, piece) in wrap(&text, width.saturating_sub(indent)).into_iter().enumerate() {
            let lead = if at == 0 { lead.to_owned() } else { " ".repeat(indent) };
            lines.push(Line::styled(format!("{lead}{piece}"), style));
        }
        if let Some((_, words)) = copy.take_if(|(line, _)| *line == text) {
            lines.push(Line::styled(words, theme.dim()));
        }
    }
    lines
}

/// "y copies this line", by the key that does so here.
fn copies(state: &State) -> Option<String> {
    let key = state.keymap.key_of(state.context(), Action::CopyFix)?;
    Some(format!("  {key} copies this line"))
}

fn facts(state: &State, instance: &Instance, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let (now, place) = (state.now.time, &instance.place);
    let ago = |at| format!("{} ago", phrase::age(at, now));
    let machine = instance.machine.seen();
    let account = place.account.as_deref().or(machine.and_then(|m| m.account.as_deref()));
    let join = |texts: [Option<&str>; 3]| {
        let words: Vec<&str> = texts.into_iter().flatten().collect();
        (!words.is_empty()).then(|| words.join(" · "))
    };
    let target = (*instance.target() != instance.id)
        .then(|| format!("{} · target {}", instance.id, instance.target()));
    let old: Vec<&str> = instance.too_old_for().map(|feature| feature.word()).collect();
    let opened: Vec<String> = (state.habits.history.newest().filter(|opening| opening.id == instance.id))
        .take(LAST_OPENED)
        .map(|opening| format!("{} {}", opening.kind.word(), ago(opening.at)))
        .collect();
    let watched = state.watches.iter().find(|watch| watch.id == instance.id).map(|watch| {
        let looks = counted(watch.looks as usize, "look", "looks");
        format!(
            "◷ for {}, {looks} so far",
            span(state.now.instant.saturating_duration_since(watch.since), false)
        )
    });
    let rows = [
        ("id", Some(target.unwrap_or_else(|| instance.id.to_string()))),
        ("known", state.fleet.places.cached_at(&instance.id).map(|at| format!("from {}", ago(at)))),
        ("marks", state.habits.favourites.contains(&instance.id).then(|| "★ favourite".to_owned())),
        ("watched", watched),
        ("opened", (!opened.is_empty()).then(|| opened.join(" · "))),
        (
            "type",
            join([instance.instance_type(), instance.zone(), machine.and_then(|m| m.lifecycle.as_deref())]),
        ),
        ("address", join([instance.private_ip(), machine.and_then(|m| m.public_ip.as_deref()), None])),
        (
            "network",
            join([machine.and_then(|m| m.vpc.as_deref()), machine.and_then(|m| m.subnet.as_deref()), None]),
        ),
        ("role", instance.role().map(str::to_owned)),
        ("agent", instance.agent_version().map(str::to_owned)),
        ("too old", (!old.is_empty()).then(|| format!("▲ for {}", old.join(", ")))),
        ("seen", instance.last_seen().map(ago)),
        ("started", instance.launched().map(ago)),
        ("image", machine.and_then(|m| m.image.as_deref()).map(str::to_owned)),
        ("key", machine.and_then(|m| m.key_name.as_deref()).map(str::to_owned)),
        ("account", join([place.alias.as_deref(), account, None])),
        ("region", join([place.region.as_deref(), place.profile.as_deref(), None])),
    ];
    let tags = instance
        .tags()
        .iter()
        .filter(|tag| &*tag.key != "Name")
        .map(|tag| format!("{}={}", tag.key, tag.value));
    let tags: Vec<String> = tags.collect();
    let tags = (!tags.is_empty()).then(|| tags.join("  "));
    let mut lines = Vec::new();
    for (name, value) in rows.into_iter().chain([("tags", tags)]) {
        let Some(value) = value else { continue };
        for (at, piece) in wrap(&value, usize::from(width).saturating_sub(9)).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![Span::styled(format!("{name:<9}"), theme.dim()), Span::raw(piece)]));
        }
    }
    lines
}
