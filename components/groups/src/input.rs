//! What is asked of a group's texts.

use frontdesk::input::Check;

/// The longest name, in characters (API.md, section 1).
const MAX_NAME: usize = 100;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 2000;

pub(crate) fn name(check: &mut Check, name: &str) -> Option<String> {
    check.required_line("name", name, MAX_NAME)
}

pub(crate) fn description(check: &mut Check, description: &str) -> Option<String> {
    check.lines("description", description, MAX_DESCRIPTION)
}
