//! No test sleeps: it waits in virtual time, or for a condition with a deadline.

use crate::source::{Source, repository};

/// Ways to wait for nothing but time. Written in halves, so that this file does not complain about itself.
const SLEEPS: [&str; 4] = [
    concat!("sle", "ep("),
    concat!("sle", "ep_until("),
    concat!("waitFor", "Timeout"),
    concat!("set", "Timeout("),
];

/// The two files, one a language, in which a condition is polled until its deadline.
const DEADLINES: [&str; 2] = ["tests/src/deadline.rs", "tests/browser/deadline.mjs"];

fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let is_code = source.is_rust() || source.is_script();
        let is_exempt = DEADLINES.contains(&source.path.as_str());
        if !is_code || is_exempt || !(source.path.starts_with("tests/") || source.is_test()) {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            if let Some(sleep) = SLEEPS.iter().find(|sleep| line.contains(**sleep)) {
                complaints.push(format!("{}:{} waits with {sleep}", source.path, index + 1));
            }
        }
    }
    complaints
}

#[test]
fn no_test_sleeps() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_sleeping_test_is_noticed() {
    for sleep in SLEEPS {
        let text = format!("    await page.{sleep}1000);");
        for path in ["tests/browser/two.mjs", "tests/tests/wire/a.rs", "sfu/src/slot_tests.rs"] {
            assert_eq!(complaints(&[Source::invented(path, &text)]).len(), 1, "{path} {sleep}");
        }
        assert!(complaints(&[Source::invented("signaling/web/notices.js", &text)]).is_empty());
        assert!(complaints(&[Source::invented(DEADLINES[0], &text)]).is_empty());
    }
}
