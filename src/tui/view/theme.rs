//! What things look like. Colour never stands alone: every meaning has a glyph or a word too, so that the plain theme
//! (`NO_COLOR`) loses nothing. Colours are the sixteen of the user's own terminal, and a grey that goes by its background.

use ratatui::style::{Color, Modifier, Style};

use crate::{fleet::State, term::copy_widget::Lights, tui::state::tab::Dot};

/// The styles of the app.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    coloured: bool,
    light: bool,
}

impl Theme {
    /// With colours.
    pub const COLOURED: Self = Self { coloured: true, light: false };
    /// With colours, on a light background.
    pub const LIGHT: Self = Self { coloured: true, light: true };
    /// Without any.
    pub const PLAIN: Self = Self { coloured: false, light: false };

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    /// Text that matters less.
    pub fn dim(self) -> Style {
        if self.coloured {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// Frames around things.
    pub fn frame(self) -> Style {
        self.dim()
    }

    /// What has the keys, and the program's name.
    pub fn accent(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Headings.
    pub fn heading(self) -> Style {
        self.dim()
    }

    /// The row or line under the cursor.
    pub fn selected(self) -> Style {
        if self.coloured {
            // A grey close to the background, under text in the colours that it has on that.
            let grey = if self.light { 254 } else { 236 };
            Style::new().bg(Color::Indexed(grey)).add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }

    /// Letters that matched.
    pub fn matched(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    /// What was found in a session's lines, and is under the cursor or not. Over looks of any kind, and told from what is selected
    /// by underlines, from each other by weight.
    pub fn lights(self) -> Lights {
        let over = |background| match self.coloured {
            true => Style::new().fg(Color::Black).bg(background).remove_modifier(Modifier::REVERSED),
            false => Style::new().add_modifier(Modifier::REVERSED),
        };
        let found = |background| over(background).add_modifier(Modifier::UNDERLINED);
        Lights {
            found: found(Color::Yellow).remove_modifier(Modifier::BOLD),
            current: found(Color::Cyan).add_modifier(Modifier::BOLD),
        }
    }

    /// The letters of a link.
    pub fn label(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.coloured {
            style.fg(Color::Black).bg(Color::Yellow)
        } else {
            style.add_modifier(Modifier::REVERSED)
        }
    }

    /// A key to press.
    pub fn key(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// What is in order.
    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// What deserves a look.
    pub fn warning(self) -> Style {
        self.colour(Color::Yellow)
    }

    /// What is wrong.
    pub fn bad(self) -> Style {
        self.colour(Color::Red)
    }

    /// The first line of what is wrong.
    pub fn alarm(self) -> Style {
        self.bad().add_modifier(Modifier::BOLD)
    }

    /// A line to copy.
    pub fn command(self) -> Style {
        self.colour(Color::Cyan)
    }

    /// A strip across a session.
    pub fn strip(self, style: Style) -> Style {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// The tab on the screen, in the header.
    pub fn current_tab(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// A state's word and glyph.
    pub fn state(self, state: State) -> Style {
        match state {
            State::Ready | State::Online => self.good(),
            State::NoChannel | State::NotConfigured | State::Impaired => self.bad(),
            State::Lost | State::Starting => self.warning(),
            State::Stopped | State::Gone | State::Unknown => self.dim(),
        }
    }

    /// A tab's dot.
    pub fn dot(self, dot: Dot) -> Style {
        match dot {
            Dot::Live => self.good(),
            Dot::Starting | Dot::Unwell => self.warning(),
            Dot::Attention => self.warning().add_modifier(Modifier::BOLD),
            Dot::Ended => self.bad(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{buffer::Buffer, layout::Rect, widgets::Widget};

    use super::*;
    use crate::term::{
        Size, Terminal,
        copy::{CopyMode, Direction, Motion, Query, Unit},
        copy_widget::CopyView,
    };

    /// Found or not, with the cursor or not, selected or not: six states of plain, bold and inverse text.
    #[test]
    fn what_is_found_and_selected_is_told_apart_without_colours() {
        for theme in [Theme::COLOURED, Theme::PLAIN] {
            for looks in ["", "1", "7"] {
                let mut terminal = Terminal::new(Size { rows: 1, cols: 8 });
                terminal.feed(format!("\x1b[{looks}mab.ab..").as_bytes());
                let mut copy = CopyMode::new(terminal.freeze(), terminal.size(), (0, 0));
                copy.find(Query { text: "ab".to_owned(), regex: false }, Direction::Forward, copy.cursor());
                let mut seen = Vec::new();
                for selected in [false, true] {
                    if selected {
                        // With the cursor on a match at the end of it all.
                        copy.go(Motion::LineEnd);
                        copy.select(Unit::Character);
                        copy.go(Motion::LineStart);
                    }
                    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
                    CopyView::new(&copy, theme.lights()).render(buffer.area, &mut buffer);
                    // On the match with the cursor, beside it, and on another match.
                    seen.extend([0, 2, 3].map(|x| buffer[(x, 0)].modifier));
                }
                for (index, one) in seen.iter().enumerate() {
                    assert!(!seen[..index].contains(one), "{theme:?} {looks:?} {seen:?}");
                }
            }
        }
    }
}
