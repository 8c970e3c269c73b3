//! The session documents that can be run, as far as they are listed.

use crate::{
    fleet::{
        DocumentSummary, Platform,
        document::PREFERENCES,
        search::{Scorer, Skim},
    },
    tui::event::Failure,
};

/// The documents of the account and region.
#[derive(Debug, Default)]
pub struct Documents {
    /// Those listed so far.
    pub list: Vec<DocumentSummary>,
    /// Whether that is all.
    pub status: Status,
    /// The number of the latest reading.
    pub generation: u64,
}

/// Where the listing stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// They are being listed.
    Reading,
    /// These are all.
    Complete,
    /// It went wrong; what came before stays.
    Failed(Failure),
}

/// A document that answers the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its place in the list.
    pub at: usize,
    /// The letters of its name that matched.
    pub positions: Vec<usize>,
}

/// Documents that another key opens: shells, forwards and ssh.
pub const ELSEWHERE: [&str; 5] = [
    PREFERENCES,
    "AWS-StartPortForwardingSession",
    "AWS-StartPortForwardingSessionToRemoteHost",
    "AWS-StartPortForwardingSessionToSocket",
    "AWS-StartSSHSession",
];

impl Documents {
    /// Those that match, the best first; without a query the account's own before Amazon's. What cannot run on the platform is left
    /// out, and so is what has its own key.
    pub fn hits(&self, query: &str, platform: Option<Platform>) -> Vec<Hit> {
        let query = query.trim();
        let fits = |document: &DocumentSummary| {
            let here = platform.is_none_or(|platform| {
                document.platforms.is_empty() || document.platforms.contains(&platform)
            });
            here && !ELSEWHERE.contains(&document.name.as_str())
        };
        let mut found: Vec<(i32, Hit)> = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, document)| fits(document))
            .filter_map(|(at, document)| {
                let mut hit = Hit { at, positions: Vec::new() };
                let mut score = i32::from(!document.is_amazons());
                for word in query.split_whitespace() {
                    let (points, positions) = Skim.positions(&document.name, word)?;
                    score += points;
                    hit.positions.extend(positions);
                }
                hit.positions.sort_unstable();
                Some((score, hit))
            })
            .collect();
        found.sort_by(|(one, a), (two, b)| {
            two.cmp(one).then_with(|| self.list[a.at].name.cmp(&self.list[b.at].name))
        });
        found.into_iter().map(|(_, hit)| hit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Documents {
        let document = |name: &str, owner: &str, platforms: &[Platform]| DocumentSummary {
            name: name.to_owned(),
            owner: owner.to_owned(),
            platforms: platforms.to_vec(),
        };
        Documents {
            list: vec![
                document("AWS-StartInteractiveCommand", "Amazon", &[Platform::Linux, Platform::Windows]),
                document("AWS-PasswordReset", "Amazon", &[Platform::Windows]),
                document("AWS-StartSSHSession", "Amazon", &[]),
                document("Restart-Service", "123456789012", &[Platform::Linux]),
                document("Tail-Log", "123456789012", &[]),
            ],
            ..Documents::default()
        }
    }

    fn names(query: &str, platform: Option<Platform>) -> Vec<String> {
        let documents = documents();
        documents.hits(query, platform).iter().map(|hit| documents.list[hit.at].name.clone()).collect()
    }

    #[test]
    fn ones_own_come_first_and_what_cannot_run_here_not_at_all() {
        assert_eq!(
            names("", Some(Platform::Linux)),
            ["Restart-Service", "Tail-Log", "AWS-StartInteractiveCommand"]
        );
        assert_eq!(names("pass", Some(Platform::Windows)), ["AWS-PasswordReset"]);
        assert!(names("ssh", None).is_empty(), "ssh has its own key");
    }

    #[test]
    fn letters_find_a_document_and_are_known_for_it() {
        assert_eq!(names("tl", None)[0], "Tail-Log");
        let hits = documents().hits("log", None);
        assert_eq!(hits[0].positions, [5, 6, 7]);
    }
}
