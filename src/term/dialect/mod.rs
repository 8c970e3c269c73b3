//! Stand-in until the translator is there.

use super::emulator::Emulator;
use super::{Fed, InputModes, Size};

/// What is between the remote's bytes and the emulator.
pub struct Dialect;

impl Dialect {
    /// For a screen of that size.
    pub fn new(_: Size) -> Self {
        Self
    }
    /// Passes on.
    pub fn feed(&mut self, emulator: &mut Emulator, bytes: &[u8], _: &mut Fed) {
        emulator.process(bytes);
    }
    /// New size.
    pub fn resize(&mut self, _: Size) {}
    /// The title.
    pub fn title(&self) -> &str {
        ""
    }
    /// Modes.
    pub fn input_modes(&self, emulator: &Emulator) -> InputModes {
        emulator.input_modes()
    }
}
