//! What the top line holds and where: one answer for drawing it and for a click on it.

use unicode_width::UnicodeWidthStr;

use super::{
    state::{State, tab::Dot},
    text::fit,
};
use crate::fleet::{self, phrase};

/// Between two tabs.
pub const SEPARATOR: &str = " │ ";

/// The top line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The program's name and the place, at the left.
    pub brand: String,
    /// Account and region, behind it.
    pub place: String,
    /// The tabs in sight.
    pub tabs: Vec<Label>,
    /// Tabs out of sight at the left.
    pub before: usize,
    /// Tabs out of sight at the right.
    pub after: usize,
    /// The counts, at the right.
    pub counts: String,
}

/// A tab in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// 0 is the fleet.
    pub position: usize,
    /// Its first cell.
    pub x: u16,
    /// Its number and name.
    pub text: String,
    /// Its state; none for the fleet.
    pub dot: Option<Dot>,
    /// It is on the screen.
    pub current: bool,
}

impl Label {
    /// Its cells.
    pub fn width(&self) -> u16 {
        let dot = if self.dot.is_some() { 2 } else { 0 };
        self.text.width() as u16 + dot
    }
}

/// The tab at this cell of the top line.
pub fn hit(state: &State, x: u16) -> Option<usize> {
    let header = header(state);
    header.tabs.iter().find(|tab| (tab.x..tab.x + tab.width()).contains(&x)).map(|tab| tab.position)
}

/// The top line: what has no room leaves in this order: counts, place, name, then letters of the tabs' names, then tabs far
/// from the one on the screen.
pub fn header(state: &State) -> Header {
    let width = usize::from(state.size.cols);
    let (brand, place, counts) = (" ssmtui  ".to_owned(), state.fleet.places.words(), counts(state));
    let placed = if place.is_empty() { String::new() } else { format!("{place}   ") };
    for (brand, placed, counts, longest) in [
        (&*brand, &*placed, &*counts, 28),
        (&*brand, &*placed, &*counts, 16),
        (&*brand, &*placed, "", 16),
        (&*brand, "", "", 16),
        (" ", "", "", 16),
        (" ", "", "", 10),
    ] {
        let left = (brand.width() + placed.width()) as u16;
        let labels = labels(state, longest, left);
        let end = labels.last().map_or(left, |tab| tab.x + tab.width());
        if usize::from(end) + counts.width() < width {
            return Header {
                brand: brand.to_owned(),
                place: placed.to_owned(),
                tabs: labels,
                counts: counts.to_owned(),
                ..Header::default()
            };
        }
    }
    window(state, width)
}

/// The tabs around the one on the screen, as many as there is room for.
fn window(state: &State, width: usize) -> Header {
    let all = labels(state, 10, 0);
    let current = state.tabs.position();
    let (mut first, mut last) = (current, current);
    let cells = |first: usize, last: usize| -> usize {
        let labels: usize =
            all[first..=last].iter().map(|tab| usize::from(tab.width()) + SEPARATOR.width()).sum();
        // Room for "‹12 " and " 12›".
        labels + 1 + if first > 0 { 4 } else { 0 } + if last + 1 < all.len() { 4 } else { 0 }
    };
    loop {
        if last + 1 < all.len() && cells(first, last + 1) <= width {
            last += 1;
        } else if first > 0 && cells(first - 1, last) <= width {
            first -= 1;
        } else {
            break;
        }
    }
    let mut x = if first > 0 { 5 } else { 1 };
    let tabs = all[first..=last]
        .iter()
        .map(|tab| {
            let tab = Label { x, ..tab.clone() };
            x += tab.width() + SEPARATOR.width() as u16;
            tab
        })
        .collect();
    Header { brand: " ".to_owned(), tabs, before: first, after: all.len() - 1 - last, ..Header::default() }
}

fn labels(state: &State, longest: usize, mut x: u16) -> Vec<Label> {
    let current = state.tabs.position();
    let fleet = ("1 Fleet".to_owned(), None);
    let tabs = state
        .tabs
        .iter()
        .enumerate()
        .map(|(place, tab)| (format!("{} {}", place + 2, fit(&tab.name, longest)), Some(tab.dot())));
    std::iter::once(fleet)
        .chain(tabs)
        .enumerate()
        .map(|(position, (text, dot))| {
            let label = Label { position, x, text, dot, current: position == current };
            x += label.width() + SEPARATOR.width() as u16;
            label
        })
        .collect()
}

fn counts(state: &State) -> String {
    let counts = state.fleet.counts;
    if !state.fleet.places.is_ready() || counts.total() == 0 {
        return String::new();
    }
    let (ready, online) = (counts.of(fleet::State::Ready), counts.of(fleet::State::Online));
    let not = counts.total() - ready - online;
    // Online, and nobody has asked yet whether its channel is connected: not `ready`, as the filter of that name says, too.
    let online = if online > 0 { format!(" · {} online", phrase::count(online)) } else { String::new() };
    format!(" {} ready{online} · {} not ", phrase::count(ready), phrase::count(not))
}
