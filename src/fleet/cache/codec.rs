//! The form of a list on the disk. Pure.
//!
//! ```text
//! magic 8 | version u32 | layout u64 | checksum u64 | body
//! body: texts in the order of their first use, place, times, rows, memories     numbers are varints, texts are indices
//! ```
//!
//! A hundred thousand rows name the same few thousand texts three million times. So each text stands in the file once, is made
//! once, and every row that names it holds the same `Arc`: that is what makes loading quick and the list small in memory.
//! `layout` is a fingerprint of the fields, so a program that knows other fields reads no file of this one.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::Listing;
use crate::fleet::evidence::Memory;
use crate::fleet::instance::{Instance, Part};
use crate::fleet::place::Place;
use crate::fleet::record::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, MetadataEndpoint, Ping, Platform,
    Properties, Tag, Text,
};

const MAGIC: &[u8; 8] = b"ssmtuiL\n";
/// Of what is here and not in the fields: grows when the meaning of the bytes changes.
const VERSION: u32 = 2;
const HEAD: usize = 8 + 4 + 8 + 8;
/// How often one row may name the same text, such as its id.
const OF_ONE_ROW: usize = 4;

/// Why a file is no list of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// It does not begin as our files do.
    Foreign,
    /// Another version of this program wrote it.
    Version,
    /// Bytes are missing or not what was written.
    Broken,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "it is no list of this program",
            Self::Version => "another version of this program wrote it",
            Self::Broken => "it is damaged",
        })
    }
}

/// The bytes of a list.
pub(super) fn encode(listing: &Listing) -> Vec<u8> {
    let mut writer = Writer::default();
    listing.place.write(&mut writer);
    listing.at.write(&mut writer);
    listing.agents_at.write(&mut writer);
    listing.machines_at.write(&mut writer);
    writer.number(listing.rows.len() as u64);
    for row in &listing.rows {
        row.id.write(&mut writer);
        row.agent.write(&mut writer);
        row.machine.write(&mut writer);
        row.connection.write(&mut writer);
    }
    writer.number(listing.memories.len() as u64);
    for (id, memory) in &listing.memories {
        id.write(&mut writer);
        memory.at.write(&mut writer);
        memory.agent_version.write(&mut writer);
        memory.computer_name.write(&mut writer);
    }
    let body = writer.finish();
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&LAYOUT.to_le_bytes());
    bytes.extend_from_slice(&checksum(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The list in these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Listing, Damage> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Foreign)?;
    let (version, rest) = rest.split_first_chunk().ok_or(Damage::Broken)?;
    let (layout, rest) = rest.split_first_chunk().ok_or(Damage::Broken)?;
    let (sum, body) = rest.split_first_chunk().ok_or(Damage::Broken)?;
    if u32::from_le_bytes(*version) != VERSION || u64::from_le_bytes(*layout) != LAYOUT {
        return Err(Damage::Version);
    }
    if u64::from_le_bytes(*sum) != checksum(body) {
        return Err(Damage::Broken);
    }
    read(body).ok_or(Damage::Broken)
}

fn read(body: &[u8]) -> Option<Listing> {
    let mut reader = Reader { rest: body, texts: Vec::new() };
    let shared = reader.table()?;
    let place = Arc::new(Place::read(&mut reader)?);
    let at = Stored::read(&mut reader)?;
    let agents_at = Stored::read(&mut reader)?;
    let machines_at = Stored::read(&mut reader)?;
    let count = reader.count()?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        let id = InstanceId::read(&mut reader)?;
        let agent = Stored::read(&mut reader)?;
        let machine = Stored::read(&mut reader)?;
        let connection = Stored::read(&mut reader)?;
        let place = Arc::clone(&place);
        rows.push(Arc::new(Instance { place, agent, machine, connection, ..Instance::new(id) }));
    }
    let memories = (0..reader.count()?)
        .map(|_| {
            let id = InstanceId::read(&mut reader)?;
            let at = Stored::read(&mut reader)?;
            let agent_version = Stored::read(&mut reader)?;
            let computer_name = Stored::read(&mut reader)?;
            Some((id, Memory { place: Arc::clone(&place), at, agent_version, computer_name }))
        })
        .collect::<Option<_>>()?;
    let listing = Listing { place, at, agents_at, machines_at, rows, memories, shared };
    reader.rest.is_empty().then_some(listing)
}

/// Finds every damage within eight bytes, and of any other all but one in 2^64: each step is reversible, so two bodies that
/// differ in one word have different sums.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |sum: u64, word: u64| (sum.rotate_left(23) ^ word).wrapping_mul(ODD);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(bytes.len() as u64, |sum, word| step(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| step(sum, u64::from(*byte)))
}

/// Collects rows, and their texts in the order of their first use.
#[derive(Default)]
struct Writer<'a> {
    body: Vec<u8>,
    texts: Vec<(&'a str, usize)>,
    index: HashMap<&'a str, usize>,
}

impl<'a> Writer<'a> {
    fn byte(&mut self, byte: u8) {
        self.body.push(byte);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.body.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.body.push(number as u8);
    }

    fn text(&mut self, text: &'a str) {
        let index = *self.index.entry(text).or_insert_with(|| {
            self.texts.push((text, 0));
            self.texts.len() - 1
        });
        self.texts[index].1 += 1;
        self.number(index as u64);
    }

    /// The table, and what was written behind it.
    fn finish(self) -> Vec<u8> {
        let mut whole = Writer::default();
        whole.number(self.texts.len() as u64);
        for (text, uses) in self.texts {
            // The last bit says whether several rows name it.
            whole.number((text.len() as u64) << 1 | u64::from(uses > OF_ONE_ROW));
            whole.body.extend_from_slice(text.as_bytes());
        }
        whole.body.extend_from_slice(&self.body);
        whole.body
    }
}

/// Reads what a [`Writer`] wrote; whatever is not so is `None`.
struct Reader<'a> {
    rest: &'a [u8],
    texts: Vec<Text>,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// How many follow; each takes a byte at least, so there are never more than bytes.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.rest.len()).then_some(count)
    }

    fn text(&mut self) -> Option<Text> {
        let index = usize::try_from(self.number()?).ok()?;
        self.texts.get(index).cloned()
    }

    /// Reads the table; gives the texts that several rows name.
    fn table(&mut self) -> Option<Vec<Text>> {
        let count = self.count()?;
        self.texts.reserve_exact(count);
        let mut shared = Vec::new();
        for _ in 0..count {
            let head = self.number()?;
            let (text, rest) = self.rest.split_at_checked(usize::try_from(head >> 1).ok()?)?;
            self.rest = rest;
            let text: Text = str::from_utf8(text).ok()?.into();
            if head & 1 == 1 {
                shared.push(text.clone());
            }
            self.texts.push(text);
        }
        Some(shared)
    }
}

/// A value that the file can hold.
trait Stored: Sized {
    fn write<'a>(&'a self, to: &mut Writer<'a>);
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

impl Stored for Text {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        to.text(self);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.text()
    }
}

impl Stored for InstanceId {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        to.text(self.as_str());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.text().map(Self::new)
    }
}

impl Stored for bool {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        to.byte(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Stored for Timestamp {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        // Zigzag: times before 1970 are small numbers, too.
        let second = self.as_second();
        to.number((second << 1 ^ second >> 63).cast_unsigned());
        let part = i64::from(self.subsec_nanosecond());
        to.number((part << 1 ^ part >> 63).cast_unsigned());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let signed = |number: u64| (number >> 1).cast_signed() ^ -((number & 1).cast_signed());
        let (second, part) = (signed(from.number()?), signed(from.number()?));
        Self::new(second, i32::try_from(part).ok()?).ok()
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        to.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<T: Stored> Stored for Box<T> {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        T::write(self, to);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        T::read(from).map(Self::new)
    }
}

impl<T: Stored> Stored for Box<[T]> {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        to.number(self.len() as u64);
        for value in self {
            value.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.count()?;
        (0..count).map(|_| T::read(from)).collect()
    }
}

impl<T: Stored> Stored for Part<T> {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        match self {
            Self::Unknown => to.byte(0),
            Self::Absent => to.byte(1),
            Self::Seen(record) => {
                to.byte(2);
                record.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Unknown,
            1 => Self::Absent,
            2 => Self::Seen(Arc::new(T::read(from)?)),
            _ => return None,
        })
    }
}

/// An answer is kept with its time, which counts; that none came is no answer the next time.
impl Stored for Fact<Connection> {
    fn write<'a>(&'a self, to: &mut Writer<'a>) {
        match self {
            Self::Known { value, at } => {
                to.byte(1);
                value.write(to);
                at.write(to);
            }
            Self::Denied { .. } | Self::Failed(_) | Self::NotAsked => to.byte(0),
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::NotAsked,
            1 => Self::Known { value: Stored::read(from)?, at: Stored::read(from)? },
            _ => return None,
        })
    }
}

/// An enum by the place of each variant in this list: append, never reorder.
macro_rules! stored_words {
    ($kind:ident: $($variant:ident),+) => {
        impl Stored for $kind {
            fn write<'a>(&'a self, to: &mut Writer<'a>) {
                let place = [$(Self::$variant),+].iter().position(|one| one == self);
                to.byte(place.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
            }

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                [$(Self::$variant),+].get(usize::from(from.byte()?)).copied()
            }
        }
    };
}

/// A struct, field by field; a field that is missing here does not compile.
macro_rules! stored_fields {
    ($($kind:ident { $($field:ident),+ $(,)? })+) => {
        $(impl Stored for $kind {
            fn write<'a>(&'a self, to: &mut Writer<'a>) {
                let Self { $($field),+ } = self;
                $($field.write(to);)+
            }

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                Some(Self { $($field: Stored::read(from)?),+ })
            }
        })+

        /// The fields and their order, as a number.
        const LAYOUT: u64 = fingerprint(concat!($(stringify!($kind), $(" ", stringify!($field),)+ ";"),+));
    };
}

const fn fingerprint(text: &str) -> u64 {
    let (bytes, mut sum, mut at) = (text.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        sum = (sum ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    sum
}

stored_words!(Ping: Online, Lost, Other);
stored_words!(Platform: Linux, Windows, MacOs);
stored_words!(MachineState: Pending, Running, Stopping, Stopped, ShuttingDown, Terminated, Other);
stored_words!(MetadataEndpoint: Enabled, Disabled);
stored_words!(Connection: Connected, NotConnected);

stored_fields! {
    Place { profile, region, account, alias }
    Tag { key, value }
    AgentRecord {
        id, ping, last_ping, agent_version, is_latest, platform, platform_name, platform_version, resource_type,
        source_type, source_id, source_location, activation_id, iam_role, registered, name, computer_name, ip,
        association_status, association_ran, association_succeeded, properties, tags,
    }
    Properties { machine_state, instance_role, instance_type, key_name, architecture, zone, launched }
    MachineRecord {
        id, state, state_transition_reason, state_reason, launched, profile_arn, instance_type, zone, vpc, subnet,
        security_groups, private_ip, public_ip, private_dns, public_dns, metadata_endpoint, platform_details,
        architecture, image, key_name, account, lifecycle, tags,
    }
}
