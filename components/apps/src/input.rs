//! What is asked of an app's texts and of its place.

use frontdesk::apps::Key;
use frontdesk::input::Check;

/// The longest name, in characters, as of groups.
const MAX_NAME: usize = 100;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 2000;
/// The last place.
const MAX_POSITION: i32 = 1_000_000;

pub(crate) fn name(check: &mut Check, name: &str) -> Option<String> {
    check.required_line("name", name, MAX_NAME)
}

pub(crate) fn description(check: &mut Check, description: &str) -> Option<String> {
    check.lines("description", description, MAX_DESCRIPTION)
}

pub(crate) fn key(check: &mut Check, field: &str, key: &str) -> Option<String> {
    match Key::parse(key) {
        Ok(key) => Some(key.into_string()),
        Err(rule) => {
            check.refuse(field, "key_invalid", rule);
            None
        }
    }
}

pub(crate) fn position(check: &mut Check, position: i32) -> i32 {
    if !(0..=MAX_POSITION).contains(&position) {
        check.refuse("position", "out_of_range", format!("position is from 0 to {MAX_POSITION}"));
    }
    position
}
