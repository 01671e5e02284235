//! How often something may be tried that could be guessed or abused (API.md, section 3).
//!
//! Counted in Postgres, so that all replicas count together, and before anything is computed.

/// A limit: so many tries of one thing in so many seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// What is limited, and by which thing; the same name is in the migrations.
    pub(crate) kind: &'static str,
    tries: i32,
    pub(crate) seconds: i32,
}

const HOUR: i32 = 3600;

/// What a sign-in is counted by: the account from this address, the address, the account, and the device if it is a known one; the
/// account again for those that succeed; and the account from this address once more for those beyond the account's limit, which refuses
/// nothing by itself: it makes the interval of the address longer.
pub(crate) const LOGIN: [Limit; 6] = [
    Limit { kind: "login.account_and_ip", tries: 5, seconds: 15 * 60 },
    Limit { kind: "login.ip", tries: 30, seconds: 5 * 60 },
    Limit { kind: "login.account", tries: 20, seconds: HOUR },
    Limit { kind: "login.device", tries: 10, seconds: 15 * 60 },
    Limit { kind: LOGIN_SUCCESS, tries: 600, seconds: HOUR },
    Limit { kind: "login.beyond", tries: 5, seconds: 24 * HOUR },
];
/// The kind of the limit on sign-ins that succeed: a failed one is taken back.
pub(crate) const LOGIN_SUCCESS: &str = "login.success";
/// What a refresh is counted by: the session.
pub(crate) const REFRESH: [Limit; 1] = [Limit { kind: "refresh.session", tries: 120, seconds: HOUR }];
/// What a registration is counted by: the client's address and the e-mail address.
pub(crate) const REGISTER: [Limit; 2] = [
    Limit { kind: "register.ip", tries: 10, seconds: HOUR },
    Limit { kind: "register.address", tries: 3, seconds: HOUR },
];
/// The same of a password that was forgotten.
pub(crate) const FORGOT: [Limit; 2] =
    [Limit { kind: "forgot.ip", tries: 10, seconds: HOUR }, Limit { kind: "forgot.address", tries: 3, seconds: HOUR }];

/// The variable `rate_limit_scale`, by which every limit is multiplied.
#[derive(Clone, Copy, Debug)]
pub struct Scale(f64);

impl Scale {
    /// From the variable.
    ///
    /// # Errors
    /// When it is no number above zero, or a million or more.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(scale) if scale > 0.0 && scale < 1e6 => Ok(Self(scale)),
            _ => Err("is not a number above 0 and below 1000000".to_owned()),
        }
    }

    /// How many tries a limit allows: at least one.
    pub(crate) fn tries(self, limit: Limit) -> i32 {
        // Within i32: a limit is at most 600, and the scale below a million.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        let tries = (f64::from(limit.tries) * self.0).round() as i32;
        tries.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_multiplies_every_limit() {
        let tries = |scale: &str| LOGIN.map(|limit| Scale::parse(scale).unwrap().tries(limit));
        assert_eq!(tries("1"), [5, 30, 20, 10, 600, 5]);
        assert_eq!(tries("0.5"), [3, 15, 10, 5, 300, 3]);
        assert_eq!(tries("0.001"), [1, 1, 1, 1, 1, 1]);
        assert_eq!(tries("999999"), [4_999_995, 29_999_970, 19_999_980, 9_999_990, 599_999_400, 4_999_995]);
        for text in ["", "0", "-1", "NaN", "inf", "1000000", "x"] {
            assert!(Scale::parse(text).is_err(), "{text} passed");
        }
    }
}
