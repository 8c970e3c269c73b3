//! What only the user can do for keys, asked on the terminal and never on standard input, which is the command's: SSO
//! logins and MFA codes. `ssmtui login`, and before each command that would fail for want of them.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, tz::TimeZone};

use super::{Failure, clean, signal::Signals};
use crate::{
    aws::{
        Client, Connector, Kind,
        login::{self, Ask, MfaCode, SsoSession},
    },
    fleet::phrase,
};

/// Wrong codes, or words that are none, before we give up.
const TRIES: usize = 3;
/// Where a profile without a region asks STS.
const ANY_REGION: &str = "us-east-1";

/// `ssmtui login`: whatever the profile needs, anew.
pub(super) async fn run(connector: &Connector) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    or_signal(&mut signals, log_in(connector)).await
}

async fn log_in(connector: &Connector) -> Result<ExitCode, Failure> {
    let client = match connector.connect().await {
        Err(error) if error.kind == Kind::NoRegion => connector.in_region(ANY_REGION).connect().await?,
        client => client?,
    };
    let mut terminal = Terminal::open();
    if let Some(session) = client.sso() {
        sign_in(session, &mut terminal).await?;
    }
    if client.needs_mfa() {
        // Says whose code it is, or that the keys before it are missing.
        match client.find_keys().await {
            Err(error) if !matches!(error.ask.as_deref(), Some(Ask::Mfa(_))) => return Err(error.into()),
            Err(error) => answer(&client, error.ask.as_deref(), &mut terminal).await?,
            Ok(()) => answer(&client, None, &mut terminal).await?,
        }
    }
    if client.sso().is_none() && !client.needs_mfa() {
        client.find_keys().await?;
        let profile = client.profile().unwrap_or("default");
        terminal.say(&format!("profile `{profile}` needs no login; it has keys"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for what is missing, if it is the user's to give and there is a terminal; all else the command itself will tell.
///
/// `signals` are listened for as soon as something is asked.
pub(super) async fn ensure(connector: &Connector, signals: &mut Option<Signals>) -> Result<(), Failure> {
    let Ok(client) = connector.connect().await else { return Ok(()) };
    if client.sso().is_none() && !client.needs_mfa() {
        return Ok(());
    }
    let mut asked = false;
    while let Err(error) = client.find_keys().await {
        let Some(ask) = error.ask.as_deref() else { return Ok(()) };
        let mut terminal = Terminal::open();
        if terminal.file.is_none() {
            return Ok(());
        }
        if signals.is_none() {
            *signals = Some(Signals::new()?);
        }
        let Some(signals) = signals.as_mut() else { return Ok(()) };
        match ask {
            // What a login did not mend, another will not.
            Ask::Sso(_) if asked => return Ok(()),
            Ask::Sso(session) => {
                asked = true;
                terminal.say(&error.why);
                let question = format!("Sign in to {} now? [Y/n] ", clean(session.label()));
                if !or_signal(signals, terminal.agrees(&question)).await? {
                    return Ok(());
                }
                or_signal(signals, sign_in(session, &mut terminal)).await?;
            }
            Ask::Mfa(_) => or_signal(signals, answer(&client, Some(ask), &mut terminal)).await?,
        }
    }
    Ok(())
}

/// A signal that ends us while the user is asked leaves the terminal as it was.
async fn or_signal<T>(
    signals: &mut Signals,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        answer = asking => answer,
        number = signals.end() => Err(Failure::Signal(number)),
    }
}

async fn sign_in(session: &SsoSession, terminal: &mut Terminal) -> Result<(), Failure> {
    let login = login::begin(session).await?;
    let label = clean(session.label());
    let browser = if login::open_browser(&login.verification_uri_complete) {
        "; your browser should show that page"
    } else {
        ""
    };
    terminal.say(&format!(
        "Sign in to {label}: open\n\n    {}\n\nand confirm the code\n\n    {}\n\nIt is good for {}{browser}. Waiting; ^C cancels.",
        clean(&login.verification_uri_complete),
        clean(&login.user_code),
        lasts(login.expires_at),
    ));
    let until = login.wait().await?;
    terminal.say(&format!("Signed in to {label} until {}.", clock(until)));
    Ok(())
}

async fn answer(client: &Client, ask: Option<&Ask>, terminal: &mut Terminal) -> Result<(), Failure> {
    let whose = match ask {
        Some(Ask::Mfa(device)) => format!(" of {}", clean(&device.serial)),
        _ => String::new(),
    };
    for remaining in (0..TRIES).rev() {
        let typed = terminal.secret(&format!("MFA code{whose}: ")).await?;
        let error = match typed.parse::<MfaCode>() {
            Ok(code) => match client.answer_mfa(&code).await {
                Ok(Some(until)) => {
                    terminal.say(&format!("The session is good until {}.", clock(until)));
                    return Ok(());
                }
                Ok(None) => return Ok(()),
                Err(error) => Failure::from(error),
            },
            Err(words) => Failure::told(words, "", ""),
        };
        let again = match &error {
            Failure::Aws(error) => error.kind == Kind::MfaNeeded,
            _ => true,
        };
        if remaining == 0 || !again {
            return Err(error);
        }
        match &error {
            Failure::Aws(error) => terminal.say(&error.why),
            error => terminal.say(&error.to_string()),
        }
    }
    Ok(())
}

/// "21:04 (8 h)"; with the day where it is another.
fn clock(until: SystemTime) -> String {
    let Ok(until) = Timestamp::try_from(until) else { return "the end of time".to_owned() };
    let zone = TimeZone::system();
    let (then, now) = (until.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    let form = if then.date() == now.date() { "%H:%M" } else { "%e %b %H:%M" };
    format!("{} ({})", then.strftime(form).to_string().trim_start(), lasts(until.into()))
}

fn lasts(until: SystemTime) -> String {
    let now = Timestamp::now();
    // To the nearest: eight hours are not seven for the second that has passed.
    phrase::age(now, Timestamp::try_from(until + Duration::from_secs(30)).unwrap_or(now))
}

/// The terminal that the user sits at, if any; without it words go to standard error and nothing can be asked.
struct Terminal {
    file: Option<File>,
}

impl Terminal {
    /// A program whose words nobody sees is run by no user, whatever terminal it was started from.
    fn open() -> Self {
        let tty = || OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
        Self { file: io::stderr().is_terminal().then(tty).flatten() }
    }

    fn say(&mut self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write(&mut self, text: &str) {
        // Whom the words do not reach, the outcome will.
        let _ = match &mut self.file {
            Some(tty) => tty.write_all(text.as_bytes()),
            None => io::stderr().write_all(text.as_bytes()),
        };
    }

    /// Enter means yes.
    async fn agrees(&mut self, question: &str) -> Result<bool, Failure> {
        let line = self.line(question).await?;
        Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"))
    }

    /// A line that is not shown while it is typed.
    async fn secret(&mut self, question: &str) -> Result<String, Failure> {
        let raw = Unseen::enter().map_err(|error| none(&error))?;
        let line = self.line(question).await;
        drop(raw);
        self.write("\n");
        line
    }

    async fn line(&mut self, question: &str) -> Result<String, Failure> {
        self.write(question);
        let tty = match &self.file {
            Some(tty) => tty.try_clone().map_err(|error| none(&error))?,
            None => return Err(none(&io::Error::other("there is no terminal"))),
        };
        let read =
            tokio::task::spawn_blocking(move || read_line(tty)).await.map_err(|error| none(&error.into()))?;
        match read {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(Failure::told("cancelled", "", "")),
            Err(error) => Err(none(&error)),
        }
    }
}

fn none(error: &io::Error) -> Failure {
    Failure::told("cannot ask you", error.to_string(), "run the same on a terminal: ssmtui login")
}

/// Up to the end of the line, in either mode of the terminal; `None` for ^C and ^D.
fn read_line(mut from: impl Read) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        if from.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\r' | b'\n' => return Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            3 | 4 => return Ok(None),
            8 | 0x7f => drop(line.pop()),
            other => line.push(other),
        }
    }
}

/// The terminal shows nothing of what is typed as long as this lives.
struct Unseen;

impl Unseen {
    fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_by_enter_and_keys_mend_it() {
        let read = |text: &str| read_line(text.as_bytes()).unwrap();
        assert_eq!(read("123456\rmore").as_deref(), Some("123456"));
        assert_eq!(read("12x\u{7f}3\n").as_deref(), Some("123"));
        assert_eq!((read("12\u{3}"), read("\u{4}"), read("12")), (None, None, None));
    }
}
