//! Another feature service: a second component of the same build, in `spin.toml` and variables alone.

use std::path::Path;

use e2e::{App, Upstream};
use reqwest::Method;
use serde_json::json;

use super::{MIB, echo};

const COMPONENT: &str = r#"[[trigger.http]]
route = "/api/reports/..."
component = "reports"

[component.reports]
source = "target/components/documents.wasm"
allowed_outbound_hosts = ["{{ database_host }}", "{{ reports_upstream }}"]

[component.reports.variables]
app = "reports"
audience = "{{ audience }}"
cookie_secure = "{{ cookie_secure }}"
database_url = "{{ database_url }}"
issuer = "{{ issuer }}"
log_requests = "{{ log_requests }}"
prefix = "/api/reports"
public_origins = "{{ public_origins }}"
trusted_proxies = "{{ trusted_proxies }}"
upstream = "{{ reports_upstream }}"
upstream_path = "/v2/reports"
upload_limit = "2"
upstream_timeout = "{{ upstream_timeout }}"
verifying_keys = "{{ verifying_keys }}"

"#;

/// The manifest of Frontdesk with that component. Its route goes first: see docs/decisions/0002.
fn manifest() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let text = std::fs::read_to_string(root.join("spin.toml")).unwrap();
    text.replacen("[variables]\n", "[variables]\nreports_upstream = { default = \"\" }\n", 1)
        .replacen("[[trigger.http]]", &format!("{COMPONENT}[[trigger.http]]"), 1)
        .replace("source = \"target/", &format!("source = \"{}/target/", root.display()))
}

#[tokio::test]
async fn a_second_service_needs_a_manifest_and_variables_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, manifest()).unwrap();
    let (documents, reports) = (Upstream::start().unwrap(), Upstream::start().unwrap());
    let app = App::builder()
        .variable("documents_upstream", documents.origin())
        .variable("reports_upstream", reports.origin())
        .host(|host| host.manifest(path))
        .start()
        .await
        .unwrap();
    app.database().raw("update documents_settings set max_pdf_mb = 1").await.unwrap();
    let user = app.user().await.unwrap();
    // Until there is such an app, nobody was let into it.
    assert_eq!(user.get("/api/reports/x").await.unwrap().code(), "app_not_granted");
    let reports_app = json!({"key": "reports", "name": "Reports", "default_access": "everyone"});
    assert_eq!(app.admin().await.unwrap().post("/api/admin/apps", &reports_app).await.unwrap().status, 201);

    for (path, upstream, expected) in [
        ("/api/documents/a?b=c", &documents, "/documents/a?b=c"),
        ("/api/reports/a?b=c", &reports, "/v2/reports/a?b=c"),
        ("/api/reports", &reports, "/v2/reports"),
        ("/api/reports/", &reports, "/v2/reports/"),
    ] {
        let received = echo(user.request(Method::GET, path)).await;
        assert_eq!(received.target, expected);
        assert_eq!(received.header("x-user-email"), [&user.email]);
        assert_eq!(received.header("host"), [upstream.origin().trim_start_matches("http://")]);
    }
    assert_eq!((documents.received("").len(), reports.received("").len()), (1, 3));

    // Each has its own limit.
    for (path, status) in [("/api/documents/a", 413), ("/api/reports/a", 200)] {
        let request = user.request(Method::POST, path).body(vec![b'a'; 2 * MIB]);
        assert_eq!(user.send(request).await.unwrap().status, status, "{path}");
    }
    assert_eq!(app.anonymous().get("/api/reports/a").await.unwrap().status, 401);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_without_an_address_is_not_configured() {
    let app = App::builder().variable("documents_upstream", "").start().await.unwrap();
    let user = app.user().await.unwrap();
    let answer = user.get("/api/documents/x").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "not_configured"));
    app.stop().await.unwrap();
}
