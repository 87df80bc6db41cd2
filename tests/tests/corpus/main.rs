//! Bytes that fuzzing found worth keeping, through every check: what was wrong once stays right, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tests::check::ALL;

/// Of all corpora together: they are read in every run, and copied with every clone.
const BYTES_MAX: u64 = 300 * 1024;

/// Of one check.
const FILES_MAX: usize = 50;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

fn names(files: &[PathBuf]) -> BTreeSet<String> {
    let stem = |path: &PathBuf| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
    files.iter().filter_map(stem).collect()
}

#[test]
fn every_check_holds_for_its_corpus() {
    let mut failed = Vec::new();
    for check in ALL {
        for path in files(&fuzz().join("corpus").join(check.name)) {
            let bytes = fs::read(&path).expect("readable");
            // Each failure has its words above; here are their names.
            if std::panic::catch_unwind(|| (check.run)(&bytes)).is_err() {
                failed.push(format!("{} fails for {}", check.name, path.display()));
            }
        }
    }
    assert_eq!(failed, Vec::<String>::new());
}

#[test]
fn every_check_has_its_target_and_a_small_corpus() {
    let checks: BTreeSet<String> = ALL.iter().map(|check| check.name.to_owned()).collect();
    assert_eq!(names(&files(&fuzz().join("targets"))), checks);
    assert_eq!(names(&files(&fuzz().join("corpus"))), checks);
    let mut bytes = 0;
    for check in ALL {
        let corpus = files(&fuzz().join("corpus").join(check.name));
        assert!((1..=FILES_MAX).contains(&corpus.len()), "{}: {}", check.name, corpus.len());
        bytes += corpus.iter().map(|path| path.metadata().expect("a file").len()).sum::<u64>();
        let target = fuzz().join("targets").join(format!("{}.rs", check.name));
        let text = fs::read_to_string(target).expect("a target");
        assert!(text.contains(&format!("::check_{}(data)", check.name)), "{text}");
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    let built = manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/"));
    let built = built.filter_map(|line| line.strip_suffix(".rs\"")).map(str::to_owned);
    assert_eq!(built.collect::<BTreeSet<_>>(), checks);
}
