//! What the terminal answers when it is asked. Each answer is made of our own words and of numbers: nothing that the remote
//! wrote is ever in it, since whoever can write to the screen (a file that is shown, a name in a list) could otherwise
//! type at the shell. For that reason there is no answer to ENQ, to reports of title and icon name (`CSI 20 t`, `21 t`), to
//! DECRQSS, XTGETTCAP, or to questions for colours and clipboard (OSC).

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
