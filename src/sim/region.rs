//! A running region: its listener, its credentials, its end.

use std::io;

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::options::{MAX_NODES, Options};

/// A running region. Dropping it without [`Region::shutdown`] leaves its tasks to the runtime.
pub struct Region {
    endpoint: String,
    name: String,
    access_key_id: String,
    secret_access_key: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Region {
    /// Starts a region; it answers as soon as this returns.
    ///
    /// # Errors
    /// An address that is not loopback, too many nodes, or whatever the system says about the address.
    pub async fn start(options: Options) -> io::Result<Region> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "cannot listen on {}: the region hands out shells of the user who runs it, so it takes loopback addresses only (127.0.0.1, [::1])",
                    options.listen
                ),
            ));
        }
        if options.nodes > MAX_NODES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("cannot make {} nodes: at most {MAX_NODES}", options.nodes),
            ));
        }
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        Ok(Region {
            endpoint: format!("http://{address}"),
            name: options.region,
            access_key_id: String::new(),
            secret_access_key: String::new(),
            stop,
            tasks,
        })
    }

    /// The URL that clients take as AWS_ENDPOINT_URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The environment that points any AWS client at this region.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", self.name.clone()),
            ("AWS_ACCESS_KEY_ID", self.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key.clone()),
        ]
    }

    /// Ends all sessions, their shells and the listener, and waits until they are gone.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
