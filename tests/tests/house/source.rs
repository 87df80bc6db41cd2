//! The files of the repository, as the rules read them.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Relative to the root, with `/` between folders.
    pub(crate) path: String,
    /// Its whole text.
    pub(crate) text: String,
}

impl Source {
    /// A file that does not exist, for tests of the rules.
    pub(crate) fn invented(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The name without folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The name without folders and without what follows its first dot.
    pub(crate) fn stem(&self) -> &str {
        self.name().split('.').next().unwrap_or_default()
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is a module of the web client or of the browser tests.
    pub(crate) fn is_script(&self) -> bool {
        self.path.ends_with(".js") || self.path.ends_with(".mjs")
    }

    /// Whether all of it is test code: whole-system tests, and the tests of one noun in a file beside it.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/tests/")
            || self.path.ends_with("_tests.rs")
            || self.path.ends_with(".test.js")
            || self.path.ends_with(".test.mjs")
    }

    /// Whether it was written elsewhere and is served unchanged.
    pub(crate) fn is_vendored(&self) -> bool {
        self.path.contains("/vendor/")
    }

    /// Its syntax tree.
    pub(crate) fn parsed(&self) -> syn::File {
        syn::parse_file(&self.text)
            .unwrap_or_else(|error| panic!("{} is no Rust: {error}", self.path))
    }
}

/// The folder that holds the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests has a parent").to_owned()
}

/// Every text file of the repository, in order of its path.
pub(crate) fn repository() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            let relative = path.strip_prefix(&root).expect("below the root");
            let relative = relative.to_str().expect("a name in UTF-8").replace('\\', "/");
            if relative == ".git" {
                continue; // a folder, or in a linked work tree a file that names one
            } else if path.is_dir() {
                let name = relative.rsplit('/').next().unwrap_or_default();
                if !FOREIGN_FOLDERS.contains(&name) {
                    folders.push(path);
                }
            } else if let Some(text) = text_of(&path) {
                sources.push(Source { path: relative, text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.iter().any(|source| source.path == "sfu/src/lib.rs"), "the walk found us");
    sources
}

/// The text of a file, unless it is binary.
fn text_of(path: &Path) -> Option<String> {
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    if is_link { None } else { String::from_utf8(fs::read(path).ok()?).ok() }
}

/// Folders whose content is made by tools or belongs to others.
const FOREIGN_FOLDERS: [&str; 3] = ["target", "node_modules", "artifacts"];
