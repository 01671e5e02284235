//! How large an upload may be, and that one of any size is neither held in memory nor hurried.

use std::time::Duration;

use e2e::Upstream;
use futures::{Stream, StreamExt as _, stream};
use reqwest::{Body, Method};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::{Desk, MIB, body_of, echo, impatient, raw, request, unique};

/// What is allowed where the limit is 1 MiB: that, and what multipart puts around it.
const LIMIT: usize = MIB + 64 * 1024;

/// Where the limit is 1 MiB.
async fn strict() -> &'static Desk {
    static DESK: OnceCell<Desk> = OnceCell::const_new();
    DESK.get_or_init(|| async {
        let desk = Desk::start(|app| app).await;
        desk.app.database().raw("update documents_settings set max_pdf_mb = 1").await.unwrap();
        desk
    })
    .await
}

fn chunked(bytes: usize) -> Body {
    let sizes = stream::iter((0..bytes.div_ceil(64 * 1024)).map(move |at| (bytes - at * 64 * 1024).min(64 * 1024)));
    Body::wrap_stream(sizes.map(|size| Ok::<_, std::io::Error>(vec![b'a'; size])))
}

fn slowly(chunks: usize, pause: Duration) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static {
    stream::iter(0..chunks).then(move |at| async move {
        sleep(if at == 0 { Duration::ZERO } else { pause }).await;
        Ok(vec![b'a'; 1000])
    })
}

#[tokio::test]
async fn an_upload_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let desk = strict().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for body in [Body::from(vec![b'a'; LIMIT]), chunked(LIMIT)] {
        let received = echo(request(desk, &user, Method::POST, &format!("/{key}/small")).body(body)).await;
        assert_eq!(received.length, LIMIT as u64);
    }
    for body in [Body::from(vec![b'a'; LIMIT + 1]), chunked(LIMIT + 1), chunked(3 * MIB)] {
        let answer = request(desk, &user, Method::POST, &format!("/{key}/large")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        let json: Value = answer.json().await.unwrap();
        assert_eq!(json["code"], "upload_too_large");
    }
    // Of those without a length the service has seen a part, and that it is one; of the other nothing.
    let large = desk.upstream.received(&format!("{key}/large"));
    assert!(large.len() <= 2 && large.iter().all(|received| !received.is_whole), "{}", large.len());
}

#[tokio::test]
async fn an_upload_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let desk = strict().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    let headers = format!("content-length: {}\r\nexpect: 100-continue\r\n", 500 * MIB);
    let answer = raw(desk, &user, &format!("POST /api/documents/{key}"), &headers).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(body_of(&answer).contains("\"upload_too_large\""), "{answer}");
    assert_eq!(desk.upstream.received(&key).len(), 0);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_what_is_still_to_be_sent() {
    use tokio::io::AsyncReadExt as _;
    let desk = strict().await;
    let user = desk.app.user().await.unwrap();
    let headers = format!("content-length: {}\r\n", 500 * MIB);
    let began = std::time::Instant::now();
    let mut socket = super::begun(desk, &user, "POST /api/documents/x", &headers).await;
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
    // As long as what is sent is read on for.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_is_chunked_has_the_length_that_it_has() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let desk = strict().await;
    let user = desk.app.user().await.unwrap();
    for length in ["2", &(500 * MIB).to_string()] {
        let key = unique();
        let headers = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n");
        let mut socket = super::begun(desk, &user, &format!("POST /api/documents/{key}"), &headers).await;
        socket.write_all(b"5\r\nabcde\r\n0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(desk.upstream.received(&key)[0].body, b"abcde");
    }
    // The host would drop it.
    let chunked = raw(desk, &user, "GET /api/documents/x", "transfer-encoding: chunked\r\n").await;
    assert!(chunked.starts_with("HTTP/1.1 400 ") && chunked.contains("\"length_required\""), "{chunked}");
}

#[tokio::test]
async fn a_new_limit_counts_at_once() {
    let desk = Desk::start(|app| app).await;
    let user = desk.app.user().await.unwrap();
    for (statement, status) in [
        ("update documents_settings set max_pdf_mb = 1", 413),
        ("update documents_settings set max_pdf_mb = 2", 200),
        ("update documents_settings set max_pdf_mb = 1", 413),
    ] {
        desk.app.database().raw(statement).await.unwrap();
        let answer = request(&desk, &user, Method::PUT, "/x").body(vec![b'a'; 2 * MIB]).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_slow_upload_is_no_timeout() {
    let desk = impatient().await;
    let user = desk.app.user().await.unwrap();
    let body = Body::wrap_stream(slowly(5, Duration::from_millis(1500)));
    let received = echo(request(desk, &user, Method::POST, "/x").body(body)).await;
    assert_eq!(received.length, 5000);
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_not_arrive_as_if_it_were_whole() {
    use tokio::io::AsyncWriteExt as _;
    let desk = impatient().await;
    let user = desk.app.user().await.unwrap();
    for headers in ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n"] {
        let key = unique();
        let mut socket = super::begun(desk, &user, &format!("POST /api/documents/{key}"), headers).await;
        let part = if headers.starts_with("content-length") { "abc" } else { "3\r\nabc\r\n" };
        socket.write_all(part.as_bytes()).await.unwrap();
        let arrived = || desk.upstream.received(&key).first().is_some_and(|received| received.length == 3);
        wait_until(arrived).await;
        drop(socket);
        // The connection behind ends too, before the body does.
        wait_until(|| desk.upstream.received(&key)[0].is_over).await;
        assert!(!desk.upstream.received(&key)[0].is_whole, "{headers}");
    }
}

#[tokio::test]
async fn two_hundred_mebibytes_pass_either_way_without_being_held() {
    let desk = Desk::start(|app| app).await;
    desk.app.database().raw("update documents_settings set max_pdf_mb = 500").await.unwrap();
    let user = desk.app.user().await.unwrap();
    for (round, mebibytes) in [5, 200].into_iter().enumerate() {
        // What the first round has taken stays taken.
        let before = desk.app.host().resident_bytes().unwrap();
        let watch = Watch::of(&desk);

        let body = chunked(mebibytes * MIB);
        let up = watch.during(echo(request(&desk, &user, Method::POST, "/x").body(body))).await;
        assert_eq!((up.0.length, up.0.sha256.len()), ((mebibytes * MIB) as u64, 64));

        let down = watch.during(download(&desk, &user, mebibytes)).await;
        assert_eq!(down.0, (mebibytes * MIB) as u64);

        let grown = up.1.max(down.1).saturating_sub(before);
        assert!(round == 0 || grown < 32 * MIB as u64, "the host has grown by {} KiB", grown / 1024);
    }
    desk.app.stop().await.unwrap();
}

/// Its length, after each byte was looked at.
async fn download(desk: &Desk, user: &e2e::Caller, mebibytes: usize) -> u64 {
    let path = format!("/download/{mebibytes}");
    let mut answer = request(desk, user, Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.content_length(), Some((mebibytes * MIB) as u64));
    let mut at = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        let is_right = chunk.iter().zip(at..).all(|(byte, at)| *byte == Upstream::byte(at));
        assert!(is_right, "a wrong byte after {at}");
        at += chunk.len() as u64;
    }
    at
}

/// How much memory a host occupies at most while something happens.
struct Watch<'a>(&'a Desk);

impl<'a> Watch<'a> {
    fn of(desk: &'a Desk) -> Self {
        Self(desk)
    }

    async fn during<T>(&self, happening: impl Future<Output = T>) -> (T, u64) {
        let mut happening = std::pin::pin!(happening);
        let mut most = 0;
        loop {
            tokio::select! {
                output = happening.as_mut() => return (output, most),
                () = sleep(Duration::from_millis(20)) => most = most.max(self.0.app.host().resident_bytes().unwrap()),
            }
        }
    }
}

/// Waits for what is on its way, for ten seconds.
pub(super) async fn wait_until(is_so: impl Fn() -> bool) {
    let mut looks = 0;
    while !is_so() {
        looks += 1;
        assert!(looks < 500, "it did not come to pass");
        sleep(Duration::from_millis(20)).await;
    }
}
