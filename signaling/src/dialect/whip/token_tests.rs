//! Who is let in by HTTP where there are keys (RFC 9725, section 4.7; RFC 6750).

use super::*;
use crate::token::claims::{Claims, LimitClaims, Publish};
use crate::token::keys::Keys;
use crate::token::{mint::mint, now};

impl House {
    async fn with_keys() -> Self {
        let (plane, thread) = fake::plane(64);
        let keys = Some("tests/data/tokens/keys.toml".into());
        let config = Config { keys, ..Config::local() };
        let server = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap();
        Self { server, thread, _clock: Frozen::now() }
    }
}

fn claims() -> Claims {
    Claims {
        channel: "kitchen".to_owned(),
        publish: vec![Publish::Sound, Publish::Picture],
        subscribe: true,
        moderate: false,
        admin: false,
        name: Some("Studio".to_owned()),
        metadata: None,
        limits: LimitClaims::default(),
        exp: now() + 60,
        nbf: None,
        iat: None,
    }
}

fn bearer(claims: &Claims) -> String {
    let keys = Keys::read(include_str!("../../../tests/data/tokens/keys.toml")).unwrap();
    format!("Bearer {}", mint(claims, &keys, Some("shared"), None, now()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn with_keys_a_token_says_who_publishes_and_plays_what() {
    let mut house = House::with_keys().await;
    let nothing = Claims { publish: Vec::new(), subscribe: false, ..claims() };
    let elsewhere = Claims { channel: "attic".to_owned(), ..claims() };
    for path in ["/whip/kitchen", "/whep/kitchen"] {
        let answer = house.ask("POST", path, &[SDP], OFFER).await;
        assert_eq!(answer.problem(401, "no_token"), "a token is needed here");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let forged = [SDP, ("authorization", "Bearer a.b.c")];
        let answer = house.ask("POST", path, &forged, OFFER).await;
        answer.problem(401, "bad_token");
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        for claims in [&elsewhere, &nothing] {
            let value = bearer(claims);
            let headers = [SDP, ("authorization", value.as_str())];
            house.ask("POST", path, &headers, OFFER).await.problem(403, "not_granted");
        }
    }
    // What the token grants is taken, under the name it gives; the rest of the offer is inactive.
    let value = bearer(&Claims { publish: vec![Publish::Sound], ..claims() });
    let headers = [SDP, ("authorization", value.as_str())];
    let (answer, commands) =
        house.ask_media(("POST", "/whip/kitchen?name=Typed"), &headers, OFFER, 3).await;
    assert_eq!(answer.status(), 201);
    let Command::Negotiate(negotiate) = &commands[1] else { panic!("{commands:?}") };
    let sources: Vec<_> = negotiate.publications.iter().map(|it| it.source).collect();
    assert_eq!(sources, [sfu::media::Source::Microphone]);
    let headers = [("authorization", value.as_str())];
    let (_, _, inside) =
        request(house.server.address(), "GET", "/v1/channels/kitchen", &headers).await;
    let inside: Value = serde_json::from_str(&inside).unwrap();
    assert_eq!(inside["participants"], json!([{ "name": "Studio" }]));
}
