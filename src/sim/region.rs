//! A running region: its listener, its keys, its end.

use std::{collections::BTreeMap, convert::Infallible, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    access::{self, DeviceAccess, PlaceAccess, Profile},
    api::cloud::Cloud,
    control::{AgentAccess, Control, HANDSHAKE},
    fault::FaultError,
    gateway::Gateway,
    options::{MAX_NODES, Options},
    traffic::{Count, Hold},
};

/// How many connections there may be at once; a further one waits.
const MOST_CONNECTIONS: usize = 2048;
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How large it may be.
const MOST_HEAD: usize = 64 * 1024;

/// A running region. It ends with [`Region::shutdown`]; one that is only dropped ends as well, and nobody waits for it.
pub struct Region {
    endpoint: String,
    name: String,
    cloud: Arc<Cloud>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Region {
    /// Starts a region; it answers as soon as this returns.
    ///
    /// # Errors
    /// An address that is not loopback, too many nodes, or whatever the system says about the address.
    pub async fn start(options: Options) -> io::Result<Region> {
        check(&options)?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let name = options.region.clone();
        let now = Timestamp::now();
        let control = |gateway: &Gateway| match options.agents {
            true => Control::new(gateway.clone(), now).map(|control| Some(Arc::new(control))),
            false => Ok(None),
        };
        let cloud = Arc::new(Cloud::new(&options, address, control, now)?);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(listen(listener, Arc::clone(&cloud), stop.clone(), tasks.clone()));
        Ok(Region { endpoint: format!("http://{address}"), name, cloud, stop, tasks })
    }

    /// The URL that clients take as AWS_ENDPOINT_URL, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.cloud.address()
    }

    /// The environment that points any AWS client at this region. botocore, and with it version 1 of the AWS CLI, reads
    /// AWS_DEFAULT_REGION alone.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        let PlaceAccess { access_key_id, secret_access_key, .. } = self.places().swap_remove(0);
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", self.name.clone()),
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
            ("AWS_DEFAULT_REGION", self.name.clone()),
        ]
    }

    /// All accounts and regions behind the endpoint, the primary one first, each with keys of the same user of its account.
    pub fn places(&self) -> Vec<PlaceAccess> {
        let directory = self.cloud.directory();
        (self.cloud.places().iter())
            .filter_map(|place| {
                let [account, _, region] = place.place();
                let account = directory.account(account)?;
                let keys = &account.starter().keys;
                let account = &account.facts;
                Some(PlaceAccess {
                    account: account.id.clone(),
                    alias: account.alias.clone(),
                    region: region.to_owned(),
                    profile_name: account.profile.clone(),
                    access_key_id: keys.access_key_id.clone(),
                    secret_access_key: keys.secret_access_key.clone(),
                })
            })
            .collect()
    }

    /// All that clients may be here, as profiles of AWS's files.
    pub fn profiles(&self) -> Vec<Profile> {
        access::profiles(self.cloud.directory())
    }

    /// The MFA devices of its users.
    pub fn devices(&self) -> Vec<DeviceAccess> {
        access::devices(self.cloud.directory())
    }

    /// The region of the primary place.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What agents need to register here; `None` where foreign ones are not taken.
    pub fn agents(&self) -> Option<AgentAccess> {
        Some(self.cloud.primary().control()?.access(self.address().port(), &self.name))
    }

    /// The sessions of the primary place and their sockets, for those who want to see or disturb them.
    pub fn gateway(&self) -> &Gateway {
        self.cloud.primary().gateway()
    }

    /// How often each action (`ssm:StartSession`) was asked for in the primary place so far.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let [account, _, region] = self.cloud.primary().place();
        self.cloud.traffic().calls(account, region)
    }

    /// How many calls of an action (`ec2:DescribeInstances`) came to an account (twelve digits) in a region.
    pub fn counted(&self, account: &str, region: &str, action: &str) -> Count {
        self.cloud.traffic().counted(account, region, action)
    }

    /// Holds back calls, those to come as well, until what is returned is dropped. They are named as in a fault:
    /// `ec2:*`, `*@data/us-east-1`.
    ///
    /// # Errors
    /// What is meant cannot be read.
    pub fn hold(&self, calls: &str) -> Result<Hold, FaultError> {
        self.cloud.traffic().hold(calls)
    }

    /// Ends all sessions, their shells and the listener, and waits until they are gone.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Some(control) = self.cloud.primary().control() {
            control.stop();
        }
        for place in self.cloud.places() {
            place.gateway().shutdown().await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(control) = self.cloud.primary().control() {
            control.stop();
        }
        for place in self.cloud.places() {
            place.gateway().stop();
        }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} at {}, keys [redacted])", self.name, self.endpoint)
    }
}

fn check(options: &Options) -> io::Result<()> {
    let refuse = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if !options.listen.ip().is_loopback() {
        return refuse(format!(
            "cannot listen on {}: the region hands out shells of the user who runs it, so it takes loopback addresses only (127.0.0.1, [::1])",
            options.listen
        ));
    }
    if options.nodes > MAX_NODES {
        return refuse(format!("cannot make {} nodes: at most {MAX_NODES}", options.nodes));
    }
    // What IAM allows in the name of a user, short enough for a session id of 96 characters.
    let named = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if options.user.is_empty() || options.user.len() > 64 || !options.user.chars().all(named) {
        return refuse(format!(
            "`{}` cannot be a caller's name: 1 to 64 letters, digits and _+=,.@-",
            options.user
        ));
    }
    Ok(())
}

async fn listen(listener: TcpListener, cloud: Arc<Cloud>, stop: CancellationToken, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (cloud, stop, of_upgrades) = (Arc::clone(&cloud), stop.clone(), tasks.clone());
                    tasks.spawn(async move {
                        stop.run_until_cancelled(serve(stream, cloud, of_upgrades)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, say: others may end meanwhile.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    stop.run_until_cancelled(accepting).await;
}

async fn serve(stream: TcpStream, cloud: Arc<Cloud>, tasks: TaskTracker) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays slow");
    }
    let Some(control) = cloud.primary().control() else { return talk(stream, cloud, tasks).await };
    let mut first = [0];
    match timeout(HEAD_TIMEOUT, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first == [HANDSHAKE] => {
            match timeout(HEAD_TIMEOUT, control.tls().acceptor().accept(stream)).await {
                Ok(Ok(stream)) => talk(stream, cloud, tasks).await,
                Ok(Err(error)) => tracing::info!(%error, "no TLS with an agent: does it trust the region?"),
                Err(_) => {}
            }
        }
        Ok(Ok(_)) => talk(stream, cloud, tasks).await,
        Ok(Err(_)) | Err(_) => {}
    }
}

async fn talk<S>(stream: S, cloud: Arc<Cloud>, tasks: TaskTracker)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| {
        let (cloud, tasks) = (Arc::clone(&cloud), tasks.clone());
        async move { Ok::<_, Infallible>(cloud.handle(request, &tasks).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended");
    }
}
