//! The thin shell around the channel: one task that owns the WebSocket and the channel.

mod command;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use command::{Commands, Full};

use super::{
    event::{End, Event},
    message::Size,
    service::{Service, Ticket},
};

/// How a session is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of the terminal at the start.
    pub size: Size,
}

/// Spawns the one task that owns socket and channel. Needs a tokio runtime.
pub fn open(
    ticket: Ticket,
    service: Arc<dyn Service>,
    options: Options,
) -> (Commands, mpsc::Receiver<Event>) {
    let (commands, orders) = command::channel(options.size);
    let (events, receiver) = mpsc::channel(256);
    tokio::spawn(async move {
        let _keep = (ticket, service, orders);
        // A closed receiver needs no news.
        let _ = events.send(Event::Ended(End::Lost("not connected".to_owned()))).await;
    });
    (commands, receiver)
}
