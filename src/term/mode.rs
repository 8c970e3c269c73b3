//! What a terminal tells the side that types: the modes that change how keys, pastes and the mouse are encoded, and the
//! cursor that the screen shows.

/// The modes that the encoders in [`super::input`] need, as the remote set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputModes {
    /// DECCKM: arrows, Home and End are sent as `ESC O x`.
    pub application_cursor: bool,
    /// DECKPAM: the keys of the numeric pad are sent as `ESC O x`.
    pub application_keypad: bool,
    /// LNM: Enter sends CR LF.
    pub newline: bool,
    /// DECBKM: the backspace key sends BS (0x08), and with control DEL; otherwise it is the other way round.
    pub backspace_is_bs: bool,
    /// How keys are written.
    pub keys: KeyEncoding,
    /// Pastes are put between `ESC [200~` and `ESC [201~`.
    pub bracketed_paste: bool,
    /// The remote wants to be told when the pane gains or loses the focus (`? 1004`).
    pub focus: bool,
    /// The alternate screen is shown, as by vim and less.
    pub alternate_screen: bool,
    /// The wheel sends arrows while the alternate screen is shown and no mouse mode is on (`? 1007`).
    pub alternate_scroll: bool,
    /// Which mouse events the remote wants.
    pub mouse: MouseMode,
    /// How it wants them written.
    pub mouse_encoding: MouseEncoding,
}

impl Default for InputModes {
    fn default() -> Self {
        Self {
            application_cursor: false,
            application_keypad: false,
            newline: false,
            backspace_is_bs: false,
            keys: KeyEncoding::Legacy,
            bracketed_paste: false,
            focus: false,
            alternate_screen: false,
            alternate_scroll: true,
            mouse: MouseMode::None,
            mouse_encoding: MouseEncoding::Default,
        }
    }
}

/// How keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyEncoding {
    /// By the bytes of a VT220's and a PC's keyboard.
    #[default]
    Legacy,
    /// xterm's modifyOtherKeys: characters with modifiers as `CSI 27 ; modifiers ; character ~`; without `all`, only those that have
    /// no bytes that everybody knows.
    OtherKeys {
        /// Level 2.
        all: bool,
    },
    /// kitty's protocol: keys as `CSI number ; modifiers u`; without `all`, text as text.
    Kitty {
        /// All keys, also those that type text.
        all: bool,
        /// With the text that the key types, where all keys are written so.
        text: bool,
        /// Also when a key repeats and when it is let go.
        events: bool,
    },
}

/// Which mouse events a remote asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseMode {
    /// None: the mouse belongs to us.
    #[default]
    None,
    /// `? 9`: presses, without modifiers.
    Press,
    /// `? 1000`: presses and releases.
    PressRelease,
    /// `? 1002`: also motion while a button is held.
    ButtonMotion,
    /// `? 1003`: all motion.
    AnyMotion,
}

/// How mouse events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseEncoding {
    /// `CSI M` and three bytes: columns and rows up to 223.
    #[default]
    Default,
    /// `? 1005`: the three are characters in UTF-8, up to 2015.
    Utf8,
    /// `? 1006`: `CSI < button ; column ; row M` or `m`.
    Sgr,
}

/// Where the cursor is shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Row of the screen, from 0.
    pub row: u16,
    /// Column of the screen, from 0; always within the screen.
    pub col: u16,
    /// What it looks like.
    pub shape: CursorShape,
}

/// DECSCUSR's shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CursorShape {
    /// Whatever the user's own terminal shows.
    #[default]
    Default,
    /// A blinking block.
    BlinkingBlock,
    /// A steady block.
    SteadyBlock,
    /// A blinking underline.
    BlinkingUnderline,
    /// A steady underline.
    SteadyUnderline,
    /// A blinking bar.
    BlinkingBar,
    /// A steady bar.
    SteadyBar,
}
