//! A test that is left out of the run says why.

use syn::visit::{self, Visit};

use crate::source::{Source, repository};

fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let mut ignored = Ignored::default();
        ignored.visit_file(&source.parsed());
        let silent = ignored.without_reason.iter();
        complaints.extend(
            silent.map(|name| format!("{}: {name} is ignored without a reason", source.path)),
        );
    }
    complaints
}

/// Functions with an `#[ignore]` that gives no reason.
#[derive(Default)]
struct Ignored {
    without_reason: Vec<String>,
}

impl<'ast> Visit<'ast> for Ignored {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let silent = |attribute: &syn::Attribute| {
            attribute.path().is_ident("ignore") && attribute.meta.require_path_only().is_ok()
        };
        if function.attrs.iter().any(silent) {
            self.without_reason.push(function.sig.ident.to_string());
        }
        visit::visit_item_fn(self, function);
    }
}

#[test]
fn every_ignored_test_says_why() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_silently_ignored_test_is_noticed() {
    let test =
        |attribute: &str| Source::invented("sfu/src/slot.rs", &format!("{attribute}\nfn a() {{}}"));
    assert_eq!(
        complaints(&[test("#[ignore]")]),
        ["sfu/src/slot.rs: a is ignored without a reason"]
    );
    assert!(complaints(&[test("#[ignore = \"takes an hour\"]")]).is_empty());
}
