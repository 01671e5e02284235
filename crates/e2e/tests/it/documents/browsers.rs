//! What a browser sends through the proxy, signed in by its cookie.

use reqwest::Method;

use super::{desk, unique};

#[tokio::test]
async fn a_page_of_ours_uploads_and_the_service_sees_no_cookie() {
    let (desk, key) = (desk().await, unique());
    let mut browser = desk.app.browser().await.unwrap();
    let upload = browser.from_our_page(Method::POST, &format!("/api/documents/{key}")).body("report");
    assert_eq!(browser.send(upload).await.unwrap().status, 200);
    let received = desk.upstream.received(&key);
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("x-user-email"), [browser.email()]);
    assert!(received[0].header("cookie").is_empty());
}

#[tokio::test]
async fn nothing_that_another_site_sends_reaches_the_service() {
    let (desk, key) = (desk().await, unique());
    let mut browser = desk.app.browser().await.unwrap();
    let path = format!("/api/documents/{key}");
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = browser.request(method, &path).header("sec-fetch-site", "cross-site").body("x".repeat(100_000));
        let answer = browser.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"));
    }
    assert!(desk.upstream.received(&key).is_empty());
    // A link to a document is no upload.
    let link = browser.request(Method::GET, &path).header("sec-fetch-site", "cross-site");
    assert_eq!(browser.send(link).await.unwrap().status, 200);
}
