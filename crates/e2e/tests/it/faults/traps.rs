//! A component that traps, beside those of Frontdesk.

use std::path::Path;

use e2e::{App, Load};

const TRAPS: usize = 30;

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
    let outcome = Load::on(&app)
        .during(4, async {
            let anonymous = app.anonymous();
            for _ in 0..TRAPS {
                let answer = anonymous.get("/probe/?do=trap").await?;
                anyhow::ensure!(answer.status == 500 && answer.body.is_empty(), "{answer}");
            }
            Ok(())
        })
        .await
        .unwrap();
    // An error of the guest would be an empty 500 too.
    assert!(app.wait_for_log("unreachable").is_some(), "{:#?}", app.log());
    assert!(outcome.refusals.is_empty(), "{:?}", outcome.refusals);
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}
