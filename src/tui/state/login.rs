//! What only the user can do for keys, as it lies over the screen: a sign-in at IAM Identity Center, the code of an MFA
//! device.
//!
//! ```text
//!  sign-in:  Offered ── yes ──▶ Asking ── code ──▶ Waiting ──▶ signed in: closed
//!               (by itself)        ▲                  │
//!                                  └─ again ─ Failed ◀┘
//!  code:     typed ── enter ──▶ checking ── good: closed
//!              ▲                    │
//!              └──── refused ◀──────┘
//! ```

use std::fmt;

use crate::tui::{
    action::Action,
    event::{DeviceCode, Failure, MfaCode, MfaDevice, PlaceId, SsoSession},
};

/// Digits of a code.
const DIGITS: usize = 6;

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// What comes late from one before is dropped by this.
    pub number: u32,
    /// Where.
    pub session: SsoSession,
    /// How far it is.
    pub stage: Stage,
}

/// How far a sign-in is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It opened by itself and waits for a yes.
    Offered {
        /// Why it is needed.
        why: String,
    },
    /// A code is being asked for.
    Asking,
    /// The user confirms the code in a browser.
    Waiting {
        /// The code.
        code: DeviceCode,
        /// Whether its page was opened; not known yet.
        opened: Option<bool>,
    },
    /// It came to nothing.
    Failed(Failure),
}

impl SignIn {
    /// Its code, while it is good.
    pub fn code(&self) -> Option<&DeviceCode> {
        match &self.stage {
            Stage::Waiting { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// A code that is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeForm {
    /// Where it was asked for.
    pub place: PlaceId,
    /// The device that shows it.
    pub device: MfaDevice,
    /// What is typed so far.
    pub typed: Digits,
    /// It is being tried.
    pub checking: bool,
    /// Why the last one, or the way to it, did not do.
    pub refused: Option<String>,
    /// It opened by itself: what is no digit is meant for the search.
    pub offered: bool,
}

/// Up to six digits; a secret, so they are in no debug print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Digits(String);

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Digits {
    /// What is typed so far.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Types a text: spaces and dashes within are left out, and so is what finds no room. Whether all of it was digits.
    pub fn insert(&mut self, text: &str) -> bool {
        let bare = |c: &char| !c.is_whitespace() && *c != '-';
        let good = text.chars().filter(bare).all(|c| c.is_ascii_digit());
        if good {
            let room = DIGITS - self.0.len();
            self.0.extend(text.chars().filter(bare).take(room));
        }
        good
    }

    /// Does one of the editing actions.
    pub fn edit(&mut self, action: Action) {
        match action {
            Action::Erase => drop(self.0.pop()),
            Action::EraseLine | Action::EraseWord => self.0.clear(),
            _ => {}
        }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The code, when it is whole.
    ///
    /// # Errors
    /// It is not: in words.
    pub fn code(&self) -> Result<MfaCode, &'static str> {
        self.0.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_typed_pasted_and_erased() {
        let mut digits = Digits::default();
        assert!(digits.insert("1") && !digits.insert("x"));
        digits.edit(Action::Erase);
        assert!(digits.insert(" 012 345\n"));
        assert_eq!(digits.text(), "012345");
        assert!(digits.insert("6"), "there is no room, and that is all");
        assert_eq!((digits.text(), digits.code().is_ok()), ("012345", true));
        assert!(!digits.insert("12ab"));
        assert!(!format!("{digits:?}").contains("012345"));
        digits.edit(Action::EraseLine);
        assert!(digits.code().is_err());
    }
}
