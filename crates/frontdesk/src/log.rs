//! The log: one JSON object with dotted names per line, on standard output.

use std::io::Write as _;

use serde::Serialize;

use crate::error::Error;

/// Writes a line, which is to be an object, in one call: writing blocks the whole instance.
pub fn write(line: &impl Serialize) {
    // Texts, numbers and lists of them always serialise.
    let mut line = serde_json::to_vec(line).unwrap_or_default();
    line.push(b'\n');
    // Not `println!`, which panics when the line cannot be written: a full disk must not stop the answers.
    let _ = std::io::stdout().write_all(&line);
}

/// Writes what went wrong after an answer had begun, which therefore is not in the line of its request.
pub fn error(component: &str, request_id: &str, error: &Error) {
    write(&serde_json::json!({
        "level": "error",
        "component": component,
        "request.id": request_id,
        "error.code": error.code(),
        "error.detail": error.log_detail(),
    }));
}
