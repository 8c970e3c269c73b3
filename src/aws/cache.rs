//! The AWS CLI's caches beneath `~/.aws`: its names for files and its form of JSON, so that what either program got
//! serves both. Checked against botocore 1.43 and version 2 of the CLI by `tests/peers`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_credential_types::{Credentials, credential_feature::AwsCredentialFeature};
use aws_types::os_shim_internal::Env;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The folder of sessions of assumed roles.
pub(super) const ROLES: &str = ".aws/cli/cache";
/// The folder of SSO tokens and of the clients that asked for them.
pub(super) const TOKENS: &str = ".aws/sso/cache";

/// One folder of the cache; none where there is no home.
#[derive(Debug, Clone)]
pub(super) struct Cache(Option<PathBuf>);

impl Cache {
    pub(super) fn of(folder: &str) -> Self {
        let home = aws_runtime::fs_util::home_dir(&Env::real(), aws_runtime::fs_util::Os::real());
        Self(home.filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(folder)))
    }

    #[cfg(test)]
    pub(super) fn at(folder: &Path) -> Self {
        Self(Some(folder.to_owned()))
    }

    /// What lies under this key; what cannot be read or is not of this form does not count, as in the AWS CLI.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.path(key)?).ok()?).ok()
    }

    /// Puts it there for this user's eyes alone, and never half.
    pub(super) fn write(&self, key: &str, value: &impl Serialize) -> io::Result<()> {
        let path = self.path(key).ok_or_else(|| io::Error::other("there is no home directory"))?;
        let folder = path.parent().expect("a file in a folder");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let unfinished = folder.join(format!("{}.tmp", uuid::Uuid::new_v4()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(json(value).as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Takes away what lies under this key.
    pub(super) fn remove(&self, key: &str) {
        if let Some(error) = self.path(key).and_then(|path| fs::remove_file(path).err()) {
            tracing::debug!(%error, "a file of the cache stays");
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|folder| folder.join(format!("{key}.json")))
    }
}

/// Keys as the files of roles hold them. No `Debug`: they are secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StoredKeys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account_id: Option<String>,
}

impl StoredKeys {
    /// The keys, and by which way they came; none where nothing says when they end.
    pub(super) fn into_keys(self, provider: &'static str, way: AwsCredentialFeature) -> Option<Credentials> {
        let mut builder = Credentials::builder()
            .access_key_id(self.access_key_id)
            .secret_access_key(self.secret_access_key)
            .session_token(self.session_token)
            .expiry(time(&self.expiration)?)
            .provider_name(provider);
        builder.set_account_id(self.account_id.map(Into::into));
        let mut keys = builder.build();
        keys.set_property(vec![way]);
        Some(keys)
    }
}

/// The key of what this text names: its SHA-1. No secret rests on it.
pub(super) fn key(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON as Python's `json.dumps` writes it: keys are made of its bytes.
pub(super) fn json(value: &impl Serialize) -> String {
    write(value, Python { comma: b", ", colon: b": " })
}

/// The same with `separators=(",", ":")`.
pub(super) fn compact_json(value: &impl Serialize) -> String {
    write(value, Python { comma: b",", colon: b":" })
}

fn write(value: &impl Serialize, form: Python) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, form))
        .expect("plain data has a JSON form");
    String::from_utf8(bytes).expect("ASCII")
}

/// Nothing but ASCII, and what stands behind each value and each name.
struct Python {
    comma: &'static [u8],
    colon: &'static [u8],
}

impl serde_json::ser::Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.comma) }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.comma) }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.colon)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            match c {
                ' '..='~' => writer.write_all(&[c as u8])?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// `2026-11-28T15:00:00Z`, as in the files of SSO.
pub(super) fn stamp(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time in any of the forms that versions of the AWS CLI have written: with `Z`, `UTC` or an offset.
pub(super) fn time(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |text| format!("{text}Z"));
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, time::Duration};

    use super::*;

    #[test]
    fn json_is_pythons() {
        let value = BTreeMap::from([("b", vec!["x\"\\\n\u{1}\u{7f}é🦀"]), ("a", vec!["1", "2"])]);
        // python3 -c 'import json; print(json.dumps({"a": ["1", "2"], "b": ["x\"\\\n\x01\x7fé🦀"]}, sort_keys=True))'
        assert_eq!(json(&value), r#"{"a": ["1", "2"], "b": ["x\"\\\n\u0001\u007f\u00e9\ud83e\udd80"]}"#);
        let value = BTreeMap::from([("b", vec!["1", ": "]), ("a", Vec::new())]);
        assert_eq!(compact_json(&value), r#"{"a":[],"b":["1",": "]}"#);
    }

    #[test]
    fn a_key_is_the_sha1_of_its_text() {
        // printf main | sha1sum
        assert_eq!(key("main"), "b28b7af69320201d1cf206ebf28373980add1451");
    }

    #[test]
    fn times_are_read_in_each_form_and_written_in_one() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        for text in [
            "2015-10-21T07:28:00Z",
            "2015-10-21T07:28:00UTC",
            "2015-10-21T07:28:00+00:00",
            "2015-10-21T09:28:00+02:00",
        ] {
            assert_eq!(time(text), Some(noon), "{text}");
        }
        assert_eq!(time("soon"), None);
        assert_eq!(stamp(noon + Duration::from_millis(900)), "2015-10-21T07:28:00Z");
    }

    #[test]
    fn files_are_for_this_user_alone_and_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".aws/sso/cache");
        let cache = Cache::at(&folder);
        assert_eq!(cache.read::<String>("k"), None);
        cache.write("k", &"first, and longer than the second").unwrap();
        cache.write("k", &"second").unwrap();
        assert_eq!(cache.read::<String>("k").as_deref(), Some("second"));
        assert_eq!(fs::metadata(folder.join("k.json")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn without_a_home_nothing_is_kept() {
        assert!(Cache(None).write("k", &1).is_err());
        assert_eq!(Cache(None).read::<u8>("k"), None);
    }
}
