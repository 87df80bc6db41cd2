//! Plays a scenario of `tests/browser/scenarios`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Plays the scenario `name` and prints what it prints.
///
/// # Panics
/// Where it fails, with its output.
pub(crate) fn play(name: &str) {
    play_with(name, &[]);
}

/// Plays a scenario with a link in a codec, and watched in Firefox if told: what `play.mjs` takes behind the name.
///
/// # Panics
/// Where it fails, with its output.
pub(crate) fn play_with(name: &str, how: &[&str]) {
    let output = Command::new("node")
        .arg(folder().join("play.mjs"))
        .arg(name)
        .args(how)
        .env("CONFAB", server())
        .output()
        .expect("node is installed");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{printed}{complaints}");
    println!("{printed}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// The server's binary, which `tests/run` builds beside this one.
fn server() -> PathBuf {
    let own = std::env::current_exe().expect("this test is a file");
    let target = own.parent().and_then(Path::parent).expect("target/debug/deps");
    let server = target.join("confab");
    assert!(server.exists(), "build the server first: cargo build -p signaling");
    server
}
