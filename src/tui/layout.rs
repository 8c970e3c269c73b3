//! Where things are on a screen of a given size: one answer for drawing and for what a click or a page key means.

use ratatui::layout::Rect;

use crate::{fleet::Column, term, tui::state::place::Spread};

/// From here on the details stand beside the list.
const WIDE: u16 = 100;

/// The three bands of every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// Tabs and counts; one row, none on the lowest screens.
    pub header: Rect,
    /// The fleet or a session.
    pub body: Rect,
    /// The keys that work now; one row, none on the lowest screens.
    pub footer: Rect,
}

/// The bands of a screen.
pub fn bands(size: term::Size) -> Bands {
    let (width, height) = (size.cols, size.rows);
    let head = u16::from(height >= 3);
    let foot = u16::from(height >= 2);
    Bands {
        header: Rect::new(0, 0, width, head),
        body: Rect::new(0, head, width, height - head - foot),
        footer: Rect::new(0, height - foot, width, foot),
    }
}

/// The size that a session has: the whole body, and never nothing.
pub fn pane(size: term::Size) -> term::Size {
    let body = bands(size).body;
    term::Size { rows: body.height.max(1), cols: body.width.max(1) }
}

/// The parts of the fleet's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetParts {
    /// The frame around the list, whose top line holds the search box; without a border where there is no room.
    pub frame: Rect,
    /// Whether there is room for the border.
    pub border: bool,
    /// The search box: one line.
    pub search: Rect,
    /// The headings of the columns: one line, or none.
    pub heading: Rect,
    /// The rows.
    pub rows: Rect,
    /// The details beside the list, if the screen is wide enough.
    pub details: Option<Rect>,
}

/// Whether the details stand beside the list.
pub fn is_wide(size: term::Size) -> bool {
    size.cols >= WIDE
}

/// The parts of the fleet's screen.
pub fn fleet(size: term::Size) -> FleetParts {
    let body = bands(size).body;
    let details = is_wide(size).then(|| {
        let width = (body.width / 3).clamp(36, 64);
        Rect { x: body.right() - width, width, ..body }
    });
    let frame = Rect { width: body.width - details.map_or(0, |d| d.width), ..body };
    let border = frame.width >= 20 && frame.height >= 4;
    let side = u16::from(border);
    let search = Rect {
        x: frame.x + side * 2,
        width: frame.width.saturating_sub(side * 4),
        height: frame.height.min(1),
        ..frame
    };
    let inner = Rect {
        x: frame.x + side,
        y: frame.y + search.height,
        width: frame.width - side * 2,
        height: frame.height - search.height - side,
    };
    let heading = Rect { height: u16::from(inner.height >= 3), ..inner };
    let rows = Rect { y: inner.y + heading.height, height: inner.height - heading.height, ..inner };
    FleetParts { frame, border, search, heading, rows, details }
}

/// One column on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub column: Column,
    /// Its first cell, from the left of the row.
    pub x: u16,
    /// Its cells.
    pub width: u16,
}

/// Cells at the left of a row, for the cursor and the mark.
pub const GUTTER: u16 = 3;
/// Cells between two columns.
const GAP: u16 = 2;
/// The least of a name that still tells anything.
const NAME: u16 = 15;
/// More than this of a name is wasted as long as other columns wait.
const LONG_NAME: u16 = 26;

/// Cells of a column, the short and the full form. The glyph, a space and `not configured` make 16; who
/// has the mark of an old agent has a shorter word.
const fn width(column: Column) -> (u16, u16) {
    match column {
        Column::Name => (NAME, LONG_NAME),
        Column::State => (16, 16),
        Column::Id => (10, 20),
        Column::Platform => (14, 22),
        Column::Agent => (10, 10),
        Column::Seen => (6, 6),
        Column::Zone => (11, 11),
        Column::Ip => (15, 15),
        Column::Type => (12, 12),
        Column::Launched => (9, 9),
        Column::Role => (18, 18),
        Column::Account | Column::Profile => (12, 18),
        Column::Region => (12, 14),
    }
}

/// The columns in the order in which they are given up last.
const IMPORTANCE: [Column; 9] = [
    Column::Name,
    Column::State,
    Column::Id,
    Column::Platform,
    Column::Seen,
    Column::Agent,
    Column::Zone,
    Column::Ip,
    Column::Type,
];

/// The order from left to right.
const PLACES: [Column; 9] = [
    Column::Name,
    Column::Id,
    Column::Platform,
    Column::Agent,
    Column::State,
    Column::Seen,
    Column::Zone,
    Column::Ip,
    Column::Type,
];

/// The columns of where a row is, as far as rows differ in them.
fn of_place(spread: Spread) -> impl Iterator<Item = Column> + Clone {
    [(spread.account, Column::Account), (spread.profile, Column::Profile), (spread.region, Column::Region)]
        .into_iter()
        .filter_map(|(differs, column)| differs.then_some(column))
}

/// The columns that `cells` cells have room for: first their short forms by importance, then the rest of the room to
/// what it lengthens most usefully.
pub fn columns(cells: u16, spread: Spread) -> Vec<Shown> {
    let mut left = cells.saturating_sub(GUTTER);
    let mut chosen: Vec<(Column, u16)> = Vec::new();
    // Of rows that differ in it, where they are is what tells them apart: right behind name, state and id.
    let (first, rest) = IMPORTANCE.split_at(3);
    for column in first.iter().copied().chain(of_place(spread)).chain(rest.iter().copied()) {
        let need = width(column).0 + if chosen.is_empty() { 0 } else { GAP };
        if need > left {
            if chosen.is_empty() {
                chosen.push((column, left));
                left = 0;
            }
            break;
        }
        left -= need;
        chosen.push((column, width(column).0));
    }
    for column in [
        Column::Name,
        Column::Region,
        Column::Platform,
        Column::Id,
        Column::Account,
        Column::Profile,
        Column::Name,
    ] {
        if let Some((_, cells)) = chosen.iter_mut().find(|(c, _)| *c == column) {
            let more = (width(column).1.saturating_sub(*cells)).min(left);
            // A half-long id is no better than a short one.
            if column != Column::Id || *cells + more == width(column).1 {
                *cells += more;
                left -= more;
            }
        }
    }
    if let Some((_, cells)) = chosen.iter_mut().find(|(c, _)| *c == Column::Name) {
        *cells += left;
    }
    let mut x = GUTTER.min(cells);
    let (first, rest) = PLACES.split_at(2);
    first
        .iter()
        .copied()
        .chain(of_place(spread))
        .chain(rest.iter().copied())
        .filter_map(|column| chosen.iter().find(|(c, _)| *c == column))
        .map(|(column, width)| {
            let shown = Shown { column: *column, x, width: *width };
            x += width + GAP;
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cells: u16) -> Vec<&'static str> {
        columns(cells, Spread::default()).iter().map(|shown| shown.column.word()).collect()
    }

    #[test]
    fn columns_leave_by_importance_and_fill_the_row() {
        assert_eq!(names(48), ["name", "id", "state"]);
        assert_eq!(names(38), ["name", "state"]);
        assert_eq!(names(78), ["name", "id", "platform", "state", "seen"]);
        assert_eq!(names(5), ["name"]);
        for cells in 40..300 {
            let shown = columns(cells, Spread::default());
            let last = shown.last().unwrap();
            assert_eq!(last.x + last.width, cells, "{cells}: {shown:?}");
        }
    }

    #[test]
    fn where_rows_are_stands_behind_their_ids_when_they_differ() {
        let spread = Spread { account: true, region: true, profile: false };
        let names: Vec<_> = columns(90, spread).iter().map(|shown| shown.column.word()).collect();
        assert_eq!(names, ["name", "id", "account", "region", "state"]);
    }

    #[test]
    fn every_part_lies_on_the_screen_at_every_size() {
        for cols in 1..=140 {
            for rows in 1..=40 {
                let size = term::Size { rows, cols };
                let screen = Rect::new(0, 0, cols, rows);
                let parts = fleet(size);
                for part in [parts.frame, parts.search, parts.heading, parts.rows] {
                    assert_eq!(part.intersection(screen).area(), part.area(), "{size:?} {part:?}");
                }
                assert!(pane(size).rows >= 1 && pane(size).cols >= 1);
            }
        }
    }

    #[test]
    fn the_details_stand_beside_the_list_from_100_columns() {
        assert_eq!(fleet(term::Size { rows: 24, cols: 99 }).details, None);
        assert!(fleet(term::Size { rows: 24, cols: 100 }).details.is_some());
    }
}
