//! docs/config.md, written from the table of settings.

use super::settings::{SETTINGS, Setting};

/// The whole document.
#[must_use]
pub fn written() -> String {
    let mut text = HEAD.to_owned();
    let mut tables: Vec<&str> = vec![""];
    for setting in SETTINGS {
        let table = table(setting);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for name in tables {
        text.push_str(&match name {
            "" => "\n## At the top of the file\n".to_owned(),
            name => format!("\n## `[{name}]`\n"),
        });
        for setting in SETTINGS.iter().filter(|setting| table(setting) == name) {
            text.push_str(&entry(setting));
        }
    }
    text
}

fn table(setting: &Setting) -> &'static str {
    setting.key.split_once('.').map_or("", |(table, _)| table)
}

fn entry(setting: &Setting) -> String {
    let Setting { key, flag, kind, many, shape, default, text, set: _ } = setting;
    let name = key.rsplit('.').next().unwrap_or_default();
    let kind = if *many { format!("list of {}", kind.name()) } else { kind.name().to_owned() };
    let variable = setting.variable();
    format!(
        "\n### `{name}`\n\n{text}.\n\n- {kind}; default: {default}\n- `--{flag} {shape}`, `{variable}`\n"
    )
}

const HEAD: &str = "# Settings

<!-- Written by `cargo run -- config document > docs/config.md` from `signaling/src/config/settings.rs`; a test compares both. -->

Each setting can be given in three ways. A flag comes before an environment variable, that before the file, that before the default; a
list is taken whole from one place.

- A flag: `confab --shards 4`. A flag of a list may be repeated: `--host a.example --host b.example`.
- A variable: `CONFAB_SHARDS=4`. The values of a list stand between commas: `CONFAB_HOSTS=a.example,b.example`.
- The file that `--config FILE` or `CONFAB_CONFIG` names, in TOML: `shards = 4`, `hosts = [\"a.example\", \"b.example\"]`. Without either
  none is read.

A key that does not exist, or a value that cannot be, ends the start with one line: the file, the line, the key, and the name that was
probably meant. A variable that begins with `CONFAB_` and is no setting is only warned of: some platforms set such by themselves.

`confab config check`, with the same flags and variables, says what would hold and where it comes from, and ends with 0, or with 1 where
it cannot be.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_code_says() {
        assert!(
            include_str!("../../../docs/config.md") == written(),
            "docs/config.md is not what the code says; cargo run -- config document > docs/config.md"
        );
    }
}
