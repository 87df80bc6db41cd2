use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::crypto::default_provider;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;

const PROFILES: [Profile; 3] = [Profile::Aes256Gcm, Profile::Aes128Gcm, Profile::Aes128CmSha1];
const HEADER: usize = 12;

fn master(profile: Profile) -> MasterKey {
    let key: Vec<u8> = (0..32).map(|byte| byte * 7 + 1).collect();
    let salt: Vec<u8> = (0..14).map(|byte| byte * 5 + 2).collect();
    MasterKey::new(profile, &key[..profile.key_length()], &salt[..profile.salt_length()]).unwrap()
}

fn sealer(profile: Profile) -> Sealer {
    Sealer::new(profile, &master(profile)).unwrap()
}

fn opener(profile: Profile) -> Opener {
    Opener::new(profile, &master(profile)).unwrap()
}

/// The independent implementation, with the same keys.
fn library(profile: Profile) -> Context {
    let theirs = match profile {
        Profile::Aes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Profile::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmSha1 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let MasterKey { key, salt } = master(profile);
    Context::new(&key, &salt, theirs, None, None, default_provider().unwrap().crypto()).unwrap()
}

fn plain(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 0]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn low(index: u64) -> u16 {
    u16::try_from(index & 0xffff).unwrap()
}

fn seal(sealer: &Sealer, ssrc: u32, index: u64, payload: &[u8]) -> Vec<u8> {
    let mut packet = plain(ssrc, low(index), &[]);
    packet.resize(1500, 0);
    let length = sealer.seal_rtp(index, &mut packet, HEADER, 0, payload).unwrap();
    packet.truncate(length);
    packet
}

fn open(opener: &mut Opener, packet: &[u8]) -> Result<(Vec<u8>, u64), OpenError> {
    let mut packet = packet.to_vec();
    let header = Header::parse(&packet).unwrap();
    let Opened { length, index } = opener.open_rtp(&header, &mut packet)?;
    Ok((packet[..length].to_vec(), index))
}

fn receiver_report(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x80, 201, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet
}

fn seal_rtcp(sealer: &mut Sealer, compound: &[u8]) -> Vec<u8> {
    let mut packet = compound.to_vec();
    packet.resize(compound.len() + 40, 0);
    let length = sealer.seal_rtcp(&mut packet, compound.len()).unwrap();
    packet.truncate(length);
    packet
}

#[test]
fn what_we_seal_the_library_opens_over_a_wrap() {
    for profile in PROFILES {
        let (sealer, mut library) = (sealer(profile), library(profile));
        for index in 65_500..65_600 {
            let payload = [u8::try_from(index & 0xff).unwrap(); 57];
            let sealed = seal(&sealer, 9, index, &payload);
            assert_eq!(sealed.len(), HEADER + 57 + sealer.rtp_overhead());
            let opened = library.decrypt_rtp(&sealed).unwrap();
            assert_eq!(opened[..], plain(9, low(index), &payload));
        }
    }
}

#[test]
fn what_the_library_seals_we_open_over_a_wrap() {
    for profile in PROFILES {
        let (mut opener, mut library) = (opener(profile), library(profile));
        for index in 65_500..65_600 {
            let packet = plain(9, low(index), &[3; 40]);
            let sealed = library.encrypt_rtp(&packet).unwrap();
            assert_eq!(open(&mut opener, &sealed), Ok((packet, index)));
        }
    }
}

#[test]
fn rtcp_goes_both_ways_between_us_and_the_library() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = (sealer(profile), opener(profile));
        let mut library = library(profile);
        for round in 0..3 {
            let compound = receiver_report(5 + round % 2);
            let sealed = seal_rtcp(&mut sealer, &compound);
            assert_eq!(library.decrypt_rtcp(&sealed).unwrap()[..], compound);
            let mut sealed = library.encrypt_rtcp(&compound).unwrap().to_vec();
            let length = opener.open_rtcp(&mut sealed).unwrap();
            assert_eq!(sealed[..length], compound);
        }
    }
}

#[test]
fn a_prefix_is_part_of_the_payload() {
    for profile in PROFILES {
        let sealer = sealer(profile);
        let mut packet = plain(9, 7, &[1, 2, 3]);
        packet.resize(1500, 0xee);
        let length = sealer.seal_rtp(7, &mut packet, HEADER, 3, &[4, 5, 6, 7]).unwrap();
        assert_eq!(packet[..length], seal(&sealer, 9, 7, &[1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(packet[length], 0xee);
        let room = HEADER + 7 + sealer.rtp_overhead();
        let mut short = plain(9, 7, &[0; 100]);
        short.truncate(room - 1);
        let refused = sealer.seal_rtp(7, &mut short, HEADER, 3, &[4, 5, 6, 7]);
        assert_eq!(refused, Err(SealError::NoRoom));
    }
}

#[test]
fn a_packet_is_opened_once_whatever_came_in_between() {
    for profile in PROFILES {
        let (sealer, mut opener) = (sealer(profile), opener(profile));
        for index in [100, 102, 101, 227] {
            let sealed = seal(&sealer, 9, index, b"voice");
            assert!(open(&mut opener, &sealed).is_ok(), "{index}");
            assert_eq!(open(&mut opener, &sealed), Err(OpenError::Repeated), "{index}");
        }
        // 127 behind the highest is the last that is remembered.
        assert_eq!(open(&mut opener, &seal(&sealer, 9, 100, b"x")), Err(OpenError::Repeated));
        assert_eq!(open(&mut opener, &seal(&sealer, 9, 99, b"voice")), Err(OpenError::TooOld));
    }
}

#[test]
fn late_packets_are_opened_across_a_roll_over() {
    for profile in PROFILES {
        let (sealer, mut opener) = (sealer(profile), opener(profile));
        for index in [65_530, 65_538, 65_534, 65_536, 65_535, 91_070, 120_000, 131_075, 131_070] {
            let sealed = seal(&sealer, 9, index, b"picture");
            assert_eq!(open(&mut opener, &sealed).unwrap().1, index);
        }
    }
}

#[test]
fn a_changed_byte_is_noticed_and_leaves_no_trace() {
    for profile in PROFILES {
        let (sealer, mut opener) = (sealer(profile), opener(profile));
        let sealed = seal(&sealer, 9, 300, b"picture");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 0x10;
            if Header::parse(&changed).is_ok() {
                let refused = open(&mut opener, &changed);
                assert!(
                    matches!(refused, Err(OpenError::NotAuthentic | OpenError::TooShort)),
                    "{profile:?}, byte {place}: {refused:?}"
                );
            }
        }
        assert!(opener.rtp_streams.0.is_empty());
        assert_eq!(open(&mut opener, &sealed).unwrap().1, 300);

        let (mut sealer, mut opener) = (self::sealer(profile), self::opener(profile));
        let sealed = seal_rtcp(&mut sealer, &receiver_report(9));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 0x80;
            assert!(
                matches!(
                    opener.open_rtcp(&mut changed),
                    Err(OpenError::NotAuthentic | OpenError::NotEncrypted)
                ),
                "{profile:?}, byte {place}"
            );
        }
        assert!(opener.rtcp_streams.0.is_empty());
        assert!(opener.open_rtcp(&mut sealed.clone()).is_ok());
    }
}

#[test]
fn rtcp_is_opened_once_in_each_ssrc() {
    for profile in PROFILES {
        let (mut sealer, mut other) = (sealer(profile), sealer(profile));
        let mut opener = opener(profile);
        let first = seal_rtcp(&mut sealer, &receiver_report(1));
        assert!(opener.open_rtcp(&mut first.clone()).is_ok());
        assert_eq!(opener.open_rtcp(&mut first.clone()), Err(OpenError::Repeated));
        // The same index from another SSRC, as libwebrtc sends it.
        assert!(opener.open_rtcp(&mut seal_rtcp(&mut other, &receiver_report(2))).is_ok());
    }
}

#[test]
fn streams_beyond_the_bound_are_refused() {
    let (sealer, mut opener) = (sealer(Profile::Aes128Gcm), opener(Profile::Aes128Gcm));
    for ssrc in 0..64 {
        assert!(open(&mut opener, &seal(&sealer, ssrc * 3 % 64, 1, b"x")).is_ok());
    }
    assert_eq!(open(&mut opener, &seal(&sealer, 64, 1, b"x")), Err(OpenError::TooManyStreams));
    assert!(open(&mut opener, &seal(&sealer, 63, 2, b"x")).is_ok());
}

#[test]
fn a_used_up_key_seals_nothing() {
    let mut sealer = sealer(Profile::Aes128CmSha1);
    let mut packet = plain(1, 0, &[0; 100]);
    let refused = sealer.seal_rtp(1 << 48, &mut packet, HEADER, 0, &[]);
    assert_eq!(refused, Err(SealError::Exhausted));
    sealer.next_rtcp = 1 << 31;
    assert_eq!(sealer.seal_rtcp(&mut packet, 8), Err(SealError::Exhausted));
}

#[test]
fn what_is_too_short_is_refused() {
    for profile in PROFILES {
        let (sealer, mut opener) = (sealer(profile), opener(profile));
        let sealed = seal(&sealer, 9, 1, &[]);
        assert_eq!(open(&mut opener, &sealed[..sealed.len() - 1]), Err(OpenError::TooShort));
        assert_eq!(opener.open_rtcp(&mut [0x80; 17]), Err(OpenError::TooShort));
    }
}

#[test]
fn exported_keys_go_to_the_side_that_writes_with_them() {
    // RFC 5764, section 4.2: client key, server key, client salt, server salt.
    for profile in PROFILES {
        let (key, salt) = (profile.key_length(), profile.salt_length());
        let exported: Vec<u8> = [(1, key), (2, key), (3, salt), (4, salt)]
            .into_iter()
            .flat_map(|(byte, count)| vec![byte; count])
            .collect();
        let ours = KeyingMaterial::from_exported(profile, &exported, DtlsRole::Server).unwrap();
        assert_eq!((ours.local.key[0], ours.local.salt[0]), (2, 4));
        assert_eq!((ours.remote.key[0], ours.remote.salt[0]), (1, 3));
        let theirs = KeyingMaterial::from_exported(profile, &exported, DtlsRole::Client).unwrap();
        assert_eq!((theirs.local, theirs.remote), (ours.remote, ours.local));
        let short = &exported[1..];
        assert_eq!(KeyingMaterial::from_exported(profile, short, DtlsRole::Client), Err(KeyError));
    }
}

#[test]
fn a_packet_allocates_nothing_after_the_first() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = (sealer(profile), opener(profile));
        let mut packet = [0; 1500];
        let mut round = |index: u64| {
            packet[..HEADER].copy_from_slice(&HEADER_OF_ONE);
            packet[2..4].copy_from_slice(&low(index).to_be_bytes());
            let length = sealer.seal_rtp(index, &mut packet, HEADER, 0, &[7; 1100]).unwrap();
            let header = Header::parse(&packet[..length]).unwrap();
            opener.open_rtp(&header, &mut packet[..length]).unwrap();
            let length = sealer.seal_rtcp(&mut packet, 100).unwrap();
            opener.open_rtcp(&mut packet[..length]).unwrap();
        };
        round(1);
        let counted = allocation_counter::measure(|| (2..20).for_each(&mut round));
        assert_eq!(counted.count_total, 0, "{profile:?}");
    }
}

const HEADER_OF_ONE: [u8; HEADER] = [0x80, 96, 0, 1, 0, 0, 1, 0, 0, 0, 0, 9];

proptest! {
    #[test]
    fn opening_is_total(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for profile in PROFILES {
            let mut opener = opener(profile);
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert!(opener.open_rtp(&header, &mut bytes.clone()).is_err());
            }
            prop_assert!(opener.open_rtcp(&mut bytes.clone()).is_err());
        }
    }

    #[test]
    fn any_packet_comes_back(payload in prop::collection::vec(any::<u8>(), 0..1200), ssrc: u32, first in 0_u64..65_536) {
        for profile in PROFILES {
            let (sealer, mut opener, mut library) = (sealer(profile), opener(profile), library(profile));
            let sealed = seal(&sealer, ssrc, first, &payload);
            let expected = plain(ssrc, low(first), &payload);
            prop_assert_eq!(&library.decrypt_rtp(&sealed).unwrap()[..], &expected[..]);
            prop_assert_eq!(open(&mut opener, &sealed), Ok((expected, first)));
        }
    }
}
