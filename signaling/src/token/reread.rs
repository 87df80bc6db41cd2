//! The file of keys, read at the start and again when it changes: keys come and go without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Access;
use super::keys::Keys;
use crate::config::file::FileError;

/// Why the keys cannot be had. Always the operator's mistake.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("--keys {0}: {1}")]
    Unreadable(String, io::Error),
    /// It is no file of keys.
    #[error("--keys {0}, {1}")]
    Wrong(String, FileError),
    /// It is longer than a mebibyte.
    #[error("--keys {0}: it is longer than 1 MiB")]
    TooLong(String),
}

/// The longest file of keys: 1,000 of them, with comments.
const KEYS_BYTES_MAX: u64 = 1024 * 1024;

/// How often the file is looked at. A file may also change where no signal is sent: mounted secrets do.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads a file of keys.
///
/// # Errors
/// [`KeysError`]: the operator's mistake.
pub fn read(path: &Path) -> Result<Keys, KeysError> {
    parse(path, &text(path)?)
}

fn text(path: &Path) -> Result<String, KeysError> {
    let shown = || path.display().to_string();
    let unreadable = |error| KeysError::Unreadable(shown(), error);
    if std::fs::metadata(path).map_err(unreadable)?.len() > KEYS_BYTES_MAX {
        return Err(KeysError::TooLong(shown()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn parse(path: &Path, text: &str) -> Result<Keys, KeysError> {
    Keys::read(text).map_err(|error| KeysError::Wrong(path.display().to_string(), error))
}

/// Reads the keys and goes on reading them, on SIGHUP and when the file has changed, until `stopping` turns true. A file that cannot
/// be read later, or is wrong, is told to the log and leaves the keys as they were.
///
/// # Errors
/// [`KeysError`] where they cannot be read at all.
pub fn start(path: PathBuf, stopping: watch::Receiver<bool>) -> Result<Access, KeysError> {
    let text = text(&path)?;
    let (sender, keys) = watch::channel(Arc::new(parse(&path, &text)?));
    tokio::spawn(follow(path, text, sender, stopping));
    Ok(Access::keyed(keys))
}

async fn follow(
    path: PathBuf,
    mut last: String,
    keys: watch::Sender<Arc<Keys>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        let asked = tokio::select! {
            _ = looks.tick() => false,
            () = hung_up(hangup.as_mut()) => true,
            // An error means that the server is gone altogether.
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let read = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || text(&path)).await
        };
        let found = match read {
            Ok(Ok(text)) if text == last && !asked => {
                told = false;
                continue;
            }
            Ok(Ok(text)) => {
                let found = parse(&path, &text);
                last = text;
                found
            }
            Ok(Err(error)) => Err(error),
            Err(_stopping) => return,
        };
        match found {
            Ok(found) => {
                told = false;
                tracing::info!(keys = found.kids().count(), "keys read again");
                keys.send_replace(Arc::new(found));
            }
            // Once, and not every few seconds.
            Err(_) if std::mem::replace(&mut told, true) && !asked => {}
            Err(error) => tracing::error!(%error, "the keys stay as they were"),
        }
    }
}

async fn hung_up(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            let _one = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
