//! A folder for what the simulated region hands out as files.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// One that was made for the region goes with it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    /// The folder that was asked for, or a new one among the system's temporary ones, whose name begins with `name`.
    pub(super) fn open(wanted: Option<PathBuf>, name: &str) -> io::Result<Folder> {
        let Some(path) = wanted else {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            // Not one that somebody else put there.
            fs::create_dir(&path)?;
            return Ok(Folder { path, made: true });
        };
        fs::create_dir_all(&path)?;
        Ok(Folder { path, made: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, as text.
    pub(super) fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            // What is left there does no harm.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
