//! Takes comments and indentation out of scripts and style sheets, so that they may be written for readers.
//!
//! A script stays the same sequence of tokens, and a line break stays wherever JavaScript could end a statement by it. What is not
//! understood (a division where an expression may begin, say) is served as it was written. The files are our own, so "not
//! understood" costs bytes and nothing else. Comments with `@license` stay.

use std::borrow::Cow;

/// A script without comments, without indentation and without spaces that part no words.
pub(super) fn script(source: &str) -> Cow<'_, str> {
    let mut tokens = Tokens::new(source);
    let mut text = String::with_capacity(source.len());
    let mut before: Option<Token<'_>> = None;
    while let Some(token) = tokens.next() {
        if let Some(between) = before.and_then(|before| between(before, token)) {
            text.push(between);
        }
        text.push_str(token.text);
        before = Some(token);
    }
    if tokens.is_whole() { Cow::Owned(text) } else { Cow::Borrowed(source) }
}

/// One word, sign, string, regular expression, piece of a template, or licence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Token<'a> {
    /// What stood before it in the source.
    gap: Gap,
    kind: Kind,
    text: &'a str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gap {
    None,
    Space,
    Line,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Names, keywords and numbers.
    Word,
    Sign,
    /// The second sign of `++` and `--`, which may end an expression and may begin one.
    Step,
    /// Strings, regular expressions, and templates from their beginning or from a `}` to their end.
    Text,
    /// A template up to a `${`.
    Opening,
    License,
}

/// What was opened and not yet closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Open {
    Bracket,
    /// The head of an `if`, a loop, or a `with`: an expression may begin after its `)`.
    Head,
    /// `${`.
    Template,
}

/// Whether a `/` divides or begins a regular expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Slash {
    Divides,
    Begins,
    Unclear,
}

#[derive(Debug)]
struct Tokens<'a> {
    rest: &'a str,
    open: Vec<Open>,
    slash: Slash,
    /// The last token, if it was a word or a sign; its end decides how the next one reads.
    last: &'a str,
}

impl<'a> Tokens<'a> {
    fn new(source: &'a str) -> Self {
        Self { rest: source, open: Vec::new(), slash: Slash::Begins, last: "" }
    }

    /// Everything was understood.
    fn is_whole(&self) -> bool {
        self.rest.is_empty() && self.open.is_empty()
    }

    /// The next token; none at the end, and none at the first thing that is not understood, which then stays in `rest`.
    fn next(&mut self) -> Option<Token<'a>> {
        let mut gap = Gap::None;
        loop {
            let first = self.rest.chars().next()?;
            let blank = if first.is_ascii_whitespace() {
                1
            } else if self.rest.starts_with("//") {
                self.rest.find('\n').unwrap_or(self.rest.len())
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/")? + 2
            } else {
                break;
            };
            let (text, rest) = self.rest.split_at_checked(blank)?;
            self.rest = rest;
            if text.contains("@license") {
                return Some(Token { gap: Gap::Line, kind: Kind::License, text });
            }
            gap = if gap == Gap::Line || text.contains('\n') { Gap::Line } else { Gap::Space };
        }
        let (kind, length) = self.measure(gap)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.follow(kind, text)?;
        self.rest = rest;
        Some(Token { gap, kind, text })
    }

    /// What begins here, and how long it is.
    fn measure(&self, gap: Gap) -> Option<(Kind, usize)> {
        let first = self.rest.chars().next()?;
        match first {
            '"' | '\'' => Some((Kind::Text, quoted(self.rest, first)?)),
            '`' => template(self.rest),
            '}' if self.open.last() == Some(&Open::Template) => template(self.rest),
            '/' if self.slash == Slash::Begins => Some((Kind::Text, regex(self.rest)?)),
            '/' if self.slash == Slash::Unclear => None,
            '.' if self.rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit()) => {
                Some((Kind::Word, 1 + word(self.rest.get(1..)?)))
            }
            '+' | '-' if gap == Gap::None && self.last.starts_with(first) => Some((Kind::Step, 1)),
            _ if is_wordy(first) => {
                let length = word(self.rest);
                // The fraction of a number is a part of it.
                let after = self.rest.get(length..)?;
                let fraction = first.is_ascii_digit() && after.starts_with('.');
                let length = if fraction { length + 1 + word(after.get(1..)?) } else { length };
                Some((Kind::Word, length))
            }
            _ if SIGNS.contains(first) => Some((Kind::Sign, 1)),
            _ => None,
        }
    }

    /// Remembers what decides how the next token reads. None where brackets do not match.
    fn follow(&mut self, kind: Kind, text: &'a str) -> Option<()> {
        let property = self.last == ".";
        self.slash = match kind {
            Kind::Word if OPERATORS.contains(&text) && !property => Slash::Begins,
            Kind::Word => Slash::Divides,
            Kind::Step => Slash::Unclear,
            Kind::Text | Kind::Opening => {
                if text.starts_with('}') {
                    self.open.pop_if(|open| *open == Open::Template)?;
                }
                if kind == Kind::Opening {
                    self.open.push(Open::Template);
                    Slash::Begins
                } else {
                    Slash::Divides
                }
            }
            Kind::Sign => self.follow_sign(text)?,
            Kind::License => self.slash,
        };
        self.last = if matches!(kind, Kind::Word | Kind::Sign) { text } else { "" };
        Some(())
    }

    fn follow_sign(&mut self, text: &str) -> Option<Slash> {
        Some(match text {
            "(" | "[" | "{" => {
                let head = text == "(" && HEADS.contains(&self.last);
                self.open.push(if head { Open::Head } else { Open::Bracket });
                Slash::Begins
            }
            ")" | "]" | "}" => match (self.open.pop()?, text) {
                (Open::Template, _) => return None,
                // After a block an expression begins, after an object it goes on.
                (Open::Head, _) | (Open::Bracket, "}") => Slash::Unclear,
                (Open::Bracket, _) => Slash::Divides,
            },
            _ => Slash::Begins,
        })
    }
}

/// Every character that is a token by itself; longer operators are made of these, and stay together because nothing is put between.
const SIGNS: &str = "(){}[],;:.?!~<>=+-*/%&|^";
/// Words after which an expression begins.
const OPERATORS: [&str; 15] = [
    "await",
    "case",
    "default",
    "delete",
    "do",
    "else",
    "extends",
    "in",
    "instanceof",
    "new",
    "of",
    "return",
    "throw",
    "typeof",
    "yield",
];
/// Words whose bracket may be followed by a statement; `await` for `for await`.
const HEADS: [&str; 5] = ["await", "for", "if", "while", "with"];

fn is_wordy(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$' | '#')
}

fn word(text: &str) -> usize {
    text.find(|character| !is_wordy(character)).unwrap_or(text.len())
}

/// Up to and with the closing quote; none where the line ends before it.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = true; // steps over the opening quote
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return None,
            _ if character == quote => return Some(at + character.len_utf8()),
            _ => {}
        }
    }
    None
}

/// From a backtick, or from the `}` that ends an expression, to the next backtick or `${`.
fn template(text: &str) -> Option<(Kind, usize)> {
    let mut escaped = true; // steps over the first character
    let mut dollar = false;
    for (at, character) in text.char_indices() {
        let plain = !escaped;
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '`' => return Some((Kind::Text, at + 1)),
            '{' if dollar => return Some((Kind::Opening, at + 1)),
            _ => {}
        }
        dollar = plain && character == '$';
    }
    None
}

/// With its flags; none where the line ends before it does.
fn regex(text: &str) -> Option<usize> {
    let mut escaped = true; // steps over the opening slash
    let mut class = false;
    for (at, character) in text.char_indices() {
        match character {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '/' if !class => return Some(at + 1 + word(text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// What must part two tokens: a line break, where one stood that could end a statement; a space, where they would read as one.
fn between(before: Token<'_>, next: Token<'_>) -> Option<char> {
    if before.kind == Kind::License || next.kind == Kind::License {
        return Some('\n');
    }
    if next.gap == Gap::None {
        return None;
    }
    if next.gap == Gap::Line && !goes_on_after(before) && !goes_on_with(next) {
        return Some('\n');
    }
    let last = before.text.chars().next_back()?;
    let first = next.text.chars().next()?;
    let operator = |character| SIGNS.contains(character) && !BRACKETS.contains(character);
    let joins = (is_wordy(last) && is_wordy(first))
        || (operator(last) && operator(first) && next.kind != Kind::Text)
        || (last.is_ascii_digit() && first == '.')
        || (last == '/' && first == '/');
    joins.then_some(' ')
}

/// Signs that make no other sign with a neighbour.
const BRACKETS: &str = "(){}[],;";

/// No statement ends after this token, or it ends without a line break.
fn goes_on_after(token: Token<'_>) -> bool {
    match token.kind {
        Kind::Sign => !matches!(token.text, ")" | "]" | "}"),
        Kind::Opening => true,
        Kind::Word | Kind::Step | Kind::Text | Kind::License => false,
    }
}

/// No statement begins with this token; before a `}` one ends in any case.
fn goes_on_with(token: Token<'_>) -> bool {
    match token.kind {
        Kind::Sign => {
            matches!(token.text, ")" | "]" | "}" | "," | ";" | "." | ":" | "?" | "&" | "|")
        }
        Kind::Text | Kind::Opening => token.text.starts_with('}'),
        Kind::Word | Kind::Step | Kind::License => false,
    }
}

/// A style sheet without comments, and with no more spaces than tell selectors and values apart.
pub(super) fn style(source: &str) -> Cow<'_, str> {
    strip_style(source).map_or(Cow::Borrowed(source), Cow::Owned)
}

/// None at an escape, an open string or comment, or an address without quotes: there spaces mean other things.
fn strip_style(source: &str) -> Option<String> {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    let mut space = false;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if first.is_ascii_whitespace() {
            space = true;
        } else if rest.starts_with("/*") {
            length = rest.find("*/")? + 2;
            if let Some(license) = rest.get(..length).filter(|comment| comment.contains("@license"))
            {
                text.push_str(license);
            }
            space = true;
        } else {
            if first == '\\' || (rest.starts_with("url(") && !rest.starts_with("url(\"")) {
                return None;
            }
            if matches!(first, '"' | '\'') {
                length = quoted(rest, first)?;
            }
            let loose = text.ends_with(['{', '}', ';', ',', ':', '(']) || text.is_empty();
            if space && !loose && !matches!(first, '{' | '}' | ';' | ',' | ')') {
                text.push(' ');
            }
            if first == '}' && text.ends_with(';') {
                text.pop();
            }
            text.push_str(rest.get(..length)?);
            space = false;
        }
        rest = rest.get(length..)?;
    }
    Some(text)
}

#[cfg(test)]
#[path = "strip_tests.rs"]
mod tests;
