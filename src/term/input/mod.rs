//! What the user does, as the bytes that xterm would send: keys, pastes and the mouse. Pure; the modes of the remote
//! ([`super::InputModes`]) come in as an argument.

mod extended;
mod key;
mod mouse;
mod paste;

pub use key::encode_key;
pub use mouse::{encode_focus, encode_mouse};
pub use paste::encode_paste;
