//! The plaintext of a publication's last packets: one copy, from which every receiver is served and resent to.

use std::time::Instant;

use arrayvec::ArrayVec;
use simulcast::RtpTimestamp;
use simulcast::codec::PacketInfo;
use simulcast::frames::Place;
use simulcast::rewriter::Beginning;

use crate::net::batch::DATAGRAM_MAX;
use crate::packet::extension::CaptureTime;

/// Names a packet of one [`History`]. Counts up and wraps after 2³² packets, long after the packet it named is gone.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct HistoryKey(pub u32);

/// What is known of a packet beside its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Meta {
    /// Which simulcast encoding it belongs to, by its place in the offer.
    pub encoding: u8,
    /// Which of the publication's payload maps its payload type is.
    pub payload: u8,
    /// The marker bit of the RTP header.
    pub marker: bool,
    /// The publisher's sequence number with its rollovers counted.
    pub sequence: u64,
    /// The publisher's timestamp.
    pub timestamp: RtpTimestamp,
    /// When it arrived, by the kernel.
    pub arrival: Instant,
    /// Its loudness in −dBov, clamped (RFC 6464).
    pub audio_level: Option<u8>,
    /// Its video orientation byte (3GPP TS 26.114, section 7.4.5).
    pub orientation: Option<u8>,
    /// Its playout delay limits as on the wire.
    pub playout_delay: Option<[u8; 3]>,
    /// Its absolute capture time as on the wire.
    pub capture_time: Option<CaptureTime>,
    /// What its payload says about its frame.
    pub info: PacketInfo,
    /// The place of its frame among those of its encoding.
    pub place: Place,
    /// How its payload begins for each receiver.
    pub beginning: Beginning,
}

/// A packet as the history holds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recorded<'a> {
    /// What is known of it.
    pub meta: &'a Meta,
    /// The dependency descriptor extension as it came; empty where there was none.
    pub descriptor: &'a [u8],
    /// The RTP payload without padding.
    pub payload: &'a [u8],
}

/// A publication's last packets: a ring of bytes and a ring of entries. Whichever is full first overwrites its oldest.
///
/// Both are allocated when the history is made; the kernel hands out the pages as they are first written.
#[derive(Debug)]
pub struct History {
    arena: Box<[u8]>,
    /// Bytes written in all, with those skipped at the end of the arena: a packet never wraps around.
    written: u64,
    /// Grows to its capacity, a power of two; then the entry of `key` is at `key % capacity`.
    entries: Vec<Entry>,
    /// `entries.capacity()` as asked for: a vector may allocate more.
    packets: usize,
    next: HistoryKey,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    meta: Meta,
    /// Where it begins, counted as `written`.
    start: u64,
    /// The same as a place in the arena.
    offset: usize,
    descriptor_length: u16,
    payload_length: u16,
}

impl History {
    /// An empty history of at least `bytes` bytes, and of `packets` packets rounded up to a power of two.
    ///
    /// An arena smaller than one datagram is made as large as one.
    #[must_use]
    pub fn new(bytes: usize, packets: usize) -> Self {
        let packets = packets.next_power_of_two();
        Self {
            arena: vec![0; bytes.max(DATAGRAM_MAX)].into_boxed_slice(),
            written: 0,
            entries: Vec::with_capacity(packets),
            packets,
            next: HistoryKey(0),
        }
    }

    /// Keeps a copy of a packet, over the oldest ones.
    ///
    /// `None`, and nothing changes, where `descriptor` and `payload` together are longer than a datagram
    /// ([`DATAGRAM_MAX`]); none that came off the wire is.
    pub fn push(&mut self, meta: Meta, descriptor: &[u8], payload: &[u8]) -> Option<HistoryKey> {
        let length = descriptor.len() + payload.len();
        if length > DATAGRAM_MAX {
            return None;
        }
        let start = self.place_for(length);
        let at = self.offset(start);
        let (to_descriptor, to_payload) =
            self.arena.get_mut(at..at + length)?.split_at_mut_checked(descriptor.len())?;
        to_descriptor.copy_from_slice(descriptor);
        to_payload.copy_from_slice(payload);
        self.written = start + length as u64;

        let entry = Entry {
            meta,
            start,
            offset: at,
            descriptor_length: u16::try_from(descriptor.len()).ok()?,
            payload_length: u16::try_from(payload.len()).ok()?,
        };
        let key = self.next;
        if self.entries.len() < self.packets {
            self.entries.push(entry);
        } else {
            let place = self.index(key);
            *self.entries.get_mut(place)? = entry;
        }
        self.next = HistoryKey(key.0.wrapping_add(1));
        Some(key)
    }

    /// The packet named by `key`, unless it has been overwritten since.
    #[must_use]
    pub fn get(&self, key: HistoryKey) -> Option<Recorded<'_>> {
        let age = self.next.0.wrapping_sub(key.0) as usize;
        if age == 0 || age > self.entries.len() {
            return None;
        }
        let entry = self.entries.get(self.index(key))?;
        if self.written - entry.start > self.arena.len() as u64 {
            return None;
        }
        let from = entry.offset;
        let middle = from + usize::from(entry.descriptor_length);
        let to = middle + usize::from(entry.payload_length);
        Some(Recorded {
            meta: &entry.meta,
            descriptor: self.arena.get(from..middle)?,
            payload: self.arena.get(middle..to)?,
        })
    }

    /// Takes over what was found out later about a packet's frame, if the packet is still here.
    pub fn amend(&mut self, key: HistoryKey, info: PacketInfo, place: Place) {
        let index = self.index(key);
        if self.get(key).is_some()
            && let Some(entry) = self.entries.get_mut(index)
        {
            entry.meta = Meta { info, place, ..entry.meta };
        }
    }

    /// The packets of `encoding` that come after number `sequence` in their stream and are here, in the order of their
    /// numbers: of the last [`FOLLOWING_MAX`] packets of all encodings, no others.
    #[must_use]
    pub fn following(&self, encoding: u8, sequence: u64) -> ArrayVec<HistoryKey, FOLLOWING_MAX> {
        let mut found: ArrayVec<(u64, HistoryKey), FOLLOWING_MAX> = (0..)
            .take(FOLLOWING_MAX)
            .map_while(|age: u32| {
                let key = HistoryKey(self.next.0.wrapping_sub(age + 1));
                self.get(key).map(|packet| (packet.meta, key))
            })
            .filter(|(meta, _)| meta.encoding == encoding && meta.sequence > sequence)
            .map(|(meta, key)| (meta.sequence, key))
            .collect();
        found.sort_unstable_by_key(|(sequence, _)| *sequence);
        found.into_iter().map(|(_, key)| key).collect()
    }

    /// Where the next `length` bytes go without wrapping around, counted as `written`.
    fn place_for(&self, length: usize) -> u64 {
        let left = self.arena.len() - self.offset(self.written);
        if length <= left { self.written } else { self.written + left as u64 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    fn offset(&self, position: u64) -> usize {
        (position % self.arena.len() as u64) as usize
    }

    fn index(&self, key: HistoryKey) -> usize {
        key.0 as usize & (self.packets - 1)
    }
}

/// Bytes of history for each encoding of a picture: 1.7 s of the 2.5 Mbit/s that browsers send in their top layer of
/// 720p. A resend is useful for about a second, and the rest allows for the peak of a keyframe.
pub const VIDEO_BYTES: usize = 512 << 10;

/// Packets of history for each encoding of a picture: 1.7 s of 2.5 Mbit/s are 440 packets of 1,200 bytes; small
/// layers send shorter ones.
pub const VIDEO_PACKETS: usize = 1024;

/// Packets that [`History::following`] looks at: those of the second for which a lost packet is asked for again, with
/// three encodings of 2.2 Mbit/s together in packets of 1,100 bytes.
pub const FOLLOWING_MAX: usize = 256;

/// Bytes of history of a sound: 5 s of the 100 kbit/s that browsers stay below unless told otherwise.
pub const AUDIO_BYTES: usize = 64 << 10;

/// Packets of history of a sound: 5 s of one each 20 ms.
pub const AUDIO_PACKETS: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn meta(sequence: u64) -> Meta {
        Meta {
            encoding: 0,
            payload: 0,
            marker: false,
            sequence,
            timestamp: RtpTimestamp(0),
            arrival: Instant::now(),
            audio_level: None,
            orientation: None,
            playout_delay: None,
            capture_time: None,
            info: PacketInfo { starts_keyframe: true, ..PacketInfo::default() },
            place: Place::WHOLE,
            beginning: Beginning::UNCHANGED,
        }
    }

    #[test]
    fn a_packet_is_found_until_the_entries_run_out() {
        let mut history = History::new(1 << 20, 4);
        let keys: Vec<_> =
            (0..5).map(|n| history.push(meta(n), b"dd", b"payload").unwrap()).collect();
        assert_eq!(history.get(keys[0]), None);
        let second = history.get(keys[1]).unwrap();
        assert_eq!((second.meta.sequence, second.meta.info.starts_keyframe), (1, true));
        assert_eq!((second.descriptor, second.payload), (&b"dd"[..], &b"payload"[..]));
    }

    #[test]
    fn a_packet_is_found_until_its_bytes_are_overwritten() {
        let mut history = History::new(3000, 64);
        let first = history.push(meta(0), b"", &[1; 1400]).unwrap();
        let second = history.push(meta(1), b"", &[2; 1400]).unwrap();
        assert!(history.get(first).is_some());
        // 200 bytes are left at the end: the third begins over the first.
        let third = history.push(meta(2), b"", &[3; 300]).unwrap();
        assert!(history.get(first).is_none());
        assert_eq!(history.get(second).unwrap().payload, [2; 1400]);
        assert_eq!(history.get(third).unwrap().payload, [3; 300]);
    }

    #[test]
    fn what_follows_a_packet_comes_in_the_order_of_its_stream() {
        let mut history = History::new(1 << 20, 1024);
        let mut push = |encoding, sequence| {
            history.push(Meta { encoding, ..meta(sequence) }, b"", b"payload").unwrap()
        };
        let long_ago = push(1, 90);
        (0..253).for_each(|sequence| {
            push(0, sequence);
        });
        let (later, own, sooner) = (push(1, 12), push(1, 10), push(1, 11));
        assert_eq!(history.following(1, 10).as_slice(), [sooner, later]);
        assert_eq!(history.following(1, 9).as_slice(), [own, sooner, later]);
        assert_eq!(history.following(2, 0).as_slice(), []);
        assert!(history.get(long_ago).is_some(), "too old to be looked at, not gone");
    }

    #[test]
    fn a_packet_longer_than_a_datagram_is_refused() {
        let mut history = History::new(1 << 20, 4);
        assert_eq!(history.push(meta(0), &[0; 1], &[0; DATAGRAM_MAX]), None);
        assert!(history.push(meta(0), b"", &[0; DATAGRAM_MAX]).is_some());
    }

    #[test]
    fn keys_wrap_and_those_never_given_out_are_unknown() {
        let mut history = History::new(1 << 20, 4);
        assert_eq!(history.get(HistoryKey(0)), None);
        assert_eq!(history.get(HistoryKey(u32::MAX)), None);
        for n in 0..4 {
            history.push(meta(n), b"", b"");
        }
        history.next = HistoryKey(u32::MAX - 3);
        let keys: Vec<_> = (0..6).map(|n| history.push(meta(n), b"", &[9]).unwrap()).collect();
        assert_eq!(keys[5], HistoryKey(1));
        assert_eq!(history.get(HistoryKey(2)), None);
        assert_eq!(history.get(keys[1]), None);
        assert_eq!(history.get(keys[2]).unwrap().meta.sequence, 2);
        assert_eq!(history.get(keys[5]).unwrap().meta.sequence, 5);
    }

    #[test]
    fn a_packet_is_kept_without_allocating() {
        let mut history = History::new(8 << 10, 16);
        let one = meta(0);
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                let key = history.push(one, b"descriptor", &[0; 1200]).unwrap();
                assert!(history.get(key).is_some());
            }
        });
        assert_eq!(counted.count_total, 0);
    }

    proptest! {
        /// Whatever is pushed, a packet found is the one that was pushed, and the newest that fit are all found.
        #[test]
        fn what_is_found_is_what_was_pushed(lengths in prop::collection::vec((0usize..30, 0usize..1450), 1..80)) {
            let (bytes, packets) = (6000, 8);
            let mut history = History::new(bytes, packets);
            let mut model: VecDeque<(HistoryKey, Vec<u8>, Vec<u8>)> = VecDeque::new();
            for (n, (descriptor, payload)) in (0u8..).zip(lengths) {
                let (descriptor, payload) = (vec![n; descriptor], vec![n ^ 0xff; payload]);
                let key = history.push(meta(n.into()), &descriptor, &payload).unwrap();
                model.push_front((key, descriptor, payload));
                let mut newest = 0;
                for (age, (key, descriptor, payload)) in model.iter().enumerate() {
                    newest += descriptor.len() + payload.len();
                    match history.get(*key) {
                        Some(found) => {
                            prop_assert_eq!(found.descriptor, &descriptor[..]);
                            prop_assert_eq!(found.payload, &payload[..]);
                        }
                        // Less than a datagram is lost at the end of the arena.
                        None => prop_assert!(age >= packets || newest > bytes - DATAGRAM_MAX),
                    }
                }
            }
        }
    }
}
