//! The configuration file: TOML (1.1) with the keys of [`SETTINGS`], and nothing else.

use std::ops::Range;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{Kind, SETTINGS, Setting};

/// A setting as the file has it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which.
    pub setting: &'static Setting,
    /// Its values, as a flag would have them.
    pub values: Vec<String>,
    /// In which line, from 1.
    pub line: usize,
}

/// What is wrong with a file, and in which line. Always the operator's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("line {line}: {what}")]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// In words.
    pub what: String,
}

/// Reads a file's text.
///
/// # Errors
/// [`FileError`]: no TOML, a key that is no setting, a value of another type.
pub fn read(text: &str) -> Result<Vec<Entry>, FileError> {
    let table = table(text)?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        match (value.get_ref(), SETTINGS.iter().find(|setting| setting.key == key.get_ref())) {
            (DeValue::Table(inner), None) if is_table(key.get_ref()) => {
                for (inner_key, value) in inner {
                    let name = format!("{}.{}", key.get_ref(), inner_key.get_ref());
                    let setting = SETTINGS.iter().find(|setting| setting.key == name);
                    let setting =
                        setting.ok_or_else(|| unknown(text, inner_key.span(), &name, &names()))?;
                    entries.push(entry(text, setting, inner_key.span(), value)?);
                }
            }
            (_, Some(setting)) => entries.push(entry(text, setting, key.span(), value)?),
            (_, None) if is_table(key.get_ref()) => {
                let line = line(text, &key.span());
                let what = format!("{}: it is a table, with settings in it", key.get_ref());
                return Err(FileError { line, what });
            }
            (_, None) => return Err(unknown(text, key.span(), key.get_ref(), &names())),
        }
    }
    Ok(entries)
}

/// A text as a TOML table whose parts know where they stand.
///
/// # Errors
/// [`FileError`] where it is no TOML.
pub fn table(text: &str) -> Result<Spanned<DeTable<'_>>, FileError> {
    DeTable::parse(text).map_err(|error| FileError {
        line: line(text, &error.span().unwrap_or_default()),
        what: error.message().to_owned(),
    })
}

/// What may have been meant: settings and tables.
fn names() -> Vec<&'static str> {
    let tables = SETTINGS.iter().filter_map(|setting| setting.key.split_once('.'));
    SETTINGS.iter().map(|setting| setting.key).chain(tables.map(|(table, _)| table)).collect()
}

fn is_table(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.split_once('.').is_some_and(|it| it.0 == name))
}

fn entry(
    text: &str,
    setting: &'static Setting,
    span: Range<usize>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Entry, FileError> {
    let line = line(text, &span);
    let list = value.get_ref().as_array().filter(|_| setting.many);
    let values = match list {
        Some(list) => list.iter().map(|value| single(setting.kind, value.get_ref())).collect(),
        None => single(setting.kind, value.get_ref()).map(|value| vec![value]),
    };
    let kind = setting.kind.name();
    let expected = if setting.many { format!("a list of {kind}") } else { kind.to_owned() };
    let wrong = || FileError { line, what: format!("{}: its value is {expected}", setting.key) };
    Ok(Entry { setting, values: values.ok_or_else(wrong)?, line })
}

fn single(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match kind {
        Kind::Text => value.as_str().map(str::to_owned),
        Kind::Switch => value.as_bool().map(|on| on.to_string()),
        Kind::Number => {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|it| it.to_string())
        }
    }
}

/// That `name` is none of `known`, and which of them is nearest.
#[must_use]
pub fn unknown(text: &str, span: Range<usize>, name: &str, known: &[&str]) -> FileError {
    let hint = match nearest(name, known) {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => String::new(),
    };
    let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
    FileError { line: line(text, &span), what: format!("there is no key {shown}{hint}") }
}

/// As much of a wrong name as is repeated: the longest right one has half as many characters.
const NAME_SHOWN_MAX: usize = 64;

/// The name of `known` that is most like `name`, where one is.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &str| {
        strsim::jaro_winkler(name, known).max(strsim::jaro_winkler(&last(name), &last(known)))
    };
    let scored = known.iter().map(|known| (likeness(known), *known));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, known)| known)
}

/// From this likeness (Jaro and Winkler's, 1 for the same) on a name is worth naming: two letters of eight may differ.
const LIKE: f64 = 0.8;

/// The line that a span begins in, from 1.
#[must_use]
pub fn line(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn keys_and_tables_become_what_flags_would_be() {
        let text = "shards = 4\nmedia = [\"192.0.2.1:9\",\n \"[::1]:9\"]\n\n[channel]\nopus_dtx = false\npeople = 1_0\n";
        let entries = read(text).unwrap();
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (entry.setting.key, entry.values.join(" "), entry.line))
            .collect();
        let mut shown: Vec<_> =
            shown.iter().map(|(key, values, line)| (*line, *key, values.as_str())).collect();
        shown.sort_unstable();
        let expected = [
            (1, "shards", "4"),
            (2, "media", "192.0.2.1:9 [::1]:9"),
            (6, "channel.opus_dtx", "false"),
            (7, "channel.people", "10"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(read("channel.people = 3").unwrap()[0].values, ["3"], "dotted");
        assert_eq!(read("hosts = \"a.example\"").unwrap()[0].values, ["a.example"], "alone");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
        assert_eq!(words("\nshard = 2"), "line 2: there is no key shard; did you mean shards?");
        assert_eq!(
            words("[channel]\n\nopus_bit_rate = 2"),
            "line 3: there is no key channel.opus_bit_rate; did you mean channel.opus_bitrate?"
        );
        assert_eq!(
            words("people = 2"),
            "line 1: there is no key people; did you mean channel.people?"
        );
        assert_eq!(words("zzzz = 2"), "line 1: there is no key zzzz");
        assert_eq!(
            words("[chanel]\npeople = 1"),
            "line 1: there is no key chanel; did you mean channel?"
        );
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_what_it_should_be() {
        assert_eq!(words("shards = \"2\""), "line 1: shards: its value is number");
        assert_eq!(words("http = 80"), "line 1: http: its value is text");
        assert_eq!(words("http = [\"a\"]"), "line 1: http: its value is text");
        assert_eq!(words("\nmedia = [1]"), "line 2: media: its value is a list of text");
        assert_eq!(words("channel = 3"), "line 1: channel: it is a table, with settings in it");
        assert_eq!(
            words("channel.opus_dtx = 1"),
            "line 1: channel.opus_dtx: its value is true or false"
        );
        assert_eq!(words("shards = 1.5"), "line 1: shards: its value is number");
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        assert!(words("http = \"a\"\nshards 2").starts_with("line 2: "));
        assert!(words("shards = 1\nshards = 2").starts_with("line 2: duplicate key"));
    }
}
