//! `ssmtui sim`: the simulated region by itself, or around one command; and the region of `--demo`.

use std::process::ExitCode;

use tokio::process::Command;

use super::{Failure, agents, args::Sim, exit_code, print, profiles, quoted};
use crate::{
    aws::Simulated,
    sim::{Options, Region},
};

/// Variables that would lead the command past the region.
const MISLEADING: [&str; 12] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

/// Starts a region and tells how to reach it.
pub(super) async fn start(options: Options) -> Result<(Simulated, Region), Failure> {
    let listen = options.listen;
    let region = Region::start(options).await.map_err(|error| {
        Failure::told(format!("cannot start the simulated region on {listen}"), error.to_string(), "")
    })?;
    let environment = region.environment();
    let value =
        |name| environment.iter().find(|(key, _)| *key == name).map(|(_, v)| v.clone()).unwrap_or_default();
    let simulated = Simulated {
        endpoint: value("AWS_ENDPOINT_URL"),
        region: value("AWS_REGION"),
        access_key_id: value("AWS_ACCESS_KEY_ID"),
        secret_access_key: value("AWS_SECRET_ACCESS_KEY"),
    };
    Ok((simulated, region))
}

/// Every account and region that is simulated, by the name of its profile; the primary one first.
pub(super) fn places(region: &Region) -> Vec<(String, Simulated)> {
    let place = |place: crate::sim::PlaceAccess| {
        let simulated = Simulated {
            endpoint: region.endpoint().to_owned(),
            region: place.region,
            access_key_id: place.access_key_id,
            secret_access_key: place.secret_access_key,
        };
        (place.profile_name, simulated)
    };
    region.places().into_iter().map(place).collect()
}

pub(super) async fn run(sim: Sim) -> Result<ExitCode, Failure> {
    let options = Options {
        listen: sim.listen,
        nodes: sim.nodes,
        spread: sim.places,
        seed: sim.seed,
        unpaced: sim.unpaced,
        faults: sim.fault,
        rights: sim.rights,
        agents: sim.agents,
        run_as: sim.run_as,
        credentials: sim.credentials,
        mfa_code: sim.mfa_code,
        sso_token: sim.sso_token,
        ..Options::default()
    };
    let options = if sim.strict { options.strict() } else { options };
    let mut signals = Signals::new()?;
    let (_, region) = start(options).await?;
    let agents = match region.agents() {
        Some(access) => {
            let folder = agents::Files::write(&access, sim.agents_dir)?;
            Some((folder.environment(&access), folder.instructions(&access), folder))
        }
        None => None,
    };
    // A command gets them in any case, for its other profiles.
    let files = match (&sim.aws_config, sim.command.is_empty()) {
        (None, true) => None,
        _ => Some(profiles::Files::write(&region, sim.aws_config)?),
    };
    let mut environment: Vec<(String, String)> =
        region.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(files) = &files {
        environment.extend(files.environment().map(|(name, value)| (name.to_owned(), value)));
        let devices = region.devices().into_iter();
        environment.extend(devices.map(|device| {
            (format!("SSMTUI_SIM_MFA_{}", device.profile.to_ascii_uppercase()), device.secret)
        }));
    }
    if let Some((of_agents, ..)) = &agents {
        environment.extend(of_agents.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    let result = match sim.command.split_first() {
        None => {
            if let Some((_, instructions, _)) = &agents {
                eprint!("{instructions}");
            }
            alone(&environment, &mut signals).await
        }
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).kill_on_drop(true);
            for name in MISLEADING {
                command.env_remove(name);
            }
            command.envs(environment);
            around(command, &program.to_string_lossy(), &mut signals).await
        }
    };
    region.shutdown().await;
    result
}

/// Prints the exports as one line: whoever reads it knows that the region answers.
async fn alone(environment: &[(String, String)], signals: &mut Signals) -> Result<ExitCode, Failure> {
    let exports: Vec<String> =
        environment.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    print(format!("export {}\n", exports.join(" ")).as_bytes())?;
    signals.any().await;
    Ok(ExitCode::SUCCESS)
}

async fn around(mut command: Command, program: &str, signals: &mut Signals) -> Result<ExitCode, Failure> {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("ssmtui: cannot run {program}: {error}");
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            return Ok(ExitCode::from(code));
        }
    };
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| Failure::told(format!("lost {program}"), error.to_string(), ""))?;
                return Ok(exit_code(status));
            }
            // ^C reaches the command from the terminal itself; it decides what that means.
            signal = signals.any() => if signal != Signal::Interrupt {
                let _ = child.start_kill();
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Signal {
    Interrupt,
    End,
}

/// What asks this process to end.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::told("cannot listen for signals", error.to_string(), ""))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::End,
        }
    }
}
