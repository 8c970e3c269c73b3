//! The official client's last words (streaming.go `HandleChannelClosedMessage`, sessionhandler.go `ResumeSessionHandler`,
//! session.go); ours only where it says nothing and waits for ever.

use crate::session::{End, SessionId};

/// How a session ended, for standard output. `ran`: it had begun.
pub(super) fn words(id: &SessionId, end: &End, ran: bool) -> String {
    match end {
        End::Closed { output } if !output.is_empty() => format!("\n\nSessionId: {id} : {output}\n\n"),
        End::Closed { .. } | End::Terminated => exiting(id),
        End::TimedOut => format!("Session: {id} timed out.\n"),
        End::Refused(why) | End::Lost(why) | End::Protocol(why) if ran => {
            format!("\n\nSessionId: {id} : {why}\n\n")
        }
        End::Refused(why) | End::Lost(why) | End::Protocol(why) => {
            format!("Cannot perform start session: {why}\n")
        }
    }
}

/// The ordinary end.
pub(super) fn exiting(id: &SessionId) -> String {
    format!("\n\nExiting session with sessionId: {id}.\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_official_clients() {
        let id = SessionId::new("alice-0a1b");
        let told = |end: End| words(&id, &end, true);
        assert_eq!(
            told(End::Closed { output: String::new() }),
            "\n\nExiting session with sessionId: alice-0a1b.\n\n"
        );
        let output = "\n----------ERROR-------\nEncountered error".to_owned();
        assert_eq!(
            told(End::Closed { output }),
            "\n\nSessionId: alice-0a1b : \n----------ERROR-------\nEncountered error\n\n"
        );
        assert_eq!(told(End::TimedOut), "Session: alice-0a1b timed out.\n");
        let refused = End::Refused("denied".to_owned());
        assert_eq!(words(&id, &refused, false), "Cannot perform start session: denied\n");
        assert_eq!(words(&id, &refused, true), "\n\nSessionId: alice-0a1b : denied\n\n");
    }
}
