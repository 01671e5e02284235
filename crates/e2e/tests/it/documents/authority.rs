//! What takes long ends when whoever asked for it may not have it any more.

use std::time::Duration;

use e2e::{App, Caller};
use reqwest::Method;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::uploads::wait_until;
use super::{Desk, begun, body_of, desk, request, unique};

/// Within which it is over, after the session or the grant has ended (API.md, section 3).
const LIMIT: Duration = Duration::from_secs(60);
/// How often a slow client sends something.
const PAUSE: Duration = Duration::from_millis(500);

/// An upload without an end that the service has begun to read.
async fn begun_upload(desk: &Desk, user: &Caller, key: &str) -> TcpStream {
    let line = format!("POST /api/documents/{key}");
    let mut socket = begun(desk, user, &line, "transfer-encoding: chunked\r\n").await;
    socket.write_all(b"3\r\nabc\r\n").await.unwrap();
    wait_until(|| desk.upstream.received(key).first().is_some_and(|received| received.length > 0)).await;
    socket
}

/// What is answered to somebody who goes on sending, slowly, until the connection ends.
async fn answer_while_sending(socket: TcpStream) -> String {
    let (mut from, mut to) = socket.into_split();
    let sending = async {
        while to.write_all(b"3\r\nabc\r\n").await.is_ok() {
            sleep(PAUSE).await;
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let mut answer = Vec::new();
        // Whoever is still sending when the connection ends may see a reset after the answer.
        let _ = from.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = async {
        tokio::select! {
            answer = reading => answer,
            () = sending => unreachable!(),
        }
    };
    timeout(LIMIT, answer).await.expect("the upload has not ended")
}

/// Reads on until the answer is over: what broke it off, if anything did.
async fn broken_off(mut answer: reqwest::Response) -> Option<reqwest::Error> {
    let reading = async {
        loop {
            match answer.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    };
    timeout(LIMIT, reading).await.expect("the answer has not ended")
}

async fn lock(app: &App, user: &Caller) {
    app.database().execute("update users set is_active = false where email = $1", &user.email).await.unwrap();
}

async fn end_sessions(app: &App, user: &Caller) {
    let delete = "delete from sessions where user_id = (select id from users where email = $1)";
    app.database().execute(delete, &user.email).await.unwrap();
}

#[tokio::test]
async fn an_upload_ends_when_the_account_is_locked() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    let socket = begun_upload(desk, &user, &key).await;
    lock(&desk.app, &user).await;
    let answer = answer_while_sending(socket).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(body_of(&answer).contains("\"session_ended\""), "{answer}");
    wait_until(|| desk.upstream.received(&key)[0].is_over).await;
    assert!(!desk.upstream.received(&key)[0].is_whole);
}

#[tokio::test]
async fn an_upload_and_a_stream_end_when_the_grant_is_taken_away() {
    let desk = Desk::start(|app| app).await;
    let (admin, user) = (desk.app.admin().await.unwrap(), desk.app.user().await.unwrap());
    desk.app.database().raw("update apps set default_access = 'granted' where key = 'documents'").await.unwrap();
    let grant = format!("/api/admin/apps/documents/users/{}", user.id().await.unwrap());
    assert_eq!(admin.send(admin.request(Method::PUT, &grant)).await.unwrap().status, 204);
    let key = unique();
    let socket = begun_upload(&desk, &user, &key).await;
    let stream = request(&desk, &user, Method::GET, "/sse").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert_eq!(admin.send(admin.request(Method::DELETE, &grant)).await.unwrap().status, 204);

    let (answer, error) = tokio::join!(answer_while_sending(socket), broken_off(stream));
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(body_of(&answer).contains("\"app_not_granted\""), "{answer}");
    assert!(error.is_some(), "the stream seems to be whole");
    wait_until(|| desk.upstream.received(&key)[0].is_over && desk.upstream.open_streams() == 0).await;
    assert!(!desk.upstream.received(&key)[0].is_whole);
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_without_a_length_breaks_off_when_the_session_has_ended() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let events = request(desk, &user, Method::GET, "/sse").send().await.unwrap();
    // One that is silent between its two chunks, for longer than anybody waits here.
    let silent = request(desk, &user, Method::GET, "/slow-body/2/300000").send().await.unwrap();
    assert_eq!((events.status().as_u16(), silent.status().as_u16()), (200, 200));
    end_sessions(&desk.app, &user).await;
    let (events, silent) = tokio::join!(broken_off(events), broken_off(silent));
    assert!(events.is_some() && silent.is_some(), "an answer seems to be whole");
    assert!(desk.app.log().iter().any(|line| line.contains("\"error.code\":\"session_ended\"")));
}

#[tokio::test]
async fn an_answer_with_a_length_runs_to_its_end_after_the_session_has_ended() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    // 40 seconds: longer than it takes until others break off. The short one goes through the component, the long one does not.
    let answers = [("/slow-body/16/2500", 16_000), ("/slow-body/80/500", 80_000)].map(|(path, length)| {
        let request = request(desk, &user, Method::GET, path).header("x-answer-content-length", length);
        async move { (request.send().await.unwrap(), length) }
    });
    let answers = futures::future::join_all(answers).await;
    end_sessions(&desk.app, &user).await;
    let bodies = answers.into_iter().map(|(answer, length)| async move {
        assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(length)));
        (answer.bytes().await.unwrap().len() as u64, length)
    });
    for (read, length) in timeout(LIMIT, futures::future::join_all(bodies)).await.expect("the answers") {
        assert_eq!(read, length);
    }
    assert_eq!(user.get("/api/documents/x").await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn an_upload_ends_also_after_its_answer_has_begun() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", service.local_addr().unwrap());
    let desk = Desk::start(|app| app.variable("documents_upstream", origin)).await;
    let user = desk.app.user().await.unwrap();
    let serving = async {
        let (mut socket, _) = service.accept().await.unwrap();
        let mut reader = BufReader::new(&mut socket);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(reader.read_line(&mut line).await.unwrap(), 0);
        }
        // The answer has a length, so that only the upload is there to be ended.
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.unwrap();
        let mut body = Vec::new();
        let _ = timeout(LIMIT, reader.read_to_end(&mut body)).await.expect("the upload has not ended");
        String::from_utf8_lossy(&body).into_owned()
    };
    let calling = async {
        let mut socket = begun(&desk, &user, "POST /api/documents/x", "transfer-encoding: chunked\r\n").await;
        socket.write_all(b"3\r\nabc\r\n").await.unwrap();
        let mut head = [0; 12];
        socket.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        lock(&desk.app, &user).await;
        answer_while_sending(socket).await
    };
    let (body, _) = tokio::join!(serving, calling);
    assert!(body.contains("abc") && !body.ends_with("0\r\n\r\n"), "{body:?}");
    desk.app.stop().await.unwrap();
}

/// After which nothing more is expected to be taken.
const STALLED: Duration = Duration::from_secs(2);

/// A chunk of one GiB begins.
const ENDLESS: &[u8] = b"40000000\r\n";

/// Writes until it fails, or nobody has taken anything for a while. Returns whether it is the latter.
async fn stalls(socket: &mut TcpStream) -> bool {
    loop {
        match timeout(STALLED, socket.write(&[b'x'; 64 * 1024])).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return false,
            Err(_) => return true,
        }
    }
}

/// The next connection to a service, once the head of its request was read.
async fn accepted(service: &TcpListener) -> TcpStream {
    let (socket, _) = service.accept().await.unwrap();
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(reader.read_line(&mut line).await.unwrap(), 0);
    }
    reader.into_inner()
}

/// How much comes until a connection ends, and whether its last bytes are those of a body that is whole.
async fn rest(socket: &mut TcpStream) -> (usize, bool) {
    let mut bytes = Vec::new();
    let _ = timeout(LIMIT, socket.read_to_end(&mut bytes)).await.expect("the connection has not ended");
    (bytes.len(), bytes.ends_with(b"0\r\n\r\n"))
}

#[tokio::test]
async fn an_answer_that_the_client_does_not_read_ends_too() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", service.local_addr().unwrap());
    let desk = Desk::start(|app| app.variable("documents_upstream", origin)).await;
    let user = desk.app.user().await.unwrap();
    let mut client = begun(&desk, &user, "GET /api/documents/x", "").await;
    let mut behind = accepted(&service).await;
    behind.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    behind.write_all(ENDLESS).await.unwrap();
    assert!(stalls(&mut behind).await, "the client seems to read");
    lock(&desk.app, &user).await;
    timeout(LIMIT, async { while stalls(&mut behind).await {} }).await.expect("the answer has not ended");
    let (length, is_whole) = rest(&mut client).await;
    assert!(length > 0 && !is_whole);
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_the_service_does_not_read_ends_too() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", service.local_addr().unwrap());
    let desk = Desk::start(|app| app.variable("documents_upstream", origin)).await;
    let user = desk.app.user().await.unwrap();
    let mut client = begun(&desk, &user, "POST /api/documents/x", "transfer-encoding: chunked\r\n").await;
    client.write_all(ENDLESS).await.unwrap();
    client.write_all(b"abc").await.unwrap();
    let mut behind = accepted(&service).await;
    // The answer has a length, so that only the upload is there to be ended.
    behind.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.unwrap();
    let mut head = [0; 12];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    assert!(stalls(&mut client).await, "the service seems to read");
    lock(&desk.app, &user).await;
    let is_cut = || desk.app.log().iter().any(|line| line.contains("\"error.code\":\"session_ended\""));
    timeout(LIMIT, async {
        while !is_cut() {
            sleep(PAUSE).await;
        }
    })
    .await
    .expect("the upload has not ended");
    // What was on its way before may still arrive, and nothing that the client sends now.
    let (rest, _) = tokio::join!(rest(&mut behind), stalls(&mut client));
    assert!(rest.0 > 0 && !rest.1);
    desk.app.stop().await.unwrap();
}
