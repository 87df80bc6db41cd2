//! Where a setting comes from: flag before environment before file before default.

use std::fmt::{self, Display, Formatter};

use thiserror::Error;

use super::file::{self, FileError, nearest};
use super::settings::{Draft, PREFIX, SETTINGS, Setting};

/// What was written, by place. All of it as texts: what each means, its setting knows.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Settings with their values, as flags have them.
    pub flags: Vec<(&'static Setting, Vec<String>)>,
    /// Environment variables that begin with [`PREFIX`], without [`CONFIG_VARIABLE`].
    pub environment: Vec<(String, String)>,
    /// The file: its name and its text.
    pub file: Option<(String, String)>,
}

/// The variable that names the file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "CONFAB_CONFIG";

/// Who said what a setting is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// `--flag`.
    Flag(&'static str),
    /// A variable.
    Environment(String),
    /// A file, and its line.
    File(String, usize),
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(name, line) => write!(f, "{name}, line {line}"),
        }
    }
}

/// The settings put together.
#[derive(Clone, Debug)]
pub struct Composed {
    /// What holds.
    pub draft: Draft,
    /// Each setting that somebody set: its values, and who said so.
    pub origins: Vec<(&'static Setting, Vec<String>, Origin)>,
    /// What is odd and no mistake, in words.
    pub oddities: Vec<String>,
}

/// What was written and cannot be. Always the operator's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum LayersError {
    /// The file.
    #[error("{0}, {1}")]
    File(String, FileError),
    /// A value that is none of its setting's.
    #[error("{origin}: {key} {value:?}: {reason}")]
    Value {
        /// Who said it.
        origin: Origin,
        /// Of which setting.
        key: &'static str,
        /// The value, cut.
        value: String,
        /// What is wrong.
        reason: String,
    },
}

impl Layers {
    /// Puts them together: of each setting what the flag says, else the environment, else the file, else its default. A list is
    /// taken whole from one place; nothing is added up.
    ///
    /// # Errors
    /// [`LayersError`]: the operator's mistake.
    pub fn compose(&self) -> Result<Composed, LayersError> {
        let entries = match &self.file {
            Some((name, text)) => {
                file::read(text).map_err(|error| LayersError::File(name.clone(), error))?
            }
            None => Vec::new(),
        };
        let name = self.file.as_ref().map_or("", |(name, _)| name);
        let mut draft = Draft::default();
        let mut origins = Vec::new();
        for setting in SETTINGS {
            let flag = self.flags.iter().find(|(flagged, _)| flagged.key == setting.key);
            let flag = flag.map(|(_, values)| (values.clone(), Origin::Flag(setting.flag)));
            let entry = entries.iter().find(|entry| entry.setting.key == setting.key);
            let entry = entry.map(|it| (it.values.clone(), Origin::File(name.to_owned(), it.line)));
            let Some((values, origin)) = flag.or_else(|| self.variable(setting)).or(entry) else {
                continue;
            };
            let texts: Vec<&str> = values.iter().map(String::as_str).collect();
            (setting.set)(&mut draft, &texts).map_err(|reason| LayersError::Value {
                origin: origin.clone(),
                key: setting.key,
                value: values.join(",").chars().take(VALUE_SHOWN_MAX).collect(),
                reason,
            })?;
            origins.push((setting, values, origin));
        }
        Ok(Composed { draft, origins, oddities: self.oddities() })
    }

    fn variable(&self, setting: &Setting) -> Option<(Vec<String>, Origin)> {
        let variable = setting.variable();
        let (_, value) = self.environment.iter().find(|(name, _)| *name == variable)?;
        let values = if setting.many {
            value.split(',').map(|value| value.trim().to_owned()).collect()
        } else {
            vec![value.clone()]
        };
        Some((values, Origin::Environment(variable)))
    }

    /// Variables that stand for nothing. No mistake: a container platform sets such for every service that is named like us.
    fn oddities(&self) -> Vec<String> {
        let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let odd = self.environment.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let words = |(name, _): &(String, String)| match nearest(name, &known) {
            Some(nearest) if name.len() > PREFIX.len() => {
                format!("the variable {name} is no setting; did you mean {nearest}?")
            }
            Some(_) | None => format!("the variable {name} is no setting"),
        };
        odd.map(words).collect()
    }
}

/// As much of a wrong value as is repeated: enough to find it.
const VALUE_SHOWN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(key: &str, values: &[&str]) -> (&'static Setting, Vec<String>) {
        let setting = SETTINGS.iter().find(|setting| setting.key == key).unwrap();
        (setting, values.iter().map(|value| (*value).to_owned()).collect())
    }

    fn layers() -> Layers {
        Layers {
            flags: vec![flag("http", &["127.0.0.1:1"])],
            environment: vec![
                ("CONFAB_HTTP".to_owned(), "127.0.0.1:2".to_owned()),
                ("CONFAB_HOSTS".to_owned(), "a.example, b.example".to_owned()),
            ],
            file: Some((
                "confab.toml".to_owned(),
                "http = \"127.0.0.1:3\"\nhosts = [\"c.example\"]\nshards = 3\n".to_owned(),
            )),
        }
    }

    #[test]
    fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
        let composed = layers().compose().unwrap();
        let Draft { http, hosts, shards, dscp, .. } = composed.draft;
        assert_eq!(http, "127.0.0.1:1".parse().unwrap());
        assert_eq!(hosts, ["a.example", "b.example"], "whole from one place");
        assert_eq!((shards, dscp), (Some(3), Draft::default().dscp));
        let origins: Vec<String> =
            composed.origins.iter().map(|(_, _, origin)| origin.to_string()).collect();
        assert_eq!(origins, ["--http", "confab.toml, line 3", "CONFAB_HOSTS"]);
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_place_it_came_from() {
        let words = |layers: &Layers| layers.compose().unwrap_err().to_string();
        let flags = vec![flag("shards", &["many"])];
        let wrong = Layers { flags, ..Layers::default() };
        assert_eq!(words(&wrong), "--shards: shards \"many\": invalid digit found in string");
        let environment = vec![("CONFAB_DSCP".to_owned(), "64".to_owned())];
        let wrong = Layers { environment, ..Layers::default() };
        assert_eq!(words(&wrong), "CONFAB_DSCP: dscp \"64\": a number from 0 to 63");
        let file = Some(("a.toml".to_owned(), "\nshards = 65".to_owned()));
        let wrong = Layers { file, ..Layers::default() };
        assert_eq!(words(&wrong), "a.toml, line 2: shards \"65\": a number from 1 to 64");
        let file = Some(("a.toml".to_owned(), "shard = 65".to_owned()));
        let wrong = Layers { file, ..Layers::default() };
        assert_eq!(words(&wrong), "a.toml, line 1: there is no key shard; did you mean shards?");
    }

    #[test]
    fn a_variable_that_is_no_setting_is_odd() {
        let environment = vec![("CONFAB_SHARD".to_owned(), "1".to_owned())];
        let odd = Layers { environment, ..Layers::default() }.compose().unwrap().oddities;
        assert_eq!(odd, ["the variable CONFAB_SHARD is no setting; did you mean CONFAB_SHARDS?"]);
    }
}
