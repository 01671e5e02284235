//! The log: one JSON object with dotted names per line, on standard output.

use std::io::Write as _;

use crate::error::Error;

/// Writes a line in one call: writing blocks the whole instance.
pub fn write(line: &serde_json::Value) {
    write_text(&line.to_string());
}

pub(crate) fn write_text(line: &str) {
    // Not `println!`, which panics when the line cannot be written: a full disk must not stop the answers.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
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
