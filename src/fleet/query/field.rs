//! The fields of the language: one table, from which come parsing, completion, help and the README.

/// A field that can be named before a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `state:`.
    State,
    /// `tag:`.
    Tag,
    /// `name:`.
    Name,
    /// `id:`, the row's id or its target's.
    Id,
    /// `ip:`, private or public.
    Ip,
    /// `platform:`.
    Platform,
    /// `agent:`, its version.
    Agent,
    /// `type:`.
    Type,
    /// `role:`.
    Role,
    /// `account:`, its number or alias.
    Account,
    /// `region:`.
    Region,
    /// `profile:`.
    Profile,
    /// `zone:`.
    Zone,
    /// `vpc:`.
    Vpc,
    /// `subnet:`.
    Subnet,
    /// `image:`.
    Image,
    /// `seen:`, since the last heartbeat.
    Seen,
    /// `age:`, since the last start.
    Age,
    /// `registered:`, since the registration.
    Registered,
    /// `is:`.
    Is,
    /// `fav:`.
    Favourite,
}

/// What may stand behind a field's colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text that the field contains; behind `=`, all of it.
    Text,
    /// As a text, or a comparison with a version.
    Version,
    /// A comparison with a length of time.
    Span,
    /// The word of a state, or its start.
    State,
    /// A tag's key, or key and value.
    Tag,
    /// One of a few words.
    Trait,
    /// Nothing.
    Nothing,
}

/// A row of the table.
#[derive(Debug)]
pub struct Entry {
    /// The field.
    pub field: Field,
    /// How it is written; the first is its name.
    pub names: &'static [&'static str],
    /// What may stand behind its colon.
    pub kind: Kind,
    /// What it asks for, in a few words.
    pub asks: &'static str,
    /// How it looks.
    pub examples: &'static [&'static str],
}

const fn entry(
    field: Field,
    names: &'static [&'static str],
    kind: Kind,
    asks: &'static str,
    examples: &'static [&'static str],
) -> Entry {
    Entry { field, names, kind, asks, examples }
}

/// Every field there is.
pub static FIELDS: [Entry; 21] = [
    entry(Field::State, &["state", "status"], Kind::State, "state", &["state:lost", "state:no-channel"]),
    entry(
        Field::Tag,
        &["tag"],
        Kind::Tag,
        "tag by key, or by key and the value's start; in quotes, all of the value",
        &["tag:env", "tag:env=prod", "tag:team=\"data platform\""],
    ),
    entry(Field::Name, &["name"], Kind::Text, "name", &["name:web", "name:=web-1"]),
    entry(Field::Id, &["id"], Kind::Text, "id, or the id it is managed under", &["id:0a1b"]),
    entry(Field::Ip, &["ip"], Kind::Text, "private or public address", &["ip:10.1."]),
    entry(Field::Platform, &["platform", "os"], Kind::Text, "operating system", &["os:windows"]),
    entry(Field::Agent, &["agent"], Kind::Version, "agent version", &["agent:<3.2", "agent:>=3.3.40"]),
    entry(Field::Type, &["type"], Kind::Text, "instance type", &["type:t3"]),
    entry(Field::Role, &["role"], Kind::Text, "instance profile or role", &["role:web"]),
    entry(Field::Account, &["account"], Kind::Text, "account, by number or alias", &["account:prod"]),
    entry(Field::Region, &["region"], Kind::Text, "region", &["region:eu-"]),
    entry(Field::Profile, &["profile"], Kind::Text, "profile that reads it", &["profile:=prod"]),
    entry(Field::Zone, &["zone"], Kind::Text, "availability zone", &["zone:1a"]),
    entry(Field::Vpc, &["vpc"], Kind::Text, "VPC", &["vpc:0b1c"]),
    entry(Field::Subnet, &["subnet"], Kind::Text, "subnet", &["subnet:0d2e"]),
    entry(Field::Image, &["image", "ami"], Kind::Text, "image", &["image:ami-0f3a"]),
    entry(Field::Seen, &["seen"], Kind::Span, "time since the last heartbeat", &["seen:>1h"]),
    entry(Field::Age, &["age"], Kind::Span, "time since the last start", &["age:<10m", "age:>2w"]),
    entry(
        Field::Registered,
        &["registered"],
        Kind::Span,
        "time since the agent registered",
        &["registered:<1d"],
    ),
    entry(
        Field::Is,
        &["is"],
        Kind::Trait,
        "a favourite; a hybrid node; an agent too old for something",
        &["is:favourite", "is:hybrid", "is:outdated"],
    ),
    entry(Field::Favourite, &["fav"], Kind::Nothing, "the same as `is:favourite`", &["fav:"]),
];

/// What is no field: a pattern, and what it finds.
pub static SYNTAX: [(&str, &str); 10] = [
    ("web prod", "both words, in any order, fuzzily, in any of the fields that are searched"),
    ("'web", "as it stands, case aside"),
    ("^web", "begins with it"),
    ("!web", "not; stands before any term"),
    ("web or api", "either; what stands side by side binds tighter"),
    ("!(web or api)", "a group"),
    ("\"data platform\"", "one word with a space; in quotes nothing has a meaning of its own"),
    ("name:web", "the field contains it; `name:=web-1`: is it"),
    ("agent:<3.2", "a comparison: `<`, `<=`, `>`, `>=`; versions count as far as they are written"),
    ("@broken", "the saved query of that name"),
];

impl Field {
    /// Its row in the table.
    pub fn entry(self) -> &'static Entry {
        FIELDS.iter().find(|entry| entry.field == self).expect("every field has its row: a test holds it")
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().names[0]
    }

    /// The field that is written so, case aside.
    pub fn named(name: &str) -> Option<Self> {
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        FIELDS.iter().find(|entry| entry.names.iter().any(&is)).map(|entry| entry.field)
    }
}

/// The tables as the README has them.
pub fn markdown() -> String {
    let code = |text: &str| format!("`{text}`");
    let mut page = String::from("| written | finds |\n| --- | --- |\n");
    for (pattern, finds) in &SYNTAX {
        page.push_str(&format!("| `{pattern}` | {finds} |\n"));
    }
    page.push_str("\n| field | asks for | |\n| --- | --- | --- |\n");
    for entry in &FIELDS {
        let names: Vec<_> = entry.names.iter().map(|name| code(&format!("{name}:"))).collect();
        let examples: Vec<_> = entry.examples.iter().map(|example| code(example)).collect();
        page.push_str(&format!("| {} | {} | {} |\n", names.join(", "), entry.asks, examples.join(", ")));
    }
    page
}

/// The same for a terminal.
pub fn help() -> String {
    let mut page = String::new();
    for (pattern, finds) in &SYNTAX {
        page.push_str(&format!("  {pattern:<18} {finds}\n"));
    }
    page.push_str("Fields:\n");
    for entry in &FIELDS {
        page.push_str(&format!("  {:<18} {}\n", entry.examples[0], entry.asks));
    }
    page.push_str("Times: s, m, h, d, w; several may stand together: 1h30m");
    page
}
