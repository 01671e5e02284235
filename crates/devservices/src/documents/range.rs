//! Which part of the content a client asks for (RFC 9110, section 14).

/// What `range` comes to.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// All of it: nothing is asked for, or what is not understood, or several parts, which a server may ignore.
    Whole,
    /// From the first to the last byte, both included.
    Part(u64, u64),
    /// None of it is there.
    Nothing,
}

impl Asked {
    /// What the header says of content of this size.
    pub(super) fn parse(range: &str, size: u64) -> Self {
        Self::read(range, size).unwrap_or(Self::Whole)
    }

    fn read(range: &str, size: u64) -> Option<Self> {
        let (unit, range) = range.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        let end = size.checked_sub(1);
        let (first, last) = match (first, last) {
            ("", length) => {
                let length = number(length)?;
                let Some(end) = end.filter(|_| length > 0) else { return Some(Self::Nothing) };
                (size.saturating_sub(length), end)
            }
            (first, "") => (number(first)?, u64::MAX),
            (first, last) => (number(first)?, number(last)?),
        };
        if first > last {
            return None;
        }
        Some(match end {
            Some(end) if first <= end => Self::Part(first, last.min(end)),
            _ => Self::Nothing,
        })
    }
}

/// One that is too large for us is too large for any content.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_to_the_content() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0, 0)),
            ("bytes=2-5", Asked::Part(2, 5)),
            ("Bytes=9-", Asked::Part(9, 9)),
            ("bytes=4-99999999999999999999999", Asked::Part(4, 9)),
            ("bytes=-3", Asked::Part(7, 9)),
            ("bytes=-30", Asked::Part(0, 9)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
        ] {
            assert_eq!(Asked::parse(range, 10), expected, "{range}");
        }
        for range in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(Asked::parse(range, 0), Asked::Nothing, "{range}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for range in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=+1-2", "items=0-1", "bytes=0-1,3-4"]
        {
            assert_eq!(Asked::parse(range, 10), Asked::Whole, "{range}");
        }
    }
}
