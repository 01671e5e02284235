//! Lock files: what keeps two commands in one checkout from getting in each other's way. The system releases a lock when its
//! holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::signals;

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `Err(holder)` with what its holder wrote when somebody has it.
    pub(crate) fn try_exclusive(path: &Path, note: &str) -> Result<Result<Self, String>> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let write = |file: &mut File| -> std::io::Result<()> {
                    file.set_len(0)?;
                    file.seek(SeekFrom::Start(0))?;
                    file.write_all(note.as_bytes())
                };
                write(&mut file).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut note = String::new();
                // It is for a message only.
                let _ = file.read_to_string(&mut note);
                Ok(Err(note))
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Takes the lock as soon as it is free.
    pub(crate) fn exclusive(path: &Path) -> Result<Self> {
        loop {
            if let Ok(lock) = Self::try_exclusive(path, "")? {
                return Ok(lock);
            }
            signals::sleep(Duration::from_millis(20))?;
        }
    }

    /// The same, also after a signal has arrived: for what has to be undone then.
    pub(crate) fn exclusive_uninterrupted(path: &Path) -> Result<Self> {
        let file = open(path)?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock together with others who share it; nobody holds it exclusively for long.
    pub(crate) fn shared(path: &Path) -> Result<Self> {
        let file = open(path)?;
        file.lock_shared().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_try_learns_who_has_it() {
        let path = std::env::temp_dir().join(format!("frontdesk-lock-{}", std::process::id()));
        let first = Lock::try_exclusive(&path, "the first").unwrap().unwrap();
        assert_eq!(Lock::try_exclusive(&path, "the second").unwrap().unwrap_err(), "the first");
        drop(first);
        assert!(Lock::try_exclusive(&path, "the second").unwrap().is_ok());
        std::fs::remove_file(&path).unwrap();
    }
}
