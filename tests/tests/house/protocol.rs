//! docs/protocol.md names every op, error code, bye code and close code that the code knows, and no other.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Expr, ImplItemFn, ItemEnum, Lit, Pat};

use crate::source::{Source, repository};

/// Where the code says them.
const MESSAGES: &str = "signaling/src/dialect/socket/message.rs";
const BYES: &str = "signaling/src/dialect/socket/close.rs";
const ERRORS: &str = "signaling/src/fault.rs";
const DOCUMENT: &str = "docs/protocol.md";

/// What a client and the server can say to each other, by name.
#[derive(Debug, Default, Eq, PartialEq)]
struct Words {
    client_ops: BTreeSet<String>,
    server_ops: BTreeSet<String>,
    error_codes: BTreeSet<String>,
    bye_codes: BTreeSet<String>,
    close_codes: BTreeSet<String>,
}

impl Words {
    fn of_code(sources: &[Source]) -> Self {
        let file = |path: &str| {
            let found = sources.iter().find(|source| source.path == path);
            found.unwrap_or_else(|| panic!("{path} is where this rule looks")).parsed()
        };
        let mut found = Self::default();
        for path in [MESSAGES, BYES, ERRORS] {
            Reader { path, words: &mut found }.visit_file(&file(path));
        }
        found
    }

    fn of_document(text: &str) -> Self {
        let mut found = Self::default();
        for section in text.split("\n## ") {
            let ops = match section.lines().next() {
                Some("What a client sends") => &mut found.client_ops,
                Some("What the server sends") => &mut found.server_ops,
                Some(_) | None => continue,
            };
            let blocks = section.split("```json\n").skip(1);
            ops.extend(blocks.filter_map(|block| quoted_after(block, "\"op\": \"")));
        }
        let rows = text.lines().filter_map(row);
        for (code, cells) in rows {
            // The HTTP table has the status in its second column, the socket's the fault.
            found.error_codes.insert(code);
            found.close_codes.extend(
                cells.iter().filter_map(|cell| cell.strip_prefix("closes, ").map(str::to_owned)),
            );
        }
        let (_, byes) = text.split_once("closes a socket. `code`: ").unwrap_or_default();
        let (byes, _) = byes.split_once("\n\n").unwrap_or((byes, ""));
        for bye in byes.split("`").collect::<Vec<_>>().chunks_exact(2) {
            let [_, name] = bye else { continue };
            found.bye_codes.insert((*name).to_owned());
        }
        let numbers = byes.split('(').skip(1);
        found.close_codes.extend(numbers.map(|number| number.chars().take(4).collect()));
        found
    }

    fn kinds(self) -> [(&'static str, BTreeSet<String>); 5] {
        [
            ("op of a client", self.client_ops),
            ("op of the server", self.server_ops),
            ("error code", self.error_codes),
            ("bye code", self.bye_codes),
            ("close code", self.close_codes),
        ]
    }
}

/// The code and the other cells of a table's row that begins with a code: one name in small letters.
fn row(line: &str) -> Option<(String, Vec<&str>)> {
    let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
    let code = cells.next()?.strip_suffix('`')?;
    let is_code = code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_code.then(|| (code.to_owned(), cells.collect()))
}

fn quoted_after(text: &str, opening: &str) -> Option<String> {
    let (_, rest) = text.split_once(opening)?;
    rest.split('"').next().map(str::to_owned)
}

struct Reader<'a> {
    path: &'a str,
    words: &'a mut Words,
}

impl Visit<'_> for Reader<'_> {
    fn visit_item_enum(&mut self, item: &ItemEnum) {
        let names = item.variants.iter().map(|variant| snake(&variant.ident.to_string()));
        match (self.path, item.ident.to_string().as_str()) {
            (MESSAGES, "ServerMessage") => self.words.server_ops.extend(names),
            (BYES, "Bye") => self.words.bye_codes.extend(names),
            _ => {}
        }
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        let mut arms = Arms::default();
        arms.visit_block(&item.block);
        match (self.path, item.sig.ident.to_string().as_str()) {
            (MESSAGES, "read") => self.words.client_ops.extend(arms.patterns),
            (BYES, "code") => self.words.close_codes.extend(arms.numbers),
            (ERRORS, "face") => {
                self.words.error_codes.extend(arms.texts);
                self.words.close_codes.extend(arms.numbers);
            }
            _ => {}
        }
    }
}

/// The literals of a function's matches: what is matched, and what comes out.
#[derive(Default)]
struct Arms {
    patterns: Vec<String>,
    texts: Vec<String>,
    numbers: Vec<String>,
}

impl Visit<'_> for Arms {
    fn visit_arm(&mut self, arm: &syn::Arm) {
        if let Pat::Lit(pattern) = &arm.pat
            && let Lit::Str(text) = &pattern.lit
        {
            self.patterns.push(text.value());
        }
        let mut outcome = Outcome::default();
        outcome.visit_expr(&arm.body);
        self.texts.append(&mut outcome.texts);
        self.numbers.append(&mut outcome.numbers);
    }
}

#[derive(Default)]
struct Outcome {
    texts: Vec<String>,
    numbers: Vec<String>,
}

impl Visit<'_> for Outcome {
    fn visit_expr(&mut self, expression: &Expr) {
        if let Expr::Lit(literal) = expression {
            if let Lit::Str(text) = &literal.lit {
                self.texts.push(text.value());
            } else if let Lit::Int(number) = &literal.lit {
                self.numbers.push(number.base10_digits().to_owned());
            }
        }
        visit::visit_expr(self, expression);
    }
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn complaints(code: Words, document: Words) -> Vec<String> {
    let mut complaints = Vec::new();
    for ((kind, code), (_, document)) in code.kinds().into_iter().zip(document.kinds()) {
        if code.is_empty() {
            complaints.push(format!("the code has no {kind}: this rule looks in the wrong place"));
        }
        let missing = code.difference(&document);
        complaints.extend(missing.map(|word| format!("{DOCUMENT} has no {kind} {word}")));
        let stale = document.difference(&code);
        complaints.extend(stale.map(|word| format!("the code has no {kind} {word}")));
    }
    complaints
}

#[test]
fn the_protocol_and_its_document_have_the_same_words() {
    let sources = repository();
    let document = sources.iter().find(|source| source.path == DOCUMENT).expect("the document");
    let document = Words::of_document(&document.text);
    assert_eq!(complaints(Words::of_code(&sources), document), Vec::<String>::new());
}

/// Everything once, in code and in words.
fn invented() -> (Vec<Source>, &'static str) {
    let sources = vec![
        Source::invented(
            MESSAGES,
            r#"impl M { fn read() { match op { "join" => 1, other => 2 } } } enum ServerMessage { SlotsNeeded }"#,
        ),
        Source::invented(
            BYES,
            "enum Bye { TooMany } impl Bye { fn code() { match self { Self::TooMany => 4008 } } }",
        ),
        Source::invented(
            ERRORS,
            r#"impl E { fn face() { match self { Self::A => ("too_large", Peer, S::A, Some(1009)) } } }"#,
        ),
    ];
    let document = concat!(
        "# P\n\n## What a client sends\n\n```json\n{ \"op\": \"join\" }\n```\n",
        "\n## What the server sends\n\n```json\n{ \"op\": \"slots_needed\" }\n```\n",
        "| code | fault | means | socket |\n|---|---|---|---|\n| `too_large` | peer | m | closes, 1009 |\n",
        "The last message before the server closes a socket. `code`: `too_many` (4008: too\nmany).\n\n| `GET /x` | y |\n",
    );
    (sources, document)
}

#[test]
fn words_on_one_side_alone_are_noticed() {
    let (sources, document) = invented();
    let words = Words::of_document(document);
    assert_eq!(complaints(Words::of_code(&sources), words), Vec::<String>::new());
    for (word, other, kind) in [
        ("join", "joyn", "op of a client"),
        ("slots_needed", "slots", "op of the server"),
        ("too_large", "large", "error code"),
        ("too_many", "many", "bye code"),
        ("1009", "1010", "close code"),
        ("4008", "4009", "close code"),
    ] {
        let document = Words::of_document(&document.replace(word, other));
        let expected =
            [format!("{DOCUMENT} has no {kind} {word}"), format!("the code has no {kind} {other}")];
        assert_eq!(complaints(Words::of_code(&sources), document), expected, "{word}");
    }
}
