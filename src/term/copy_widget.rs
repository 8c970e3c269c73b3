//! Text that stands still, drawn: its cells, what is selected and what was found in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;

use super::copy::CopyMode;
use super::palette::Palette;
use super::widget::{blank_rows, draw_cell, paint};

/// What is laid over the cells' own looks. Of what is selected, foreground and background change places.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lights {
    /// What was found.
    pub found: Style,
    /// What was found and has the cursor.
    pub current: Style,
}

/// A view of text that stands still.
#[derive(Clone, Copy)]
pub struct CopyView<'a> {
    copy: &'a CopyMode,
    lights: Lights,
    palette: Option<&'a Palette>,
}

impl<'a> CopyView<'a> {
    /// What is in view, lit so.
    #[must_use]
    pub fn new(copy: &'a CopyMode, lights: Lights) -> Self {
        Self { copy, lights, palette: None }
    }

    /// With the colours that the program set.
    #[must_use]
    pub fn palette(self, palette: &'a Palette) -> Self {
        Self { palette: Some(palette), ..self }
    }
}

impl Widget for CopyView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let mut view = self.copy.view();
        for row in blank_rows(area, false, buffer) {
            let Some((number, line, part)) = view.next() else { continue };
            let width = row.len();
            for placed in self.copy.lines().cells(line, part.start) {
                let Some(column) = placed.column.checked_sub(part.start) else { continue };
                if placed.column >= part.end || column >= width {
                    break;
                }
                let style = placed.cell.style;
                let style = self.palette.map_or(style, |palette| palette.shown(style));
                draw_cell(&placed.cell, paint(style, false), column, row);
            }
            let lit = |start: usize, end: usize| {
                let end = end.saturating_sub(part.start).min(width);
                start.saturating_sub(part.start).min(end)..end
            };
            for (columns, current) in self.copy.found(line, part.clone()) {
                let style = if current { self.lights.current } else { self.lights.found };
                for cell in &mut row[lit(columns.start, columns.end.min(part.end))] {
                    cell.set_style(style);
                }
            }
            let selected = self.copy.selected(number);
            for cell in &mut row[lit(selected.start, selected.end)] {
                cell.modifier.toggle(Modifier::REVERSED);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::copy::{Direction, Motion, Query, Unit};
    use crate::term::{Size, Terminal};

    #[test]
    fn what_is_selected_and_found_is_lit() {
        let mut terminal = Terminal::new(Size { rows: 3, cols: 6 });
        terminal.feed("\x1b[31mab\x1b[m 日ab\r\nab".as_bytes());
        let mut copy = CopyMode::new(terminal.freeze(), terminal.size(), (2, 0));
        copy.find(Query { text: "ab".into(), regex: false }, Direction::Backward, copy.cursor());
        copy.select(Unit::Character);
        copy.go(Motion::Right);
        let on = |modifier| Style::new().add_modifier(modifier);
        let lights = Lights { found: on(Modifier::UNDERLINED), current: on(Modifier::BOLD) };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 7, 3));
        let draw =
            |copy: &CopyMode, buffer: &mut Buffer| CopyView::new(copy, lights).render(buffer.area, buffer);
        draw(&copy, &mut buffer);
        let modifiers = |y: u16, buffer: &Buffer| (0..6).map(|x| buffer[(x, y)].modifier).collect::<Vec<_>>();
        let (none, found, both) =
            (Modifier::empty(), Modifier::UNDERLINED, Modifier::REVERSED | Modifier::UNDERLINED);
        assert_eq!(modifiers(0, &buffer), [found, found, none, none, none, found]);
        assert_eq!(modifiers(1, &buffer), [found, none, none, none, none, none]);
        assert_eq!(modifiers(2, &buffer), [both, both, none, none, none, none]);
        copy.go(Motion::Left);
        draw(&copy, &mut buffer);
        assert_eq!(modifiers(2, &buffer)[..2], [Modifier::BOLD | Modifier::REVERSED, Modifier::BOLD]);
        assert_eq!(buffer[(3, 0)].symbol(), "日");
        // In the colours of the program.
        terminal.feed(b"\x1b]4;1;#010203\x07\x1b]11;#040506\x07");
        CopyView::new(&copy, lights).palette(terminal.palette()).render(buffer.area, &mut buffer);
        let colours = |x| (buffer[(x, 0)].fg, buffer[(x, 0)].bg);
        use ratatui::style::Color::{Reset, Rgb};
        assert_eq!([colours(0), colours(5)], [(Rgb(1, 2, 3), Rgb(4, 5, 6)), (Reset, Rgb(4, 5, 6))]);
        // Smaller and larger than the view.
        for (width, height) in [(0, 0), (1, 1), (3, 2), (20, 9)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            CopyView::new(&copy, lights).render(Rect::new(0, 0, 30, 30), &mut buffer);
        }
    }
}
