//! docs/operations.md names every metric, and no other; and no flag that does not exist. Which there are docs/config.md says, which a
//! test of signaling holds to the code.

use std::collections::BTreeSet;

use signaling::config::settings::SETTINGS;

use crate::source::{Source, repository};

const DOCUMENT: &str = "docs/operations.md";
/// What every metric's name begins with.
const PREFIX: &str = "confab_";
/// Flags that are no settings.
const GIVEN: [&str; 3] = ["--config", "--help", "--version"];

/// Every text in code, tests aside, that is a metric's name.
fn metrics_of_code(sources: &[Source]) -> BTreeSet<String> {
    let is_code =
        |source: &&Source| source.is_rust() && source.path.contains("/src/") && !source.is_test();
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(is_code).filter(|source| !source.path.starts_with("tests/"))
    {
        let (code, _) = source.text.split_once("#[cfg(test)]").unwrap_or((&source.text, ""));
        let texts = code.split('"').skip(1).step_by(2);
        found.extend(texts.filter(|text| is_metric(text)).map(str::to_owned));
    }
    found
}

fn is_metric(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    })
}

/// Every `--flag` of the table of settings.
fn flags_of_code() -> BTreeSet<String> {
    let settings = SETTINGS.iter().map(|setting| format!("--{}", setting.flag));
    settings.chain(GIVEN.into_iter().map(str::to_owned)).collect()
}

/// What stands between backticks and begins with `prefix`, up to what follows its name.
fn named(document: &str, prefix: &str) -> BTreeSet<String> {
    let quoted = document.split('`').skip(1).step_by(2).filter(|text| text.starts_with(prefix));
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    quoted.map(|text| text.chars().take_while(|c| is_name(*c)).collect()).collect()
}

fn complaints(sources: &[Source], document: &str) -> Vec<String> {
    let (code, named_there) = (metrics_of_code(sources), named(document, PREFIX));
    let missing = code.difference(&named_there);
    let missing = missing.map(|name| format!("{DOCUMENT} has no metric {name}"));
    let stale = named_there.difference(&code);
    let stale = stale.map(|name| format!("the code has no metric {name}"));
    let (flags, known) = (named(document, "--"), flags_of_code());
    let wrong = flags.difference(&known).map(|name| format!("the code has no flag {name}"));
    missing.chain(stale).chain(wrong).collect()
}

#[test]
fn operators_read_of_every_metric_and_flag() {
    let sources = repository();
    let document = sources.iter().find(|source| source.path == DOCUMENT).expect("the document");
    assert_eq!(complaints(&sources, &document.text), Vec::<String>::new());
    assert!(metrics_of_code(&sources).len() > 20, "this rule looks in the wrong place");
}

#[test]
fn a_name_on_one_side_alone_is_noticed() {
    let sources = [
        Source::invented(
            "sfu/src/metrics.rs",
            r#"t! { turns: Total, "confab_turns_total", "Rounds."; }"#,
        ),
        Source::invented(
            "sfu/src/other.rs",
            "#[cfg(test)] mod t { const A: &str = \"confab_x\"; }",
        ),
    ];
    let right =
        "`confab_turns_total{a=\"b\"}` `--media-port` `--host NAME` `--help` `--version` `-x`";
    assert_eq!(complaints(&sources, right), Vec::<String>::new());
    assert_eq!(
        complaints(&sources, &right.replace("confab_turns_total", "confab_turn_total")),
        [
            "docs/operations.md has no metric confab_turns_total",
            "the code has no metric confab_turn_total"
        ]
    );
    assert_eq!(
        complaints(&sources, &right.replace("--host", "--hosts")),
        ["the code has no flag --hosts"]
    );
}
