//! The documentation: the sections that comments cite are there, and every link leads somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{assert_none, checkout, read};

/// Folders in which nothing is written by hand.
const GENERATED: [&str; 4] = [".git", ".local", ".spin", "target"];

/// What comes before the number of a section. In parts, so that this file cites none.
const CITATION: &str = concat!("API.md,", " section ");

/// The files below a folder of the checkout with one of these extensions, from the root of the checkout.
fn files(folder: &str, extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&checkout().join(folder), extensions, &mut found);
    found.sort_unstable();
    found
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (name, path) = (entry.file_name(), entry.path());
        if entry.file_type().unwrap().is_dir() {
            if !GENERATED.iter().any(|generated| name == *generated) {
                collect(&path, extensions, found);
            }
        } else if extensions.iter().any(|extension| path.extension().is_some_and(|other| other == *extension)) {
            found.push(path.strip_prefix(checkout()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// The lines of a Markdown text outside of code blocks.
fn prose(markdown: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line);
        }
    }
    lines
}

/// The number of the section that a line of the contract begins.
fn section(line: &str) -> Option<u32> {
    line.strip_prefix("## ")?.split_once(". ")?.0.parse().ok()
}

/// A text as one line, without the marks of its comments: a citation may go on in the next line.
fn joined(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim().trim_start_matches(['/', '!', '#', '-', '*', ' ']));
    lines.collect::<Vec<_>>().join(" ")
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u32> {
    text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn every_section_of_the_contract_that_is_cited_is_there() {
    let contract = read("docs/API.md");
    let sections: BTreeSet<u32> = prose(&contract).into_iter().filter_map(section).collect();
    let (mut cited, mut problems) = (0, Vec::new());
    for path in files("", &["md", "rs", "sql", "toml"]) {
        for rest in joined(&read(&path)).split(CITATION).skip(1) {
            cited += 1;
            match number(rest) {
                Some(number) if sections.contains(&number) => {}
                Some(number) => {
                    problems.push(format!("{path} cites section {number}, which docs/API.md does not have"))
                }
                None => problems.push(format!("{path} cites a section of docs/API.md without its number")),
            }
        }
    }
    assert!(cited > 0, "no section of docs/API.md is cited");
    assert_none(&problems);
}

/// Where the links of a Markdown text lead, but for those to other sites.
fn targets(markdown: &str) -> Vec<String> {
    let text = prose(markdown).join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '\n']).next());
    let is_elsewhere = |target: &&str| target.contains("://") || target.starts_with("mailto:");
    targets.filter(|target| !is_elsewhere(target)).map(str::to_owned).collect()
}

/// The anchors of a Markdown text's headings, as GitHub makes them. A heading that repeats an earlier one gets none here.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let heading = |line: &str| {
        let text = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
        Some(text.trim().to_lowercase())
    };
    let anchor = |heading: String| -> String {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    prose(markdown).into_iter().filter_map(heading).map(anchor).collect()
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let documents = files("docs", &["md"]);
    let (mut links, mut problems) = (0, Vec::new());
    for document in documents.iter().map(String::as_str).chain(["README.md"]) {
        for target in targets(&read(document)) {
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let folder = Path::new(document).parent().unwrap();
            let path = if path.is_empty() { Path::new(document).to_owned() } else { folder.join(path) };
            if !checkout().join(&path).exists() {
                problems.push(format!("{document} links to {target}, which is not there"));
            } else if !anchor.is_empty() && !anchors(&read(path.to_str().unwrap())).contains(anchor) {
                problems.push(format!("{document} links to {target}, where there is no such heading"));
            }
        }
    }
    assert!(links > 0, "the documentation has no link");
    assert_none(&problems);
}

#[test]
fn anchors_are_those_of_github() {
    let markdown = "# The file `.env`\n\n```sh\n# no heading\n```\n\n## 0. What, why\n### a_b-c & d\n#no heading";
    let expected = ["0-what-why", "a_b-c--d", "the-file-env"].map(str::to_owned);
    assert_eq!(anchors(markdown), BTreeSet::from(expected));
}
