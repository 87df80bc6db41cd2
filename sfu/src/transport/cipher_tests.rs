use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

// RFC 7714, section 16: session keys, not master keys.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SALT: [u8; 12] = *b"Quid pro quo";
const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120
    696e2070 61727465 73207472 6573";
const RTP_128: &str =
    "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
    42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const RTP_256: &str =
    "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3
    b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
const RTCP: &str =
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef
    deadbeef deadbeef deadbeef deadbeef";
const RTCP_128: &str =
    "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
    730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
const RTCP_256: &str =
    "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1
    110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

fn gcm(profile: Profile) -> Cipher {
    let key = bytes(KEY);
    Cipher::Gcm(Gcm::new(profile, &key[..profile.key_length()], SALT).unwrap())
}

#[test]
fn rtp_is_sealed_as_in_rfc_7714_sections_16_1_and_16_2() {
    let id = PacketId { ssrc: 0x5501_a0b2, index: 0xf17b };
    let plain = bytes(RTP);
    for (profile, expected) in [(Profile::Aes128Gcm, RTP_128), (Profile::Aes256Gcm, RTP_256)] {
        let cipher = gcm(profile);
        // However the plaintext is divided between prefix and payload.
        for prefix in [0, 1, 13, 38] {
            let mut packet = [0; 80];
            packet[..12 + prefix].copy_from_slice(&plain[..12 + prefix]);
            let length = cipher.seal_rtp(id, &mut packet, 12, prefix, &plain[12 + prefix..]);
            assert_eq!(length, Some(66));
            assert_eq!(packet[..66], bytes(expected));
        }
        let mut packet = bytes(expected);
        assert_eq!(cipher.open_rtp(id, &mut packet, 12), Ok(50));
        assert_eq!(packet[..50], plain);
    }
}

#[test]
fn rtcp_is_sealed_as_in_rfc_7714_sections_17_1_and_17_2() {
    let id = PacketId { ssrc: 0x4d61_7273, index: 0x5d4 };
    let plain = bytes(RTCP);
    for (profile, expected) in [(Profile::Aes128Gcm, RTCP_128), (Profile::Aes256Gcm, RTCP_256)] {
        let cipher = gcm(profile);
        let mut packet = plain.clone();
        packet.resize(100, 0);
        assert_eq!(cipher.seal_rtcp(id, &mut packet, plain.len()), Some(72));
        assert_eq!(packet[..72], bytes(expected));
        assert_eq!(cipher.rtcp_word(&packet[..72]), Some(0x8000_05d4));
        assert_eq!(cipher.open_rtcp(id, &mut packet[..72]), Ok(52));
        assert_eq!(packet[..52], plain);
    }
}

#[test]
fn the_keystream_is_that_of_rfc_3711_appendix_b_2() {
    let salt = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd").try_into().unwrap();
    let counter = Counter::new(&bytes("2b7e151628aed2a6abf7158809cf4f3c"), salt, &[]).unwrap();
    let mut stream = vec![0; 0xff02 * 16];
    counter.crypt(PacketId { ssrc: 0, index: 0 }, &mut stream).unwrap();
    assert_eq!(
        stream[..48],
        bytes(
            "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab
             41e95b3bb0a2e8dd477901e4fca894c0"
        )
    );
    assert_eq!(
        stream[0xfeff * 16..],
        bytes(
            "ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae
             6a2cc3787889374fbeb4c81b17ba6c44"
        )
    );
}

#[test]
fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
    let master = MasterKey::new(
        Profile::Aes128CmSha1,
        &bytes("e1f97a0d3e018be0d64fa32c06de4139"),
        &bytes("0ec675ad498afeebb6960b3aabe6"),
    )
    .unwrap();
    for (label, expected) in [
        (0, "c61e7a93744f39ee10734afe3ff7a087"),
        (2, "30cbbc08863d8c85d49db34a9ae1"),
        (
            1,
            "cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce
             e049646c43d9327ad175578ef7227098 6371c10c9a369ac2f94a8c5fbcdddc25
             6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2",
        ),
    ] {
        let expected = bytes(expected);
        let mut key = vec![0; expected.len()];
        generate(&master, label, &mut key).unwrap();
        assert_eq!(key, expected, "label {label}");
    }
}
