//! Reading a simulation: what a list of decisions says about the actions that are needed, and who stands in the way.

use crate::fleet::evidence::{Decision, Right};

/// What stands in the way of some actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The actions that aren't allowed, in AWS's order.
    pub(super) actions: Vec<String>,
    /// The organisation's policies deny one of them.
    pub(super) by_organisation: bool,
    /// The permissions boundary doesn't allow one of them.
    pub(super) by_boundary: bool,
    /// A statement forbids one of them.
    pub(super) is_explicit: bool,
    /// The policies that decided, as far as the simulator names them.
    pub(super) policies: Vec<String>,
    /// Condition keys that the simulator had no value for: then it isn't certain.
    pub(super) missing_context: Vec<String>,
}

/// What of `actions` the simulator refused; none when it allowed all that it was asked about.
pub(super) fn refusal(rights: &[Right], is_needed: impl Fn(&str) -> bool) -> Option<Refusal> {
    let refused: Vec<&Right> =
        rights.iter().filter(|right| !right.is_allowed() && is_needed(&right.action)).collect();
    if refused.is_empty() {
        return None;
    }
    let all = |of: fn(&Right) -> &[String]| {
        let mut texts: Vec<String> = Vec::new();
        for text in refused.iter().flat_map(|right| of(right)) {
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        texts
    };
    let mut actions: Vec<String> = refused.iter().map(|right| right.action.clone()).collect();
    actions.dedup();
    Some(Refusal {
        actions,
        by_organisation: refused.iter().any(|right| right.organisation_allows == Some(false)),
        by_boundary: refused.iter().any(|right| right.boundary_allows == Some(false)),
        is_explicit: refused.iter().any(|right| right.decision == Decision::ExplicitDeny),
        policies: all(|right| &right.policies),
        missing_context: all(|right| &right.missing_context),
    })
}

/// Whether the simulator was asked about an action and allowed it.
pub(super) fn allows(rights: &[Right], action: &str) -> bool {
    let mut of_action = rights.iter().filter(|right| right.action == action).peekable();
    of_action.peek().is_some() && of_action.all(Right::is_allowed)
}

impl Refusal {
    /// The actions without their service, when they share one: `ssmmessages: CreateControlChannel, OpenControlChannel`.
    pub(super) fn words(&self) -> String {
        let service =
            self.actions.first().and_then(|action| action.split_once(':')).map(|(service, _)| service);
        let names: Option<Vec<&str>> = self
            .actions
            .iter()
            .map(|action| action.split_once(':').filter(|(of, _)| Some(*of) == service).map(|(_, name)| name))
            .collect();
        match (service, names) {
            (Some(service), Some(names)) => format!("{service}:{}", names.join(", ")),
            _ => self.actions.join(", "),
        }
    }

    /// Why, as a line of evidence.
    pub(super) fn why(&self) -> Option<String> {
        if self.by_organisation {
            return Some("the organisation's policies (service control) don't allow it".to_owned());
        }
        if self.by_boundary {
            return Some("its permissions boundary doesn't allow it".to_owned());
        }
        let named = match self.policies.as_slice() {
            [] => String::new(),
            policies => format!(": {}", policies.join(", ")),
        };
        self.is_explicit.then(|| format!("a policy forbids it{named}"))
    }
}
