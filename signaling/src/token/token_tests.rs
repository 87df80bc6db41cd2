use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::http::HeaderValue;
use simulcast::Bitrate;

use super::claims::{Claims, LimitClaims, Publish};
use super::grant::{GrantLimits, MediaGrant};
use super::mint::{MintError, mint};
use super::*;

/// Made by PyJWT: see `make.py` beside it.
const TOKENS: &str = include_str!("../../tests/data/tokens/tokens.json");
const KEYS: &str = include_str!("../../tests/data/tokens/keys.toml");
const PRIVATE: &str = include_str!("../../tests/data/tokens/test-only-private.pem");
/// When they were made, as `make.py` has it.
const NOW: u64 = 1_800_000_000;

fn keys() -> Keys {
    Keys::read(KEYS).unwrap()
}

fn access() -> Access {
    Access::keyed(watch::channel(Arc::new(keys())).1)
}

fn token(name: &str) -> Bearer {
    let tokens: BTreeMap<String, String> = serde_json::from_str(TOKENS).unwrap();
    Bearer::new(tokens[name].clone())
}

fn admitted(name: &str, channel: &str) -> Result<Grant, Refusal> {
    access().admit(Some(&token(name)), &ChannelName::parse(channel).unwrap(), NOW)
}

fn claim(claim: &str) -> impl Fn(Refusal) -> bool {
    move |refusal| matches!(refusal, Refusal::Claim { claim: found, .. } if found == claim)
}

#[test]
fn a_token_of_another_implementation_grants_what_it_says() {
    let plain = Grant {
        moderate: false,
        admin: false,
        lasts: Some(Duration::from_secs(600)),
        ..Grant::everything()
    };
    for name in ["good", "eddsa", "not_yet_within_skew", "fraction"] {
        assert_eq!(admitted(name, "Kitchen"), Ok(plain.clone()), "{name}");
    }
    let full = admitted("full", "acme.standup").unwrap();
    assert_eq!(
        full.media,
        MediaGrant { sound: true, picture: false, screen: true, subscribe: false }
    );
    assert!(full.moderate && full.admin);
    assert_eq!(full.name.unwrap().as_str(), "Sam");
    let metadata = serde_json::json!({ "colour": "#ff0000", "level": 3 });
    assert_eq!(full.metadata.map(serde_json::Value::Object), Some(metadata));
    let limits = GrantLimits {
        bitrate_up: Some(Bitrate::bps(500_000)),
        bitrate_down: Some(Bitrate::bps(900_000)),
        publications: Some(2),
    };
    assert_eq!(full.limits, limits);
}

#[test]
fn a_token_that_is_not_good_is_refused_by_what_failed() {
    let refused = |name| admitted(name, "kitchen").unwrap_err();
    assert_eq!(refused("expired"), Refusal::Expired);
    assert_eq!(refused("not_yet"), Refusal::NotYet);
    assert_eq!(refused("future"), Refusal::FromTheFuture);
    for name in ["unsigned", "unsigned_public", "confused", "hs512"] {
        assert_eq!(refused(name), Refusal::Algorithm, "{name}");
    }
    for name in ["wrongly_signed", "changed"] {
        assert_eq!(refused(name), Refusal::Signature, "{name}");
    }
    for name in ["unknown_kid", "no_kid"] {
        assert_eq!(refused(name), Refusal::Key, "{name}");
    }
    assert!(matches!(refused("crit"), Refusal::Malformed(_)));
    for (name, wrong) in [
        ("no_exp", "exp"),
        ("before_1970", "nbf"),
        ("no_channel", "channel"),
        ("bad_channel", "channel"),
        ("bad_publish", "publish[0]"),
        ("bad_name", "name"),
        ("bad_metadata", "metadata"),
    ] {
        assert!(claim(wrong)(refused(name)), "{name}: {:?}", refused(name));
    }
    let kitchen = ChannelName::parse("kitchen").unwrap();
    assert_eq!(access().admit(None, &kitchen, NOW), Err(Refusal::Missing));
    for text in ["", "a.b", "a.b.c.d", "....", "e30.e30.e30", &"x".repeat(5_000)] {
        let refused = access().admit(Some(&Bearer::new(text.to_owned())), &kitchen, NOW);
        assert!(matches!(refused, Err(Refusal::Malformed(_))), "{text}");
    }
}

#[test]
fn a_token_is_for_its_channels_and_a_tenants_key_for_the_tenants() {
    assert_eq!(admitted("good", "attic"), Err(Refusal::Channel));
    assert_eq!(admitted("full", "acme"), Err(Refusal::Channel));
    assert!(admitted("tenant", "acme.x").is_ok());
    assert_eq!(admitted("tenant", "acme.y"), Err(Refusal::Channel));
    assert_eq!(admitted("tenant_elsewhere", "kitchen"), Err(Refusal::Tenant));
    assert!(admitted("tenant_elsewhere", "acme.y").is_ok());
}

#[test]
fn the_whole_server_is_shown_to_admins_whose_key_is_for_all_of_it() {
    let shown = |name| access().administer(Some(&token(name)), NOW);
    assert_eq!(shown("full"), Ok(()));
    assert_eq!(shown("tenant_admin"), Err(Refusal::NotGranted("admin")));
    assert_eq!(shown("good"), Err(Refusal::NotGranted("admin")));
    assert_eq!(shown("expired"), Err(Refusal::Expired));
    assert_eq!(access().administer(None, NOW), Err(Refusal::Missing));
    assert_eq!(Access::open().administer(None, NOW), Ok(()));
}

#[test]
fn a_replaced_key_holds_at_once() {
    let (sender, keys_now) = watch::channel(Arc::new(keys()));
    let access = Access::keyed(keys_now);
    let kitchen = ChannelName::parse("kitchen").unwrap();
    assert!(access.admit(Some(&token("good")), &kitchen, NOW).is_ok());
    let (_, without) = KEYS.split_once("[keys.public]").unwrap();
    sender.send_replace(Arc::new(Keys::read(&format!("[keys.public]{without}")).unwrap()));
    assert_eq!(access.admit(Some(&token("good")), &kitchen, NOW), Err(Refusal::Key));
    assert!(access.admit(Some(&token("eddsa")), &kitchen, NOW).is_ok());
}

#[test]
fn nothing_of_a_token_is_in_words_about_it() {
    let tokens: BTreeMap<String, String> = serde_json::from_str(TOKENS).unwrap();
    for (name, text) in tokens {
        let bearer = Bearer::new(text.clone());
        let kitchen = ChannelName::parse("kitchen").unwrap();
        let words = format!("{bearer:?} {:?}", access().admit(Some(&bearer), &kitchen, NOW));
        let said = access().admit(Some(&bearer), &kitchen, NOW).map_err(|it| it.to_string());
        let said = format!("{words} {:?}", said.err());
        for part in text.split('.').filter(|part| !part.is_empty()) {
            assert!(!said.contains(part.get(..12).unwrap_or(part)), "{name}: {said}");
        }
    }
}

#[test]
fn a_request_carries_its_token_as_rfc_6750_says() {
    let of = |value: &'static [u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        Bearer::of(&headers)
    };
    assert_eq!(Bearer::of(&HeaderMap::new()), Ok(None));
    assert_eq!(of(b"Bearer a.b.c"), Ok(Some(Bearer::new("a.b.c".to_owned()))));
    assert_eq!(of(b"bearer  a.b.c"), Ok(Some(Bearer::new("a.b.c".to_owned()))));
    for value in [&b"Basic YTpi"[..], b"Bearer", b"a.b.c", b"Bearer \xff"] {
        assert!(matches!(of(value), Err(Refusal::Malformed(_))));
    }
}

#[test]
fn a_file_of_keys_is_refused_with_its_line_and_no_secret() {
    let words = |text: &str| Keys::read(text).unwrap_err().to_string();
    let secret = "c2VjcmV0IHRoYXQgaXMgdG9vIHNob3J0";
    assert_eq!(words(""), "line 1: there is no [keys.NAME]");
    assert_eq!(words("[key.a]"), "line 1: there is no key key; did you mean keys?");
    let short = words(&format!("\n[keys.a]\nsecret = \"{secret}\""));
    assert_eq!(short, "line 2: keys.a: secret: base64 of at least 32 random bytes");
    assert_eq!(
        words("[keys.a]\nsecrets = \"x\""),
        "line 2: there is no key secrets; did you mean secret?"
    );
    assert_eq!(words("[keys.a]"), "line 1: keys.a: give secret or public_key");
    assert!(words("[keys.a]\npublic_key = \"x\"").contains("PEM of an Ed25519"));
    let (_, pem) = KEYS.split_once("public_key = ").unwrap();
    let private = format!("[keys.a]\npublic_key = \"\"\"{PRIVATE}\"\"\"");
    assert!(words(&private).contains("PEM of an Ed25519 public key"), "a private key is none");
    assert!(pem.contains("BEGIN PUBLIC KEY"));
}

fn claims() -> Claims {
    Claims {
        channel: "acme.x".to_owned(),
        publish: vec![Publish::Sound],
        subscribe: true,
        moderate: true,
        admin: false,
        name: Some("Sam".to_owned()),
        metadata: None,
        limits: LimitClaims { publications: Some(1), ..LimitClaims::default() },
        exp: NOW + 60,
        nbf: None,
        iat: Some(NOW),
    }
}

#[test]
fn what_is_minted_is_admitted_and_what_would_not_be_is_not_minted() {
    let channel = ChannelName::parse("acme.x").unwrap();
    for (kid, private) in [("shared", None), ("tenant", None), ("public", Some(PRIVATE))] {
        let made = mint(&claims(), &keys(), Some(kid), private, NOW).unwrap();
        let grant = access().admit(Some(&Bearer::new(made)), &channel, NOW).unwrap();
        assert_eq!((grant.name.unwrap().as_str(), grant.moderate), ("Sam", true), "{kid}");
    }
    let refused =
        |claims: &Claims, kid, private| mint(claims, &keys(), kid, private, NOW).unwrap_err();
    assert_eq!(refused(&claims(), None, None), MintError::Key("public, shared, tenant".to_owned()));
    assert_eq!(refused(&claims(), Some("public"), None), MintError::Public("public".to_owned()));
    assert_eq!(refused(&claims(), Some("public"), Some("x")), MintError::Private);
    let elsewhere = Claims { channel: "acm*".to_owned(), ..claims() };
    assert_eq!(refused(&elsewhere, Some("tenant"), None), MintError::Channel("tenant".to_owned()));
    let expired = Claims { exp: NOW, ..claims() };
    assert_eq!(refused(&expired, Some("shared"), None), MintError::Claim(Refusal::Expired));
}

/// The lines of docs/tokens.md for `language`.
fn documented(language: &str) -> String {
    let document = include_str!("../../../docs/tokens.md");
    let (_, rest) = document.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// What an application makes as docs/tokens.md says is let in; each language is tried where it and its package are installed.
#[test]
fn the_documented_lines_make_tokens_that_are_let_in() {
    let secret = KEYS.split("secret = \"").nth(1).unwrap().split('"').next().unwrap();
    let has = |program: &str, arguments: &[&str]| {
        let mut asked = Command::new(program);
        let asked = asked.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        asked.output().is_ok_and(|output| output.status.success())
    };
    let node = has("node", &["--input-type=module", "-e", "import 'jsonwebtoken'"]);
    let python = has("python3", &["-c", "import jwt"]);
    for (installed, program, flags, language) in [
        (node, "node", &["--input-type=module", "-e"][..], "js"),
        (python, "python3", &["-c"], "python"),
    ] {
        if !installed {
            continue;
        }
        let lines = documented(language);
        assert_eq!(lines.lines().count(), 4, "{language}");
        let output = Command::new(program)
            .args(flags)
            .arg(&lines)
            .env("SECRET", secret)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let channel = ChannelName::parse("kitchen").unwrap();
        let grant = access().admit(Some(&Bearer::new(said)), &channel, now());
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            grant.map(|it| it.name.unwrap().as_str().to_owned()),
            Ok("Sam".to_owned()),
            "{language}: {wrong}"
        );
    }
}

/// What we sign, another implementation takes; it is asked where it is installed.
#[test]
fn what_is_minted_is_taken_by_node() {
    // HMAC by Node's own crypto: RFC 7515, section 5.2, in a line.
    let check = "const [t, k] = process.argv.slice(1); const [h, p, s] = t.split('.');
        const { createHmac, verify } = require('node:crypto');
        const own = k.includes('BEGIN')
          ? verify(null, Buffer.from(h + '.' + p), k, Buffer.from(s, 'base64url'))
          : createHmac('sha256', Buffer.from(k, 'base64')).update(h + '.' + p).digest('base64url') === s;
        process.stdout.write(own + ' ' + JSON.parse(Buffer.from(p, 'base64url')).channel);";
    let secret = KEYS.split("secret = \"").nth(1).unwrap().split('"').next().unwrap();
    let public = KEYS.split("\"\"\"\n").nth(1).unwrap();
    for (kid, private, key) in [("shared", None, secret), ("public", Some(PRIVATE), public)] {
        let made = mint(&claims(), &keys(), Some(kid), private, NOW).unwrap();
        let node =
            Command::new("node").args(["-e", check, &made, key]).stdin(Stdio::null()).output();
        // Where there is no Node, there is nothing to ask.
        let Ok(output) = node else { return };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "true acme.x", "{kid}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
