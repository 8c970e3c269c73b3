//! What the terminal answers when it is asked. Each answer is made of our own words and of numbers: nothing that the remote
//! wrote is ever in it, since whoever can write to the screen (a file that is shown, a name in a list) could otherwise
//! type at the shell. For that reason there is no answer to ENQ, to reports of title and icon name (`CSI 20 t`, `21 t`), to
//! questions for the clipboard (OSC 52), or to DECRQCRA, whose checksum of one cell is the character in it; DECRQSS is answered in
//! numbers, and never says what was asked; XTGETTCAP from a table of its own; a colour (OSC 4, 10 to 12) is told in digits, whoever
//! set it.

/// A question, its final bytes, and what to say.
pub struct Question {
    /// Private marker and intermediate bytes.
    pub intermediates: &'static [u8],
    /// Final byte.
    pub last: char,
    /// First parameter.
    pub parameter: u16,
    /// What to say.
    pub answer: Answer,
}

/// What is said.
pub enum Answer {
    /// Always the same.
    Fixed(&'static str),
    /// The cursor's position, with what is put before the row.
    Position(&'static str),
    /// The size in characters.
    Size,
}

/// DA1: "a VT100 with the advanced video option", which is a terminal with bold, underline, line drawing and tab stops; we have
/// more, but every higher level promises things that we don't do.
const DEVICE: &str = "\x1b[?1;2c";

/// DA2: xterm at patch 95, as iTerm2 says: vim then reports the mouse by SGR, and emacs does not begin to ask for colours.
const VERSION: &str = "\x1b[>0;95;0c";

/// All that is answered, apart from DECRQM, whose answers are in the table of modes.
pub const QUESTIONS: &[Question] = &[
    question(b"", 'c', 0, Answer::Fixed(DEVICE)),
    question(b">", 'c', 0, Answer::Fixed(VERSION)),
    question(b">", 'q', 0, Answer::Fixed(concat!("\x1bP>|ssmtui(", env!("CARGO_PKG_VERSION"), ")\x1b\\"))),
    // DSR: "are you well", "where is the cursor".
    question(b"", 'n', 5, Answer::Fixed("\x1b[0n")),
    question(b"", 'n', 6, Answer::Position("\x1b[")),
    question(b"?", 'n', 6, Answer::Position("\x1b[?")),
    // DEC's DSR: no printer, no user-defined keys, keyboard not known and ready, no locator, no macros, all well, one session.
    question(b"?", 'n', 15, Answer::Fixed("\x1b[?13n")),
    question(b"?", 'n', 25, Answer::Fixed("\x1b[?21n")),
    question(b"?", 'n', 26, Answer::Fixed("\x1b[?27;0n")),
    question(b"?", 'n', 53, Answer::Fixed("\x1b[?53n")),
    question(b"?", 'n', 55, Answer::Fixed("\x1b[?53n")),
    question(b"?", 'n', 56, Answer::Fixed("\x1b[?57;0n")),
    question(b"?", 'n', 62, Answer::Fixed("\x1b[0*{")),
    question(b"?", 'n', 75, Answer::Fixed("\x1b[?70n")),
    question(b"?", 'n', 85, Answer::Fixed("\x1b[?83n")),
    // XTWINOPS: the size in characters.
    question(b"", 't', 18, Answer::Size),
];

const fn question(intermediates: &'static [u8], last: char, parameter: u16, answer: Answer) -> Question {
    Question { intermediates, last, parameter, answer }
}

/// The answer to a question, if there is one.
pub fn find(intermediates: &[u8], last: char, parameter: u16) -> Option<&'static Answer> {
    let asked = |question: &&Question| {
        question.last == last && question.intermediates == intermediates && question.parameter == parameter
    };
    QUESTIONS.iter().find(asked).map(|question| &question.answer)
}

/// DECID, `ESC Z`: the old way to ask for DA1.
pub const IDENTITY: &str = DEVICE;
