//! What only the user can do for keys, begun: the device flow of a sign-in, and a code given to the profile that asks for
//! one.

use jiff::Timestamp;
use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    effect::{Message, told},
    event::{DeviceCode, Event, MfaCode, MfaDevice, SsoSession},
};
use crate::aws::{Connector, login};

/// The sign-in that goes on, if one does.
#[derive(Default)]
pub(super) struct SignIns(Option<AbortHandle>);

impl SignIns {
    /// Begins one; the one before ends.
    pub(super) fn begin(&mut self, number: u32, session: SsoSession, inbox: mpsc::Sender<Message>) {
        self.cancel();
        let task = tokio::spawn(async move {
            let signed_in = async {
                let login = login::begin(&session).await?;
                let code = DeviceCode {
                    code: login.user_code.clone(),
                    page: login.verification_uri_complete.clone(),
                    until: login.expires_at.try_into().unwrap_or(Timestamp::MAX),
                };
                let _ = inbox.send(Message::Event(Event::CodeShown { number, code })).await;
                login.wait().await
            };
            let result = signed_in.await;
            let result = match result {
                Ok(until) => Ok(until.try_into().unwrap_or(Timestamp::MAX)),
                Err(error) => Err(told(&error)),
            };
            let _ = inbox
                .send(Message::Event(Event::SignedIn { number, session: Box::new(session), result }))
                .await;
        });
        self.0 = Some(task.abort_handle());
    }

    /// Ends it.
    pub(super) fn cancel(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Gives a code to the profile that asks for it, and says what came of it.
pub(super) async fn try_code(
    connector: Connector,
    device: MfaDevice,
    code: MfaCode,
    inbox: mpsc::Sender<Message>,
) {
    let tried = async { connector.connect().await?.answer_mfa(&code).await };
    let result = match tried.await {
        Ok(until) => Ok(until.and_then(|until| until.try_into().ok())),
        Err(error) => Err(told(&error)),
    };
    let _ = inbox.send(Message::Event(Event::CodeTried { device: Box::new(device), result })).await;
}
