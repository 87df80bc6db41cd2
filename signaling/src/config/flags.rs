//! The command line: a flag for each setting, and the commands beside serving.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::layers::{CONFIG_VARIABLE, Layers};
use super::settings::{PREFIX, SETTINGS, Setting};
use crate::token::request::{self, Request};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Task {
    /// Serve, as these flags say.
    Serve(Given),
    /// Say what these flags come to.
    CheckConfig(Given),
    /// Make a token.
    Token(Box<Request>),
    /// Write docs/config.md.
    DocumentConfig,
}

/// Settings as the command line and the environment have them.
#[derive(Clone, Debug, Default)]
pub struct Given {
    flags: Vec<(&'static Setting, Vec<String>)>,
    environment: Vec<(String, String)>,
    config: Option<PathBuf>,
}

impl Given {
    /// The file to read, where one is named.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// All layers; `file` is the text of [`Self::file`].
    #[must_use]
    pub fn layers(self, file: Option<String>) -> Layers {
        let name = self.config.map(|path| path.display().to_string()).unwrap_or_default();
        let file = file.map(|text| (name, text));
        Layers { flags: self.flags, environment: self.environment, file }
    }
}

/// The command line.
#[must_use]
pub fn command() -> Command {
    let config = Command::new("config")
        .about("What the settings come to")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about(
                    "Says which settings hold and where they come from, or what is wrong with them",
                )
                .args(arguments()),
        )
        .subcommand(Command::new("document").about("Writes docs/config.md").hide(true));
    Command::new("confab")
        .version(env!("CARGO_PKG_VERSION"))
        .max_term_width(100)
        .about("A voice and video server: open the address it prints in two browsers, and two people meet")
        .long_about(LONG)
        .args_conflicts_with_subcommands(true)
        .args(arguments())
        .subcommand(config)
        .subcommand(request::command())
}

const LONG: &str = "A voice and video server: open the address it prints in two browsers, and two people meet.

Without flags Confab serves its page on http://127.0.0.1:8080 and receives media on UDP port 3478 of this computer. This is the open \
development mode: whoever reaches the page may join any channel, so it is served to this computer only.

Each setting may also stand in the environment or in a file (--config); a flag comes first. docs/config.md has them all.";

/// What the arguments and the environment ask for. `environment` holds variables of any name.
///
/// # Errors
/// Of the library: what to print, and with which exit code.
pub fn read(
    arguments: impl IntoIterator<Item = String>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Task, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let environment: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    Ok(match matches.subcommand() {
        Some(("config", matches)) => match matches.subcommand() {
            Some(("check", matches)) => Task::CheckConfig(given(matches, environment)),
            Some(_) | None => Task::DocumentConfig,
        },
        Some(("token", matches)) => Task::Token(Box::new(Request::read(matches, &environment)?)),
        Some(_) | None => Task::Serve(given(&matches, environment)),
    })
}

fn given(matches: &ArgMatches, mut environment: Vec<(String, String)>) -> Given {
    let of_setting = |setting: &'static Setting| {
        let values = matches.get_many::<String>(setting.key)?;
        Some((setting, values.cloned().collect()))
    };
    let flags = SETTINGS.iter().filter_map(of_setting).collect();
    let named = environment.iter().position(|(name, _)| name == CONFIG_VARIABLE);
    let named = named.map(|place| PathBuf::from(environment.swap_remove(place).1));
    let config = matches.get_one::<PathBuf>("config").cloned().or(named);
    Given { flags, environment, config }
}

fn arguments() -> Vec<Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!("File of settings, in TOML [env: {CONFIG_VARIABLE}]"));
    std::iter::once(file).chain(SETTINGS.iter().map(argument)).collect()
}

fn argument(setting: &Setting) -> Arg {
    let Setting { key, flag, many, shape, default, text, .. } = *setting;
    let (action, again) =
        if many { (ArgAction::Append, " May be repeated") } else { (ArgAction::Set, "") };
    Arg::new(key)
        .long(flag)
        .value_name(shape)
        .allow_hyphen_values(true)
        .action(action)
        .help(format!("{text}.{again} [default: {default}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_flag() {
        command().debug_assert();
        let help = command().render_long_help().to_string();
        for flag in SETTINGS.iter().map(|setting| setting.flag).chain(["config", "help", "version"])
        {
            assert!(help.contains(&format!("--{flag}")), "{flag}");
        }
    }

    #[test]
    fn the_file_is_named_by_flag_or_variable() {
        let arguments = |flags: &[&str]| {
            ["confab"].iter().chain(flags).map(|text| (*text).to_owned()).collect::<Vec<_>>()
        };
        let environment = [("CONFAB_CONFIG", "b.toml"), ("CONFAB_SHARDS", "2"), ("PATH", "/")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let of = |flags: &[&str]| match read(arguments(flags), environment.clone()).unwrap() {
            Task::Serve(given) | Task::CheckConfig(given) => given,
            Task::DocumentConfig | Task::Token(_) => Given::default(),
        };
        assert_eq!(of(&["--config", "a.toml"]).file(), Some(Path::new("a.toml")));
        assert_eq!(of(&["config", "check"]).file(), Some(Path::new("b.toml")));
        let layers = of(&[]).layers(Some("text".to_owned()));
        assert_eq!(layers.file, Some(("b.toml".to_owned(), "text".to_owned())));
        assert_eq!(layers.environment, [("CONFAB_SHARDS".to_owned(), "2".to_owned())]);
        assert!(read(arguments(&["--nothing"]), []).is_err());
        assert!(read(arguments(&["--http", "a", "config", "check"]), []).is_err());
    }
}
