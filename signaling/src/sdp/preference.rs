//! What an operator prefers of the media that is published: which codecs, and how Opus is sent.
//!
//! Preferences reach a publisher where SDP has the words for them: codecs by what the answer accepts (RFC 8829, section 5.3.1), Opus by
//! the parameters that its answer declares (RFC 7587, section 7), which tell the sender what the receiver, here the server, wants.

use sfu::media::{Format, MediaKind};
use simulcast::codec::Codec;

use super::format::Carries;
use super::section::Payload;

/// The codec of this name, as operators write it.
#[must_use]
pub fn codec_named(name: &str) -> Option<Codec> {
    Codec::ALL.into_iter().find(|codec| codec.name() == name)
}

/// How Opus is to be sent to the server. `None` leaves each to the client, which then gets its own offer's word back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpusPreference {
    /// The most bits a second on average, [`OPUS_BPS_MIN`] to [`OPUS_BPS_MAX`]: `maxaveragebitrate`.
    pub bitrate: Option<u32>,
    /// Two channels: `stereo`.
    pub stereo: Option<bool>,
    /// Nothing in silence: `usedtx`.
    pub dtx: Option<bool>,
    /// Each packet with a worse copy of the one before: `useinbandfec`.
    pub fec: Option<bool>,
}

/// The least that Opus encodes to (RFC 7587, section 6.1).
pub const OPUS_BPS_MIN: u32 = 6_000;

/// The most that Opus encodes to (the same).
pub const OPUS_BPS_MAX: u32 = 510_000;

/// What is preferred.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Preference {
    /// What may be sent and received.
    pub codecs: Vec<Codec>,
    /// How Opus is sent.
    pub opus: OpusPreference,
}

impl Default for Preference {
    fn default() -> Self {
        Self { codecs: Codec::ALL.to_vec(), opus: OpusPreference::default() }
    }
}

impl Preference {
    /// What of `payloads` is accepted: the codecs that may be, with their retransmissions.
    #[must_use]
    pub fn accepted(&self, payloads: &[Payload]) -> Vec<Payload> {
        let may = |payload: &Payload| match payload.carries {
            Carries::Media(format) => self.codecs.contains(&format.codec()),
            Carries::Retransmission(_) => false,
        };
        let kept = |payload: &&Payload| match payload.carries {
            Carries::Media(_) => may(payload),
            Carries::Retransmission(original) => {
                payloads.iter().any(|payload| payload.number == original && may(payload))
            }
        };
        payloads.iter().filter(kept).cloned().collect()
    }

    /// Declares how Opus is to be sent, in the payloads of a section that the client sends.
    pub fn declare(&self, kind: MediaKind, payloads: &mut [Payload]) {
        let OpusPreference { bitrate, stereo, dtx, fec } = self.opus;
        let switch = |on: bool| u32::from(on);
        let parameters = [
            ("maxaveragebitrate", bitrate),
            ("stereo", stereo.map(switch)),
            ("usedtx", dtx.map(switch)),
            ("useinbandfec", fec.map(switch)),
        ];
        if kind != MediaKind::Audio {
            return;
        }
        for payload in payloads.iter_mut().filter(|it| it.carries == Carries::Media(Format::Opus)) {
            for (name, value) in parameters {
                if let Some(value) = value {
                    payload.fmtp = Some(with_parameter(payload.fmtp.as_deref(), name, value));
                }
            }
        }
    }
}

/// `fmtp` with `name` set, in the place where it was, else at the end.
fn with_parameter(fmtp: Option<&str>, name: &str, value: u32) -> String {
    let is_it = |pair: &&str| pair.split('=').next().is_some_and(|key| key.trim() == name);
    let pairs: Vec<&str> = fmtp.unwrap_or("").split(';').map(str::trim).collect();
    let others = pairs.iter().filter(|pair| !pair.is_empty());
    let set = format!("{name}={value}");
    let mut written: Vec<&str> =
        others.map(|pair| if is_it(pair) { set.as_str() } else { *pair }).collect();
    if !pairs.iter().any(is_it) {
        written.push(&set);
    }
    written.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu::media::{Feedback, PayloadType};

    fn payload(number: u8, carries: Carries, fmtp: Option<&str>) -> Payload {
        let fmtp = fmtp.map(str::to_owned);
        let feedback = Feedback::default();
        Payload { number: PayloadType(number), carries, rtpmap: String::new(), fmtp, feedback }
    }

    #[test]
    fn codecs_that_may_not_be_are_left_out_with_their_retransmissions() {
        let preference =
            Preference { codecs: vec![Codec::Opus, Codec::Vp8], ..Preference::default() };
        let payloads = [
            payload(96, Carries::Media(Format::Vp8), None),
            payload(97, Carries::Retransmission(PayloadType(96)), None),
            payload(98, Carries::Media(Format::Vp9(0)), None),
            payload(99, Carries::Retransmission(PayloadType(98)), None),
        ];
        let numbers: Vec<u8> =
            preference.accepted(&payloads).iter().map(|payload| payload.number.0).collect();
        assert_eq!(numbers, [96, 97]);
        assert_eq!(Preference::default().accepted(&payloads), payloads);
    }

    /// The names of RFC 7587, section 6.1, and the form of its section 7: parameters separated by semicolons.
    #[test]
    fn opus_is_declared_by_its_parameters_and_what_is_not_told_stays() {
        let opus = OpusPreference {
            bitrate: Some(64_000),
            stereo: Some(true),
            dtx: None,
            fec: Some(false),
        };
        let preference = Preference { opus, ..Preference::default() };
        let mut payloads = [
            payload(111, Carries::Media(Format::Opus), Some("minptime=10; useinbandfec=1")),
            payload(63, Carries::Media(Format::Red), Some("111/111")),
        ];
        preference.declare(MediaKind::Audio, &mut payloads);
        let expected = "minptime=10;useinbandfec=0;maxaveragebitrate=64000;stereo=1";
        assert_eq!(payloads[0].fmtp.as_deref(), Some(expected));
        assert_eq!(payloads[1].fmtp.as_deref(), Some("111/111"));
        let mut bare = [payload(111, Carries::Media(Format::Opus), None)];
        Preference::default().declare(MediaKind::Audio, &mut bare);
        assert_eq!(bare[0].fmtp, None);
        preference.declare(MediaKind::Audio, &mut bare);
        assert_eq!(
            bare[0].fmtp.as_deref(),
            Some("maxaveragebitrate=64000;stereo=1;useinbandfec=0")
        );
    }
}
