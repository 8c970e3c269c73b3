//! A stage for the app: a small fleet, a clock of its own, and hands that press keys. Searches are answered at once, everything else
//! by the test.

use std::time::{Duration, Instant};

use bytes::Bytes;
use crossterm::event::MouseEvent;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    config::Config,
    fleet::{
        AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, Outcome, Ping, Place,
        Platform, Source, Tag, Update, search::search,
    },
    session::{self, SessionId, Ticket, Token},
    term::Size,
    tui::{
        event::{Effect, Event, Failure, Life, Now, PlaceId, Who},
        key,
        keymap::Keymap,
        state::{State, place::PlaceView},
        update::update,
        view::{Theme, view},
    },
};

pub(super) const SMALL: Size = Size { rows: 15, cols: 50 };
pub(super) const USUAL: Size = Size { rows: 24, cols: 80 };
pub(super) const WIDE: Size = Size { rows: 40, cols: 120 };

/// The account and region of the sample fleet.
pub(super) const PLACE: PlaceId = PlaceId(0);

impl Event {
    /// Something new in the list of the sample fleet.
    pub(super) fn listed_here(update: Update) -> Self {
        Self::Listed { place: PLACE, update }
    }
}

pub(super) struct Stage {
    pub(super) state: State,
    pub(super) now: Now,
    /// Every effect so far but searches.
    pub(super) effects: Vec<Effect>,
}

impl Stage {
    /// Before anything is known.
    pub(super) fn new(size: Size) -> Self {
        Self::configured(size, "")
    }

    pub(super) fn configured(size: Size, config: &str) -> Self {
        let config = Config::parse(config).unwrap();
        let keymap = Keymap::new(config.leader, &config.keys).unwrap();
        let now = Now { instant: Instant::now(), time: "2026-05-03T12:00:00Z".parse().unwrap() };
        let mut state = State::new(keymap, config.refresh, size, now);
        state.terminal = config.terminal;
        let place =
            Place { profile: Some("prod".into()), region: Some("eu-west-1".into()), ..Place::default() };
        assert_eq!(state.fleet.places.add(place), PLACE);
        Self { state, now, effects: Vec::new() }
    }

    /// The account and region of the sample fleet.
    pub(super) fn place(&mut self) -> &mut PlaceView {
        self.state.fleet.places.get_mut(PLACE).unwrap()
    }

    /// The number of its latest reading.
    pub(super) fn generation(&self) -> u64 {
        self.state.fleet.places.get(PLACE).unwrap().reading.generation
    }

    /// With the whole sample fleet listed.
    pub(super) fn listed(size: Size) -> Self {
        let mut stage = Self::new(size);
        stage.connect();
        stage.list();
        stage.effects.clear();
        stage
    }

    pub(super) fn connect(&mut self) {
        self.happens(Event::Connected {
            place: PLACE,
            region: "eu-west-1".to_owned(),
            profile: Some("prod".to_owned()),
        });
        let who = Who {
            account: "123456789012".to_owned(),
            alias: None,
            principal: "role ops-read in account 123456789012".to_owned(),
        };
        self.happens(Event::Identified { place: PLACE, who: Ok(who) });
    }

    pub(super) fn list(&mut self) {
        let generation = self.generation();
        self.happens(Event::listed_here(Update::Started { generation }));
        self.happens(Event::listed_here(Update::Agents { generation, records: agents(self.now) }));
        self.happens(Event::listed_here(Update::Machines { generation, records: machines(self.now) }));
        for source in [Source::AgentList, Source::MachineList] {
            self.happens(Event::listed_here(Update::Done { generation, source, outcome: Outcome::Complete }));
        }
        self.happens(Event::ListEnded { place: PLACE, generation });
    }

    /// An event, and what follows from it at once.
    pub(super) fn happens(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in update(&mut self.state, event, self.now) {
                match effect {
                    Effect::Search(request) => events.push(Event::Found(search(&request))),
                    effect => self.effects.push(effect),
                }
            }
        }
    }

    /// Keys as the keymap writes them, a space between; `space` is the space key.
    pub(super) fn press(&mut self, keys: &str) -> &mut Self {
        for chord in keys.split(' ') {
            self.happens(Event::Key(key::event(chord.parse().unwrap())));
        }
        self
    }

    /// Letters, one key each.
    pub(super) fn types(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let event = crossterm::event::KeyEvent::new(
                crossterm::event::KeyCode::Char(c),
                crossterm::event::KeyModifiers::NONE,
            );
            self.happens(Event::Key(event));
        }
        self
    }

    pub(super) fn mouse(&mut self, event: MouseEvent) {
        self.happens(Event::Mouse(event));
    }

    pub(super) fn passes(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.time += jiff::SignedDuration::try_from(time).unwrap();
    }

    /// Time goes by, and the loop wakes at each deadline that the state named until then.
    pub(super) fn waits(&mut self, time: Duration) {
        let until = self.now.instant + time;
        for _ in 0..10_000 {
            match self.state.next_deadline().filter(|at| *at <= until) {
                Some(at) => {
                    self.passes(at.saturating_duration_since(self.now.instant));
                    self.happens(Event::Tick);
                }
                None => return self.passes(until - self.now.instant),
            }
        }
        panic!("the state never sleeps: {:?}", self.state.next_deadline());
    }

    pub(super) fn taken(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The life of the tab on the screen.
    pub(super) fn life(&self) -> Life {
        self.state.tabs.current().expect("a tab is on the screen").life()
    }

    /// Selects the row of that name.
    pub(super) fn select(&mut self, name: &str) -> &mut Self {
        let place = (0..self.state.fleet.list.len())
            .find(|at| {
                let id = self.state.fleet.list.id(*at).unwrap();
                self.state.fleet.places.find(id).unwrap().label() == name
            })
            .unwrap_or_else(|| panic!("{name} is not in the list:\n{}", self.screen()));
        let height = self.state.list_height();
        self.state.fleet.list.go(place, height);
        self
    }

    /// Opens a live session on the instance of that name.
    pub(super) fn opens(&mut self, name: &str) -> Life {
        self.press("alt-1");
        self.select(name).press("enter");
        let life = self.life();
        self.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
        for event in [
            session::Event::SocketOpen,
            session::Event::Handshaken { agent_version: None, session_type: session::SessionType::Shell },
            session::Event::Ready,
        ] {
            self.session(life, event);
        }
        life
    }

    pub(super) fn session(&mut self, life: Life, event: session::Event) {
        self.happens(Event::Session { life, event });
    }

    pub(super) fn output(&mut self, life: Life, text: &str) {
        self.session(life, session::Event::Output(Bytes::copy_from_slice(text.as_bytes())));
    }

    /// Everything typed into sessions since the last look; the session takes each piece at once.
    pub(super) fn typed(&mut self) -> String {
        let mut typed = Vec::new();
        while let Some(at) = self.effects.iter().position(|effect| matches!(effect, Effect::Input { .. })) {
            if let Effect::Input { life, bytes } = self.effects.remove(at) {
                typed.extend_from_slice(&bytes);
                self.happens(Event::InputTaken { life });
            }
        }
        String::from_utf8(typed).unwrap()
    }

    pub(super) fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.state.size.cols, self.state.size.rows));
        view(&self.state, Theme::COLOURED, &mut buffer);
        buffer
    }

    /// The screen as text, spaces at the ends of lines left out.
    pub(super) fn screen(&self) -> String {
        text(&self.buffer())
    }
}

pub(super) fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let rows = (0..area.height).map(|y| {
        let mut row = String::new();
        let mut x = 0;
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += (unicode_width::UnicodeWidthStr::width(symbol) as u16).max(1);
        }
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

pub(super) fn ticket() -> Ticket {
    Ticket {
        session_id: SessionId::new("ops-0123"),
        stream_url: "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/ops-0123".to_owned(),
        token: Token::new("secret-token"),
    }
}

pub(super) fn failure() -> Failure {
    Failure {
        what: "cannot open a session on web-1 (eu-west-1): access denied".to_owned(),
        why: "role ops-read may not call ssm:StartSession on this instance".to_owned(),
        next: "ask for that right, or choose another profile".to_owned(),
        detail: Some("AccessDeniedException, request 7f3c".to_owned()),
        ask: None,
    }
}

fn agent(now: Now, id: &str, ping: Ping, ago: i64, version: &str, name: &str, release: &str) -> AgentRecord {
    AgentRecord {
        ping: Some(ping),
        last_ping: Some(now.time - jiff::SignedDuration::from_secs(ago)),
        agent_version: Some(version.into()),
        platform: Some(if name.contains("Windows") { Platform::Windows } else { Platform::Linux }),
        platform_name: Some(name.into()),
        platform_version: Some(release.into()),
        ip: Some("10.1.4.17".into()),
        ..AgentRecord::new(id)
    }
}

pub(super) fn agents(now: Now) -> Vec<AgentRecord> {
    vec![
        agent(now, "i-0a1b2c3d4e5f60001", Ping::Online, 12, "3.3.1142.0", "Amazon Linux", "2023"),
        agent(now, "i-0a1b2c3d4e5f60002", Ping::Online, 40, "3.3.987.0", "Ubuntu", "24.04"),
        agent(
            now,
            "i-0a1b2c3d4e5f60003",
            Ping::Online,
            61,
            "2.3.50.0",
            "Microsoft Windows Server 2019",
            "10.0",
        ),
        agent(now, "i-0a1b2c3d4e5f60004", Ping::Lost, 3 * 3600 + 9, "3.3.987.0", "Ubuntu", "24.04"),
        agent(now, "i-0a1b2c3d4e5f60009", Ping::Online, 5, "3.3.1142.0", "Amazon Linux", "2023"),
        AgentRecord {
            name: Some("till-berlin".into()),
            ..agent(now, "mi-0f3a5c7e9b1d20008", Ping::Online, 130, "3.2.582.0", "Debian GNU/Linux", "12")
        },
    ]
}

fn machine(now: Now, number: u8, name: &str, state: MachineState, age: i64, profile: bool) -> MachineRecord {
    MachineRecord {
        launched: Some(now.time - jiff::SignedDuration::from_secs(age)),
        profile_arn: profile.then(|| "arn:aws:iam::123456789012:instance-profile/web-instance".into()),
        instance_type: Some("t3.large".into()),
        zone: Some("eu-west-1a".into()),
        vpc: Some("vpc-77".into()),
        subnet: Some("subnet-0a1".into()),
        private_ip: Some(format!("10.1.4.{number}").into()),
        platform_details: Some("Linux/UNIX".into()),
        tags: Box::new([Tag::new("Name", name), Tag::new("env", "prod"), Tag::new("team", "web")]),
        ..MachineRecord::new(format!("i-0a1b2c3d4e5f6000{number}"), state)
    }
}

pub(super) fn machines(now: Now) -> Vec<MachineRecord> {
    const DAY: i64 = 24 * 3600;
    vec![
        machine(now, 1, "web-1", MachineState::Running, 3 * DAY, true),
        machine(now, 2, "web-2", MachineState::Running, 3 * DAY, true),
        machine(now, 3, "win-1", MachineState::Running, 90 * DAY, true),
        machine(now, 4, "lost-1", MachineState::Running, 40 * DAY, true),
        machine(now, 5, "bare-1", MachineState::Running, 2 * DAY, false),
        MachineRecord {
            state_transition_reason: Some("User initiated (2026-05-01 22:10:11 GMT)".into()),
            ..machine(now, 6, "idle-1", MachineState::Stopped, 20 * DAY, true)
        },
        machine(now, 7, "new-1", MachineState::Running, 70, true),
        machine(
            now,
            9,
            "a-very-long-name-that-no-column-holds-eu-west-1-blue",
            MachineState::Running,
            DAY,
            true,
        ),
    ]
}

/// The answer for the row of that number.
pub(super) fn probed(stage: &mut Stage, id: &str, value: Connection) {
    let at = stage.now.time;
    stage.happens(Event::Probed { id: InstanceId::new(id), status: Fact::Known { value, at } });
}
