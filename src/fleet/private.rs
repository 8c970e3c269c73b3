//! Files for their owner alone: folders 0700, files 0600, replaced as a whole so that no reader ever meets half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The content of a file; what cannot be read counts as not there.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot be read: ignored");
            None
        }
    }
}

/// Makes a folder and what is above it; one that is there is closed to others.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    builder.create(path)
}

/// Puts a new file in the place of an old one at once.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // By process and address: two programs, or two threads of one, never write into the same.
    let name = format!("{}-{:p}.tmp", std::process::id(), content.as_ptr());
    let temporary =
        path.with_file_name(format!(".{}.{name}", path.file_name().unwrap_or_default().display()));
    let written = open(OpenOptions::new().create_new(true).write(true), &temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Opens a file that is made for its owner alone.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
