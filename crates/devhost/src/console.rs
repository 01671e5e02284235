//! What devhost itself says: the list of routes on standard output, everything else on standard error.
//!
//! A line is written whole, under the lock that the guests' lines are written under, and a console that is gone (a
//! closed pipe) stops nothing. There are no levels, no colours and no time stamps; what guests say is in `logs`.

use std::io::Write;

/// One line on standard output.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// One line on standard error.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Something that will not work as the user may expect.
pub(crate) fn warn(text: &str) {
    note(&format!("Warning: {text}"));
}

/// Something that has failed, and does not stop the host.
pub(crate) fn error(text: &str) {
    note(&format!("Error: {text}"));
}

/// A component has been kept from reaching `destination`; the words are Spin's (crates/runtime-factors/src/lib.rs),
/// with the component added.
pub(crate) fn host_refused(component: &str, destination: &str) {
    warn(&format!(
        "component {component} tried to make an outbound network connection to disallowed destination \
         '{destination}'.\nTo allow this request, add 'allowed_outbound_hosts = [\"{destination}\"]' to the manifest \
         component section."
    ));
}
