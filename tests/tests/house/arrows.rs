//! Members know only those below them, and the two lowest only a short list of libraries.

use std::process::Command;

use serde_json::Value;

use crate::source::root;

/// A dependency of one member on a crate.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    /// Needed to build it, not only to test it.
    is_built: bool,
}

/// The members from the lowest up: each may know those before it.
const ORDER: [&str; 5] = ["simulcast", "sfu", "signaling", "tools", "tests"];

/// Libraries by which a member may be built. No entry: any. So `simulcast` has no I/O, no clock and no randomness to
/// reach for, and `sfu` knows neither JSON nor HTTP nor the text of SDP, and no async runtime.
const LIBRARIES: [(&str, &[&str]); 2] = [
    ("simulcast", &["arrayvec", "bytes", "smallvec", "thiserror"]),
    (
        "sfu",
        &[
            "arrayvec",
            "aws-lc-rs",
            "bytes",
            "dimpl",
            "libc",
            "rtc-rtcp",
            "rtrb",
            "slotmap",
            "smallvec",
            "socket2",
            "thiserror",
            "tracing",
        ],
    ),
];

fn complaints(arrows: &[Arrow]) -> Vec<String> {
    let rank = |name: &str| ORDER.iter().position(|member| *member == name);
    let mut complaints = Vec::new();
    for Arrow { from, to, is_built } in arrows {
        match (rank(from), rank(to)) {
            (None, _) => complaints.push(format!("{from} is no known member")),
            (Some(from_rank), Some(to_rank)) if to_rank >= from_rank => {
                complaints.push(format!("{from} must not know {to}"));
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) => {
                let allowed = LIBRARIES.iter().find(|(member, _)| member == from);
                if *is_built && allowed.is_some_and(|(_, names)| !names.contains(&to.as_str())) {
                    complaints.push(format!("{from} must not be built with {to}"));
                }
            }
        }
    }
    complaints
}

/// What `cargo metadata` says about the workspace.
fn arrows() -> Vec<Arrow> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let mut arrows = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            arrows.push(Arrow {
                from: package["name"].as_str().expect("a name").to_owned(),
                to: dependency["name"].as_str().expect("a name").to_owned(),
                is_built: dependency["kind"] != "dev",
            });
        }
    }
    arrows
}

#[test]
fn members_know_only_those_below_them() {
    let arrows = arrows();
    for pair in ORDER.windows(2).skip(1) {
        assert!(
            arrows.iter().any(|arrow| arrow.from == pair[1] && arrow.to == pair[0]),
            "{pair:?}"
        );
    }
    assert_eq!(complaints(&arrows), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_back_is_noticed() {
    let arrow = |from: &str, to: &str, is_built| Arrow {
        from: from.to_owned(),
        to: to.to_owned(),
        is_built,
    };
    assert_eq!(complaints(&[arrow("sfu", "signaling", true)]), ["sfu must not know signaling"]);
    assert_eq!(complaints(&[arrow("sfu", "tools", false)]), ["sfu must not know tools"]);
    assert_eq!(
        complaints(&[arrow("sfu", "serde_json", true)]),
        ["sfu must not be built with serde_json"]
    );
    assert_eq!(complaints(&[arrow("sfu", "proptest", false)]), Vec::<String>::new());
    assert_eq!(complaints(&[arrow("new", "sfu", true)]), ["new is no known member"]);
}
