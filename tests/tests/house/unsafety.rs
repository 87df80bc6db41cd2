//! `unsafe` stands in `sfu/src/net` alone.

use proc_macro2::{TokenStream, TokenTree};

use crate::source::{Source, repository};

/// Where syscalls are made.
const SYSCALLS: &str = "sfu/src/net/";

fn complaints(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.is_rust() && !source.path.starts_with(SYSCALLS))
        .filter(|source| has_unsafe(tokens(source)))
        .map(|source| format!("{} has unsafe code", source.path))
        .collect()
}

fn tokens(source: &Source) -> TokenStream {
    source.text.parse().unwrap_or_else(|error| panic!("{} is no Rust: {error}", source.path))
}

fn has_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_unsafe(group.stream()),
        TokenTree::Ident(word) => word == "unsafe",
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[test]
fn only_the_syscalls_are_unsafe() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn unsafe_code_elsewhere_is_noticed() {
    let source = |path: &str| Source::invented(path, "fn a() { b(unsafe { c() }) } // fine");
    assert_eq!(complaints(&[source("sfu/src/slot.rs")]), ["sfu/src/slot.rs has unsafe code"]);
    assert!(complaints(&[source("sfu/src/net/socket.rs")]).is_empty());
    let words = Source::invented(
        "sfu/src/slot.rs",
        "//! Nothing is unsafe here.\nconst A: &str = \"unsafe\";",
    );
    assert!(complaints(&[words]).is_empty());
}
