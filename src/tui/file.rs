//! Files that the user saves.

use std::{
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// Writes a new file that only the user can read; its whole path, and how many lines it has.
pub(super) fn save(path: &str, text: &str) -> Result<(String, usize), String> {
    let path = match path.strip_prefix("~/").zip(directories::BaseDirs::new()) {
        Some((rest, folders)) => folders.home_dir().join(rest),
        None => PathBuf::from(path),
    };
    let write = || -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())
    };
    match write() {
        Ok(()) => {
            let whole = path.canonicalize().unwrap_or(path);
            Ok((whole.display().to_string(), text.lines().count()))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err("there is such a file already: choose another name".to_owned())
        }
        Err(error) => Err(format!("it cannot be written: {error}")),
    }
}
