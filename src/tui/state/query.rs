//! What the search box asks: the newest query that could be read, what is wrong with the text since, and what can stand at
//! its cursor.

use std::collections::BTreeMap;

use super::fleet::FleetView;
use crate::{
    config::{self, SavedQuery},
    fleet::{
        Query, Saved,
        query::{Completion, Problem, complete},
    },
};

/// The queries of the config file, each of them read once.
///
/// # Errors
/// The first that is no query, and where it stands in the file.
pub fn saved(queries: &BTreeMap<String, SavedQuery>) -> Result<Saved, config::Problem> {
    let saved = Saved::new(queries.iter().map(|(name, query)| (name.clone(), query.text.clone())));
    match saved.problem() {
        None => Ok(saved),
        Some((name, problem)) => Err(config::Problem {
            position: queries[name].position,
            what: format!("`{}` is no query: {}", queries[name].text, problem.what),
        }),
    }
}

/// What the search box asks.
#[derive(Debug, Default)]
pub struct Asked {
    /// The newest query that could be read: its rows are shown.
    pub query: Query,
    /// What is wrong with the text in the box; more letters do not mend it.
    pub problem: Option<Problem>,
    /// The queries of the config file.
    pub saved: Saved,
}

impl Asked {
    /// Reads the text; whether it asks for something.
    pub fn read(&mut self, text: &str) -> bool {
        match Query::typed(text, &self.saved) {
            Ok(query) => (self.query, self.problem) = (query, None),
            Err(problem) => self.problem = Some(problem),
        }
        self.problem.is_none()
    }
}

impl FleetView {
    /// What can stand at the cursor of the search box.
    pub fn completion(&self) -> Option<Completion> {
        let values = self.list.found.as_ref().map(|found| found.values.clone()).unwrap_or_default();
        complete(self.query.text(), self.query.cursor(), &values, &self.asked.saved)
    }
}
