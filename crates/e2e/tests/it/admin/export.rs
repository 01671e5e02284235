//! GET /api/admin/users as CSV, for somebody who reads it slowly.

use std::time::Duration;

use e2e::App;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::USERS;

/// How many pages there are, of a thousand rows each.
const PAGES: usize = 12;
/// A bit more than a thousand bytes for each row: all of it is more than the sockets on the way hold (4 MiB, unless somebody has
/// changed `tcp_wmem`).
const MANY: &str = "
insert into users (email, full_name, password_hash)
select 'person' || lpad(n::text, 200, '0') || '@example.com', repeat('\u{1f600}', 200), '-' from generate_series(1, 12000) n";
/// How long the rest may take that is on its way.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_file_breaks_off_when_its_reader_is_no_administrator_any_more() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(MANY).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let host = app.url().trim_start_matches("http://");
    let mut stream = socket.connect(host.parse().unwrap()).await.unwrap();
    let request = format!(
        "GET {USERS} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\naccept: text/csv\r\nauthorization: Bearer {}\r\n\r\n",
        admin.token
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    app.database().execute("update users set role = 'user' where email = $1", &admin.email).await.unwrap();
    let mut file = Vec::new();
    // A connection that breaks off may end with a reset.
    let _ = timeout(LIMIT, stream.read_to_end(&mut file)).await.expect("an end");
    assert!(!file.ends_with(b"\r\n0\r\n\r\n"), "the file seems to be whole");
    let rows = file.windows(8).filter(|bytes| bytes == b"\",\"user\"").count();
    assert!((1000..PAGES * 1000).contains(&rows), "{rows} rows");
    assert!(app.wait_for_log("\"error.code\":\"admin_required\"").is_some());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_knows_the_length_of_a_file_before_it_is_written() {
    let admin = crate::admin().await;
    for path in [USERS, "/api/admin/audit"] {
        let request = admin.request(Method::HEAD, path).header("accept", "text/csv");
        let answer = admin.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, ""), "{path}");
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8", "{path}");
    }
}
