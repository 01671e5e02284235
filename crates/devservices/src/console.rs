//! What the services themselves say. A console that is gone (a closed pipe) stops nothing.

use std::io::Write;

/// One line on standard output.
pub fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// One line on standard error.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
