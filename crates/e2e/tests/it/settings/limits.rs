//! /api/settings/documents/limits.

use serde_json::json;

use super::{LIMITS, export, start};

#[tokio::test]
async fn the_limit_for_documents_is_from_1_to_500() {
    let (app, admin) = start().await;
    let user = app.user().await.unwrap();
    assert_eq!(user.get(LIMITS).await.unwrap().json(), json!({"max_pdf_mb": 25}));
    assert_eq!(user.patch(LIMITS, &json!({"max_pdf_mb": 1})).await.unwrap().code(), "admin_required");
    for number in [1, 500] {
        let answer = admin.patch(LIMITS, &json!({"max_pdf_mb": number})).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"max_pdf_mb": number})));
    }
    for wrong in [
        json!(0),
        json!(501),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!("25.5"),
        json!("501"),
        json!(null),
        json!(5_000_000_000_i64),
    ] {
        let answer = admin.patch(LIMITS, &json!({"max_pdf_mb": wrong})).await.unwrap();
        assert_eq!(answer.refused(), ["body.max_pdf_mb"], "{wrong}");
    }
    for number in [json!("25"), json!(" 25 "), json!("25.0"), json!(25.0)] {
        assert_eq!(admin.patch(LIMITS, &json!({"max_pdf_mb": 500})).await.unwrap().status, 200);
        let answer = admin.patch(LIMITS, &json!({"max_pdf_mb": number})).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"max_pdf_mb": 25})), "{number}");
    }
    assert_eq!(admin.patch(LIMITS, &json!({"max_pdf_mb": "500"})).await.unwrap().status, 200);
    let before = export(&admin, "documents").await.json();
    for nothing in [json!({}), json!({"max_pdf_mb": 500})] {
        let answer = admin.patch(LIMITS, &nothing).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"max_pdf_mb": 500})));
    }
    assert_eq!(export(&admin, "documents").await.json(), before);
    app.stop().await.unwrap();
}
