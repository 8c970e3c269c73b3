//! What the terminal can do, as far as its environment tells. Pure: variables come as a function.

use super::check::{Line, Weight};

/// What was seen of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Standard input and output are one.
    pub(super) is_terminal: bool,
    /// Rows and columns.
    pub(super) size: Option<(u16, u16)>,
    pub(super) name: String,
    pub(super) colours: Colours,
    /// The locale's characters are UTF-8.
    pub(super) unicode: bool,
    pub(super) clipboard: Clipboard,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Colours {
    /// NO_COLOR.
    Refused,
    /// Sixteen.
    #[default]
    Few,
    /// 256.
    Many,
    /// 16 million.
    All,
}

/// What becomes of OSC 52, by which the app copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Clipboard {
    /// The terminal is known to take it.
    Taken,
    /// It takes it once a setting is changed.
    ByASetting(&'static str),
    /// It is known not to.
    Refused,
    #[default]
    NotKnown,
}

/// The smallest screen that shows the fleet whole (ux.md).
const SMALLEST: (u16, u16) = (24, 80);

impl Facts {
    /// From the environment and what the system says of the standard streams.
    pub(super) fn read(
        variable: impl Fn(&str) -> Option<String>,
        is_terminal: bool,
        size: Option<(u16, u16)>,
    ) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let name = value("TERM").unwrap_or_default();
        let colours = match value("COLORTERM").as_deref() {
            _ if value("NO_COLOR").is_some() => Colours::Refused,
            Some("truecolor" | "24bit") => Colours::All,
            _ if name.contains("direct") => Colours::All,
            _ if name.contains("256color") => Colours::Many,
            _ => Colours::Few,
        };
        // The first of the three that is set counts (POSIX).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| value(name)).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let clipboard = clipboard(&name, value);
        Self {
            is_terminal,
            size,
            colours,
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            clipboard,
            name,
        }
    }
}

fn clipboard(name: &str, value: impl Fn(&str) -> Option<String>) -> Clipboard {
    // A multiplexer stands between, whatever is behind it.
    if value("TMUX").is_some() {
        return Clipboard::ByASetting("tmux passes it on with `set -g set-clipboard on`");
    }
    if value("STY").is_some() {
        return Clipboard::Refused;
    }
    match value("TERM_PROGRAM").as_deref() {
        Some("iTerm.app") => {
            return Clipboard::ByASetting(
                "iTerm2: Settings, General, Selection, let applications access the clipboard",
            );
        }
        Some("WezTerm" | "ghostty" | "vscode" | "rio" | "WarpTerminal") => return Clipboard::Taken,
        Some("Apple_Terminal") => return Clipboard::Refused,
        _ => {}
    }
    let takes = ["xterm-kitty", "alacritty", "foot", "wezterm", "xterm-ghostty", "contour", "rio"];
    if takes.iter().any(|known| name.starts_with(known)) || value("WT_SESSION").is_some() {
        return Clipboard::Taken;
    }
    if value("VTE_VERSION").is_some() {
        return Clipboard::Refused;
    }
    Clipboard::NotKnown
}

pub(super) fn lines(facts: &Facts) -> Vec<Line> {
    if !facts.is_terminal {
        let why =
            "standard input and output are no terminal, so the app cannot run here; the other commands can";
        return vec![Line::not_checked("terminal", why)];
    }
    let mut lines = vec![match facts.name.as_str() {
        "" | "dumb" => Line::failed(
            "terminal",
            Weight::Useful,
            "TERM names no terminal that can be drawn on; lost: the app, not the other commands",
        )
        .fixed_by("set TERM to what the terminal is, xterm-256color most often"),
        name => Line::passed("terminal", format!("TERM is {name}")),
    }];
    lines.push(match facts.size {
        None => Line::not_checked("size", "the terminal does not tell its size"),
        Some((rows, cols)) if rows < SMALLEST.0 || cols < SMALLEST.1 => Line::failed(
            "size",
            Weight::Useful,
            format!("{cols}×{rows}; lost: columns of the list, and details beside it"),
        )
        .fixed_by(format!("make it {}×{} or larger", SMALLEST.1, SMALLEST.0)),
        Some((rows, cols)) => Line::passed("size", format!("{cols}×{rows}")),
    });
    lines.push(Line::passed(
        "colours",
        match facts.colours {
            Colours::Refused => "none, by NO_COLOR: bold and reverse tell what colours would",
            Colours::Few => "16",
            Colours::Many => "256",
            Colours::All => "16 million",
        },
    ));
    lines.push(if facts.unicode {
        Line::passed("unicode", "the locale's characters are UTF-8")
    } else {
        Line::failed(
            "unicode",
            Weight::Useful,
            "the locale's characters are not UTF-8; lost: marks of the states and frames may look wrong",
        )
        .fixed_by("set LANG to a UTF-8 locale")
        .command("export LANG=C.UTF-8")
    });
    lines.push(match &facts.clipboard {
        Clipboard::Taken => Line::passed("clipboard", "the terminal takes what is copied (OSC 52)"),
        Clipboard::ByASetting(setting) => {
            Line::not_checked("clipboard", format!("copying (OSC 52) needs a setting: {setting}"))
        }
        Clipboard::Refused => Line::failed(
            "clipboard",
            Weight::Useful,
            "the terminal takes no OSC 52; lost: copying from the app by a key",
        )
        .fixed_by("select with the mouse, shift held, and copy as ever"),
        Clipboard::NotKnown => {
            Line::not_checked("clipboard", "whether the terminal takes what is copied (OSC 52) is not known")
        }
    });
    lines.push(Line::not_checked(
        "mouse",
        "terminals do not tell; where it does nothing, every action has a key",
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(variables: &[(&str, &str)]) -> Facts {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Facts::read(variable, true, Some((24, 80)))
    }

    #[test]
    fn colours_come_from_three_variables() {
        for (variables, colours) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], Colours::All),
            (&[("TERM", "xterm-256color")], Colours::Many),
            (&[("TERM", "linux")], Colours::Few),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Colours::Refused),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], Colours::Few),
        ] {
            assert_eq!(facts(variables).colours, colours, "{variables:?}");
        }
    }

    #[test]
    fn a_multiplexer_decides_about_the_clipboard() {
        assert_eq!(facts(&[("TERM", "xterm-kitty")]).clipboard, Clipboard::Taken);
        assert!(matches!(
            facts(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/t,1,0")]).clipboard,
            Clipboard::ByASetting(_)
        ));
        assert_eq!(facts(&[("TERM", "screen"), ("STY", "1.pts")]).clipboard, Clipboard::Refused);
        assert_eq!(
            facts(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")]).clipboard,
            Clipboard::Refused
        );
        assert_eq!(facts(&[("TERM", "xterm-256color")]).clipboard, Clipboard::NotKnown);
    }

    #[test]
    fn the_first_of_three_variables_names_the_locale() {
        assert!(facts(&[("LANG", "de_DE.UTF-8")]).unicode);
        assert!(!facts(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).unicode);
        assert!(facts(&[("LC_ALL", ""), ("LANG", "C.utf8")]).unicode);
    }
}
