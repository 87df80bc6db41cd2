//! `confab token`: what is asked for, and the token.

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use super::claims::{Claims, LimitClaims, Publish};
use super::mint::mint;
use super::reread;

/// A token that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    keys: PathBuf,
    kid: Option<String>,
    private: Option<PathBuf>,
    minutes: u64,
    /// All claims but the times.
    claims: Claims,
}

/// Where the server finds its keys, so does this.
const KEYS_VARIABLE: &str = "CONFAB_KEYS";

/// The most minutes of a token made by hand: a year.
const MINUTES_MAX: u64 = 366 * 24 * 60;

/// The command line of `confab token`.
#[must_use]
pub fn command() -> Command {
    let one = |name: &'static str, shape: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(shape).action(ArgAction::Set).help(help)
    };
    let number = |name, shape, help| one(name, shape, help).value_parser(value_parser!(u64));
    let yes = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("token").about("Makes a token that lets somebody in (docs/tokens.md)").args([
        one("keys", "FILE", "File of keys [env: CONFAB_KEYS]").value_parser(value_parser!(PathBuf)),
        one("kid", "NAME", "Which of its keys signs; needed where there are several"),
        one("private", "FILE", "Private key, in PEM, that belongs to a public one of the file")
            .value_parser(value_parser!(PathBuf)),
        one("channel", "NAME", "Channel, or the beginning of names and *").required(true),
        one(
            "publish",
            "KINDS",
            "What may be sent, between commas: sound, picture, screen; or none",
        )
        .default_value("sound,picture,screen"),
        yes("no-subscribe", "Others are neither heard nor seen"),
        yes("moderate", "May silence and remove others"),
        yes("admin", "May look at the whole server: its metrics"),
        one("name", "NAME", "How others see them, whatever they type"),
        one("metadata", "JSON", "An object that everybody in the channel is told"),
        number("bitrate-up", "BITS", "The most bits a second from them"),
        number("bitrate-down", "BITS", "The most bits a second to them"),
        number("publications", "NUMBER", "The most tracks from them at once"),
        number("minutes", "NUMBER", "How long it is good").default_value("60"),
    ])
}

impl Request {
    /// Reads what is asked for; `environment` may say where the keys are.
    ///
    /// # Errors
    /// Of the library: what to print.
    pub fn read(
        matches: &ArgMatches,
        environment: &[(String, String)],
    ) -> Result<Self, clap::Error> {
        let wrong = |what: &str| command().error(ErrorKind::ValueValidation, what);
        let text = |name| matches.get_one::<String>(name).cloned();
        let number = |name| matches.get_one::<u64>(name).copied();
        let variable = environment.iter().find(|(name, _)| name == KEYS_VARIABLE);
        let keys = matches.get_one::<PathBuf>("keys").cloned();
        let keys = keys.or_else(|| variable.map(|(_, value)| PathBuf::from(value)));
        let kinds = text("publish").unwrap_or_default();
        let publish: Option<Vec<Publish>> = kinds
            .split(',')
            .filter(|kind| *kind != "none")
            .map(|kind| serde_json::from_value(Value::from(kind.trim())).ok())
            .collect();
        let metadata: Option<Option<Map<String, Value>>> =
            text("metadata").map(|json| serde_json::from_str(&json).ok());
        let publications = number("publications").map(usize::try_from).transpose();
        let minutes = number("minutes").filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
        Ok(Self {
            keys: keys.ok_or_else(|| wrong("--keys: where the keys are"))?,
            kid: text("kid"),
            private: matches.get_one::<PathBuf>("private").cloned(),
            minutes: minutes.ok_or_else(|| wrong("--minutes: from 1 to a year of them"))?,
            claims: Claims {
                channel: text("channel").unwrap_or_default(),
                publish: publish
                    .ok_or_else(|| wrong("--publish: of sound, picture and screen, or none"))?,
                subscribe: !matches.get_flag("no-subscribe"),
                moderate: matches.get_flag("moderate"),
                admin: matches.get_flag("admin"),
                name: text("name"),
                metadata: match metadata {
                    Some(None) => return Err(wrong("--metadata: a JSON object")),
                    Some(object) => object,
                    None => None,
                },
                limits: LimitClaims {
                    bitrate_up: number("bitrate-up"),
                    bitrate_down: number("bitrate-down"),
                    publications: publications.map_err(|_| wrong("--publications: too many"))?,
                },
                exp: 0,
                nbf: None,
                iat: None,
            },
        })
    }

    /// The token, made at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// In words, what the operator asked for that cannot be.
    pub fn mint(self, now: u64) -> Result<String, String> {
        let Self { keys, kid, private, minutes, mut claims } = self;
        let keys = reread::read(&keys).map_err(|error| error.to_string())?;
        let private = private.as_deref().map(pem).transpose()?;
        claims.iat = Some(now);
        claims.exp = now.saturating_add(minutes.saturating_mul(60));
        mint(&claims, &keys, kid.as_deref(), private.as_deref(), now)
            .map_err(|error| error.to_string())
    }
}

fn pem(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("--private {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(flags: &[&str]) -> Result<Request, clap::Error> {
        let matches = command().try_get_matches_from(["token"].iter().chain(flags))?;
        let environment = [("CONFAB_KEYS".to_owned(), "tests/data/tokens/keys.toml".to_owned())];
        Request::read(&matches, &environment)
    }

    #[test]
    fn what_is_asked_for_stands_in_the_claims() {
        let flags = "--channel c --kid shared --publish sound,screen --no-subscribe --moderate --name Sam \
            --metadata {\"a\":1} --bitrate-up 9 --publications 2 --minutes 5";
        let asked = request(&flags.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(asked.claims.publish, [Publish::Sound, Publish::Screen]);
        assert!(!asked.claims.subscribe && asked.claims.moderate && !asked.claims.admin);
        let limits = LimitClaims { bitrate_up: Some(9), bitrate_down: None, publications: Some(2) };
        assert_eq!((asked.claims.limits, asked.minutes), (limits, 5));
        assert_eq!(asked.mint(1_800_000_000).unwrap().split('.').count(), 3);
        let nothing = request(&["--channel", "c", "--publish", "none"]).unwrap();
        assert_eq!(nothing.claims.publish, []);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_flag() {
        let words = |flags: &[&str]| request(flags).unwrap_err().to_string();
        assert!(words(&[]).contains("--channel"));
        assert!(words(&["--channel", "c", "--publish", "smell"]).contains("--publish"));
        assert!(words(&["--channel", "c", "--metadata", "[]"]).contains("--metadata"));
        assert!(words(&["--channel", "c", "--minutes", "0"]).contains("--minutes"));
        let several = request(&["--channel", "c"]).unwrap().mint(0).unwrap_err();
        assert_eq!(several, "--kid: name one of public, shared, tenant");
    }
}
