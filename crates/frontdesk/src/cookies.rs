//! The cookies of a browser's session (API.md, section 2).

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// How many cookies of one name are looked at.
const MAX_SENT: usize = 3;

/// Which cookie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The access token, for every route.
    Access,
    /// The refresh token, which only `auth` reads.
    Refresh,
    /// Names the browser, which `auth` recognises as one from which somebody signed in before.
    Device,
}

/// How the cookies are called and sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// From the variable `cookie_secure`: whether browsers come over https. The names that say so are refused by browsers that
    /// do not, and cannot be set by a neighbouring host.
    ///
    /// # Errors
    /// When it is neither true nor false.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self { is_secure: true }),
            "false" => Ok(Self { is_secure: false }),
            _ => Err("is neither true nor false".to_owned()),
        }
    }

    /// The values that were sent, usually one. Another site of the same host may have set one of the same name beside it. No more
    /// than three: each costs a signature to verify.
    pub fn sent(self, kind: Kind, headers: &HeaderMap) -> Vec<String> {
        let name = self.name(kind);
        // Each by itself: another application's cookie, which may hold any bytes, must not hide ours.
        let pairs = headers.get_all(COOKIE).iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        let cookies = pairs.filter_map(|pair| Cookie::parse(std::str::from_utf8(pair).ok()?).ok());
        let ours = cookies.filter(|cookie| cookie.name() == name);
        ours.take(MAX_SENT).map(|cookie| cookie.value().to_owned()).collect()
    }

    /// `set-cookie` for one, which the browser keeps for so long.
    pub fn set(self, kind: Kind, value: &str, lifetime: Duration) -> Option<HeaderValue> {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let cookie = Cookie::build((self.name(kind), value))
            .http_only(true)
            .max_age(cookie::time::Duration::seconds(lifetime))
            .path("/")
            .same_site(SameSite::Lax)
            .secure(self.is_secure);
        let mut header = HeaderValue::from_str(&cookie.to_string()).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// `set-cookie` for those that end with a session.
    pub fn clear(self) -> impl Iterator<Item = HeaderValue> {
        [Kind::Access, Kind::Refresh].into_iter().filter_map(move |kind| self.clear_one(kind))
    }

    /// `set-cookie` that clears one.
    pub fn clear_one(self, kind: Kind) -> Option<HeaderValue> {
        self.set(kind, "", Duration::ZERO)
    }

    fn name(self, kind: Kind) -> &'static str {
        match (kind, self.is_secure) {
            (Kind::Access, true) => "__Host-fd_access",
            (Kind::Access, false) => "fd_access",
            (Kind::Refresh, true) => "__Host-fd_refresh",
            (Kind::Refresh, false) => "fd_refresh",
            (Kind::Device, true) => "__Host-fd_device",
            (Kind::Device, false) => "fd_device",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURE: Cookies = Cookies { is_secure: true };
    const PLAIN: Cookies = Cookies { is_secure: false };

    fn sent(cookies: Cookies, headers: &[&str]) -> Vec<String> {
        let pairs = headers.iter().map(|value| (COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        cookies.sent(Kind::Access, &pairs.collect())
    }

    #[test]
    fn the_names_say_whether_a_cookie_came_over_https() {
        let both = "__Host-fd_access=a; fd_access=b";
        assert_eq!(sent(SECURE, &[both]), ["a"]);
        assert_eq!(sent(PLAIN, &[both]), ["b"]);
        assert_eq!(sent(SECURE, &["x=1; __Host-fd_access=a", "__Host-fd_access=b"]), ["a", "b"]);
        assert_eq!(sent(SECURE, &[&"__Host-fd_access=a;".repeat(100)]), ["a", "a", "a"]);
        assert_eq!(sent(SECURE, &["theme=dünkel;__Host-fd_access=a ; x"]), ["a"]);
        for other in ["", "__Host-fd_access", ";;=", "fd_access_=1", "__host-fd_access=a", "x=__Host-fd_access=a"] {
            assert!(sent(SECURE, &[other]).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_of_other_sites() {
        let hour = Duration::from_secs(3600);
        assert_eq!(
            SECURE.set(Kind::Access, "a", hour).unwrap(),
            "__Host-fd_access=a; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
        );
        assert_eq!(
            PLAIN.set(Kind::Refresh, "b", hour).unwrap(),
            "fd_refresh=b; HttpOnly; SameSite=Lax; Path=/; Max-Age=3600"
        );
        let cleared: Vec<_> = SECURE.clear().map(|header| header.to_str().unwrap().to_owned()).collect();
        assert_eq!(
            cleared,
            [
                "__Host-fd_access=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
                "__Host-fd_refresh=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
            ]
        );
    }
}
