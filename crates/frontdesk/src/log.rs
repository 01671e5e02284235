//! The log: one JSON object with dotted names per line, on standard output.

use std::io::Write as _;

use serde::Serialize;

use crate::error::Error;

/// Writes a line in one call: writing blocks the whole instance. It is to be an object of texts, numbers and lists of them.
pub fn write(line: &impl Serialize) {
    // What it is to be always serialises.
    let mut line = serde_json::to_vec(line).unwrap_or_default();
    line.push(b'\n');
    // Not `println!`, which panics when the line cannot be written: a full disk must not stop the answers.
    let _ = std::io::stdout().write_all(&line);
}

/// Writes what the operator should change, though everything goes on.
pub fn warning(component: &str, detail: &str) {
    write(&serde_json::json!({"level": "warning", "component": component, "detail": detail}));
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
