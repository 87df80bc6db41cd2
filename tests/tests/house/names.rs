//! One file, one noun: names that hold anything hold nothing.

use syn::visit::{self, Visit};

use crate::source::{Source, repository};

/// Drawers for what has no place yet, and the two names that would hide a crate of the same name.
const BANNED: [&str; 14] = [
    "common",
    "helper",
    "helpers",
    "manager",
    "misc",
    "rtcp",
    "rtp",
    "shared",
    "stuff",
    "type",
    "types",
    "util",
    "utils",
    "utilities",
];

fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !source.is_vendored()) {
        if !(source.is_rust() || source.is_script()) {
            continue;
        }
        let folders = source.path.split('/').rev().skip(1);
        for name in folders.chain([source.stem()]) {
            if BANNED.contains(&name) {
                complaints.push(format!("{}: no file or folder is called {name}", source.path));
            }
        }
        if source.is_rust() {
            let mut modules = Modules::default();
            modules.visit_file(&source.parsed());
            let banned = modules.names.iter().filter(|name| BANNED.contains(&name.as_str()));
            complaints
                .extend(banned.map(|name| format!("{}: no module is called {name}", source.path)));
        }
    }
    complaints
}

/// The names of a file's modules.
#[derive(Default)]
struct Modules {
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for Modules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.names.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
    }
}

#[test]
fn every_file_is_named_by_its_noun() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_drawer_is_noticed() {
    let names = |path: &str, text: &str| complaints(&[Source::invented(path, text)]).len();
    assert_eq!(names("sfu/src/utils.rs", ""), 1);
    assert_eq!(names("sfu/src/helpers/mod.rs", ""), 1);
    assert_eq!(names("signaling/web/net/common.js", ""), 1);
    assert_eq!(names("sfu/src/lib.rs", "mod noun { mod rtcp {} }"), 1);
    assert_eq!(names("sfu/src/slot.rs", "mod tests {}"), 0);
}
