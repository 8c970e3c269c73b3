//! The forwards that run: started, listened to, ended.

use std::{collections::HashMap, future::Future, sync::Arc};

use tokio::sync::mpsc;

use super::{
    effect::{Message, learned},
    event::{Event, Life},
    state::forward::{Run, Wish},
};
use crate::{
    aws::{Client, SessionOpener, StartRequest},
    config::Near,
    fleet::{InstanceId, Piece},
    session::kinds::forward::{self, Forward, ForwardEvent, Listen, Plan},
};

/// AWS's document for a port of the instance itself.
const TO_INSTANCE: &str = "AWS-StartPortForwardingSession";
/// AWS's document for a port of another host.
const TO_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// The running forwards. Dropping a handle ends its forward, so none outlives the program (peers c27).
#[derive(Default)]
pub(super) struct Forwards(HashMap<Life, Forward>);

impl Forwards {
    /// Begins a forward; the future passes its events on and is over when it has ended on the service.
    pub(super) fn open(
        &mut self,
        life: Life,
        client: Client,
        target: &InstanceId,
        wish: Wish,
        inbox: mpsc::Sender<Message>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let plan = Plan { listen: listen(&wish), lanes: wish.lanes.max(1) };
        let (refusals, id) = (inbox.clone(), target.to_string());
        // One that is lost, where too much waits already, comes again with the next try.
        let tell = move |attempt| drop(refusals.try_send(learned(&id, Piece::Attempt(attempt))));
        let opener = SessionOpener::new(client.clone(), request(target, wish)).on_refusal(tell);
        let (handle, mut events) = forward::open(plan, Arc::new(client), Arc::new(opener));
        self.0.insert(life, handle);
        async move {
            while let Some(event) = events.recv().await {
                let last = matches!(event, ForwardEvent::Ended(_));
                // When the program is being left nobody listens; the forward ends all the same.
                let _ = inbox.send(Message::Event(Event::Forward { life, event })).await;
                if last {
                    break;
                }
            }
        }
    }

    /// Ends a forward; its last event says when it has ended.
    pub(super) fn end(&self, life: Life) {
        if let Some(forward) = self.0.get(&life) {
            forward.end();
        }
    }

    /// What it lacked is there: its sessions need not wait for their next attempts.
    pub(super) fn hurry(&self, life: Life) {
        if let Some(forward) = self.0.get(&life) {
            forward.hurry();
        }
    }

    /// Nobody wants to hear of a forward any more.
    pub(super) fn forget(&mut self, life: Life) {
        self.0.remove(&life);
    }

    /// The same for all.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }
}

fn listen(wish: &Wish) -> Listen {
    match (&wish.document, wish.near.clone()) {
        // A document of the account's own may want a Unix socket, or a port that nobody typed.
        (Some(_), Near::Tcp { host, .. }) => Listen::Document { host },
        (None, Near::Tcp { host, port }) => Listen::Tcp { host, port },
        (_, Near::Unix(path)) => Listen::Unix(path),
    }
}

/// The session's start: by AWS's own document, or by the one that was chosen.
fn request(target: &InstanceId, wish: Wish) -> StartRequest {
    let Wish { port, host, document, .. } = wish;
    let start = StartRequest::shell(target.as_str());
    if let Some(Run { document, parameters }) = document {
        return StartRequest { document: Some(document), parameters, ..start };
    }
    let by = |name: &str| StartRequest { document: Some(name.to_owned()), ..start };
    match host {
        Some(host) => by(TO_HOST).with("host", host),
        None => by(TO_INSTANCE),
    }
    .with("portNumber", port.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_follows_from_the_wish() {
        let target = InstanceId::new("i-1");
        let wish = Wish { port: 5432, ..Wish::default() };
        let start = request(&target, wish.clone());
        assert_eq!(start.document.as_deref(), Some(TO_INSTANCE));
        assert_eq!(start.parameters, [("portNumber".to_owned(), vec!["5432".to_owned()])]);
        let start = request(&target, Wish { host: Some("db".into()), ..wish.clone() });
        assert_eq!(start.document.as_deref(), Some(TO_HOST));
        assert!(start.parameters.contains(&("host".to_owned(), vec!["db".to_owned()])));
        let run = Run { document: "Ours".into(), parameters: Vec::new() };
        assert_eq!(request(&target, Wish { document: Some(run), ..wish }).document.as_deref(), Some("Ours"));
    }
}
