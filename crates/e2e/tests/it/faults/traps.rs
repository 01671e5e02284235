//! A component that traps, beside those of Frontdesk.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{App, Load};
use tokio::time::sleep;

/// The manifest of Frontdesk with one component more, which traps when it is asked to. Its route goes first: see
/// docs/decisions/0002.
fn manifest() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let text = std::fs::read_to_string(root.join("spin.toml")).unwrap();
    let text = text.replace("source = \"target/", &format!("source = \"{}/target/", root.display()));
    let probe = std::env::var("FRONTDESK_TEST_PROBE").expect("FRONTDESK_TEST_PROBE, which scripts/test sets");
    let component = format!(
        "[[trigger.http]]\nroute = \"/probe/...\"\ncomponent = \"probe\"\n\n[component.probe]\nsource = \"{probe}\"\n\n"
    );
    text.replacen("[[trigger.http]]", &format!("{component}[[trigger.http]]"), 1)
}

#[tokio::test]
async fn a_component_that_traps_again_and_again_fails_nobody_elses_requests() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, manifest()).unwrap();
    let app = App::builder().host(|host| host.manifest(path)).start().await.unwrap();
    let traps = AtomicUsize::new(0);
    let outcome = Load::on(&app)
        .during(8, async {
            let anonymous = app.anonymous();
            let trap_again = async {
                loop {
                    let answer = anonymous.get("/probe/trap").await?;
                    anyhow::ensure!(answer.status == 500 && answer.body.is_empty(), "{answer}");
                    traps.fetch_add(1, Ordering::Relaxed);
                }
            };
            tokio::select! {
                ended = trap_again => ended,
                () = sleep(Duration::from_secs(3)) => Ok(()),
            }
        })
        .await
        .unwrap();
    assert!(traps.into_inner() > 10, "there were hardly any traps");
    assert!(outcome.refusals.is_empty(), "{:?}", outcome.refusals);
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}
