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
    run(name, Command::new("node").arg(folder().join("play.mjs")).arg(name).args(how));
}

fn run(name: &str, command: &mut Command) {
    let output = command.env("CONFAB", server()).output().expect("node is installed");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}:\n{printed}{complaints}");
    println!("{printed}");
}

/// Plays the scenario `name` on a network of its own, within this machine, that has no way for UDP.
///
/// # Panics
/// Where it fails, with its output; or where this machine makes no networks.
pub(crate) fn play_without_udp(name: &str) {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-euc", WITHOUT_UDP, "sh", "node"]);
    run(name, command.arg(folder().join("play.mjs")).arg(name));
}

/// The first rule for routes is that of the machine's own addresses; one that swallows UDP comes before it.
const WITHOUT_UDP: &str = "ip link set lo up
    ip rule add pref 100 lookup local
    ip rule add pref 10 ipproto udp blackhole
    ip rule del pref 0
    exec \"$@\"";

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
