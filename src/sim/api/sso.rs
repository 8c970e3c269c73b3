//! IAM Identity Center: people sign in by a device code, and get keys of the roles that are assigned to them.
//!
//! ```text
//!  RegisterClient ─▶ StartDeviceAuthorization ─▶ the page, one click ─▶ CreateToken ─▶ access token (and refresh token)
//!                                                                     └ pending, slow down, expired, denied
//!  access token ─▶ ListAccounts, ListAccountRoles, GetRoleCredentials, Logout
//! ```
//!
//! Unsigned, REST and JSON; the forms are those of botocore's models `sso-oidc` and `sso`. One person signs in here. Plain functions of a
//! request and a time.

mod oidc;
mod page;
mod portal;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::form_urlencoded;

use crate::sim::{caller::Directory, options::Options};

/// The header that carries an access token.
pub(super) const TOKEN: &str = "x-amz-sso_bearer_token";
/// The one who signs in.
const PERSON: &str = "sam@shop.example";
/// How many of each thing are remembered.
const MOST: usize = 1000;

/// A request, taken apart.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    /// The name of the error, if it is one.
    pub(super) error: Option<&'static str>,
    pub(super) body: String,
}

/// Who has signed in, and who is about to.
pub(super) struct Sso {
    directory: Arc<Directory>,
    /// `http://127.0.0.1:PORT`.
    endpoint: String,
    token_lifetime: Duration,
    code_lifetime: Duration,
    interval: Duration,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    clients: HashMap<String, Client>,
    /// By device codes.
    devices: HashMap<String, Device>,
    /// By access tokens.
    sessions: HashMap<String, Timestamp>,
    /// By refresh tokens: the client that may use it.
    refresh: HashMap<String, String>,
}

struct Client {
    secret: String,
    /// Whether it asked for a scope, without which there are no refresh tokens.
    scoped: bool,
    grants: Vec<String>,
    expires: Timestamp,
}

struct Device {
    user_code: String,
    client: String,
    expires: Timestamp,
    last_poll: Option<Timestamp>,
    answer: Option<Consent>,
}

/// What was clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Given,
    Refused,
}

impl Sso {
    pub(super) fn new(directory: Arc<Directory>, endpoint: String, options: &Options) -> Sso {
        Sso {
            directory,
            endpoint,
            token_lifetime: options.sso_token,
            code_lifetime: options.sso_code,
            interval: options.sso_interval,
            book: Mutex::default(),
        }
    }

    /// The action of a request, as faults name it; `None`: it is not for Identity Center.
    pub(super) fn action(method: &str, path: &str) -> Option<&'static str> {
        Some(match (method, path) {
            ("POST", "/client/register") => "sso-oauth:RegisterClient",
            ("POST", "/device_authorization") => "sso-oauth:StartDeviceAuthorization",
            ("POST", "/token") => "sso-oauth:CreateToken",
            ("GET", "/federation/credentials") => "sso:GetRoleCredentials",
            ("GET", "/assignment/accounts") => "sso:ListAccounts",
            ("GET", "/assignment/roles") => "sso:ListAccountRoles",
            ("POST", "/logout") => "sso:Logout",
            ("GET", "/start" | "/device" | "/device/approve" | "/device/deny") => "sso:Page",
            _ => return None,
        })
    }

    /// Answers a request for Identity Center.
    pub(super) fn answer(&self, request: &Request<'_>, now: Timestamp) -> Reply {
        match (request.method, request.path) {
            ("POST", "/client/register") => oidc::register_client(self, request, now),
            ("POST", "/device_authorization") => oidc::start_device_authorization(self, request, now),
            ("POST", "/token") => oidc::create_token(self, request, now),
            ("GET", "/federation/credentials") => portal::get_role_credentials(self, request, now),
            ("GET", "/assignment/accounts") => portal::list_accounts(self, request, now),
            ("GET", "/assignment/roles") => portal::list_account_roles(self, request, now),
            ("POST", "/logout") => portal::logout(self, request, now),
            _ => page::answer(self, request, now),
        }
    }

    /// Too many calls.
    pub(super) fn throttled(action: &str) -> Reply {
        match action.starts_with("sso-oauth:") {
            true => oidc::refuse("SlowDownException", "slow_down", "Rate exceeded"),
            false => portal::refuse(429, "TooManyRequestsException", "Rate exceeded"),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Forgets what is over, so that nothing grows for ever.
    fn sweep(&mut self, now: Timestamp) {
        self.clients.retain(|_, client| client.expires > now);
        // A code that has expired is still told so for a while.
        self.devices.retain(|_, device| device.expires + SignedDuration::from_mins(10) > now);
        self.sessions.retain(|_, expires| *expires > now);
        for full in [self.clients.len(), self.devices.len(), self.sessions.len(), self.refresh.len()] {
            if full >= MOST {
                tracing::warn!("more sign-ins than are remembered: all are forgotten");
                *self = Book::default();
                return;
            }
        }
    }
}

impl Request<'_> {
    /// A parameter of the query.
    fn query(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    }

    /// The body as an object; `Null` members where it is none.
    fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

impl Reply {
    fn json(body: &Value) -> Reply {
        Reply { status: StatusCode::OK, kind: "application/json", error: None, body: body.to_string() }
    }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now + SignedDuration::try_from(time).unwrap_or(SignedDuration::from_hours(1))
}

#[cfg(test)]
mod tests;
