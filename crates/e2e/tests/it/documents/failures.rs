//! A service behind that is not there, does not answer, or breaks off.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::{App, Upstream};
use futures::{StreamExt as _, stream};
use reqwest::{Body, Method, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::{Desk, MIB, Scripted, begun, desk, echo, impatient, raw, request};

/// How much slower than it should be a machine of many tests may be.
const SLACK: Duration = Duration::from_secs(4);

async fn refused(answer: Response) -> (u16, String, Value) {
    let status = answer.status().as_u16();
    let json: Value = answer.json().await.unwrap();
    (status, json["code"].as_str().unwrap_or_default().to_owned(), json)
}

#[tokio::test]
async fn a_service_that_is_not_there_is_502_within_five_seconds() {
    let origin = Upstream::nowhere().unwrap();
    let app = App::builder().variable("documents_upstream", &origin).start().await.unwrap();
    let desk = Desk { app, upstream: Upstream::start().unwrap() };
    let user = desk.app.user().await.unwrap();
    let slow = stream::iter(0..4).then(|_| async {
        sleep(Duration::from_millis(300)).await;
        Ok::<_, std::io::Error>(vec![b'a'; 1000])
    });
    for body in [Body::from(""), Body::from(vec![b'a'; MIB]), Body::wrap_stream(slow)] {
        let began = Instant::now();
        let answer = request(&desk, &user, Method::POST, "/x").body(body).send().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let (status, code, json) = refused(answer).await;
        assert_eq!((status, code.as_str()), (502, "upstream_unavailable"));
        assert!(!json.to_string().contains(origin.trim_start_matches("http://")), "{json}");
    }
    // Only the log says why.
    assert!(desk.app.wait_for_log("upstream_unavailable").is_some());
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_comes_back_is_used_again() {
    let desk = Desk::start(|app| app).await;
    let user = desk.app.user().await.unwrap();
    assert_eq!(echo(request(&desk, &user, Method::GET, "/x")).await.method, "GET");
    let Desk { app, upstream } = desk;
    let origin = upstream.origin();
    drop(upstream);
    let url = format!("{}/api/documents/x", app.url());
    let get = || reqwest::Client::new().get(&url).bearer_auth(&user.token).send();
    super::uploads::wait_until(|| std::net::TcpStream::connect(origin.trim_start_matches("http://")).is_err()).await;
    assert_eq!(get().await.unwrap().status(), 502);
    let again = Upstream::at(origin.trim_start_matches("http://").parse().unwrap()).unwrap();
    assert_eq!(get().await.unwrap().status(), 200);
    assert_eq!(again.received("/x").len(), 1);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_504() {
    let desk = impatient().await;
    let user = desk.app.user().await.unwrap();
    for (method, path, body) in [
        (Method::GET, "/slow-head/60000", String::new()),
        (Method::POST, "/slow-head/60000", "a".repeat(1000)),
        (Method::DELETE, "/never", String::new()),
        // It does not even read what it is sent. The rest of so much is read by us, so that the client sees the answer.
        (Method::POST, "/never", "a".repeat(6 * MIB)),
    ] {
        let began = Instant::now();
        let answer = request(desk, &user, method, path).body(body).send().await.unwrap();
        let took = began.elapsed();
        let (status, code, _) = refused(answer).await;
        assert_eq!((status, code.as_str()), (504, "upstream_timeout"), "{path}");
        assert!((Duration::from_millis(900)..Duration::from_secs(3) + SLACK).contains(&took), "{path}: {took:?}");
    }
}

#[tokio::test]
async fn an_answer_that_begins_in_time_may_take_longer() {
    let desk = impatient().await;
    let user = desk.app.user().await.unwrap();
    let answer = request(desk, &user, Method::GET, "/slow-body/3/1500").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap().len(), 3000);
}

#[tokio::test]
async fn a_service_that_dies_on_the_way_leaves_no_answer_that_seems_whole() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for path in ["/die/length", "/die/chunked"] {
        let mut answer = request(desk, &user, Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut arrived = 0;
        let error = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => arrived += chunk.len(),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert!(error.is_some(), "{path}: {arrived} bytes seem to be all");
        assert_eq!(arrived, 1000, "{path}");
    }
}

#[tokio::test]
async fn a_short_answer_that_breaks_off_at_once_is_502() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", service.local_addr().unwrap());
    let app = App::builder().variable("documents_upstream", origin).start().await.unwrap();
    let user = app.user().await.unwrap();
    let serving = async {
        let (mut socket, _) = service.accept().await.unwrap();
        let mut request = BufReader::new(&mut socket).lines();
        while request.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.unwrap();
    };
    let (answer, ()) = tokio::join!(user.get("/api/documents/x"), serving);
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code()), (502, "upstream_unavailable".to_owned()));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_read_arrives() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let mut socket = begun(desk, &user, "POST /api/documents/early", "content-length: 10000000\r\n").await;
    socket.write_all(&[b'a'; 1000]).await.unwrap();
    // The rest is never sent: the answer does not wait for it.
    let mut head = [0; 12];
    tokio::time::timeout(Duration::from_secs(2) + SLACK, socket.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let mut rest = Vec::new();
    let expected = b"early";
    while !rest.ends_with(expected) {
        assert_ne!(socket.read_buf(&mut rest).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_a_service_has_refused_is_read_on_so_that_the_client_sees_why() {
    // It answers and reads no more, but stays until the test ends: a reset could overtake its answer.
    let (until_the_end, ended) = std::sync::mpsc::channel::<()>();
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", refusing.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut socket, _) = refusing.accept().unwrap();
        let _ = socket.read(&mut [0; 1000]);
        let answer = "HTTP/1.1 422 Refused\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        socket.write_all(answer.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = ended.recv();
    });
    let app = App::builder().variable("documents_upstream", &origin).start().await.unwrap();
    let desk = Desk { app, upstream: Upstream::start().unwrap() };
    let user = desk.app.user().await.unwrap();
    let mut socket = begun(&desk, &user, "POST /api/documents/x", "content-length: 4000000\r\n").await;
    for _ in 0..40 {
        socket.write_all(&[b'a'; 100_000]).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    drop(until_the_end);
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_none_is_502() {
    let service = Scripted::start(|path| {
        let status = path.rsplit('/').next()?;
        Some(format!("HTTP/1.1 {status} Odd\r\ncontent-length: 0\r\n\r\n"))
    });
    let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
    let user = app.user().await.unwrap();
    for status in ["101", "600", "999", "42"] {
        let answer = user.get(&format!("/api/documents/{status}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (502, "upstream_unavailable"), "{status}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_with_a_length_beside_chunks_is_as_long_as_its_chunks() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n";
    let service = Scripted::start(move |_| Some(format!("{head}\r\n5\r\nabcde\r\n0\r\n\r\n")));
    let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
    let desk = Desk { app, upstream: Upstream::start().unwrap() };
    let user = desk.app.user().await.unwrap();
    let answer = raw(&desk, &user, "GET /api/documents/x", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("content-length"), "{answer}");
    assert!(answer.ends_with("\r\n5\r\nabcde\r\n0\r\n\r\n"), "{answer}");
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn what_there_is_of_a_short_answer_goes_on_while_the_rest_is_not_there() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", service.local_addr().unwrap());
    let app = App::builder().variable("documents_upstream", origin).start().await.unwrap();
    let user = app.user().await.unwrap();
    let (has_arrived, body_may_leave) = oneshot::channel();
    let serving = async {
        let (mut socket, _) = service.accept().await.unwrap();
        let mut request = BufReader::new(&mut socket).lines();
        while request.next_line().await.unwrap().is_some_and(|line| !line.is_empty()) {}
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.unwrap();
        body_may_leave.await.unwrap();
        socket.write_all(b"later").await.unwrap();
        socket
    };
    let asking = async {
        let mut answer = user.request(Method::GET, "/api/documents/x").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(10)));
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
        has_arrived.send(()).unwrap();
        assert_eq!(answer.text().await.unwrap(), "later");
    };
    // Were the head held back, both would wait for ever.
    timeout(Duration::from_secs(10), async { tokio::join!(serving, asking) }).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_only_reads_is_asked_again_when_a_kept_connection_ends() {
    // Each path is answered once, and the connection ends when it is asked for again.
    let asked = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let seen = asked.clone();
    let service = Scripted::start(move |path| {
        let times = *seen.lock().unwrap().entry(path.to_owned()).and_modify(|times| *times += 1).or_insert(1);
        (times != 2).then(|| format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{times}"))
    });
    let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
    let desk = Desk { app, upstream: Upstream::start().unwrap() };
    let user = desk.app.user().await.unwrap();
    for (method, second) in [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 502), (Method::DELETE, 502)] {
        let path = format!("/{method}");
        let first = request(&desk, &user, method.clone(), &path).send().await.unwrap();
        assert_eq!(first.status(), 200, "{method}");
        first.bytes().await.unwrap();
        assert_eq!(request(&desk, &user, method.clone(), &path).send().await.unwrap().status(), second, "{method}");
        let times = asked.lock().unwrap()[&format!("/documents{path}")];
        assert_eq!(times, if second == 200 { 3 } else { 2 }, "{method}");
    }
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_to_the_service_is_kept_through_short_answers() {
    let connections = Arc::new(Mutex::new(HashSet::new()));
    let seen = connections.clone();
    let service = Scripted::start(move |path| {
        // Each connection has a thread of its own.
        seen.lock().unwrap().insert(std::thread::current().id());
        Some(match path.rsplit('/').next().unwrap() {
            "none" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            length => {
                let length = length.parse().unwrap();
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "a".repeat(length))
            }
        })
    });
    let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
    let desk = Desk { app, upstream: Upstream::start().unwrap() };
    let user = desk.app.user().await.unwrap();
    let answers = [("none", 0), ("0", 0), ("1", 1), ("16385", 16385), ("65536", 65536), ("65537", 65537)];
    for (path, length) in answers.into_iter().cycle().take(answers.len() * 4) {
        let answer = request(&desk, &user, Method::GET, &format!("/{path}")).send().await.unwrap();
        assert_eq!(answer.bytes().await.unwrap().len(), length, "{path}");
    }
    let connections = connections.lock().unwrap().len();
    // One may be asked for before the last is back.
    assert!(connections <= 4, "{connections} connections for 24 requests");
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn one_that_fails_does_not_fail_those_beside_it() {
    let desk = impatient().await;
    let user = desk.app.user().await.unwrap();
    let all = (0..12).map(|at| {
        let path = ["/slow-head/60000", "/die/length", "/slow-body/2/1500"][at % 3];
        let request = request(desk, &user, Method::GET, path);
        async move {
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (path, status, answer.bytes().await.map(|body| body.len()).ok())
        }
    });
    for (path, status, length) in futures::future::join_all(all).await {
        match path {
            "/slow-head/60000" => assert_eq!(status, 504),
            "/die/length" => assert_eq!((status, length), (200, None)),
            _ => assert_eq!((status, length), (200, Some(2000))),
        }
    }
}
