//! The function of the schema by which names are compared, held against a library.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use sqlx::migrate::Migrator;
use sqlx::{PgConnection, SqlSafeStr as _, SqlStr};

use crate::{assert_none, checkout, migrated};

/// NFKC_Casefold, as chapter 3.13 of the Unicode Standard derives it: folding and normalising until nothing changes.
fn folded(name: &str) -> String {
    let mut text = DecomposingNormalizerBorrowed::new_nfd().normalize(name).into_owned();
    loop {
        let mut next = CaseMapper::new().fold_string(&text).into_owned();
        next.retain(|letter| !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter));
        let next = ComposingNormalizerBorrowed::new_nfkc().normalize(&next).into_owned();
        if next == text {
            return text;
        }
        text = next;
    }
}

/// A line per character, as it is, decomposed by Postgres, and folded by the schema.
const CHARACTERS: &str = r"
select text, normalize(text, nfkd), folded(text)
from (
    select string_agg(chr(n), E'\n' order by n) as text
    from generate_series(1, x'323AF'::int + x'1000'::int) i,
        lateral (select case when i <= x'323AF'::int then i else i - x'323AF'::int + x'DFFFF'::int end as n) c
    where n not between x'D800'::int and x'DFFF'::int and n <> 10
    group by n / 1000
) block";

#[tokio::test]
async fn every_character_is_folded_as_unicode_says() {
    let blocks: Vec<(String, String, String)> =
        migrated(async |connection| sqlx::query_as(CHARACTERS).fetch_all(connection).await.unwrap()).await;
    let (mut compared, mut problems) = (0, Vec::new());
    for (characters, decomposed, found) in &blocks {
        for ((character, decomposed), found) in
            characters.split('\n').zip(decomposed.split('\n')).zip(found.split('\n'))
        {
            // A Postgres that knows an older Unicode decomposes what was added later otherwise.
            if DecomposingNormalizerBorrowed::new_nfkd().normalize(character) == decomposed {
                compared += 1;
                let expected = folded(character);
                if expected != found {
                    problems.push(format!("{character:?}: {found:?} instead of {expected:?}"));
                }
            }
        }
    }
    assert_none(&problems);
    assert!(compared > 200_000, "only {compared} characters were compared");
}

#[tokio::test]
async fn a_name_is_folded_as_its_characters_are() {
    let names = [
        "ΟΔΥΣΣΕΥΣ Οδυσσεύς ὀδυσσεύϛ",
        "Straße STRASSE STRAẞE",
        "Co\u{ad}op, o\u{200b}ffice",
        "İstanbul ISPARTA ısparta i\u{307}",
        "\u{ff26}\u{ff35}\u{ff2c}\u{ff2c} \u{fb03} \u{1d400} \u{2460} \u{33a1} \u{fdfa}",
        "a\u{345}\u{301} \u{1fb4} \u{3b1}\u{301}\u{345} \u{1f80}",
        "Jose\u{301} JOSÉ a\u{323}\u{302} \u{1ead}",
        "\u{1112}\u{1161}\u{11ab} \u{d55c} \u{ffbe}\u{3164}",
        "ᎣᏏᏲ ꭳꮟᏺ Ა ა Ⴀ ⴀ Ꙋ ᲈ",
        "می\u{200c}خواهم क्\u{200d}ष 👩\u{200d}💻 ❤\u{fe0f} 葛\u{e0100}",
        "\u{130}\u{1f0}\u{149}\u{1e96} \u{390} \u{587} \u{1e9e}",
        "",
        "plain ASCII, 100 %_\\",
    ];
    for name in names {
        let found: String = migrated(async |connection| {
            sqlx::query_scalar("select folded($1)").bind(name).fetch_one(connection).await.unwrap()
        })
        .await;
        assert_eq!(found, folded(name), "{name:?}");
    }
}

/// The number of the migration that made names unique as Unicode compares them.
const NAMES: i64 = 15;

#[tokio::test]
async fn groups_that_were_there_are_all_kept_and_have_names_of_their_own() {
    let migrator = Migrator::new(checkout().join("migrations")).await.unwrap();
    let (before, since): (Vec<_>, Vec<_>) = migrator.iter().partition(|migration| migration.version < NAMES);
    let names: Vec<(String, String)> = migrated(async |connection| {
        let run =
            async |connection: &mut PgConnection, sql: SqlStr| sqlx::raw_sql(sql).execute(connection).await.unwrap();
        run(connection, "drop schema public cascade; create schema public".into_sql_str()).await;
        for migration in before {
            run(connection, migration.sql.clone()).await;
        }
        run(connection, GROUPS.into_sql_str()).await;
        for migration in since {
            run(connection, migration.sql.clone()).await;
        }
        let names =
            "select replace(name, left(id::text, 8), 'ID'), replace(name_key, left(id::text, 8), 'ID') from groups";
        sqlx::query_as(names).fetch_all(connection).await.unwrap()
    })
    .await;
    let mut names: Vec<_> = names.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    names.sort_unstable();
    let (long, longest) = ("σ".repeat(289) + " (ID)", "σ".repeat(300));
    let mut expected = [
        ("Straße", "strasse"),
        ("STRASSE (ID)", "strasse (ID)"),
        ("Stra\u{ad}sse (ID)", "strasse (ID)"),
        ("Οδός", "οδόσ"),
        ("\u{e0041} (ID)", " (ID)"),
        ("Plain", "plain"),
        (longest.as_str(), longest.as_str()),
        (long.as_str(), long.as_str()),
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// Names that were different ones; the oldest comes first.
const GROUPS: &str = r"
insert into groups (name, created_at)
select name, timestamptz '2024-01-01T00:00:00Z' + n * interval '1 second'
from unnest(array['Straße', 'STRASSE', U&'Stra\00ADsse', 'Οδός', U&'\+0E0041', 'Plain', repeat('σ', 300), repeat('σ', 299) || 'ς'])
    with ordinality t (name, n)";
