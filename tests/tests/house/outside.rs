//! Nothing names a path outside the repository: a clone works on any machine, in any folder.

use crate::source::{Source, repository};

/// Where paths outside begin. Written in halves, so that this file does not complain about itself.
const OUTSIDE: [&str; 6] = [
    concat!("..", "/shared"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/tm", "p/"),
];

fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !source.is_vendored()) {
        for (index, line) in source.text.lines().enumerate() {
            let found = OUTSIDE
                .iter()
                .find(|path| line.match_indices(**path).any(|(at, _)| begins(line, at)));
            if let Some(path) = found {
                complaints.push(format!("{}:{} names {path}", source.path, index + 1));
            }
        }
    }
    complaints
}

/// Whether a path begins at `at`: what stands before is no part of a longer path or address.
fn begins(line: &str, at: usize) -> bool {
    let before = line[..at].chars().next_back();
    before.is_none_or(|before| !before.is_alphanumeric() && !"/.-_}*".contains(before))
}

#[test]
fn no_path_leaves_the_repository() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_path_outside_is_noticed() {
    for path in OUTSIDE {
        let line = format!("open(\"{path}x\")");
        assert_eq!(complaints(&[Source::invented("tests/run", &line)]).len(), 1, "{path}");
    }
    let relative = format!("the folder net{}here", OUTSIDE[1]);
    assert!(complaints(&[Source::invented("README.md", &relative)]).is_empty());
}
