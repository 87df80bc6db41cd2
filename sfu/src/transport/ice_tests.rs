use std::net::SocketAddr;

use rtc_stun::attributes as types;
use rtc_stun::crypto::default_provider;
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;

use super::*;

const CONSENT: Duration = Duration::from_secs(30);
const PASSWORD: &str = "0123456789abcdefghijkl";

fn credentials(ufrag: &str, password: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ArrayString::from(ufrag).unwrap(),
        password: ArrayString::from(password).unwrap(),
    }
}

fn path(host: u8) -> Path {
    Path { local: 0, remote: SocketAddr::from(([192, 0, 2, host], 5_000)) }
}

#[expect(clippy::disallowed_methods, reason = "any moment to begin with will do")]
fn start() -> Instant {
    Instant::now()
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A request to be built by the library.
#[derive(Clone, Copy)]
struct Check<'a> {
    username: Option<&'a str>,
    password: Option<&'a str>,
    extra: &'a [(u16, &'a [u8])],
}

const CONTROLLING: (u16, &[u8]) = (types::ATTR_ICE_CONTROLLING.0, &[1; 8]);
const CONTROLLED: (u16, &[u8]) = (types::ATTR_ICE_CONTROLLED.0, &[1; 8]);
const NOMINATE: (u16, &[u8]) = (types::ATTR_USE_CANDIDATE.0, &[]);
const PLAIN: Check<'_> =
    Check { username: Some("ours:theirs"), password: Some(PASSWORD), extra: &[CONTROLLING] };
const NOMINATION: Check<'_> = Check { extra: &[CONTROLLING, NOMINATE], ..PLAIN };

impl Check<'_> {
    fn bytes(self) -> Vec<u8> {
        let provider = default_provider().unwrap();
        let mut request = Message::new();
        request.set_type(BINDING_REQUEST);
        request.transaction_id.0 = [7; 12];
        request.write_header();
        if let Some(username) = self.username {
            request.add(types::ATTR_USERNAME, username.as_bytes());
        }
        for (kind, value) in self.extra {
            request.add(types::AttrType(*kind), value);
        }
        if let Some(password) = self.password {
            MessageIntegrity::new_raw_integrity_with_provider(password, provider.crypto())
                .add_to(&mut request)
                .unwrap();
        }
        FINGERPRINT.add_to(&mut request).unwrap();
        request.raw
    }

    /// Lets `ice` answer; returns the verdict and what the library makes of the reply.
    fn send(self, ice: &mut Ice, now: Instant, path: Path) -> (Verdict, Option<Message>) {
        let bytes = self.bytes();
        let request = BindingRequest::parse(&bytes).unwrap();
        let mut reply = [0; 256];
        let verdict = ice.handle_request(now, path, &request, &mut reply);
        let message = verdict.reply.map(|length| {
            let mut message = Message::new();
            message.unmarshal_binary(&reply[..length]).unwrap();
            FINGERPRINT.check(&message).unwrap();
            message
        });
        (verdict, message)
    }

    fn accepted(self, ice: &mut Ice, now: Instant, path: Path) -> Accepted {
        self.send(ice, now, path).0.result.unwrap()
    }
}

fn agent(now: Instant) -> Ice {
    Ice::new(credentials("ours", PASSWORD), CONSENT, now)
}

fn code(message: &Message) -> u16 {
    assert_eq!(message.typ, BINDING_ERROR);
    let mut code = ErrorCodeAttribute::default();
    code.get_from(message).unwrap();
    code.code.0
}

fn is_signed(message: &mut Message, password: &str) -> bool {
    let provider = default_provider().unwrap();
    MessageIntegrity::check(message, password.as_bytes(), provider.crypto()).is_ok()
}

#[test]
fn a_check_is_answered_with_its_address_and_learnt() {
    let now = start();
    let mut ice = agent(now);
    assert_eq!((ice.path(), ice.knows(&path(1))), (None, false));
    let (verdict, reply) = PLAIN.send(&mut ice, now, path(1));
    let accepted = Accepted { learnt: true, switched: true, ..Accepted::default() };
    assert_eq!(verdict.result, Ok(accepted));
    let mut reply = reply.unwrap();
    assert_eq!((reply.typ, reply.transaction_id.0), (BINDING_SUCCESS, [7; 12]));
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&reply).unwrap();
    assert_eq!(SocketAddr::from((mapped.ip, mapped.port)), path(1).remote);
    assert!(is_signed(&mut reply, PASSWORD));
    assert_eq!((ice.path(), ice.knows(&path(1))), (Some(path(1)), true));
    assert_eq!(PLAIN.accepted(&mut ice, now, path(1)), Accepted::default());
}

#[test]
fn sending_goes_to_the_first_path_until_one_is_nominated_and_follows_nominations() {
    let now = start();
    let mut ice = agent(now);
    PLAIN.accepted(&mut ice, now, path(1));
    PLAIN.accepted(&mut ice, now, path(2));
    assert_eq!(ice.path(), Some(path(1)));
    assert!(NOMINATION.accepted(&mut ice, now, path(2)).switched);
    assert!(!PLAIN.accepted(&mut ice, now, path(1)).switched);
    assert!(!NOMINATION.accepted(&mut ice, now, path(2)).switched);
    assert_eq!(ice.path(), Some(path(2)));
    // An address nobody has heard of, nominated with its first check: the client changed networks.
    let moved = NOMINATION.accepted(&mut ice, now, path(3));
    assert!(moved.learnt && moved.switched);
    assert_eq!(ice.path(), Some(path(3)));
    assert_eq!(ice.paths().collect::<Vec<_>>(), [path(1), path(2), path(3)]);
}

#[test]
fn a_path_that_fell_silent_is_left_for_one_that_speaks() {
    let now = start();
    let mut ice = agent(now);
    NOMINATION.accepted(&mut ice, now, path(1));
    assert!(!PLAIN.accepted(&mut ice, now + secs(11), path(2)).switched);
    assert!(PLAIN.accepted(&mut ice, now + secs(12), path(2)).switched);
    assert_eq!(ice.path(), Some(path(2)));
}

#[test]
fn at_most_eight_addresses_are_known_and_the_one_in_use_is_kept() {
    let now = start();
    let mut ice = agent(now);
    NOMINATION.accepted(&mut ice, now, path(0));
    for host in 1..8 {
        PLAIN.accepted(&mut ice, now + secs(u64::from(host)), path(host));
    }
    // Heard again: path 2 is the oldest then.
    PLAIN.accepted(&mut ice, now + secs(8), path(1));
    let accepted = PLAIN.accepted(&mut ice, now + secs(9), path(8));
    assert_eq!((accepted.learnt, accepted.forgotten), (true, Some(path(2))));
    assert!(ice.knows(&path(0)) && !ice.knows(&path(2)));
    assert_eq!(ice.paths().count(), 8);
}

#[test]
fn consent_lasts_from_the_last_authenticated_request() {
    let now = start();
    let mut ice = agent(now);
    assert_eq!(ice.expires(), now + CONSENT);
    PLAIN.accepted(&mut ice, now + secs(20), path(1));
    for refused in [
        Check { password: Some("another password, wrong"), ..PLAIN },
        Check { extra: &[CONTROLLED], ..PLAIN },
    ] {
        assert!(refused.send(&mut ice, now + secs(40), path(1)).0.result.is_err());
    }
    assert!(!ice.is_expired(now + secs(49)));
    assert!(ice.is_expired(now + secs(50)));
}

#[test]
fn refusals_carry_the_code_of_their_reason() {
    let now = start();
    let unknown = &[CONTROLLING, (0x0033, &[1_u8][..])];
    let cases = [
        (Check { username: None, ..PLAIN }, Refusal::NoCredentials, 400, false),
        (Check { password: None, ..PLAIN }, Refusal::NoCredentials, 400, false),
        (Check { username: Some("other:theirs"), ..PLAIN }, Refusal::UnknownUser, 401, false),
        (
            Check { username: Some("ours"), password: Some("x"), ..PLAIN },
            Refusal::WrongIntegrity,
            401,
            false,
        ),
        (Check { extra: unknown, ..PLAIN }, Refusal::UnknownAttribute, 420, true),
        (Check { extra: &[CONTROLLED], ..PLAIN }, Refusal::RoleConflict, 487, true),
    ];
    for (check, refusal, number, signed) in cases {
        let mut ice = agent(now);
        let (verdict, reply) = check.send(&mut ice, now, path(1));
        assert_eq!(verdict.result, Err(refusal));
        let mut reply = reply.unwrap();
        assert_eq!(code(&reply), number);
        assert_eq!(is_signed(&mut reply, PASSWORD), signed, "{refusal:?}");
        assert!(signed || reply.raw.len() <= check.bytes().len());
        assert_eq!((ice.path(), ice.knows(&path(1))), (None, false));
    }
}

#[test]
fn a_stranger_never_gets_more_than_he_sent() {
    let now = start();
    let bare = Check { username: None, password: None, extra: &[] };
    assert_eq!(bare.bytes().len(), 28);
    let (verdict, reply) = bare.send(&mut agent(now), now, path(1));
    assert_eq!((verdict.result, reply.is_none()), (Err(Refusal::NoCredentials), true));
}

#[test]
fn a_restart_takes_effect_with_its_first_request() {
    let now = start();
    let mut ice = agent(now);
    NOMINATION.accepted(&mut ice, now, path(1));
    let new_password = "zyxwvutsrqponmlkjihgfe";
    assert_eq!(ice.restart(credentials("fresh", new_password)), None);
    assert_eq!(ice.local_ufrags().collect::<Vec<_>>(), ["fresh", "ours"]);
    assert_eq!(PLAIN.accepted(&mut ice, now, path(1)).retired, None);
    // The new name with the old password is nobody.
    let mixed = Check { username: Some("fresh:theirs"), ..PLAIN };
    assert_eq!(mixed.send(&mut ice, now, path(2)).0.result, Err(Refusal::WrongIntegrity));
    let fresh = Check { username: Some("fresh:theirs2"), password: Some(new_password), ..PLAIN };
    let (verdict, reply) = fresh.send(&mut ice, now, path(2));
    let accepted = verdict.result.unwrap();
    assert_eq!((accepted.retired.as_deref(), accepted.switched), (Some("ours"), false));
    assert!(is_signed(&mut reply.unwrap(), new_password));
    assert_eq!(ice.local_ufrags().collect::<Vec<_>>(), ["fresh"]);
    assert_eq!(PLAIN.send(&mut ice, now, path(1)).0.result, Err(Refusal::UnknownUser));
    assert_eq!((ice.path(), ice.knows(&path(1))), (Some(path(1)), true));
    assert!(Check { extra: NOMINATION.extra, ..fresh }.accepted(&mut ice, now, path(2)).switched);
}

#[test]
fn a_second_restart_replaces_the_first() {
    let now = start();
    let mut ice = agent(now);
    ice.restart(credentials("second", PASSWORD));
    assert_eq!(ice.restart(credentials("third", PASSWORD)).as_deref(), Some("second"));
    assert_eq!(ice.local_ufrags().collect::<Vec<_>>(), ["third", "ours"]);
}
