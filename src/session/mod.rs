//! The Session Manager data channel: codec, state machine, driver.
//!
//! ```text
//! kinds     what a session of each type does                  forwards, SSH
//! driver    one task: WebSocket, clock, reconnect     ┐   shells, commands
//! channel   sequence, acknowledge, resend, handshake  ┘   pure: no socket, no clock
//! message   bytes <-> frames and payloads                 pure
//! ```
//!
//! [`open`] starts a session on a [`Ticket`] and gives [`Commands`] to steer it and a stream of [`Event`]s. What the
//! session needs from AWS on the way (a new ticket after a cut, a data key, the end of the session, a signed upgrade) it asks
//! of a [`Service`]. `proxy` and `tunnel` are the way there. This room knows neither the SDK nor the screen.

pub mod message;

pub mod channel;
mod driver;
mod event;
pub mod kinds;
pub mod proxy;
mod random;
mod service;
pub mod tunnel;

pub use driver::{Commands, Full, Options, open};
pub use event::{End, Event};
pub use message::{Flag, PortProperties, SessionType, Size};
pub use service::{
    BoxFuture, DataKey, DataKeyRequest, Resumed, Retry, Service, ServiceError, SessionId, Ticket, Token,
};
