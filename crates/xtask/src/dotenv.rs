//! `.env`: the variables that `up` has derived and that a plain `spin up` needs too, in a block of lines that it manages. All other
//! lines are the user's: they are kept as they are, and what they set is not set again.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

const BEGIN: &str = "# >>> frontdesk: scripts/up replaces the lines of this block; your own belong outside it";
const END: &str = "# <<< frontdesk";
/// Enough of [`BEGIN`] to know it by, should its wording change.
const BEGIN_MARK: &str = "# >>> frontdesk";

/// A `.env` file, taken apart.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct DotEnv {
    before: String,
    block: String,
    after: String,
}

impl DotEnv {
    /// Takes a file's text apart.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = Self::default();
        let mut lines = text.split_inclusive('\n');
        let mut opened = false;
        for line in lines.by_ref() {
            if line.starts_with(BEGIN_MARK) {
                opened = true;
                break;
            }
            parts.before.push_str(line);
        }
        let mut closed = !opened;
        for line in lines.by_ref() {
            if line.trim_end() == END {
                closed = true;
                break;
            }
            parts.block.push_str(line);
        }
        if !closed {
            // Guessing where the block ends could delete the user's lines.
            bail!("its line `{BEGIN_MARK}...` has no closing line `{END}`: remove the block, or close it");
        }
        parts.after.extend(lines);
        Ok(parts)
    }

    /// What the user's own lines set.
    pub(crate) fn foreign(&self) -> Result<BTreeMap<String, String>> {
        values(&format!("{}\n{}", self.before, self.after))
    }

    /// What the managed block sets. Nothing where it cannot be read: it is replaced anyway.
    pub(crate) fn managed(&self) -> BTreeMap<String, String> {
        values(&self.block).unwrap_or_default()
    }

    /// Replaces what the managed block sets.
    pub(crate) fn set_managed(&mut self, values: &BTreeMap<String, String>) {
        self.block = values.iter().map(|(name, value)| format!("{name}={}\n", quote(value))).collect();
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let Self { before, block, after } = self;
        let newline = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        format!("{before}{newline}{BEGIN}\n{block}{END}\n{after}")
    }
}

/// As dotenvy, which is what Spin reads the file with, understands it.
fn values(text: &str) -> Result<BTreeMap<String, String>> {
    match dotenvy::from_read_iter(text.as_bytes()).collect() {
        Ok(values) => Ok(values),
        // The text of the line is left out: it may hold a secret.
        Err(dotenvy::Error::LineParse(..)) => {
            bail!("one of its lines is not NAME=VALUE, or its quotes or escapes are wrong")
        }
        Err(error) => Err(error.into()),
    }
}

/// In double quotes, with dotenvy's escapes: PEM blocks have several lines, and passwords may hold anything.
fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\\' | '"' | '$' => quoted.extend(['\\', character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA+/=\n-----END PRIVATE KEY-----\n";

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_written_is_read_back_whatever_it_holds() {
        let values = map(&[("A", PEM), ("B", r#"p"a\s$s'w #o{rd}`"#), ("C", ""), ("D", "postgres://u:p%40@h:1/d")]);
        let mut file = DotEnv::default();
        file.set_managed(&values);
        let text = file.to_text();
        assert_eq!(text.lines().count(), values.len() + 2, "each value is on one line: {text}");
        assert_eq!(DotEnv::parse(&text).unwrap().managed(), values);
    }

    #[test]
    fn the_users_lines_are_kept_around_the_block() {
        let mut file = DotEnv::parse("# mine\nX=1").unwrap();
        file.set_managed(&map(&[("A", "old")]));
        let text = format!("{}Y=2\n", file.to_text());
        let mut file = DotEnv::parse(&text).unwrap();
        file.set_managed(&map(&[("A", "new")]));
        let text = file.to_text();
        assert_eq!(text, format!("# mine\nX=1\n{BEGIN}\nA=\"new\"\n{END}\nY=2\n"));
        assert_eq!(DotEnv::parse(&text).unwrap().foreign().unwrap(), map(&[("X", "1"), ("Y", "2")]));
    }

    #[test]
    fn writing_twice_changes_nothing() {
        let mut file = DotEnv::parse("X=1\n").unwrap();
        file.set_managed(&map(&[("A", "a")]));
        let once = file.to_text();
        let mut file = DotEnv::parse(&once).unwrap();
        file.set_managed(&map(&[("A", "a")]));
        assert_eq!(file.to_text(), once);
    }

    #[test]
    fn a_block_that_is_not_closed_is_refused() {
        assert!(DotEnv::parse(&format!("{BEGIN}\nA=\"a\"\nX=1\n")).is_err());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_refused_without_repeating_it() {
        let error = DotEnv::parse("PASSWORD=\"hunter2\n").unwrap().foreign().unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
    }
}
