//! docs/operations.md names every metric and every flag, and no other.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{ItemStruct, LitStr, Meta};

use crate::source::{Source, repository};

const FLAGS: &str = "signaling/src/config.rs";
const DOCUMENT: &str = "docs/operations.md";
/// What every metric's name begins with.
const PREFIX: &str = "confab_";
/// Flags that the library adds.
const GIVEN: [&str; 2] = ["--help", "--version"];

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

/// Every `--flag` of the struct `Flags`.
fn flags_of_code(sources: &[Source]) -> BTreeSet<String> {
    let mut flags = Flags(GIVEN.into_iter().map(str::to_owned).collect());
    let source = sources.iter().find(|source| source.path == FLAGS).expect("the flags");
    flags.visit_file(&source.parsed());
    flags.0
}

struct Flags(BTreeSet<String>);

impl Visit<'_> for Flags {
    fn visit_item_struct(&mut self, item: &ItemStruct) {
        if item.ident != "Flags" {
            return;
        }
        for field in &item.fields {
            let mut name = field.ident.as_ref().expect("named").to_string().replace('_', "-");
            for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("arg"))
            {
                if let Meta::List(list) = &attribute.meta
                    && let Some((_, rest)) = list.tokens.to_string().split_once("long = ")
                {
                    let end = rest.find(',').unwrap_or(rest.len());
                    name = syn::parse_str::<LitStr>(&rest[..end]).expect("a text").value();
                }
            }
            self.0.insert(format!("--{name}"));
        }
    }
}

/// What stands between backticks and begins with `prefix`, up to what follows its name.
fn named(document: &str, prefix: &str) -> BTreeSet<String> {
    let quoted = document.split('`').skip(1).step_by(2).filter(|text| text.starts_with(prefix));
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    quoted.map(|text| text.chars().take_while(|c| is_name(*c)).collect()).collect()
}

fn complaints(sources: &[Source], document: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (kind, code, prefix) in
        [("metric", metrics_of_code(sources), PREFIX), ("flag", flags_of_code(sources), "--")]
    {
        let document = named(document, prefix);
        let missing = code.difference(&document);
        complaints.extend(missing.map(|name| format!("{DOCUMENT} has no {kind} {name}")));
        let stale = document.difference(&code);
        complaints.extend(stale.map(|name| format!("the code has no {kind} {name}")));
    }
    complaints
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
        Source::invented(
            FLAGS,
            r#"struct Flags { #[arg(long, value_name = "P")] media_port: u16, #[arg(long = "host", value_name = "N")] hosts: u8 }"#,
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
        ["docs/operations.md has no flag --host", "the code has no flag --hosts"]
    );
}
