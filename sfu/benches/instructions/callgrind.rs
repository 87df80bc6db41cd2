//! Counts the instructions of a run of this program.

use std::process::Command;

/// Runs this program with these arguments under callgrind: the instructions of the whole process, and what it printed. `None` where
/// there is no valgrind or the run fails.
pub(crate) fn count(arguments: [&str; 2]) -> Option<(u64, String)> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(arguments)
        .output()
        .ok()?;
    let log = String::from_utf8_lossy(&run.stderr);
    let (_, collected) = log.lines().find_map(|line| line.split_once("Collected : "))?;
    Some((collected.trim().parse().ok()?, String::from_utf8(run.stdout).ok()?))
}
