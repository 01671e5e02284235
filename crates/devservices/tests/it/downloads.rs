//! Downloading, whole and in parts.

use http::Method;
use reqwest::Response;
use serde_json::Value;

use crate::support::{Desk, User, id};

async fn digits() -> (Desk, User, Value) {
    let desk = Desk::start().await;
    let user = desk.user();
    let document = user.upload("Z%C3%A4hlen%20%22x%22.txt", "0123456789").await;
    (desk, user, document)
}

fn content(document: &Value) -> String {
    format!("/documents/{}/content", id(document))
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_download_says_what_it_is() {
    let (_desk, user, document) = digits().await;
    let answer = user.get(&content(&document)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/octet-stream");
    assert_eq!(header(&answer, "content-length"), "10");
    assert_eq!(header(&answer, "accept-ranges"), "bytes");
    assert_eq!(header(&answer, "etag"), format!("\"{}\"", document["sha256"].as_str().unwrap()));
    assert_eq!(
        header(&answer, "content-disposition"),
        "attachment; filename=\"Z_hlen _x_.txt\"; filename*=UTF-8''Z%C3%A4hlen%20%22x%22.txt"
    );
    assert_eq!(answer.text().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn head_is_the_download_without_its_content() {
    let (_desk, user, document) = digits().await;
    let request = user.request(Method::HEAD, &content(&document)).header("range", "bytes=0-1");
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "10"));
    assert_eq!(answer.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_part_can_be_downloaded() {
    let (_desk, user, document) = digits().await;
    for (range, part, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = user.get(&content(&document)).header("range", range).send().await.unwrap();
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(header(&answer, "content-range"), content_range);
        assert_eq!(header(&answer, "content-length"), part.len().to_string());
        assert_eq!(answer.text().await.unwrap(), part);
    }
}

#[tokio::test]
async fn a_part_that_is_not_there_is_refused() {
    let (_desk, user, document) = digits().await;
    let answer = user.get(&content(&document)).header("range", "bytes=10-").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (416, "bytes */10"));
    let empty = user.upload("empty", "").await;
    let answer = user.get(&content(&empty)).header("range", "bytes=0-").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (416, "bytes */0"));
    let answer = user.get(&content(&empty)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-length")), (200, "0"));
}

#[tokio::test]
async fn a_part_of_what_the_client_no_longer_has_is_the_whole() {
    let (_desk, user, document) = digits().await;
    let etag = format!("\"{}\"", document["sha256"].as_str().unwrap());
    for (tag, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
        let request = user.get(&content(&document)).header("range", "bytes=0-0").header("if-range", tag);
        assert_eq!(request.send().await.unwrap().status(), status, "{tag}");
    }
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let (_desk, user, document) = digits().await;
    let etag = format!("\"{}\"", document["sha256"].as_str().unwrap());
    for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let answer = user.get(&content(&document)).header("if-none-match", known).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "etag")), (304, etag.as_str()));
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let answer = user.get(&content(&document)).header("if-none-match", "\"other\"").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_large_document_comes_back_as_it_went() {
    let user = Desk::start().await.user();
    let large: Vec<u8> = (0..5_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let parts: Vec<_> = large.chunks(70_000).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(parts));
    let document: Value = user.raw("large", body).send().await.unwrap().json().await.unwrap();
    assert_eq!(document["size"], large.len());
    let answer = user.get(&content(&document)).send().await.unwrap();
    assert!(answer.bytes().await.unwrap() == large);
    let answer = user.get(&content(&document)).header("range", "bytes=4000000-4999999").send().await.unwrap();
    assert!(answer.bytes().await.unwrap() == large[4_000_000..]);
}
