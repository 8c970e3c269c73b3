//! The file of the history: one JSON object a line. Programs append a line each under a lock and never rewrite what others
//! wrote, until the file has grown to twice of what is kept: then one of them writes it anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::history::{Event, History, KEPT};
use super::private;

/// A line takes about 150 bytes; beyond so many the file is written anew.
const LARGE: u64 = 2 * KEPT as u64 * 200;

/// Where the history is.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// In the platform's folder for state, or for data where it has none; none without a home.
    pub fn platform() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "ssmtui")?;
        let folder = folders.state_dir().unwrap_or_else(|| folders.data_local_dir());
        Some(Self::at(folder.join("history.jsonl")))
    }

    /// This file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is remembered; nothing where there is no file.
    pub fn load(&self) -> History {
        let bytes = private::read(&self.path).unwrap_or_default();
        History::read(&String::from_utf8_lossy(&bytes))
    }

    /// Appends an event.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, event: &Event) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            private::folder(folder)?;
        }
        let _held = self.lock()?;
        let mut file = private::open(OpenOptions::new().create(true).append(true), &self.path)?;
        file.write_all(event.line().as_bytes())?;
        if file.metadata()?.len() > LARGE {
            private::replace(&self.path, self.load().write().as_bytes())?;
        }
        Ok(())
    }

    /// Held until it is dropped. A file of its own: the history itself is replaced at times.
    fn lock(&self) -> io::Result<File> {
        let mut path = self.path.clone();
        path.set_extension("lock");
        let file = private::open(OpenOptions::new().create(true).append(true), &path)?;
        file.lock()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::history::{Kind, Opening, Where};

    fn opened(number: usize) -> Event {
        let at = jiff::Timestamp::from_second(1_700_000_000 + number as i64).unwrap();
        let (id, name) = (format!("i-{number:017x}").into(), "a-name-of-usual-length-01".into());
        Event::Opened(Opening { at, id, name, kind: Kind::Shell, place: Where::default() })
    }

    #[test]
    fn what_was_appended_is_loaded_and_only_the_owner_can() {
        let folder = tempfile::tempdir().unwrap();
        let file = HistoryFile::at(folder.path().join("state/history.jsonl"));
        assert_eq!(file.load(), History::default());
        file.append(&opened(1)).unwrap();
        file.append(&Event::Favourite { id: "i-2".into(), on: true }).unwrap();
        let history = file.load();
        assert_eq!(history.newest().count(), 1);
        assert!(history.favourites().contains("i-2"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(file.path()), mode(file.path().parent().unwrap())), (0o600, 0o700));
        }
    }

    #[test]
    fn several_programs_append_and_one_of_them_shortens_and_nothing_new_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = HistoryFile::at(folder.path().join("history.jsonl"));
        // A file that is nearly too long, of events older than all that follow.
        let old: String = (0..LARGE as usize / 110).map(|number| opened(number).line()).collect();
        std::fs::write(file.path(), old).unwrap();
        const EACH: usize = 200;
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    (0..EACH).for_each(|n| file.append(&opened(1_000_000 + writer * EACH + n)).unwrap());
                });
            }
        });
        let length = std::fs::metadata(file.path()).unwrap().len();
        assert!(length < LARGE, "it was written anew: {length} bytes");
        let history = file.load();
        let newest: Vec<_> = history.newest().take(4 * EACH).map(|opening| opening.at.as_second()).collect();
        let expected: Vec<_> = (0..4 * EACH as i64).rev().map(|n| 1_701_000_000 + n).collect();
        assert_eq!(newest, expected);
    }
}
