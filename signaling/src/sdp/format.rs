//! Which codec a payload type stands for, by its `a=rtpmap` and `a=fmtp`, as far as Confab carries it.

use sfu::media::{Format, H264Profile, MediaKind, PayloadType};

/// What a payload type carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Carries {
    /// Packets of a codec.
    Media(Format),
    /// Retransmissions of another payload type (RFC 4588).
    Retransmission(PayloadType),
}

impl Carries {
    /// What `rtpmap` (as in `opus/48000/2`) with `fmtp` stands for in an m-line of `kind`; `None` where Confab does not carry it.
    #[must_use]
    pub fn read(kind: MediaKind, rtpmap: &str, fmtp: &str) -> Option<Self> {
        let mut parts = rtpmap.split('/');
        let name = parts.next()?.to_ascii_lowercase();
        let clock: u32 = parts.next()?.trim().parse().ok()?;
        let format = match (kind, name.as_str()) {
            (MediaKind::Audio, "opus") => Format::Opus,
            (MediaKind::Audio, "red") => Format::Red,
            (MediaKind::Video, "vp8") => Format::Vp8,
            (MediaKind::Video, "vp9") => Format::Vp9(profile(fmtp, "profile-id", 3)?),
            (MediaKind::Video, "av1") => Format::Av1(profile(fmtp, "profile", 2)?),
            (MediaKind::Video, "h264") => Format::H264(h264(fmtp)?),
            (MediaKind::Audio | MediaKind::Video, "rtx") => {
                let original =
                    parameter(fmtp, "apt")?.parse().ok().filter(|number| *number <= 127)?;
                return Some(Self::Retransmission(PayloadType(original)));
            }
            (MediaKind::Audio | MediaKind::Video, _) => return None,
        };
        (clock == format.clock_rate()).then_some(Self::Media(format))
    }
}

/// The value of `name` in `fmtp` (`a=1;b=2`; RFC 8866 leaves the form to the codec, all of these agree).
fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A profile number up to `most`; absent means 0 (RFC 9628, section 6; AV1 RTP payload format, section 7.2.3).
fn profile(fmtp: &str, name: &str, most: u8) -> Option<u8> {
    parameter(fmtp, name).unwrap_or("0").parse().ok().filter(|profile| *profile <= most)
}

/// The H264 profile of an fmtp with packetization-mode 1; other modes are not carried (RFC 6184, sections 8.1 and 8.2.1).
fn h264(fmtp: &str) -> Option<H264Profile> {
    if parameter(fmtp, "packetization-mode") != Some("1") {
        return None;
    }
    // Absent means Baseline without constraints, level 1.
    let [_, idc, iop, _] =
        u32::from_str_radix(parameter(fmtp, "profile-level-id").unwrap_or("42000a"), 16)
            .ok()?
            .to_be_bytes();
    // Table 5: the bits of profile-iop, most significant first, with x for "any".
    match idc {
        0x42 if iop & 0b0100_1111 == 0b0100_0000 => Some(H264Profile::ConstrainedBaseline),
        0x42 if iop & 0b0100_1111 == 0 => Some(H264Profile::Baseline),
        0x4d if iop & 0b1000_1111 == 0b1000_0000 => Some(H264Profile::ConstrainedBaseline),
        0x4d if iop & 0b1010_1111 == 0 => Some(H264Profile::Main),
        0x58 if iop & 0b1100_1111 == 0b1100_0000 => Some(H264Profile::ConstrainedBaseline),
        0x58 if iop & 0b1100_1111 == 0b1000_0000 => Some(H264Profile::Baseline),
        0x64 if iop == 0 => Some(H264Profile::High),
        0x64 if iop == 0b0000_1100 => Some(H264Profile::ConstrainedHigh),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(rtpmap: &str, fmtp: &str) -> Option<Carries> {
        Carries::read(MediaKind::Video, rtpmap, fmtp)
    }

    fn h264(profile: &str) -> Option<Carries> {
        video("H264/90000", &format!("packetization-mode=1;profile-level-id={profile}"))
    }

    /// Rows of RFC 6184's table 5, written as its examples write them.
    #[test]
    fn h264_profiles_follow_table_5_of_rfc_6184() {
        let carries = |profile| Some(Carries::Media(Format::H264(profile)));
        for constrained in ["42e01f", "42C01E", "4d801f", "58c01f"] {
            assert_eq!(
                h264(constrained),
                carries(H264Profile::ConstrainedBaseline),
                "{constrained}"
            );
        }
        for baseline in ["42001f", "42801f", "58801f"] {
            assert_eq!(h264(baseline), carries(H264Profile::Baseline), "{baseline}");
        }
        assert_eq!(h264("4d001f"), carries(H264Profile::Main));
        assert_eq!(h264("640c34"), carries(H264Profile::ConstrainedHigh));
        assert_eq!(h264("640034"), carries(H264Profile::High));
        for unknown in ["6e001f", "zz", "58001f"] {
            assert_eq!(h264(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn only_packetization_mode_1_is_carried() {
        assert_eq!(video("H264/90000", "packetization-mode=0;profile-level-id=42e01f"), None);
        assert_eq!(video("H264/90000", "profile-level-id=42e01f"), None);
    }

    #[test]
    fn parameters_that_are_absent_have_their_defaults() {
        assert_eq!(video("VP9/90000", ""), Some(Carries::Media(Format::Vp9(0))));
        assert_eq!(video("VP9/90000", "profile-id=2"), Some(Carries::Media(Format::Vp9(2))));
        assert_eq!(
            video("AV1/90000", "level-idx=5; profile=1; tier=0"),
            Some(Carries::Media(Format::Av1(1)))
        );
        assert_eq!(video("VP9/90000", "profile-id=9"), None);
    }

    #[test]
    fn a_codec_of_the_other_kind_or_another_clock_is_not_carried() {
        assert_eq!(video("opus/48000/2", ""), None);
        assert_eq!(video("red/90000", ""), None);
        assert_eq!(video("VP8/48000", ""), None);
        assert_eq!(Carries::read(MediaKind::Audio, "G722/8000", ""), None);
    }

    #[test]
    fn retransmission_names_its_original() {
        assert_eq!(video("rtx/90000", "apt=96"), Some(Carries::Retransmission(PayloadType(96))));
        assert_eq!(video("rtx/90000", "apt=200"), None);
        assert_eq!(video("rtx/90000", ""), None);
    }
}
