//! Files of at most 600 lines, functions of at most 60 lines of code. Test code is not counted.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::source::{Source, repository};

/// A file above this holds a second noun.
const FILE_LINES_MAX: usize = 600;

/// A function above this is read twice before it is understood.
const FUNCTION_LINES_MAX: usize = 60;

fn complaints(sources: &[Source]) -> Vec<String> {
    let counted = |source: &&Source| !source.is_test() && !source.is_vendored();
    sources.iter().filter(counted).flat_map(complaints_about).collect()
}

fn complaints_about(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut lines = source.text.lines().count();
    if source.is_rust() {
        let mut functions = Functions { text: &source.text, ..Functions::default() };
        functions.visit_file(&source.parsed());
        lines -= functions.test_lines;
        complaints.extend(
            functions
                .found
                .iter()
                .filter(|(_, length)| *length > FUNCTION_LINES_MAX)
                .map(|(name, length)| format!("{}: {name} has {length} lines", source.path)),
        );
    }
    if (source.is_rust() || source.is_script()) && lines > FILE_LINES_MAX {
        complaints.push(format!("{} has {lines} lines", source.path));
    }
    complaints
}

/// The functions of a file with their lines of code.
#[derive(Default)]
struct Functions<'a> {
    text: &'a str,
    found: Vec<(String, usize)>,
    test_lines: usize,
}

impl Functions<'_> {
    /// Lines between the braces that are neither empty nor comments.
    fn add(&mut self, name: &str, body: &syn::Block) {
        let (start, end) = (body.span().start().line, body.span().end().line);
        let inside = self.text.lines().skip(start).take((end - start).saturating_sub(1));
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        self.found.push((name.to_owned(), inside.filter(is_code).count()));
    }

    fn leave_out(&mut self, span: Span) {
        self.test_lines += span.end().line + 1 - span.start().line;
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if is_for_tests(&module.attrs) {
            self.leave_out(module.span());
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_for_tests(&function.attrs) {
            self.leave_out(function.span());
        } else {
            self.add(&function.sig.ident.to_string(), &function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig.ident.to_string(), &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig.ident.to_string(), body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Whether an item carries `#[cfg(test)]`.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

#[test]
fn files_and_functions_are_short() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_long_function_is_noticed() {
    let body = "    // why\n    work();\n\n".repeat(61);
    let text = format!("impl Noun {{\nfn long() {{\n{body}}}\n}}\n");
    assert_eq!(
        complaints(&[Source::invented("sfu/src/a.rs", &text)]),
        ["sfu/src/a.rs: long has 61 lines"]
    );
    let at_the_bound = format!("fn fair() {{\n{}}}\n", "    work();\n".repeat(60));
    assert!(complaints(&[Source::invented("sfu/src/a.rs", &at_the_bound)]).is_empty());
}

#[test]
fn a_long_file_is_noticed_and_its_tests_are_not_counted() {
    let long = "const A: u8 = 0;\n".repeat(601);
    assert_eq!(
        complaints(&[Source::invented("sfu/src/a.rs", &long)]),
        ["sfu/src/a.rs has 601 lines"]
    );
    assert_eq!(complaints(&[Source::invented("web/a.js", &long)]), ["web/a.js has 601 lines"]);
    assert!(complaints(&[Source::invented("sfu/src/a_tests.rs", &long)]).is_empty());
    let tested = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(complaints(&[Source::invented("sfu/src/a.rs", &tested)]).is_empty());
}
