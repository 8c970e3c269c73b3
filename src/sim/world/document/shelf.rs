//! All documents of a region, each with its versions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ContentError, Document, Format, PREFERENCES};

/// How many versions a document may have, as AWS limits them.
const MOST_VERSIONS: usize = 1000;
/// How many documents there may be.
const MOST_DOCUMENTS: usize = 500;
/// How large one may be, as AWS limits it: 64 KB.
const MOST_BYTES: usize = 64 * 1024;

/// Whose a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Amazon,
    /// The region's own account.
    Own,
    /// Another account, which shares it; it is called by its ARN.
    Other(String),
}

/// A document with its versions.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Without the ARN's front.
    pub(crate) name: String,
    pub(crate) owner: Owner,
    /// DocumentType.
    pub(crate) kind: String,
    pub(crate) display_name: Option<String>,
    pub(crate) target_type: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    /// Oldest first; never empty.
    versions: Vec<Version>,
    default: u64,
}

/// One version of a document.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) name: Option<String>,
    pub(crate) format: Format,
    pub(crate) text: String,
    pub(crate) created: Timestamp,
    pub(crate) value: Value,
    /// `None`: it is no session document.
    pub(crate) document: Option<Document>,
}

/// Which version is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    #[default]
    Default,
    Latest,
    Number(u64),
    Named(&'a str),
}

impl<'a> Wanted<'a> {
    /// As requests have it: a number, `$LATEST`, `$DEFAULT`, or a version's name.
    pub(crate) fn of(version: Option<&'a str>, name: Option<&'a str>) -> Wanted<'a> {
        match (version, name) {
            (Some("$LATEST"), _) => Wanted::Latest,
            (None, Some(name)) => Wanted::Named(name),
            (Some("$DEFAULT") | None, _) => Wanted::Default,
            (Some(number), _) => Wanted::Number(number.parse().unwrap_or(0)),
        }
    }
}

/// Why a document cannot be stored, changed or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShelfError {
    NoDocument,
    NoVersion,
    Exists,
    Amazons,
    TooLarge,
    TooManyDocuments,
    TooManyVersions,
    SameContent,
    SameVersionName,
    /// The default version cannot be deleted by itself.
    IsDefault,
    Content(ContentError),
}

/// What a new document or version is made of.
pub(crate) struct New<'a> {
    pub(crate) format: Format,
    pub(crate) text: &'a str,
    pub(crate) version_name: Option<&'a str>,
    pub(crate) created: Timestamp,
}

/// The documents by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    documents: BTreeMap<String, Stored>,
}

/// An entry of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    owner: Option<String>,
    #[serde(default = "session")]
    kind: String,
    #[serde(default = "json")]
    format: String,
    version_name: Option<String>,
    #[serde(default)]
    default: bool,
    content: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    document: Vec<Entry>,
}

fn session() -> String {
    "Session".to_owned()
}

fn json() -> String {
    "JSON".to_owned()
}

impl Shelf {
    /// The documents that come with the program.
    /// `preferences`: inputs of the preferences that are others here.
    pub(crate) fn sample(
        start: Timestamp,
        [account, region]: [&str; 2],
        preferences: &Map<String, Value>,
    ) -> Shelf {
        const WELL_FORMED: &str = "the documents in assets/ are well-formed; a test reads them";
        // The ARNs in the file are of one region.
        let text = include_str!("../../../../assets/demo-documents.toml")
            .replace("eu-west-1", region)
            .replace("{account}", account)
            .replace("{region}", region);
        let file: File = toml::from_str(&text).expect(WELL_FORMED);
        let mut shelf = Shelf::default();
        for mut entry in file.document {
            if entry.name == PREFERENCES
                && let Some(Value::Object(inputs)) = entry.content.get_mut("inputs")
            {
                inputs.extend(preferences.clone());
            }
            let owner = match entry.owner.as_deref() {
                None => Owner::Own,
                Some("Amazon") => Owner::Amazon,
                Some(account) => Owner::Other(account.to_owned()),
            };
            let format = Format::parse(&entry.format).expect(WELL_FORMED);
            let created = start - SignedDuration::from_hours(24 * 100);
            let number = shelf.documents.get(&entry.name).map_or(1, |stored| stored.latest().number + 1);
            let text = format.write(&entry.content);
            let document =
                (entry.kind == "Session").then(|| Document::read(&entry.content).expect(WELL_FORMED));
            let version = Version {
                number,
                name: entry.version_name,
                format,
                text,
                created,
                value: entry.content,
                document,
            };
            let stored = shelf.documents.entry(entry.name.clone()).or_insert_with(|| Stored {
                name: entry.name,
                owner,
                kind: entry.kind,
                display_name: None,
                target_type: None,
                tags: Vec::new(),
                versions: Vec::new(),
                default: 0,
            });
            stored.versions.push(version);
            if entry.default || stored.default == 0 {
                stored.default = number;
            }
        }
        shelf
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Stored> {
        self.documents.values()
    }

    /// A document by the name that the region's own account calls it.
    pub(crate) fn find(&self, name: &str) -> Option<&Stored> {
        self.documents.get(name)
    }

    /// Adds a document.
    pub(crate) fn create(
        &mut self,
        name: &str,
        kind: &str,
        new: &New<'_>,
    ) -> Result<&mut Stored, ShelfError> {
        if self.documents.contains_key(name) {
            return Err(ShelfError::Exists);
        }
        if self.documents.len() >= MOST_DOCUMENTS {
            return Err(ShelfError::TooManyDocuments);
        }
        let version = version(kind, 1, new)?;
        Ok(self.documents.entry(name.to_owned()).or_insert_with(|| Stored {
            name: name.to_owned(),
            owner: Owner::Own,
            kind: kind.to_owned(),
            display_name: None,
            target_type: None,
            tags: Vec::new(),
            versions: vec![version],
            default: 1,
        }))
    }

    /// Adds a version to a document of the region's own account.
    pub(crate) fn update(&mut self, name: &str, new: &New<'_>) -> Result<&mut Stored, ShelfError> {
        let stored = self.own(name)?;
        if stored.versions.len() >= MOST_VERSIONS {
            return Err(ShelfError::TooManyVersions);
        }
        if new
            .version_name
            .is_some_and(|name| stored.versions.iter().any(|v| v.name.as_deref() == Some(name)))
        {
            return Err(ShelfError::SameVersionName);
        }
        let version = version(&stored.kind, stored.latest().number + 1, new)?;
        // AWS compares what is said, not how it is written.
        if stored.versions.iter().any(|old| old.value == version.value) {
            return Err(ShelfError::SameContent);
        }
        stored.versions.push(version);
        Ok(stored)
    }

    /// Makes a version the one that is used.
    pub(crate) fn set_default(&mut self, name: &str, number: u64) -> Result<&Stored, ShelfError> {
        let stored = self.own(name)?;
        stored.version(Wanted::Number(number)).ok_or(ShelfError::NoVersion)?;
        stored.default = number;
        Ok(stored)
    }

    /// Takes a document away, or one of its versions.
    pub(crate) fn delete(&mut self, name: &str, wanted: Option<Wanted<'_>>) -> Result<(), ShelfError> {
        let stored = self.own(name)?;
        if let Some(wanted) = wanted {
            let number = stored.version(wanted).ok_or(ShelfError::NoVersion)?.number;
            if stored.versions.len() > 1 {
                if number == stored.default {
                    return Err(ShelfError::IsDefault);
                }
                stored.versions.retain(|version| version.number != number);
                return Ok(());
            }
        }
        self.documents.remove(name);
        Ok(())
    }

    fn own(&mut self, name: &str) -> Result<&mut Stored, ShelfError> {
        match self.documents.get_mut(name) {
            None => Err(ShelfError::NoDocument),
            Some(Stored { owner: Owner::Own, .. }) => {
                Ok(self.documents.get_mut(name).ok_or(ShelfError::NoDocument)?)
            }
            Some(_) => Err(ShelfError::Amazons),
        }
    }
}

fn version(kind: &str, number: u64, new: &New<'_>) -> Result<Version, ShelfError> {
    if new.text.len() > MOST_BYTES {
        return Err(ShelfError::TooLarge);
    }
    let content = |why| ShelfError::Content(ContentError::Content(why));
    let value = new.format.read(new.text).map_err(content)?;
    let document = match kind {
        "Session" => Some(Document::read(&value).map_err(ShelfError::Content)?),
        _ => None,
    };
    Ok(Version {
        number,
        name: new.version_name.map(str::to_owned),
        format: new.format,
        text: new.text.to_owned(),
        created: new.created,
        value,
        document,
    })
}

impl Stored {
    /// A version, if there is such a one.
    pub(crate) fn version(&self, wanted: Wanted<'_>) -> Option<&Version> {
        self.versions.iter().find(|version| match wanted {
            Wanted::Default => version.number == self.default,
            Wanted::Latest => version.number == self.latest().number,
            Wanted::Number(number) => version.number == number,
            Wanted::Named(name) => version.name.as_deref() == Some(name),
        })
    }

    /// All versions, newest first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().rev()
    }

    /// The number of the one that is used.
    pub(crate) fn default_version(&self) -> u64 {
        self.default
    }

    /// The newest version.
    pub(crate) fn latest(&self) -> &Version {
        self.versions.last().expect("a document has a version as long as it is stored")
    }

    /// The version that sessions are made from: of the preferences the newest, since AWS's own guide changes them by a
    /// mere UpdateDocument; of all others the default.
    pub(crate) fn in_force(&self) -> Option<&Version> {
        self.version(if self.name == PREFERENCES { Wanted::Latest } else { Wanted::Default })
    }
}
