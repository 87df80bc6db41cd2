//! SRTP and SRTCP, sealed by `rtc-srtp` and opened by us, and the other way round.

use std::collections::{BTreeMap, BTreeSet};

use sfu::packet::header::Header;
use sfu::transport::srtp::{KeyingMaterial, MasterKey, OpenError, Opener, Profile, Sealer};

use super::supply::Supply;
use crate::client::cipher::Cipher;
use crate::packet::{Rtp, be16, be32};

/// More packets tell nothing new.
const PACKETS_MAX: u32 = 64;

/// Sends packets through both implementations; some are damaged, repeated, held back, or no packets at all.
///
/// # Panics
/// Where a packet that was sealed is not opened as it was, one is opened twice, or anything else is opened at all.
pub fn check_srtp(data: &[u8]) {
    let mut supply = Supply::new(data);
    let profile = match supply.byte() % 3 {
        0 => Profile::Aes256Gcm,
        1 => Profile::Aes128Gcm,
        _ => Profile::Aes128CmSha1,
    };
    let mut way = Way::new(profile, supply.short());
    // Both sides count the turns of the sequence number from the first packet that comes.
    let first = way.seal(&mut supply);
    way.open(way.sequence, &first, false);
    way.send(&mut supply);
    for _ in 0..PACKETS_MAX {
        if !supply.has_more() {
            break;
        }
        way.step(&mut supply);
    }
}

struct Way {
    theirs: Cipher,
    opener: Opener,
    sealer: Sealer,
    sequence: u16,
    /// Of our own packets, not wrapped.
    index: u64,
    reports: u8,
    held_back: Vec<(u16, Vec<u8>)>,
    payloads: BTreeMap<u16, Vec<u8>>,
    opened: BTreeSet<u16>,
}

impl Way {
    fn new(profile: Profile, sequence: u16) -> Self {
        let key = |first: u8| {
            let key = vec![first; profile.key_length()];
            MasterKey::new(profile, &key, &vec![first ^ 0xff; profile.salt_length()])
                .expect("as long as the profile asks")
        };
        let keys = KeyingMaterial { profile, local: key(1), remote: key(2) };
        Self {
            theirs: Cipher::of_client(&keys),
            opener: Opener::new(profile, &keys.remote).expect("as long"),
            sealer: Sealer::new(profile, &keys.local).expect("as long"),
            sequence,
            index: u64::from(sequence >> 1),
            reports: 0,
            held_back: Vec::new(),
            payloads: BTreeMap::new(),
            opened: BTreeSet::new(),
        }
    }

    fn step(&mut self, supply: &mut Supply<'_>) {
        match supply.byte() % 8 {
            0 => {
                let length = usize::from(supply.byte());
                self.refuse(supply.slice(length));
            }
            1 => {
                let sealed = self.seal(supply);
                self.held_back.push((self.sequence, sealed));
            }
            2 => {
                if let Some((sequence, sealed)) = self.held_back.pop() {
                    self.open(sequence, &sealed, true);
                }
            }
            3 => {
                let mut sealed = self.seal(supply);
                damage(&mut sealed, supply);
                self.refuse(&sealed);
            }
            4 => {
                let sealed = self.seal(supply);
                self.open(self.sequence, &sealed, false);
                self.open(self.sequence, &sealed, true);
            }
            5 => self.report(supply),
            6 => self.send(supply),
            _ => {
                let sealed = self.seal(supply);
                self.open(self.sequence, &sealed, false);
            }
        }
    }

    /// The next packet of a stream, sealed by the library.
    fn seal(&mut self, supply: &mut Supply<'_>) -> Vec<u8> {
        // Up to 255 are lost between two; 64 packets so never come around to a number they had.
        self.sequence = self.sequence.wrapping_add(1 + u16::from(supply.byte()));
        let payload = supply.slice(usize::from(self.sequence % 64)).to_vec();
        self.payloads.insert(self.sequence, payload.clone());
        let sequence = self.sequence;
        self.theirs.seal(Rtp { payload_type: 96, sequence, ssrc: 5, payload, ..Rtp::default() })
    }

    /// Opens what was sealed; `late` where it may have been opened before, or be too old.
    fn open(&mut self, sequence: u16, sealed: &[u8], late: bool) {
        let mut packet = sealed.to_vec();
        let header = Header::parse(&packet).expect("a header is not sealed");
        match self.opener.open_rtp(&header, &mut packet) {
            Ok(opened) => {
                assert!(self.opened.insert(sequence), "opened twice");
                assert_eq!(opened.index & 0xffff, u64::from(sequence));
                let plain = Rtp::read(&packet[..opened.length]).expect("a packet");
                assert_eq!((plain.sequence, plain.ssrc), (sequence, 5));
                assert_eq!(plain.payload, self.payloads[&sequence]);
            }
            Err(OpenError::Repeated) => assert!(self.opened.contains(&sequence)),
            Err(OpenError::TooOld) => assert!(late),
            Err(error) => panic!("not opened: {error}"),
        }
    }

    /// Neither RTP nor RTCP.
    fn refuse(&mut self, bytes: &[u8]) {
        if let Ok(header) = Header::parse(bytes) {
            assert!(self.opener.open_rtp(&header, &mut bytes.to_vec()).is_err());
        }
        assert!(self.opener.open_rtcp(&mut bytes.to_vec()).is_err());
    }

    fn report(&mut self, supply: &mut Supply<'_>) {
        self.reports += 1;
        let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
        report.extend(supply.slice(usize::from(self.reports) * 4));
        let mut sealed = self.theirs.seal_rtcp(&report);
        let mut again = sealed.clone();
        let length = self.opener.open_rtcp(&mut sealed).expect("sealed rightly");
        assert_eq!(sealed[..length], report);
        assert_eq!(self.opener.open_rtcp(&mut again.clone()), Err(OpenError::Repeated));
        damage(&mut again, supply);
        assert!(self.opener.open_rtcp(&mut again).is_err());
    }

    /// Sealed by us, opened by the library.
    fn send(&mut self, supply: &mut Supply<'_>) {
        self.index += 1 + u64::from(supply.byte());
        let [.., high, low] = self.index.to_be_bytes();
        let written = Rtp {
            payload_type: 97,
            sequence: u16::from_be_bytes([high, low]),
            ssrc: 6,
            payload: supply.slice(usize::from(low)).to_vec(),
            ..Rtp::default()
        };
        let plain = written.write();
        let prefix = usize::from(supply.byte()).min(written.payload.len());
        let mut sealed = vec![0; plain.len() + self.sealer.rtp_overhead()];
        sealed[..12 + prefix].copy_from_slice(&plain[..12 + prefix]);
        let payload = &written.payload[prefix..];
        let length =
            self.sealer.seal_rtp(self.index, &mut sealed, 12, prefix, payload).expect("room");
        assert_eq!(length, sealed.len());
        assert_eq!(self.theirs.open(&sealed).expect("the library opens it"), plain);

        let mut report = vec![0; 64];
        report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 6]);
        let length = self.sealer.seal_rtcp(&mut report, 8).expect("room");
        let opened = self.theirs.open_rtcp(&report[..length]).expect("the library opens it");
        assert_eq!((be16(&opened, 0), be32(&opened, 4)), (0x80c9, 6));
    }
}

/// Changes one bit.
fn damage(packet: &mut [u8], supply: &mut Supply<'_>) {
    let place = usize::from(supply.short()) % packet.len();
    packet[place] ^= 1 << (supply.byte() % 8);
}
