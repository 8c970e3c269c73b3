//! Verdicts as users read them: `lists` from what the two lists show, `network` the ways out, `fill` what commands are filled in with, `table` every cause under three sets of rights, `property`
//! what holds of any evidence, `report` the checklist and the ticket; `sample` and `causes` are what they are made of.

mod causes;
mod fill;
mod lists;
mod network;
mod property;
mod report;
mod sample;
mod table;

use std::fmt::Write;

use super::{LineKind, Verdict};

/// A verdict as text, a sign before each line for what it is.
fn marked(verdict: &Verdict) -> String {
    let mut text = String::new();
    for (kind, line) in verdict.lines() {
        let mark = match kind {
            LineKind::Flag => "!",
            LineKind::Headline => "#",
            LineKind::Evidence => "-",
            LineKind::Fix => ">",
            LineKind::Command => "$",
            LineKind::Then => "~",
            LineKind::Also => "+",
            LineKind::NotVisible => "?",
        };
        writeln!(text, "{mark} {line}").unwrap();
    }
    text
}
