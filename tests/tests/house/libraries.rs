//! A library that may be exchanged is named in one file.

use crate::source::{Source, repository};

/// The DTLS library, and where it may be named (and tested, in a file beside).
const DTLS: (&str, [&str; 2]) =
    (concat!("dim", "pl"), ["sfu/src/transport/dtls.rs", "sfu/src/transport/dtls_tests.rs"]);

fn complaints(sources: &[Source]) -> Vec<String> {
    let (library, places) = DTLS;
    let mut complaints = Vec::new();
    for source in sources {
        let is_elsewhere = !places.contains(&source.path.as_str());
        if source.is_rust() && is_elsewhere && names(&source.text, library) {
            complaints.push(format!("{} names {library}", source.path));
        }
    }
    complaints
}

/// Whether a path in code begins with `library`.
fn names(text: &str, library: &str) -> bool {
    text.contains(&format!("{library}::")) || text.contains(&format!("use {library}"))
}

#[test]
fn the_dtls_library_is_named_in_one_file() {
    assert_eq!(complaints(&repository()), Vec::<String>::new());
}

#[test]
fn a_second_file_that_names_it_is_noticed() {
    for text in ["use LIB::Dtls;", "fn a(b: LIB::Dtls) {}", "use LIB;"] {
        let text = text.replace("LIB", DTLS.0);
        assert_eq!(
            complaints(&[Source::invented("sfu/src/transport/mod.rs", &text)]).len(),
            1,
            "{text}"
        );
        assert!(complaints(&[Source::invented(DTLS.1[0], &text)]).is_empty());
    }
}
