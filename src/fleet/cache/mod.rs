//! The list of the last time, on the disk: one file for each account and region, so that the first frame shows rows before
//! any call is made.
//!
//! ```text
//! fleet/at-HASH.place                 what the user said (profile, region, keys) → account and region that it meant
//! fleet/ACCOUNT.REGION.list           the list
//! ```
//!
//! Which account a profile means is known only when AWS has said it, so a file of the first kind leads from what is known at the
//! start to the second. A file that is damaged, cut short or of another version counts as none, and only the log says so. Files
//! are replaced as a whole: of several programs that write, the last one wins. Holds what the lists say and no secret. This file
//! does the I/O; `codec` is pure.

mod codec;

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::evidence::Memory;
use super::instance::Instance;
use super::place::Place;
use super::private;
use super::record::{InstanceId, Text};

/// A list that nobody wrote for so long is thrown away when another is written.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// A fleet at a moment: cheap to hand to another thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Where the rows are.
    pub place: Arc<Place>,
    /// When the lists were read.
    pub at: Timestamp,
    /// When the SSM list was last read to its end.
    pub agents_at: Option<Timestamp>,
    /// When the EC2 list was last read to its end.
    pub machines_at: Option<Timestamp>,
    /// The rows.
    pub rows: Vec<Arc<Instance>>,
    /// What agents said of themselves before a list lost them.
    pub memories: Vec<(InstanceId, Memory)>,
    /// Texts that rows share, for the fleet's pool; none before it was on the disk.
    pub shared: Vec<Text>,
}

impl Listing {
    /// What is known here of an instance, by its id or by the `mi-…` of its agent.
    pub fn memory(&self, id: &InstanceId) -> Option<Memory> {
        let is_it = |row: &Instance| row.id == *id || row.agent.seen().is_some_and(|agent| agent.id == *id);
        let row = self.rows.iter().find(|row| is_it(row));
        if let Some(agent) = row.and_then(|row| row.agent.seen()) {
            return Some(Memory::of(agent, Arc::clone(&self.place), self.agents_at.or(Some(self.at))));
        }
        let before = self.memories.iter().find(|(remembered, _)| remembered == id);
        let listed = || Memory { place: Arc::clone(&self.place), at: Some(self.at), ..Memory::default() };
        before.map(|(_, memory)| memory.clone()).or_else(|| row.map(|_| listed()))
    }
}

/// What the user said of where to look, before anything is resolved: the profile, the region, the endpoint and whose keys, as far
/// as flags and environment name them. The same words lead to the same list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// Of all that was said, in an order that never changes.
    pub fn new<'a>(said: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut hash = Digest::default();
        for word in said {
            word.hash(&mut hash);
        }
        Self(format!("{:016x}", hash.finish()))
    }
}

/// The folder of the lists.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In the platform's cache folder; none without a home.
    pub fn platform() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "ssmtui")?;
        Some(Self::at(folders.cache_dir().join("fleet")))
    }

    /// In this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The list of the last time, if there is one that can be read.
    pub fn load(&self, key: &Key) -> Option<Listing> {
        let pointer = private::read(&self.pointer(key))?;
        let name = str::from_utf8(&pointer).ok().map(str::trim).filter(|name| is_name(name));
        let Some(path) = name.map(|name| self.folder.join(name)) else {
            tracing::warn!("the pointer to a cached list is damaged: ignored");
            return None;
        };
        read(&path)
    }

    /// Where an instance was seen last, in any account and region whose list is here. Reads them all: for an id that nobody lists.
    pub fn seen(&self, id: &InstanceId) -> Option<Memory> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let lists = files.filter(|path| path.extension().is_some_and(|extension| extension == "list"));
        lists.filter_map(|path| read(&path)?.memory(id)).max_by_key(|memory| memory.at)
    }

    /// Keeps a list for the next time. A failure is said in the log alone: nothing depends on it.
    pub fn store(&self, key: &Key, listing: &Listing) {
        let name = file_name(key, &listing.place);
        let written = private::folder(&self.folder)
            .and_then(|()| private::replace(&self.folder.join(&name), &codec::encode(listing)))
            .and_then(|()| private::replace(&self.pointer(key), name.as_bytes()));
        match written {
            Ok(()) => tracing::debug!(rows = listing.rows.len(), name, "the list is kept for the next time"),
            Err(error) => tracing::warn!(%error, name, "the list cannot be kept for the next time"),
        }
        self.prune(SystemTime::now());
    }

    fn pointer(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("at-{}.place", key.0))
    }

    /// Removes what nobody has written for long: lists of accounts and regions that are no longer looked at.
    fn prune(&self, now: SystemTime) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).ok();
            if age.and_then(|at| now.duration_since(at).ok()).is_some_and(|age| age > KEPT) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn read(path: &Path) -> Option<Listing> {
    match codec::decode(&private::read(path)?) {
        Ok(listing) => Some(listing),
        Err(damage) => {
            tracing::warn!(path = %path.display(), %damage, "a cached list is ignored");
            None
        }
    }
}

/// `123456789012.eu-west-1.list`; by the key where AWS never said the account.
fn file_name(key: &Key, place: &Place) -> String {
    let plain = |text: Option<&str>| -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        Some(text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect())
    };
    let account = plain(place.account.as_deref()).unwrap_or_else(|| format!("at-{}", key.0));
    let region = plain(place.region.as_deref()).unwrap_or_else(|| "nowhere".to_owned());
    format!("{account}.{region}.list")
}

/// One of our own file names, and no way out of the folder.
fn is_name(name: &str) -> bool {
    name.ends_with(".list") && Path::new(name).components().count() == 1 && !name.starts_with('.')
}

/// FNV-1a: the same in every build, unlike the standard library's.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
