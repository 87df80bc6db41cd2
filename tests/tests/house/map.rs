//! ARCHITECTURE.md's map names every source file, and nothing that does not exist.

use std::collections::BTreeSet;

use crate::source::{Source, repository};

/// Files that the map names: a heading ``### `folder/` `` and below it lines ``- `file`: what it holds``.
fn mapped(architecture: &str) -> BTreeSet<String> {
    let mut folder = None;
    let mut files = BTreeSet::new();
    for line in architecture.lines() {
        if line.starts_with('#') {
            folder = line
                .strip_prefix("### `")
                .and_then(|rest| rest.split_once('`'))
                .map(|(name, _)| name);
        } else if let Some(folder) = folder
            && let Some((name, _)) = line.strip_prefix("- `").and_then(|rest| rest.split_once('`'))
        {
            files.insert(format!("{folder}{name}"));
        }
    }
    files
}

/// Each target is three lines around a check, which the map names; the corpus test holds the two together.
const FUZZ_TARGETS: &str = "tests/fuzz/targets/";

/// Whether a file must be in the map: code, not its tests in a file beside it, not what others wrote.
fn belongs(source: &Source) -> bool {
    let is_page = source.path.ends_with(".html") || source.path.ends_with(".css");
    let beside = source.path.ends_with("_tests.rs") || source.path.ends_with(".test.js");
    let is_target = source.path.starts_with(FUZZ_TARGETS);
    let is_code = source.is_rust() || source.is_script() || is_page;
    is_code && !beside && !is_target && !source.is_vendored()
}

fn complaints(sources: &[Source], architecture: &str) -> Vec<String> {
    let mapped = mapped(architecture);
    let present: BTreeSet<String> =
        sources.iter().filter(|source| belongs(source)).map(|source| source.path.clone()).collect();
    let missing = present.difference(&mapped).map(|path| format!("{path} is not in the map"));
    let stale =
        mapped.difference(&present).map(|path| format!("{path} is in the map and nowhere else"));
    missing.chain(stale).collect()
}

#[test]
fn the_map_is_complete() {
    let sources = repository();
    let architecture =
        sources.iter().find(|source| source.path == "ARCHITECTURE.md").expect("the map");
    assert_eq!(complaints(&sources, &architecture.text), Vec::<String>::new());
}

#[test]
fn a_file_off_the_map_and_a_line_without_a_file_are_noticed() {
    let source = Source::invented("sfu/src/slot.rs", "");
    let right = "### `sfu/src/`\n\n- `slot.rs`: a receive m-line\n";
    assert!(complaints(std::slice::from_ref(&source), right).is_empty());
    assert_eq!(
        complaints(std::slice::from_ref(&source), ""),
        ["sfu/src/slot.rs is not in the map"]
    );
    assert_eq!(complaints(&[], right), ["sfu/src/slot.rs is in the map and nowhere else"]);
    assert_eq!(complaints(&[source], "### `sfu/`\n- `slot.rs`: elsewhere\n").len(), 2);
}
