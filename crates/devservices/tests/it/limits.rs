//! The size of documents, as Frontdesk says it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Method;
use serde_json::json;

use crate::support::{self, Desk, Received, SERVICE_TOKEN, Upstream, expect, files, form};

const MIB: usize = 1024 * 1024;
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Frontdesk with a limit that can be changed.
async fn frontdesk(limit: &Arc<AtomicU64>) -> Upstream {
    let limit = Arc::clone(limit);
    Upstream::start(move |received: &Received| {
        let limit = limit.load(Ordering::Relaxed);
        let etag = format!("\"{limit}\"");
        if limit == 0 {
            return Response::builder().status(500).body(Body::empty()).unwrap();
        }
        if received.header("if-none-match") == etag {
            return Response::builder().status(304).header("etag", etag).body(Body::empty()).unwrap();
        }
        let mut answer = support::json(200, &json!({ "max_pdf_mb": limit, "updated_at": "2026-01-01T00:00:00.000Z" }));
        answer.headers_mut().insert("etag", etag.parse().unwrap());
        answer
    })
    .await
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_however_it_comes() {
    let limit = Arc::new(AtomicU64::new(1));
    let frontdesk = frontdesk(&limit).await;
    let desk = Desk::with(support::settings(&frontdesk.origin, "documents", AN_HOUR)).await;
    let user = desk.user();
    let over = "x".repeat(MIB + 1);
    let file = |content| form(user.post("/documents"), &[("name=\"file\"; filename=\"a\"", content)]);
    let chunks = |content: &str| {
        let chunks: Vec<_> =
            content.as_bytes().chunks(100_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        user.raw("a", reqwest::Body::wrap_stream(futures::stream::iter(chunks)))
    };
    let far_over = "x".repeat(2 * MIB);
    for request in [user.raw("a", over.clone()), chunks(&over), file(&over), file(&far_over)] {
        assert_eq!(expect(413, request).await, json!({ "detail": "More than 1 MiB is not accepted" }));
    }
    assert_eq!(files(desk.folder.path()), Vec::<String>::new());
    let just = &over[1..];
    for request in [user.raw("a", just.to_owned()), chunks(just), file(just)] {
        assert_eq!(expect(201, request).await["size"], MIB);
    }
}

#[tokio::test]
async fn the_limit_is_asked_for_with_the_token_and_kept_for_a_while() {
    let limit = Arc::new(AtomicU64::new(1));
    let frontdesk = frontdesk(&limit).await;
    let user = Desk::with(support::settings(&frontdesk.origin, "documents", AN_HOUR)).await.user();
    user.upload("a", "abc").await;
    limit.store(2, Ordering::Relaxed);
    expect(413, user.raw("a", "x".repeat(MIB + 1))).await;
    let received = frontdesk.received();
    assert_eq!(received.len(), 1);
    assert_eq!((&received[0].method, received[0].path.as_str()), (&Method::GET, "/internal/settings/documents"));
    assert_eq!(received[0].header("authorization"), format!("Bearer {SERVICE_TOKEN}"));
}

#[tokio::test]
async fn a_changed_limit_counts_and_the_last_one_stays_while_frontdesk_is_away() {
    let limit = Arc::new(AtomicU64::new(1));
    let frontdesk = frontdesk(&limit).await;
    let user = Desk::with(support::settings(&frontdesk.origin, "documents", Duration::ZERO)).await.user();
    let upload = || user.raw("a", "x".repeat(MIB + 1));
    expect(413, upload()).await;
    // Frontdesk answers 304 to this one.
    expect(413, upload()).await;
    limit.store(2, Ordering::Relaxed);
    expect(201, upload()).await;
    limit.store(1, Ordering::Relaxed);
    expect(413, upload()).await;
    limit.store(0, Ordering::Relaxed);
    expect(413, upload()).await;
    let tags: Vec<String> =
        frontdesk.received().iter().map(|received| received.header("if-none-match").to_owned()).collect();
    assert_eq!(tags, ["", "\"1\"", "\"1\"", "\"2\"", "\"1\""]);
}

#[tokio::test]
async fn without_an_answer_the_limit_is_25_mib() {
    let nowhere = support::nowhere().await;
    let user = Desk::with(support::settings(&nowhere, "documents", Duration::ZERO)).await.user();
    assert_eq!(expect(201, user.raw("a", "x".repeat(25 * MIB))).await["size"], 25 * MIB);
    let answer = expect(413, user.raw("a", "x".repeat(25 * MIB + 1))).await;
    assert_eq!(answer, json!({ "detail": "More than 25 MiB is not accepted" }));
}
