//! What only the user can do for keys: sign in at IAM Identity Center, type an MFA code. Knows no screen: the app and the
//! command line ask, each in its own way.
//!
//! | file | job |
//! | --- | --- |
//! | `device` | the device flow of an SSO login, from the code to the stored token |
//! | `poll` | when to ask again whether the user has confirmed; pure |
//! | `token` | the AWS CLI's files of tokens and clients |
//! | `browser` | opens the page where the code is confirmed |

mod browser;
mod device;
mod poll;
mod token;

use std::{fmt, str::FromStr};

pub use browser::open as open_browser;
pub use device::{DeviceLogin, begin};

/// What is asked of the user; with it a call that failed for want of keys can succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To sign in: [`begin`].
    Sso(SsoSession),
    /// To type a code: [`super::Client::answer_mfa`].
    Mfa(MfaDevice),
}

impl Ask {
    /// What is missing, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Sso(session) => format!("a login to {} is needed", session.label()),
            Self::Mfa(device) => format!("an MFA code of {} is needed", device.label()),
        }
    }

    /// Whether what answers the one may answer the other.
    pub fn is_like(&self, other: &Ask) -> bool {
        match (self, other) {
            (Self::Sso(one), Self::Sso(other)) => one.is_same(other),
            (Self::Mfa(one), Self::Mfa(other)) => one.serial == other.serial,
            _ => false,
        }
    }
}

/// Where a profile, or one that it borrows keys from, signs in at IAM Identity Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoSession {
    /// The profile that is used.
    pub profile: Option<String>,
    /// The name of its `sso-session` section; profiles from before there were any have none.
    pub name: Option<String>,
    /// `https://….awsapps.com/start`.
    pub start_url: String,
    /// The region of the Identity Center.
    pub region: String,
    /// What the login may be used for.
    pub scopes: Vec<String>,
}

impl SsoSession {
    /// What users call it.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.start_url)
    }

    /// Whether both sign in at the same place, so that one token serves both, whichever profile is used.
    pub fn is_same(&self, other: &SsoSession) -> bool {
        (&self.name, &self.start_url, &self.region) == (&other.name, &other.start_url, &other.region)
    }
}

/// An MFA device whose code a role asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfaDevice {
    /// The profile that names it.
    pub profile: String,
    /// Its serial number or ARN.
    pub serial: String,
    /// The role's ARN.
    pub role: String,
}

impl MfaDevice {
    /// What users call it: the name at the end of its ARN, or the serial number of one that has none.
    pub fn label(&self) -> &str {
        self.serial.split_once(":mfa/").map_or(&*self.serial, |(_, name)| name)
    }
}

/// Six digits, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MfaCode(String);

impl MfaCode {
    pub(in crate::aws) fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MfaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MfaCode([redacted])")
    }
}

impl FromStr for MfaCode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let good = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err("an MFA code has six digits") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_serves_all_profiles_of_a_session_and_one_code_those_of_its_device() {
        let session = |profile: &str, name: &str| {
            Ask::Sso(SsoSession {
                profile: Some(profile.to_owned()),
                name: Some(name.to_owned()),
                start_url: "https://example.awsapps.com/start".to_owned(),
                region: "eu-west-1".to_owned(),
                scopes: Vec::new(),
            })
        };
        let device = |serial: &str, role: &str| {
            let (profile, serial, role) = ("p".to_owned(), serial.to_owned(), role.to_owned());
            Ask::Mfa(MfaDevice { profile, serial, role })
        };
        assert!(session("a", "shop").is_like(&session("b", "shop")));
        assert!(!session("a", "shop").is_like(&session("a", "bank")));
        let mine = device("arn:aws:iam::1:mfa/me", "arn:aws:iam::1:role/a");
        assert!(mine.is_like(&device("arn:aws:iam::1:mfa/me", "arn:aws:iam::1:role/b")));
        assert!(!mine.is_like(&device("GAHT12345678", "arn:aws:iam::1:role/a")));
        assert!(!mine.is_like(&session("a", "shop")));
        assert_eq!(mine.words(), "an MFA code of me is needed");
        assert_eq!(device("GAHT12345678", "").words(), "an MFA code of GAHT12345678 is needed");
    }

    #[test]
    fn a_code_is_six_digits_and_never_printed() {
        let code: MfaCode = " 012345\n".parse().unwrap();
        assert_eq!(code.digits(), "012345");
        assert!(!format!("{code:?}").contains("012345"));
        for wrong in ["", "12345", "1234567", "12a456", "１２３４５６"] {
            assert!(wrong.parse::<MfaCode>().is_err(), "{wrong}");
        }
    }
}
