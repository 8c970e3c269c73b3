//! Rows that are watched until a session can be opened on them.

use std::time::{Duration, Instant};

use crate::{fleet::InstanceId, tui::event::TabId};

/// The pause before the first look, and between the first ones.
pub const FIRST: Duration = Duration::from_secs(5);
/// The longest pause. An agent that waits for its rights looks every half hour; one look in 30 s costs three calls.
pub const LONGEST: Duration = Duration::from_secs(30);
/// Looks at the first pace.
const QUICK: u32 = 12;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The row.
    pub id: InstanceId,
    /// Its name when the watch began.
    pub name: String,
    /// The ended tab that starts anew when it is ready.
    pub reopen: Option<TabId>,
    /// Since when.
    pub since: Instant,
    /// Looks so far.
    pub looks: u32,
    /// When to look next; none while a look is under way.
    pub due: Option<Instant>,
}

impl Watch {
    /// One that begins now.
    pub fn new(id: InstanceId, name: String, reopen: Option<TabId>, now: Instant) -> Self {
        Self { id, name, reopen, since: now, looks: 0, due: Some(now) }
    }

    /// A look has ended: when to look again.
    pub fn looked(&mut self, now: Instant) {
        self.looks += 1;
        let slower = self.looks.saturating_sub(QUICK);
        let pause = FIRST.saturating_mul(1 << slower.min(3)).min(LONGEST);
        self.due = Some(now + pause);
    }
}
