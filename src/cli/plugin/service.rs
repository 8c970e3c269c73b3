//! What a plugin's session asks of AWS: as [`Client`] does it, with the official client's rules for callers that sign the
//! URL themselves, have no credentials, or are too old to know of encryption.

use http::HeaderMap;

use crate::{
    aws::{Client, address, is_loopback},
    session::{BoxFuture, DataKey, DataKeyRequest, Resumed, Retry, Service, ServiceError, SessionId},
};

/// How upgrades are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// With the caller's credentials, if there are any.
    Own,
    /// Not at all: `SSM_PLUGIN_SKIP_CLIENT_CONFIGURE=true`.
    Off,
}

/// The plugin's way to AWS.
pub(super) struct PluginService {
    pub client: Client,
    pub signing: Signing,
    /// The caller's URL is presigned, so the session belongs to somebody whose credentials we do not have.
    pub presigned: bool,
    /// Where the caller's own calls went, host and port.
    pub caller: Option<(String, u16)>,
    /// The caller did not name the target, without which no key can be made.
    pub old_caller: bool,
}

fn never(summary: &str) -> ServiceError {
    ServiceError { summary: summary.to_owned(), retry: Retry::Never }
}

impl Service for PluginService {
    fn resume<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        if self.presigned {
            return Box::pin(async {
                Err(never("the connection is lost, and a session with a presigned URL cannot be resumed"))
            });
        }
        self.client.resume(id)
    }

    fn terminate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        self.client.terminate(id)
    }

    fn data_key<'a>(&'a self, request: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        if self.old_caller {
            return Box::pin(async {
                Err(never(
                    "the program that called the plugin did not name the session's target, as encryption needs it: update \
                     that program",
                ))
            });
        }
        self.client.data_key(request)
    }

    fn sign_upgrade<'a>(&'a self, stream_url: &'a str) -> BoxFuture<'a, Result<HeaderMap, ServiceError>> {
        Box::pin(async move {
            if self.signing == Signing::Off {
                return Ok(HeaderMap::new());
            }
            // Without credentials the official client dials unsigned; whether that is enough the service says.
            Ok(self.client.sign_upgrade(stream_url).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the upgrade is not signed");
                HeaderMap::new()
            }))
        })
    }

    /// As everywhere, and what the caller handed us itself: a host of this machine, or the one its own calls went to.
    fn may_dial(&self, stream_url: &str) -> Result<(), String> {
        let Some((host, port)) = address(stream_url) else { return self.client.may_dial(stream_url) };
        let plain = stream_url.starts_with("ws://");
        if is_loopback(&host) || (!plain && self.caller == Some((host, port))) {
            return Ok(());
        }
        self.client.may_dial(stream_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Simulated;

    fn service(caller: Option<&str>) -> PluginService {
        let client = Client::simulated(&Simulated {
            endpoint: "http://127.0.0.1:9".to_owned(),
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "secret".to_owned(),
        });
        PluginService {
            client,
            signing: Signing::Own,
            presigned: true,
            caller: caller.and_then(address),
            old_caller: true,
        }
    }

    #[test]
    fn a_session_is_dialled_at_aws_on_this_machine_or_where_the_caller_was() {
        let service = service(Some("https://gateway.corp.example"));
        for good in [
            "wss://ssmmessages.eu-west-1.amazonaws.com/v1",
            "ws://127.0.0.1:7/v1",
            "ws://[::1]:7/v1",
            "wss://localhost:4510/v1",
            "wss://gateway.corp.example/v1",
        ] {
            assert!(service.may_dial(good).is_ok(), "{good}");
        }
        for bad in [
            "ws://gateway.corp.example:443/v1",
            "wss://gateway.corp.example:444/v1",
            "wss://evil.example/v1",
            "ws://ssmmessages.eu-west-1.amazonaws.com/v1",
            "http://127.0.0.1.evil.example",
            "x",
        ] {
            assert!(service.may_dial(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_presigned_session_is_neither_signed_nor_resumed() {
        let service = service(None);
        let headers = service.sign_upgrade("ws://127.0.0.1:9/v1?X-Amz-Signature=0a").await.unwrap();
        assert!(headers.is_empty());
        assert!(!service.sign_upgrade("ws://127.0.0.1:9/v1?cell-number=a").await.unwrap().is_empty());
        let error = service.resume(&SessionId::new("a")).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never);
        let unsigned = PluginService { signing: Signing::Off, ..service };
        assert!(unsigned.sign_upgrade("ws://127.0.0.1:9/v1?cell-number=a").await.unwrap().is_empty());
    }
}
