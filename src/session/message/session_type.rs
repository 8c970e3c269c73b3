//! What kind of session the agent starts, as its handshake request says it.
//!
//! Names from the agent's `appconfig/constants.go`, the port's fields from the client's `portsession.go` and the agent's
//! `port.go`. The agent hands on what the document's `properties` list; unknown fields are left alone.

use serde_json::Value;

use super::json::Object;

/// The kind of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionType {
    /// `Standard_Stream`, or a session without a handshake.
    Shell,
    /// One command of a document in a terminal.
    InteractiveCommands,
    /// One command of a document without a terminal.
    NonInteractiveCommands,
    /// Bytes of TCP connections.
    Port(PortProperties),
}

/// What a port session connects. All fields are texts on the wire; numbers are taken, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortProperties {
    /// The far port (`portNumber`).
    pub port: String,
    /// `LocalPortForwarding`; absent for SSH.
    pub forward_type: Option<String>,
    /// The far host as the instance resolves it; absent for the instance itself.
    pub host: Option<String>,
    /// Where the client should listen (`localPortNumber`); absent, empty or "0" for any free port.
    pub local_port: Option<String>,
    /// `unix`, or TCP.
    pub local_connection_type: Option<String>,
    /// Path of the local socket, for `unix`.
    pub local_unix_socket: Option<String>,
}

impl PortProperties {
    /// Whether local connections are forwarded; else the session is one stream, as for SSH.
    pub fn forwards(&self) -> bool {
        self.forward_type.as_deref() == Some("LocalPortForwarding")
    }
}

impl SessionType {
    /// From the parameters of the handshake's session type action; `None` for a kind that this client does not know.
    pub fn from_action(session_type: &str, properties: &Value) -> Option<Self> {
        Some(match session_type {
            "Standard_Stream" => Self::Shell,
            "InteractiveCommands" => Self::InteractiveCommands,
            "NonInteractiveCommands" => Self::NonInteractiveCommands,
            "Port" => Self::Port(PortProperties::read(properties)),
            _ => return None,
        })
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Shell => "Standard_Stream",
            Self::InteractiveCommands => "InteractiveCommands",
            Self::NonInteractiveCommands => "NonInteractiveCommands",
            Self::Port(_) => "Port",
        }
    }
}

impl PortProperties {
    fn read(properties: &Value) -> Self {
        let Ok(mut object) = Object::from_value(properties.clone(), "Properties") else {
            return Self::default();
        };
        let mut field = |name| object.scalar(name).filter(|text| !text.is_empty());
        Self {
            port: field("portNumber").unwrap_or_default(),
            forward_type: field("type"),
            host: field("host"),
            local_port: field("localPortNumber"),
            local_connection_type: field("localConnectionType"),
            local_unix_socket: field("localUnixSocket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_is_read_from_texts_and_numbers_and_whatever_else_is_there() {
        let properties = json!({
            "portNumber": 5432, "type": "LocalPortForwarding", "localPortNumber": "0", "host": "",
            "LocalConnectionType": "unix", "localUnixSocket": null, "news": [1, 2],
        });
        let Some(SessionType::Port(port)) = SessionType::from_action("Port", &properties) else { panic!() };
        assert_eq!(
            port,
            PortProperties {
                port: "5432".to_owned(),
                forward_type: Some("LocalPortForwarding".to_owned()),
                local_port: Some("0".to_owned()),
                local_connection_type: Some("unix".to_owned()),
                ..PortProperties::default()
            }
        );
        assert!(port.forwards());
        let ssh = SessionType::from_action("Port", &json!({"portNumber": "22"})).unwrap();
        assert!(matches!(ssh, SessionType::Port(port) if port.port == "22" && !port.forwards()));
        for nonsense in [json!(null), json!("x"), json!([]), json!({"portNumber": {}})] {
            let port = SessionType::from_action("Port", &nonsense);
            assert_eq!(port, Some(SessionType::Port(PortProperties::default())));
        }
        assert_eq!(SessionType::from_action("Sing", &json!(null)), None);
    }
}
