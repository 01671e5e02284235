//! Text that people enter, wherever they enter it: in which form it is stored and found (API.md, section 0).

use e2e::{Answer, App, Caller};
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{admin, app, replica};

const GROUPS: &str = "/api/admin/groups";
const APPS: &str = "/api/admin/apps";
const USERS: &str = "/api/admin/users";
const PROFILE: &str = "/api/profile";

/// What is entered, and what is stored.
const TEXTS: [(&str, &str); 12] = [
    ("Jose\u{301} Nun\u{303}ez", "José Nuñez"),
    ("\u{202e}evil\u{202c} \u{2066}user\u{2069}", "evil user"),
    ("A\u{200b}da\u{feff} Love\u{2060}la\u{ad}ce\u{180e}", "Ada Lovelace"),
    ("\u{200f}\u{200d}Ada\u{200c}\u{3164}", "Ada"),
    ("e\u{34f}\u{301}t\u{e9}", "été"),
    ("Hidden\u{e0048}\u{e0069} \u{fff9}text\u{fffb}", "Hidden text"),
    ("Family 👨\u{200d}👩\u{200d}👧 and ❤\u{fe0f}", "Family 👨\u{200d}👩\u{200d}👧 and ❤\u{fe0f}"),
    (
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} 1\u{fe0f}\u{20e3}",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} 1\u{fe0f}\u{20e3}",
    ),
    ("می\u{200c}خواهم", "می\u{200c}خواهم"),
    ("क्\u{200d}ष", "क्\u{200d}ष"),
    ("র\u{200d}্যাব", "র\u{200d}্যাব"),
    ("葛\u{e0100}城", "葛\u{e0100}城"),
];

fn unique() -> String {
    Uuid::new_v4().to_string()
}

/// Fails unless a field of the answer has this text.
#[track_caller]
fn assert_stored(answer: &Answer, field: &str, stored: &str) {
    assert!(answer.status.is_success(), "{answer}");
    assert_eq!(answer.json()[field], json!(stored), "{field}");
}

#[tokio::test]
async fn every_field_of_a_profile_takes_text_in_its_stored_form() {
    let user = app().await.user().await.unwrap();
    for (entered, stored) in TEXTS {
        for field in ["full_name", "job_title", "department", "address", "bio", "phone"] {
            let answer = user.put(PROFILE, &json!({field: format!(" {entered}\u{200b}\n")})).await.unwrap();
            assert_stored(&answer, field, stored);
            assert_stored(&user.get(PROFILE).await.unwrap(), field, stored);
        }
    }
    let lines = "Line\u{202e} 1\r\n\nLine\u{ad} 2\n\tLine 3";
    for field in ["address", "bio"] {
        let answer = user.put(PROFILE, &json!({field: lines})).await.unwrap();
        assert_stored(&answer, field, "Line 1\r\n\nLine 2\n\tLine 3");
    }
    for field in ["full_name", "job_title", "department", "phone"] {
        for text in ["a\nb", "a\u{2028}b"] {
            let answer = user.put(PROFILE, &json!({field: text})).await.unwrap();
            assert_eq!(answer.refused(), [format!("body.{field}")], "{text:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_new_account_has_its_name_in_its_stored_form() {
    let (anonymous, admin) = (app().await.anonymous(), admin().await);
    for (entered, stored) in TEXTS {
        let body = json!({"email": App::new_email(), "password": Caller::PASSWORD, "full_name": entered});
        assert_stored(&anonymous.post("/api/auth/register", &body).await.unwrap(), "full_name", stored);
        let body = json!({"email": App::new_email(), "full_name": entered});
        assert_stored(&admin.post(USERS, &body).await.unwrap(), "full_name", stored);
    }
}

#[tokio::test]
async fn groups_and_apps_have_their_texts_in_their_stored_form() {
    let admin = admin().await;
    for (entered, stored) in TEXTS {
        let unique = unique();
        let (name, description) = (format!("{entered} {unique}"), format!("{entered}\n{entered}"));
        let (stored_name, stored_description) = (format!("{stored} {unique}"), format!("{stored}\n{stored}"));
        let body = json!({"name": name, "description": description});
        let group = admin.post(GROUPS, &body).await.unwrap();
        assert_stored(&group, "name", &stored_name);
        assert_stored(&group, "description", &stored_description);
        let path = format!("{GROUPS}/{}", group.json()["id"].as_str().unwrap());
        assert_stored(&admin.patch(&path, &body).await.unwrap(), "name", &stored_name);

        let key = format!("t{}", unique.replace('-', ""));
        let made = json!({"key": key, "name": name, "description": description});
        let made = admin.post(APPS, &made).await.unwrap();
        assert_stored(&made, "name", &stored_name);
        assert_stored(&made, "description", &stored_description);
        assert_stored(&admin.patch(&format!("{APPS}/{key}"), &body).await.unwrap(), "name", &stored_name);
        assert_eq!(admin.delete(&format!("{APPS}/{key}")).await.unwrap().status, 204);
    }
}

#[tokio::test]
async fn lengths_are_those_of_the_stored_form() {
    let (admin, user) = (admin().await, app().await.user().await.unwrap());
    // 200 characters in NFC, 600 as they are entered.
    let name = "e\u{301}\u{200b}".repeat(200);
    assert_stored(&user.put(PROFILE, &json!({"full_name": name})).await.unwrap(), "full_name", &"é".repeat(200));
    let answer = user.put(PROFILE, &json!({"full_name": format!("{name}x")})).await.unwrap();
    assert_eq!(answer.refused(), ["body.full_name"], "{answer}");

    let unique = unique();
    let name = format!("{unique}{}", "o\u{308}\u{ad}".repeat(100 - unique.len()));
    assert_eq!(admin.post(GROUPS, &json!({"name": name})).await.unwrap().status, 201);
    let answer = admin.post(GROUPS, &json!({"name": name + "x"})).await.unwrap();
    assert_eq!(answer.refused(), ["body.name"], "{answer}");
    // One character that NFC makes two of.
    let answer = admin.post(GROUPS, &json!({"name": "\u{958}".repeat(51)})).await.unwrap();
    assert_eq!(answer.refused(), ["body.name"], "{answer}");
}

#[tokio::test]
async fn what_cannot_be_seen_is_no_name() {
    let (admin, user) = (admin().await, app().await.user().await.unwrap());
    for blank in [
        "\u{200b}",
        " \u{202e}\u{2066} ",
        "\u{ad}",
        "\u{3164}",
        "\u{2800}",
        "\u{e0041}\u{e0042}",
        "\u{fe0f}",
        "\u{200d}\u{200c}",
    ] {
        let answer = admin.post(GROUPS, &json!({"name": blank})).await.unwrap();
        assert_eq!(answer.refused(), ["body.name"], "{blank:?}: {answer}");
        let answer = user.put(PROFILE, &json!({"full_name": blank, "bio": blank})).await.unwrap();
        assert_eq!((&answer.json()["full_name"], &answer.json()["bio"]), (&Value::Null, &Value::Null), "{blank:?}");
    }
}

#[tokio::test]
async fn nul_is_refused_in_every_text() {
    let (admin, user) = (admin().await, app().await.user().await.unwrap());
    for field in ["full_name", "bio", "address", "phone"] {
        let answer = user.put(PROFILE, &json!({field: "a\0b"})).await.unwrap();
        assert_eq!(answer.refused(), [format!("body.{field}")], "{answer}");
    }
    for body in [json!({"name": "a\0b"}), json!({"name": unique(), "description": "\0"})] {
        assert_eq!(admin.post(GROUPS, &body).await.unwrap().refused().len(), 1, "{body}");
    }
    assert_eq!(admin.get("/api/admin/users?q=a%00").await.unwrap().refused(), ["query.q"]);
}

/// Names that are the same one.
fn same(unique: &str) -> Vec<Vec<String>> {
    let of = |names: &[&str]| names.iter().map(|name| format!("{name} {unique}")).collect();
    vec![
        of(&["Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", "οδυσσεύσ", "οδυσσευ\u{301}ς"]),
        of(&["Straße", "STRASSE", "strasse", "STRAẞE", "Stra\u{ad}ße"]),
        of(&["Coop", "Co\u{ad}op", "CO\u{200b}OP", "\u{202e}coop", "\u{ff23}oo\u{ff30}"]),
        of(&["İzmir", "I\u{307}zmir", "i\u{307}ZMIR"]),
        of(&["Йод", "ЙОД", "и\u{306}од"]),
        of(&["Ärzte", "a\u{308}RZTE", "ÄRZTE"]),
        of(&["O\u{fb03}ce", "office", "OFFICE"]),
        of(&["می\u{200c}خواهم", "میخواهم"]),
        of(&["👩\u{200d}💻 ❤\u{fe0f}", "👩💻 ❤"]),
    ]
}

#[tokio::test]
async fn two_groups_never_have_one_name() {
    let admin = admin().await;
    for names in same(&unique()) {
        let first = admin.post(GROUPS, &json!({"name": names[0]})).await.unwrap();
        assert_eq!(first.status, 201, "{first}");
        let other = admin.post(GROUPS, &json!({"name": unique()})).await.unwrap();
        let (first, other) =
            [first, other].map(|group| format!("{GROUPS}/{}", group.json()["id"].as_str().unwrap())).into();
        for name in &names {
            let body = json!({"name": name});
            let made = admin.post(GROUPS, &body).await.unwrap();
            assert_eq!((made.status.as_u16(), made.code().as_str()), (409, "group_name_taken"), "{name:?}: {made}");
            let renamed = admin.patch(&other, &body).await.unwrap();
            assert_eq!(
                (renamed.status.as_u16(), renamed.code().as_str()),
                (409, "group_name_taken"),
                "{name:?}: {renamed}"
            );
            // A group may get another spelling of its own name.
            assert_eq!(admin.patch(&first, &body).await.unwrap().status, 200, "{name:?}");
        }
    }
}

#[tokio::test]
async fn names_that_differ_are_not_the_same() {
    let (admin, unique) = (admin().await, unique());
    for name in ["Arzte", "Ärzte", "Izmir", "İzmir", "ızmir", "Strase", "Strasse", "Οδος", "Οδός", "resume", "résumé"]
    {
        let answer = admin.post(GROUPS, &json!({"name": format!("{name} {unique}")})).await.unwrap();
        assert_eq!(answer.status, 201, "{name}: {answer}");
    }
}

#[tokio::test]
async fn of_many_spellings_of_a_name_at_once_one_is_made() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    for names in same(&unique()) {
        let bodies: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        let attempts = bodies.iter().enumerate();
        let attempts =
            attempts.map(|(n, body)| if n % 2 == 0 { here.post(GROUPS, body) } else { there.post(GROUPS, body) });
        let answers: Vec<Answer> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let taken = answers.iter().filter(|answer| answer.code() == "group_name_taken").count();
        assert_eq!((made, taken), (1, names.len() - 1), "{names:?}");
    }
}

/// The users that a search finds, by id.
async fn found(q: &str) -> Vec<Value> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
    let answer = admin().await.get(&format!("{USERS}?{query}")).await.unwrap();
    assert_eq!(answer.status, 200, "{q:?}: {answer}");
    answer.json().as_array().unwrap().iter().map(|user| user["id"].clone()).collect()
}

#[tokio::test]
async fn a_search_finds_a_name_in_every_form_and_case() {
    for names in same(&unique()) {
        let person = crate::new_person(Some(&names[0])).await;
        for name in &names {
            for q in [name.clone(), format!(" \u{3000}{name}\u{a0}\n"), format!("\u{200b}{name}\u{202e}")] {
                assert_eq!(found(&q).await, [person["id"].clone()], "{q:?} for {:?}", names[0]);
            }
        }
    }
}

#[tokio::test]
async fn a_search_finds_names_that_were_stored_in_another_form() {
    let person = crate::new_person(None).await;
    let id = person["id"].as_str().unwrap();
    // As versions before stored it.
    let change = r"update users set full_name = U&'Jose\0301 Pe\202Erez ' || id where id::text = $1";
    app().await.database().execute(change, id).await.unwrap();
    for q in ["josé perez", "JOSE\u{301} PEREZ"] {
        assert_eq!(found(&format!("{q} {id}")).await, [person["id"].clone()], "{q:?}");
    }
}

#[tokio::test]
async fn a_blank_search_is_none() {
    let admin = admin().await;
    let all = admin.get(&format!("{USERS}?limit=1")).await.unwrap();
    for q in ["", "+", "%20%09", "%E2%80%8B", "%C2%AD+%E2%80%AE"] {
        let answer = admin.get(&format!("{USERS}?q={q}&limit=1")).await.unwrap();
        assert_eq!(answer.status, 200, "{q}: {answer}");
        assert!(
            answer.header("x-total-count").parse::<u32>().unwrap() >= all.header("x-total-count").parse().unwrap(),
            "{q}"
        );
    }
}

#[tokio::test]
async fn signs_that_become_wildcards_are_none() {
    let unique = unique();
    let person = crate::new_person(Some(&format!("5% {unique}"))).await;
    crate::new_person(Some(&format!("50 {unique}"))).await;
    for q in ["5% ", "5\u{ff05} ", "5\u{fe6a} "] {
        assert_eq!(found(&format!("{q}{unique}")).await, [person["id"].clone()], "{q:?}");
    }
    assert!(found(&format!("5_ {unique}")).await.is_empty());
    assert!(found(&format!("5\u{ff3f} {unique}")).await.is_empty());
}
