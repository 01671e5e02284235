//! What passes: method, path, query, body and status, as they are.

use bytes::Bytes;
use e2e::{App, Received, Upstream};
use futures::stream;
use http::Response;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use tokio::net::TcpStream;

use super::{Scripted, body_of, desk, echo, plain, raw, request, unique};

/// `hello\n`, compressed.
const GZIP: [u8; 26] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 0x02, 0x00, 0x20,
    0x30, 0x3a, 0x36, 0x06, 0x00, 0x00, 0x00,
];

#[tokio::test]
async fn every_method_passes_on_every_path() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for (path, expected) in [
            ("", "/documents"),
            ("/", "/documents/"),
            ("/one", "/documents/one"),
            ("/one/two/", "/documents/one/two/"),
            ("/one?a=1&b=%2F..%2F&c", "/documents/one?a=1&b=%2F..%2F&c"),
            ("?path=../../x//y", "/documents?path=../../x//y"),
            ("/a%20b/%C3%A4;v=1/x%2Fy", "/documents/a%20b/%C3%A4;v=1/x%2Fy"),
        ] {
            let method: Method = method.parse().unwrap();
            let received = echo(request(desk, &user, method.clone(), path)).await;
            assert_eq!((received.method.as_str(), received.target.as_str()), (method.as_str(), expected));
        }
    }
}

#[tokio::test]
async fn a_body_passes_as_it_is_and_none_stays_none() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
        let received = echo(request(desk, &user, method.clone(), "/x").body(body.clone())).await;
        assert_eq!((received.length, received.sha256), (100_000, Upstream::sha256(&body)), "{method}");
    }
    for method in [Method::POST, Method::DELETE, Method::GET, Method::OPTIONS] {
        let received = echo(request(desk, &user, method.clone(), "/x")).await;
        assert_eq!(received.length, 0, "{method}");
        assert_eq!(received.header("transfer-encoding"), Vec::<&str>::new(), "{method}");
    }
}

#[tokio::test]
async fn a_length_that_was_declared_stays_declared_and_any_other_body_is_chunked() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let sized = echo(request(desk, &user, Method::POST, "/x").body("abc")).await;
    assert_eq!((sized.header("content-length"), sized.header("transfer-encoding").len()), (vec!["3"], 0));
    let chunks = stream::iter(["ab", "", "c"].map(Ok::<_, std::io::Error>));
    let chunked = echo(request(desk, &user, Method::POST, "/x").body(reqwest::Body::wrap_stream(chunks))).await;
    assert_eq!((chunked.header("content-length").len(), chunked.header("transfer-encoding")), (0, vec!["chunked"]));
    assert_eq!(chunked.body, b"abc");
}

#[tokio::test]
async fn an_upload_over_http_2_needs_no_length() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let socket = TcpStream::connect(desk.address()).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    for (body, expected) in [(vec!["ab", "cd"], "abcd"), (vec![], "")] {
        let frames = body.into_iter().map(|chunk| Ok::<_, std::io::Error>(Frame::data(Bytes::from(chunk))));
        let request = http::Request::post(format!("{}/api/documents/h2", desk.app.url()))
            .header("authorization", format!("Bearer {}", user.token))
            .body(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let received = Received::from_json(&serde_json::from_slice(&body).unwrap());
        assert_eq!(String::from_utf8(received.body.clone()).unwrap(), expected);
        assert_eq!(received.header("x-forwarded-host"), [desk.address()]);
    }
    connection.abort();
}

#[tokio::test]
async fn trailers_do_not_pass() {
    // No library would send them to a client that did not ask for any.
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n";
    let service = Scripted::start(|_| Some(answer.to_owned()));
    let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
    let user = app.user().await.unwrap();
    // HTTP/2 would carry them.
    let socket = TcpStream::connect(app.url().trim_start_matches("http://")).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(format!("{}/api/documents/x", app.url()))
        .header("authorization", format!("Bearer {}", user.token))
        .header("te", "trailers")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.trailers(), None);
    assert_eq!(answer.to_bytes().as_ref(), b"abc");
    connection.abort();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn every_status_passes_with_the_services_own_body() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for status in [200, 201, 202, 400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 502, 503] {
        for method in [Method::GET, Method::POST] {
            let request =
                request(desk, &user, method, "/x").header("x-answer-status", status.to_string()).header("x-mine", "7");
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert!(answer.headers().contains_key("x-request-id"), "{status}");
            let received = Received::from_json(&answer.json().await.unwrap());
            assert_eq!(received.header("x-mine"), ["7"], "{status}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_the_clients_to_follow() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let request = request(desk, &user, Method::GET, "/x")
        .header("x-answer-status", "307")
        .header("x-answer-location", "/elsewhere");
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (307, &"/elsewhere".parse().unwrap()));
}

#[tokio::test]
async fn a_service_that_redirects_to_a_slash_is_followed_to_the_end() {
    let upstream = Upstream::answering(|received| {
        let answer = Response::builder();
        if received.target.ends_with('/') {
            return answer.body(received.target.clone().into()).unwrap();
        }
        answer.status(307).header("location", format!("{}/", received.target)).body("".into()).unwrap()
    });
    let upstream = upstream.unwrap();
    let app = App::builder().variable("documents_upstream", upstream.origin()).start().await.unwrap();
    // This client follows.
    let user = app.user().await.unwrap();
    for (path, reached) in
        [("", "/documents/"), ("/folder", "/documents/folder/"), ("/users/me", "/documents/users/me/")]
    {
        let answer = user.get(&format!("/api/documents{path}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, reached), "{path:?}");
    }
    assert_eq!(upstream.received("").len(), 6);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_slash_at_the_end_stays_whatever_the_service_answers() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for path in ["/", "/x/", "/x/?a=/", "/api/users/me/"] {
        assert_eq!(echo(request(desk, &user, Method::GET, path)).await.target, format!("/documents{path}"));
        for status in ["404", "405"] {
            let answer =
                request(desk, &user, Method::GET, path).header("x-answer-status", status).send().await.unwrap();
            assert_eq!(answer.status().as_str(), status, "{path}");
        }
    }
    let refused = request(desk, &desk.app.anonymous(), Method::GET, "/").send().await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn head_says_what_get_would_and_has_no_body() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let answer = raw(desk, &user, "HEAD /api/documents/download/3", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\ncontent-length: 3145728\r\n"), "{answer}");
    assert_eq!(body_of(&answer), "");
    // What has no length in advance does not get one of zero.
    let answer = raw(desk, &user, "HEAD /api/documents/chunked/x", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("content-length: 0"), "{answer}");
    let missing = raw(desk, &user, "HEAD /api/documents/x", "x-answer-status: 404\r\n").await;
    assert!(missing.starts_with("HTTP/1.1 404 ") && body_of(&missing).is_empty(), "{missing}");
}

#[tokio::test]
async fn no_content_and_not_modified_have_no_body_and_no_length() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let deleted = raw(desk, &user, "DELETE /api/documents/x", "x-answer-status: 204\r\n").await;
    assert!(deleted.starts_with("HTTP/1.1 204 "), "{deleted}");
    assert!(!deleted.contains("content-length") && !deleted.contains("transfer-encoding"), "{deleted}");
    let first = request(desk, &user, Method::GET, "/etag").send().await.unwrap();
    assert_eq!((first.status().as_u16(), &first.headers()["etag"]), (200, &"\"v1\"".parse().unwrap()));
    let again = raw(desk, &user, "GET /api/documents/etag", "if-none-match: \"v1\"\r\n").await;
    assert!(again.starts_with("HTTP/1.1 304 ") && again.contains("\r\netag: \"v1\"\r\n"), "{again}");
    assert!(!again.contains("transfer-encoding") && body_of(&again).is_empty(), "{again}");
}

#[tokio::test]
async fn a_part_can_be_asked_for() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let answer = request(desk, &user, Method::GET, "/range").header("range", "bytes=10-19").send().await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-range"], "bytes 10-19/1000");
    assert_eq!(answer.headers()["content-length"], "10");
    assert_eq!(answer.bytes().await.unwrap().as_ref(), (10..20).map(Upstream::byte).collect::<Vec<u8>>());
}

#[tokio::test]
async fn what_is_compressed_stays_compressed() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    let request = request(desk, &user, Method::POST, &format!("/mirror/{key}"))
        .header("content-encoding", "gzip")
        .header("accept-encoding", "gzip")
        .header("x-answer-content-encoding", "gzip")
        .body(GZIP.to_vec());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.bytes().await.unwrap().as_ref(), GZIP);
    let received = &desk.upstream.received(&key)[0];
    assert_eq!((received.header("content-encoding"), received.header("accept-encoding")), (vec!["gzip"], vec!["gzip"]));
}

#[tokio::test]
async fn other_paths_of_the_app_do_not_reach_the_service() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for path in [format!("/api/documentsx/{key}"), format!("/api/{key}"), format!("/documents/{key}")] {
        let url = format!("{}{path}", desk.app.url());
        let answer = plain().get(url).bearer_auth(&user.token).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(desk.upstream.received(&key).len(), 0);
}
