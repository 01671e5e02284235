//! What guests print: to standard error unless devhost is quiet, and appended to a file for each component and stream.
//!
//! Lines are written whole, so that those of several instances never mix. As in Spin both streams go to standard error,
//! files are never rotated, and nothing is added to a line. A write that fails is told once and stops nothing.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::console;

/// A line that is longer is written in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// How much a guest may write at once through `wasi:io/streams@0.2`.
const WRITE_BUDGET: usize = 64 * 1024;

/// Where one stream of one component goes, whatever the instance.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Outlets>);

struct Outlets {
    console: bool,
    file: Option<(File, String)>,
    complained: AtomicBool,
}

impl Sink {
    /// Opens the log file of a stream (`stdout`, `stderr`), if there is a `folder`; the file is appended to.
    pub(crate) fn open(folder: Option<&Path>, component: &str, stream: &str, quiet: bool) -> anyhow::Result<Self> {
        let file = folder
            .map(|folder| {
                let path = folder.join(format!("{component}_{stream}.txt"));
                let file = OpenOptions::new().create(true).append(true).open(&path);
                let file = file.with_context(|| format!("cannot open the log file {}", path.display()))?;
                anyhow::Ok((file, path.display().to_string()))
            })
            .transpose()?;
        Ok(Self(Arc::new(Outlets { console: !quiet, file, complained: AtomicBool::new(false) })))
    }

    /// The stream of a new instance.
    pub(crate) fn stream(&self) -> GuestStream {
        GuestStream(Arc::new(Unfinished { sink: self.clone(), line: Mutex::new(Vec::new()) }))
    }

    fn write(&self, lines: &[u8]) {
        if self.0.console {
            let _ = std::io::stderr().lock().write_all(lines);
        }
        if let Some((file, path)) = &self.0.file {
            let mut file: &File = file;
            if let Err(error) = file.write_all(lines)
                && !self.0.complained.swap(true, Ordering::Relaxed)
            {
                console::warn(&format!("cannot write to {path}: {error}"));
            }
        }
    }
}

/// One stream of one instance; its clones continue the same line.
#[derive(Clone)]
pub(crate) struct GuestStream(Arc<Unfinished>);

/// The line that an instance has begun.
struct Unfinished {
    sink: Sink,
    line: Mutex<Vec<u8>>,
}

impl Unfinished {
    fn line(&self) -> MutexGuard<'_, Vec<u8>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut line = std::mem::take(&mut *self.line());
        if !line.is_empty() {
            line.push(b'\n');
            self.sink.write(&line);
        }
    }
}

impl GuestStream {
    fn push(&self, bytes: &[u8]) {
        let mut line = self.0.line();
        let finished = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (lines, rest) = bytes.split_at(finished);
        if !lines.is_empty() {
            if line.is_empty() {
                self.0.sink.write(lines);
            } else {
                line.extend_from_slice(lines);
                self.0.sink.write(&line);
                line.clear();
            }
        }
        line.extend_from_slice(rest);
        if line.len() > LONGEST_LINE {
            line.push(b'\n');
            self.0.sink.write(&line);
            line.clear();
        }
    }
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BUDGET)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&Sink)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let sink = Sink::open(Some(folder.path()), "auth", "stdout", true).unwrap();
        write(&sink);
        drop(sink);
        std::fs::read_to_string(folder.path().join("auth_stdout.txt")).unwrap()
    }

    #[test]
    fn lines_of_two_instances_do_not_split_each_other() {
        let log = written(|sink| {
            let (one, two) = (sink.stream(), sink.stream());
            one.push(b"one ");
            two.push(b"two\nTWO");
            one.push(b"ONE\n");
        });
        assert_eq!(log, "two\none ONE\nTWO\n");
    }

    #[test]
    fn the_handles_of_one_instance_continue_the_same_line() {
        let log = written(|sink| {
            let stream = sink.stream();
            let mut again = stream.clone();
            stream.push(b"a");
            OutputStream::write(&mut again, Bytes::from_static(b"b\nc\nd")).unwrap();
        });
        assert_eq!(log, "ab\nc\nd\n");
    }

    #[test]
    fn a_line_without_end_is_written_in_pieces() {
        let log = written(|sink| {
            let stream = sink.stream();
            stream.push(&vec![b'x'; LONGEST_LINE + 1]);
            stream.push(b"y\n");
        });
        assert_eq!(log.lines().map(str::len).collect::<Vec<_>>(), [LONGEST_LINE + 1, 1]);
    }

    #[test]
    fn a_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            Sink::open(Some(folder.path()), "auth", "stderr", true).unwrap().stream().push(b"line\n");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("auth_stderr.txt")).unwrap(), "line\nline\n");
    }
}
