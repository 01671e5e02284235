//! Which headers pass, and which are added, in both directions (API.md, section 5).

use frontdesk::Result;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, ETAG, EXPECT, Entry, HOST, LINK, LOCATION, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFRESH, SERVER, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::asked::Asked;
use crate::mount::{BAD_REFERENCE, Mount};

/// Headers of one connection and not of the message (RFC 9110, 7.6.1, and what came before it). The list is fixed: Spin removes
/// `connection`, which would name others, before a component can read it.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// What the names begin with of what speaks for a whole origin or host, which are ours: who may read its answers, what browsers shall
/// know, forget or do for all of its pages, what a proxy before us shall do with the answer, and where it comes from.
const OF_OUR_ORIGIN: [&str; 31] = [
    "access-control-",
    "accept-ch",
    "activate-storage-access",
    "alt-svc",
    "attribution-reporting-",
    "cdn-cache-control",
    "clear-site-data",
    "cloudflare-cdn-cache-control",
    "critical-ch",
    "edge-control",
    "expect-ct",
    "nel",
    "observe-browsing-topics",
    "origin-agent-cluster",
    "proxy-status",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "secure-session-",
    "service-worker-allowed",
    "set-login",
    "shared-storage-write",
    "strict-transport-security",
    "surrogate-control",
    "use-as-dictionary",
    "via",
    "x-accel-",
    "x-lighttpd-",
    "x-litespeed-",
    "x-reproxy-url",
    "x-sendfile",
];

/// Credentials, which are ours alone; and what is between the client and us.
const KEPT_HERE: [HeaderName; 4] = [AUTHORIZATION, COOKIE, EXPECT, HOST];

/// Headers of an answer that are a reference. `x-sourcemap` is the older name of `sourcemap`.
const REFERENCES: [HeaderName; 4] =
    [LOCATION, CONTENT_LOCATION, HeaderName::from_static("sourcemap"), HeaderName::from_static("x-sourcemap")];

/// Headers of an answer that pass as they are, whatever they look like (API.md, section 5), and those in which addresses are looked for
/// in another way.
const READ_OTHERWISE: [HeaderName; 7] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_DISPOSITION, ETAG, LINK, REFRESH];

/// The blanks of headers; white space that Unicode knows besides is a letter like any other to browsers.
const BLANKS: [char; 2] = [' ', '\t'];

const DESTINATION: HeaderName = HeaderName::from_static("destination");
const IF: HeaderName = HeaderName::from_static("if");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the names begin with of what a client may not say: who it is, where it comes from, and what it asked for. Some of it is
/// ours to say; the rest a service may believe because proxies before others say it, or because its framework does.
const OURS: [&str; 59] = [
    "x-user",
    "spin-",
    "x-forwarded",
    "x-request-id",
    "traceparent",
    "tracestate",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-originating-ip",
    "x-remote-",
    "remote-",
    "x-webauth-",
    "x-auth-request-",
    "x-scheme",
    "x-host",
    "x-script-name",
    "script-name",
    "path-info",
    "x-envoy-",
    "x-middleware-subrequest",
    "x-accel-",
    "x-sendfile-type",
    // To CGI this is the variable that names a proxy for requests of its own (CVE-2016-5385).
    "proxy",
    "x-original-",
    "x-rewrite-url",
    "x-http-method-override",
    "x-http-method",
    "x-http-verb-override",
    "x-method-override",
    "x-http-host-override",
    "x-override-url",
    "x-url-scheme",
    "front-end-https",
    // In which proxies say whom they have let in.
    "cf-access-",
    "iv-",
    "sm-user",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-auth-user",
    "x-authenticated-",
    "x-authentik-",
    "x-client-cert",
    "x-client-verify",
    "x-consumer-",
    "x-credential-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "x-ssl-client",
    // In which they say where a client is.
    "fly-client-ip",
    "incap-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
];

/// What the service behind is told of the caller.
pub(crate) struct Caller<'a> {
    pub(crate) id: String,
    pub(crate) email: &'a str,
    pub(crate) role: &'a str,
    /// Ids, at most as many as are told.
    pub(crate) groups: &'a [String],
    /// Whether there are more.
    pub(crate) has_more_groups: bool,
    pub(crate) request_id: &'a str,
    pub(crate) ip: Option<String>,
    /// By which scheme.
    pub(crate) scheme: &'a str,
    /// Whom the client called.
    pub(crate) called: Option<&'a Authority>,
    pub(crate) traceparent: String,
}

/// The headers for the service behind.
pub(crate) fn for_upstream(given: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
    let mut headers = given.clone();
    // A body that is chunked is as long as it is, whatever else it was said to be (RFC 9112, 6.3).
    if is_chunked(given) {
        headers.remove(CONTENT_LENGTH);
    }
    for name in HOP_BY_HOP.iter().chain(&KEPT_HERE) {
        headers.remove(name);
    }
    // What others say of a trace goes on with it.
    let trace = |traceparent: &str| traceparent.get(..35).map(str::to_owned);
    let given_trace = given.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace);
    let is_continued = given_trace.is_some() && given_trace == trace(&caller.traceparent);
    let is_claimed =
        |name: &&HeaderName| is_ambiguous(name) || is_ours(name) && !(is_continued && **name == TRACESTATE);
    let claimed: Vec<HeaderName> = headers.keys().filter(is_claimed).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
    let groups = caller.groups.join(",");
    let called = caller.called.map(without_user).unwrap_or_default();
    for (name, value) in [
        ("x-user-id", caller.id.as_str()),
        ("x-user-email", caller.email),
        ("x-user-role", caller.role),
        ("x-user-groups", &groups),
        ("x-request-id", caller.request_id),
        ("x-forwarded-for", caller.ip.as_deref().unwrap_or_default()),
        ("x-forwarded-proto", caller.scheme),
        ("x-forwarded-host", called),
        ("traceparent", &caller.traceparent),
    ] {
        // A value that is no header value is left out; none of these can be one.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if caller.has_more_groups {
        headers.insert("x-user-groups-truncated", HeaderValue::from_static("true"));
    }
    headers
}

/// What WebDAV names resources in: where COPY and MOVE are to put something, of which there is one at most, and what conditions are
/// about. The service gets what it calls them itself.
///
/// # Errors
/// 400 `bad_path` when one is not below the prefix.
pub(crate) fn map_resources(headers: &mut HeaderMap, mount: &Mount, asked: &Asked<'_>) -> Result<()> {
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).map_err(|_| BAD_REFERENCE);
    if let Entry::Occupied(mut given) = headers.entry(DESTINATION) {
        let mut destinations = given.iter();
        let (Some(destination), None) = (destinations.next(), destinations.next()) else { return Err(BAD_REFERENCE) };
        let destination = std::str::from_utf8(destination.as_bytes()).map_err(|_| BAD_REFERENCE)?;
        let resource = mount.resource(destination, asked)?;
        given.insert(value(&resource.ok_or(BAD_REFERENCE)?)?);
    }
    if let Entry::Occupied(mut given) = headers.entry(IF) {
        for line in given.iter_mut() {
            if let Ok(conditions) = std::str::from_utf8(line.as_bytes()) {
                *line = value(&mount.conditions(conditions, asked)?)?;
            }
        }
    }
    Ok(())
}

/// Whether a service behind may take a header for another one: to CGI and what came after it (WSGI, PHP), `x_user.id` and `x-user-id`
/// are the same, and `script_name` is a variable of its own. Proxies do not pass such names either.
fn is_ambiguous(name: &HeaderName) -> bool {
    !name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_ours(name: &HeaderName) -> bool {
    OURS.iter().any(|ours| name.as_str().starts_with(ours))
}

/// Host and port.
fn without_user(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}

/// Whether the end of the body is found by reading it.
pub(crate) fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

/// How long the body is, if that is known beforehand.
pub(crate) fn body_length(headers: &HeaderMap) -> Option<u64> {
    if is_chunked(headers) { None } else { headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok() }
}

/// The headers for the client.
pub(crate) fn for_client(status: StatusCode, mut headers: HeaderMap, mount: &Mount, asked: &Asked<'_>) -> HeaderMap {
    if is_chunked(&headers) {
        headers.remove(CONTENT_LENGTH);
    }
    // An answer has no `host`, and the host refuses one that does.
    for name in HOP_BY_HOP.iter().chain(&[SET_COOKIE, SERVER, HOST]) {
        headers.remove(name);
    }
    let is_of_our_origin = |name: &&HeaderName| OF_OUR_ORIGIN.iter().any(|ours| name.as_str().starts_with(ours));
    let of_our_origin: Vec<HeaderName> = headers.keys().filter(is_of_our_origin).cloned().collect();
    for name in of_our_origin {
        headers.remove(name);
    }
    for name in &REFERENCES {
        replace(&mut headers, name, |location| mount.location(location, asked));
    }
    replace(&mut headers, &LINK, |links| mount.links(links, asked));
    replace(&mut headers, &REFRESH, |refresh| mount.refresh(refresh, asked));
    let names_service = |(name, value): &(&HeaderName, &HeaderValue)| {
        !REFERENCES.iter().chain(&READ_OTHERWISE).any(|other| *name == other)
            && mount.is_to_be_mapped(&String::from_utf8_lossy(value.as_bytes()), asked)
    };
    let naming: Vec<HeaderName> = headers.iter().filter(names_service).map(|(name, _)| name.clone()).collect();
    for name in &naming {
        replace(&mut headers, name, |text| mount.text(text, asked));
    }
    // Uploads are served on the origin of our cookies. Of several types a browser takes the last that it understands.
    // One that has no body changes nothing about the body that a browser has.
    let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let may_run = match headers.contains_key(CONTENT_TYPE) {
        true => headers.get_all(CONTENT_TYPE).iter().any(may_run),
        false => !is_bodiless,
    };
    if may_run {
        // Beside the service's own policy, if it has one: of several the strictest counts.
        headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
    // What is for one person must not be kept for another, and a service may not know that there are others.
    replace(&mut headers, &CACHE_CONTROL, |directives| {
        Some(without_shared(directives)).filter(|kept| !kept.is_empty())
    });
    if !headers.contains_key(CACHE_CONTROL) {
        if !is_bodiless {
            let is_json = headers.get(CONTENT_TYPE).is_some_and(is_json);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(if is_json { "no-store" } else { "private" }));
        }
    } else if !headers.get_all(CACHE_CONTROL).iter().any(is_private) {
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    // Any other scheme would have browsers ask for a password on our origin.
    replace(&mut headers, &WWW_AUTHENTICATE, bearer_challenges);
    if status == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    headers
}

/// What a line of `cache-control` says to the browser. What it says to shared caches is left out: who may use a service is asked anew
/// for every request.
fn without_shared(directives: &str) -> String {
    let is_shared = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        ["public", "s-maxage", "proxy-revalidate"].iter().any(|shared| name.eq_ignore_ascii_case(shared))
    };
    let kept: Vec<String> = split_outside_quotes(directives).unwrap_or_default();
    let kept = kept.iter().map(|directive| directive.trim());
    kept.filter(|directive| !directive.is_empty() && !is_shared(directive)).collect::<Vec<_>>().join(", ")
}

/// Whether a line of `cache-control` keeps shared caches from keeping an answer.
fn is_private(directives: &HeaderValue) -> bool {
    let Ok(directives) = directives.to_str() else { return false };
    directives
        .split(',')
        .map(str::trim)
        .any(|directive| directive.eq_ignore_ascii_case("private") || directive.eq_ignore_ascii_case("no-store"))
}

/// Of one line of challenges, each a scheme with perhaps parameters, those for Bearer tokens (RFC 9110, 11.6.1). What is malformed
/// belongs to the challenge before it, and takes it along: it may be read as another one.
fn bearer_challenges(line: &str) -> Option<String> {
    // Some browsers do not know that a backslash keeps a quote from ending a text.
    if line.contains('\\') {
        return None;
    }
    let mut kept: Vec<String> = Vec::new();
    let mut bearer: Option<String> = None;
    let parts = split_outside_quotes(line)?;
    for part in parts.iter().map(|part| part.trim_matches(BLANKS)).filter(|part| !part.is_empty()) {
        if is_parameter(part) {
            if let Some(challenge) = &mut bearer {
                let separator = if challenge.contains(BLANKS) { ", " } else { " " };
                challenge.push_str(&format!("{separator}{part}"));
            }
            continue;
        }
        let (scheme, parameter) = part.split_once(BLANKS).unwrap_or((part, ""));
        if is_token(scheme) {
            kept.extend(bearer.take());
        }
        let parameter = parameter.trim_start_matches(BLANKS);
        let is_bearer = scheme.eq_ignore_ascii_case("bearer") && (parameter.is_empty() || is_parameter(parameter));
        bearer = is_bearer.then(|| part.to_owned());
    }
    kept.extend(bearer);
    (!kept.is_empty()).then(|| kept.join(", "))
}

/// Whether a text is `name=value`, where the value is a quoted string (RFC 9110, 11.2) or anything else that holds neither blanks nor
/// quotes: some services do not quote URLs.
fn is_parameter(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    let value = value.trim_start_matches(BLANKS);
    let is_bare = || !value.starts_with('=') && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    let is_quoted = || {
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        quoted.is_some_and(|quoted| !quoted.contains('"'))
    };
    is_token(name.trim_end_matches(BLANKS)) && !value.is_empty() && (is_bare() || is_quoted())
}

/// Puts something else in the place of each value of a header, or nothing.
fn replace(headers: &mut HeaderMap, name: &HeaderName, ours: impl Fn(&str) -> Option<String>) {
    let theirs: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    // What is no text may hold what it should not.
    let texts = theirs.iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    for value in texts.filter_map(ours).filter_map(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
        headers.append(name, value);
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    let text = String::from_utf8_lossy(content_type.as_bytes()).to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// Whether a browser might run something in it. All does not but a few kinds of types: what is no content type might, because browsers
/// differ in where they cut one.
fn may_run(content_type: &HeaderValue) -> bool {
    let text = String::from_utf8_lossy(content_type.as_bytes());
    let Some(content_types) = split_outside_quotes(&text) else { return true };
    content_types.iter().any(|content_type| {
        let essence = content_type.split(';').next().unwrap_or_default().trim_matches([' ', '\t']).to_ascii_lowercase();
        let Some((kind, subtype)) = essence.split_once('/') else { return true };
        let is_passive = match kind {
            "image" | "audio" | "video" | "font" => !subtype.ends_with("+xml"),
            "text" => matches!(subtype, "plain" | "csv" | "markdown" | "event-stream" | "calendar"),
            "application" => {
                matches!(subtype, "json" | "pdf" | "octet-stream" | "zip" | "gzip" | "x-ndjson" | "msword" | "rtf")
                    || subtype.ends_with("+json")
                    || ["vnd.openxmlformats-officedocument.", "vnd.oasis.opendocument.", "vnd.ms-"]
                        .iter()
                        .any(|office| subtype.starts_with(office) && !subtype.ends_with("xml"))
            }
            _ => false,
        };
        !is_passive || !is_token(subtype)
    })
}

/// The parts between commas; `None` when a quote has no end.
fn split_outside_quotes(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            ',' if !is_quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = is_quoted && letter == '\\' && !is_escaped;
        parts.last_mut()?.push(letter);
    }
    (!is_quoted).then_some(parts)
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The next step of the trace that a caller is in, or the first of a new one (W3C Trace Context, 3.2).
pub(crate) fn traceparent(given: &HeaderMap, trace: Uuid, step: Uuid) -> String {
    let continued = given.get("traceparent").and_then(|value| value.to_str().ok()).and_then(trace_of);
    let (trace, flags) = continued.unwrap_or_else(|| (trace.simple().to_string(), "01".to_owned()));
    // A step has half as many digits as a trace.
    format!("00-{trace}-{:.16}-{flags}", step.simple().to_string())
}

fn trace_of(traceparent: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    match parts.as_slice() {
        ["00", trace, parent, flags]
            if is_hex(trace, 32) && is_hex(parent, 16) && (is_hex(flags, 2) || *flags == "00") =>
        {
            Some(((*trace).to_owned(), (*flags).to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use frontdesk::csrf::PublicOrigins;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn mount() -> Mount {
        Mount::new("/api/documents", "http://docs.internal:8001", "/documents")
    }

    fn asked(public: &PublicOrigins) -> Asked<'_> {
        Asked::of("https://desk.example.com/api/documents/a", "http://docs.internal:8001/documents/a", public)
    }

    fn answer(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        answered(StatusCode::OK, headers(pairs))
    }

    fn answered(status: StatusCode, headers: HeaderMap) -> HeaderMap {
        for_client(status, headers, &mount(), &asked(&PublicOrigins::default()))
    }

    fn caller(host: &Authority) -> Caller<'_> {
        Caller {
            id: "7".to_owned(),
            email: "ada@example.com",
            role: "user",
            groups: &[],
            has_more_groups: false,
            request_id: "r",
            ip: Some("10.0.0.9".to_owned()),
            scheme: "https",
            called: Some(host),
            traceparent: "t".to_owned(),
        }
    }

    #[test]
    fn a_service_does_not_speak_for_our_origin() {
        let answered = answer(&[
            ("access-control-allow-origin", "https://evil.example.com"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-private-network", "true"),
            ("clear-site-data", "\"cookies\""),
            ("service-worker-allowed", "/"),
            ("strict-transport-security", "max-age=0"),
            ("alt-svc", "h3=\":443\""),
            ("nel", "{}"),
            ("report-to", "{}"),
            ("reporting-endpoints", "a=\"https://evil.example.com\""),
            ("accept-ch", "dpr"),
            ("origin-agent-cluster", "?1"),
            ("x-accel-redirect", "/etc/passwd"),
            ("x-accel-buffering", "no"),
            ("set-login", "logged-in"),
            ("cache-control", "private"),
            ("content-type", "text/plain"),
        ]);
        assert_eq!(answered.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["content-type", "cache-control"]);
    }

    #[test]
    fn nobody_says_of_themselves_who_they_are_however_it_is_spelt() {
        let given = headers(&[
            ("x-user-id", "1"),
            ("x_user_id", "1"),
            ("x-user_role", "admin"),
            ("x-user-anything", "1"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-request_id", "x"),
            ("x.user.id", "1"),
            ("x-user~id", "1"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x-original-url", "/admin"),
            ("x-original-method", "DELETE"),
            ("x-http-method-override", "DELETE"),
            ("x_http_method.override", "DELETE"),
            ("x-http-method", "DELETE"),
            ("x-method_override", "DELETE"),
            ("spin-client-addr", "6.6.6.6:1"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("te", "trailers"),
            ("script_name", "/documents"),
            ("transfer_encoding", "chunked"),
            ("proxy", "http://evil.example"),
            ("remote-groups", "admins"),
            ("x-forwarded", "for=6.6.6.6"),
            ("x-script-name", "/x"),
            ("accept", "*/*"),
        ]);
        let forwarded = for_upstream(&given, &caller(&Authority::from_static("evil@desk.example.com:3000")));
        let mut names: Vec<&str> = forwarded.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "accept",
            "traceparent",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
            "x-user-email",
            "x-user-groups",
            "x-user-id",
            "x-user-role",
        ];
        assert_eq!(names, expected);
        assert_eq!(forwarded["x-user-id"], "7");
        assert_eq!(forwarded["x-user-role"], "user");
        assert_eq!(forwarded["x-forwarded-for"], "10.0.0.9");
        assert_eq!(forwarded["x-forwarded-host"], "desk.example.com:3000");
    }

    #[test]
    fn a_destination_is_mapped_and_there_is_one_at_most() {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = headers(pairs);
            map_resources(&mut headers, &mount(), &asked(&PublicOrigins::default())).map(|()| headers)
        };
        assert_eq!(map(&[("destination", "/api/documents/b")]).unwrap()["destination"], "/documents/b");
        assert!(map(&[]).unwrap().is_empty());
        for destination in ["/api/people", ""] {
            assert!(map(&[("destination", destination)]).is_err(), "{destination}");
        }
        assert!(map(&[("destination", "/api/documents/b"), ("destination", "/api/documents/c")]).is_err());
    }

    #[test]
    fn conditions_are_mapped_line_by_line_and_a_copy_of_s3_is_not() {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = headers(pairs);
            map_resources(&mut headers, &mount(), &asked(&PublicOrigins::default())).map(|()| headers)
        };
        let given = [("if", "</api/documents/b> (<urn:a>)"), ("if", "(<urn:b>)"), ("x-amz-copy-source", "/bucket/b")];
        let mapped = map(&given).unwrap();
        let lines: Vec<_> = mapped.get_all("if").iter().collect();
        assert_eq!(lines, ["</documents/b> (<urn:a>)", "(<urn:b>)"]);
        assert_eq!(mapped["x-amz-copy-source"], "/bucket/b");
        assert!(map(&[("if", "(<urn:b>)"), ("if", "</api/people> (<urn:a>)")]).is_err());
    }

    #[test]
    fn no_header_holds_the_address_of_the_service() {
        for (name, theirs, ours) in [
            ("sourcemap", "http://docs.internal:8001/documents/app.js.map", Some("/api/documents/app.js.map")),
            ("x-sourcemap", "/documents/app.js.map", Some("/api/documents/app.js.map")),
            ("sourcemap", "http://docs.internal:8001/app.js.map", None),
            ("x-pingback", "http://docs.internal:8001/xmlrpc", None),
            ("operation-location", "http://docs.internal:8001/documents/jobs/7", Some("/api/documents/jobs/7")),
            ("x-backend-server", "docs.internal", None),
            ("x-upstream", "docs.internal:8001", None),
            ("x-served-by", "a, docs.internal:8001", None),
            ("x-powered-by", "docs", Some("docs")),
            // These pass whatever they look like.
            ("content-disposition", "attachment; filename=docs.internal", Some("attachment; filename=docs.internal")),
            ("etag", "\"http://docs.internal:8001/\"", Some("\"http://docs.internal:8001/\"")),
            // Where it stands in a query, it is the service itself that reads it.
            (
                "location",
                "/documents?to=http://docs.internal:8001/",
                Some("/api/documents?to=http://docs.internal:8001/"),
            ),
        ] {
            let answer = answer(&[(name, theirs)]);
            assert_eq!(answer.get(name).map(|value| value.to_str().unwrap()), ours, "{name}: {theirs}");
        }
        let token = "Bearer realm=\"http://docs.internal:8001/token\"";
        let answer = answered(StatusCode::UNAUTHORIZED, headers(&[("www-authenticate", token)]));
        assert_eq!(answer["www-authenticate"], "Bearer");
    }

    #[test]
    fn a_header_in_another_script_stays_as_it_is() {
        let name = HeaderValue::from_bytes(b"\xdcbersicht").unwrap();
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-name"), name.clone())]);
        assert_eq!(answered(StatusCode::OK, headers)["x-name"], name);
    }

    #[test]
    fn a_length_beside_chunks_is_none() {
        let both = headers(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
        assert_eq!(body_length(&both), None);
        let forwarded = for_upstream(&both, &caller(&Authority::from_static("desk.example.com")));
        assert!(!forwarded.contains_key("content-length") && !forwarded.contains_key("transfer-encoding"));
        let answer = answered(StatusCode::OK, both);
        assert!(!answer.contains_key("content-length") && !answer.contains_key("transfer-encoding"));
        assert_eq!(body_length(&headers(&[("content-length", "5")])), Some(5));
    }

    #[test]
    fn what_is_for_one_person_is_not_kept_for_another() {
        assert_eq!(answer(&[("content-type", "application/pdf")])["cache-control"], "private");
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert_eq!(answer(&[("content-type", json)])["cache-control"], "no-store", "{json}");
        }
        for (theirs, ours) in [
            ("public, max-age=60", "max-age=60, private"),
            ("max-age=60, S-MaxAge=3600, proxy-revalidate", "max-age=60, private"),
            ("private, max-age=60", "private, max-age=60"),
            ("private=\"set-cookie, x\"", "private=\"set-cookie, x\", private"),
            ("No-Store", "No-Store"),
            ("no-transform", "no-transform, private"),
            ("public", "private"),
            ("", "private"),
        ] {
            assert_eq!(
                answer(&[("cache-control", theirs)])
                    .get_all("cache-control")
                    .iter()
                    .map(|line| line.to_str().unwrap())
                    .collect::<Vec<_>>()
                    .join(", "),
                ours,
                "{theirs}"
            );
        }
    }

    #[test]
    fn who_is_not_known_to_the_service_is_told_how_to_be() {
        let answer = |pairs| answered(StatusCode::UNAUTHORIZED, headers(pairs));
        assert_eq!(answer(&[])["www-authenticate"], "Bearer");
        assert_eq!(answer(&[("www-authenticate", "bearer realm=\"x\"")])["www-authenticate"], "bearer realm=\"x\"");
        assert_eq!(answer(&[("www-authenticate", "Basic realm=\"x\"")])["www-authenticate"], "Bearer");
    }

    #[test]
    fn of_all_challenges_those_for_bearer_tokens_pass() {
        for (line, kept) in [
            ("Basic realm=\"a, b\", Bearer realm=\"c\", error=\"d, e\"", Some("Bearer realm=\"c\", error=\"d, e\"")),
            ("Bearer, Basic realm=\"x\"", Some("Bearer")),
            ("Negotiate, BEARER scope = \"a\" , error=x, NTLM", Some("BEARER scope = \"a\", error=x")),
            ("Digest realm=\"Bearer x\", nonce=\"Bearer\"", None),
            ("Negotiate YWJj==, Basic realm=x", None),
            (", ,Bearer realm=x,,", Some("Bearer realm=x")),
            ("Bearers realm=x", None),
            ("Basic realm=\"x, Bearer", None),
            ("realm=\"x\"", None),
            ("Bearer realm=\"a\" Basic realm=\"b\"", None),
            ("Bearer realm=a Basic realm=b", None),
            ("Bearer Basic realm=\"b\"", None),
            ("Bearer realm=\"a\"Basic realm=\"b\"", None),
            ("Bearer realm=\"a\", error=\"c\" Basic realm=\"b\"", None),
            ("Bearer realm=\"a\", error=\"c\" Basic realm=\"b\", scope=d", None),
            ("Bearer realm=\"a\", Basic realm=\"b\" Bearer realm=\"c\"", Some("Bearer realm=\"a\"")),
            ("Bearer YWJj==", None),
            ("Bearer realm=", None),
            ("Bearer \"realm\"=a", None),
            ("Bearer/1 realm=a", None),
            // A browser that does not know escapes reads two challenges.
            ("Bearer realm=\"a\\\", Basic realm=\\\"b\"", None),
            ("Bearer realm=\"a\", Basic \u{a0}=\"b\"", Some("Bearer realm=\"a\"")),
            ("Bearer realm=\"a\", Basic \u{2003}=\"b\"", Some("Bearer realm=\"a\"")),
            (
                "Bearer authorization_uri=https://login.example.com/a?b=c, Basic realm=\"x\", Federated",
                Some("Bearer authorization_uri=https://login.example.com/a?b=c"),
            ),
            ("Bearer realm=\"\"", Some("Bearer realm=\"\"")),
            ("Bearer realm=\"a\", Bearer realm=\"b\"", Some("Bearer realm=\"a\", Bearer realm=\"b\"")),
            ("Bearer, realm=a, error=b", Some("Bearer realm=a, error=b")),
            ("", None),
        ] {
            assert_eq!(bearer_challenges(line).as_deref(), kept, "{line}");
        }
        let twice = headers(&[("www-authenticate", "Basic realm=x"), ("www-authenticate", "Bearer realm=x")]);
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::OK] {
            let answer = answered(status, twice.clone());
            assert_eq!(answer.get_all("www-authenticate").iter().collect::<Vec<_>>(), ["Bearer realm=x"], "{status}");
        }
        let basic = headers(&[("www-authenticate", "Basic realm=x")]);
        assert!(!answered(StatusCode::OK, basic).contains_key("www-authenticate"));
    }

    #[test]
    fn what_a_browser_would_run_is_sandboxed() {
        for content_type in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/xml",
            "text/plain, text/html",
            "text/plain; charset=utf-8,text/html",
            "multipart/x-mixed-replace; boundary=x",
            "text/html charset=utf-8",
            "text/html(x)",
            "text/html\tx",
            "application/xml x",
            "image/svg+xml x",
            "text /html",
            "text/plain; x=\", text/html",
            "text/plain; x=\"\\\", text/html",
            "text/",
            "html",
            "",
            "text/html5",
            "text/javascript",
            "application/xslt+xml",
            "application/vnd.ms-word.x+xml",
            "message/rfc822",
            "multipart/related",
            "application/x-shockwave-flash",
        ] {
            let answer = answer(&[("content-type", content_type)]);
            assert_eq!(answer["content-security-policy"], "sandbox", "{content_type}");
        }
        let twice = answer(&[("content-type", "text/plain"), ("content-type", "text/html")]);
        assert_eq!(twice["content-security-policy"], "sandbox");
        assert_eq!(answer(&[])["content-security-policy"], "sandbox");
        for status in [StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT] {
            assert!(answered(status, headers(&[("etag", "\"1\"")])).len() == 1, "{status}");
        }
        let passive = [
            "text/plain",
            "application/pdf",
            "application/json",
            "image/png",
            "IMAGE/JPEG",
            "video/mp4",
            "text/csv; charset=utf-8",
            "application/problem+json",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/octet-stream",
        ];
        let named = ["application/pdf; name=\"Report, final.pdf\"", "application/pdf; name=\"a\\\"b, c.pdf\""];
        for content_type in passive.into_iter().chain(named) {
            let answer = answer(&[("content-type", content_type)]);
            assert!(!answer.contains_key("content-security-policy"), "{content_type}");
        }
    }

    #[test]
    fn a_name_of_a_file_in_another_script_makes_nothing_run() {
        let pdf = HeaderValue::from_bytes(b"application/pdf; name=\"\xdc.pdf\"").unwrap();
        assert!(!may_run(&pdf));
        assert!(may_run(&HeaderValue::from_bytes(b"text/html; name=\"\xdc\"").unwrap()));
        assert!(may_run(&HeaderValue::from_bytes(b"te\xdct/plain").unwrap()));
    }

    #[test]
    fn what_others_say_of_a_trace_goes_on_with_it() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let given = headers(&[("traceparent", trace), ("tracestate", "a=b")]);
        let host = Authority::from_static("desk.example.com");
        let next = |traceparent: String| for_upstream(&given, &Caller { traceparent, ..caller(&host) });
        assert_eq!(next(trace.replace("00f067aa0ba902b7", "0202020202020202"))["tracestate"], "a=b");
        assert!(!next(trace.replace("4bf9", "5bf9")).contains_key("tracestate"));
    }

    #[test]
    fn a_trace_is_continued_if_it_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let next = |given: &'static str| {
            traceparent(&headers(&[("traceparent", given)]), Uuid::from_bytes([1; 16]), Uuid::from_bytes([2; 16]))
        };
        let continued = format!("00-{trace}-0202020202020202-00");
        assert_eq!(next("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), continued);
        let begun = "00-01010101010101010101010101010101-0202020202020202-01";
        for given in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(next(given), begun, "{given}");
        }
    }
}
