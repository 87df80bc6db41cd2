//! The encodings of a send m-line: by RID (RFC 8851, RFC 8853) or by SSRC (RFC 5576).

use std::collections::BTreeSet;

use rtc_sdp::description::media::MediaDescription;
use sfu::media::{Encoding, Mid, Rid, Ssrc};

use super::section::{token, value, values};
use super::{ENCODINGS_MAX, SSRCS_MAX, SdpError};

/// The RIDs the client would send, lowest quality first, and whether they are a simulcast. Of alternatives for one encoding
/// (RFC 8853, section 5.1) the first is taken; encodings above [`ENCODINGS_MAX`] are left out.
pub(super) fn rids(
    mid: &Mid,
    description: &MediaDescription,
) -> Result<(Vec<Rid>, bool), SdpError> {
    let wrong = |rule| SdpError::section(mid, rule);
    let mut declared = Vec::new();
    for text in values(description, "rid") {
        let mut words = text.split_whitespace();
        let (name, direction) = (words.next().unwrap_or_default(), words.next());
        if direction == Some("send") {
            // RFC 8852, section 3: letters and digits only; RFC 8851 adds '-' and '_'.
            let rid = Some(name)
                .filter(|name| {
                    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                })
                .and_then(token)
                .map(Rid)
                .ok_or_else(|| wrong("a rid is 1 to 16 letters and digits"))?;
            declared.push(rid);
        }
    }
    let Some(simulcast) = value(description, "simulcast") else {
        declared.truncate(ENCODINGS_MAX);
        return Ok((declared, false));
    };
    let words: Vec<&str> = simulcast.split_whitespace().collect();
    let Some(list) =
        words.iter().position(|word| *word == "send").and_then(|place| words.get(place + 1))
    else {
        return Ok((Vec::new(), false));
    };
    let mut rids = Vec::new();
    for alternatives in list.split(';') {
        let name = alternatives.split(',').next().unwrap_or_default().trim_start_matches('~');
        let rid = declared
            .iter()
            .find(|rid| rid.0.as_str() == name)
            .ok_or_else(|| wrong("a=simulcast names a rid without an a=rid line"))?;
        if rids.contains(rid) {
            return Err(wrong("a=simulcast names a rid twice"));
        }
        rids.push(*rid);
    }
    rids.truncate(ENCODINGS_MAX);
    Ok((rids, true))
}

/// The SSRCs an m-line names, and which of them retransmit which (RFC 5576).
pub(super) struct Streams {
    ssrcs: Vec<Ssrc>,
    retransmissions: Vec<(Ssrc, Ssrc)>,
}

impl Streams {
    /// Reads the `a=ssrc` and `a=ssrc-group` lines.
    pub(super) fn read(mid: &Mid, description: &MediaDescription) -> Result<Self, SdpError> {
        let wrong = |rule| SdpError::section(mid, rule);
        let number =
            |text: &str| text.parse().map(Ssrc).map_err(|_| wrong("an a=ssrc that is no number"));
        let mut ssrcs = Vec::new();
        for text in values(description, "ssrc") {
            let ssrc = number(text.split(' ').next().unwrap_or_default())?;
            if !ssrcs.contains(&ssrc) {
                ssrcs.push(ssrc);
            }
            if ssrcs.len() > SSRCS_MAX {
                return Err(wrong("more than 32 SSRCs"));
            }
        }
        let mut retransmissions = Vec::new();
        for text in values(description, "ssrc-group") {
            let mut words = text.split_whitespace();
            if words.next() != Some("FID") {
                continue;
            }
            let (Some(original), Some(repair), None) = (words.next(), words.next(), words.next())
            else {
                return Err(wrong("an a=ssrc-group:FID that does not name two SSRCs"));
            };
            let (original, repair) = (number(original)?, number(repair)?);
            if original == repair || !ssrcs.contains(&original) {
                return Err(wrong("an a=ssrc-group:FID of SSRCs without a=ssrc lines"));
            }
            // ffmpeg 9 writes an a=ssrc line of the original alone.
            if !ssrcs.contains(&repair) {
                ssrcs.push(repair);
            }
            retransmissions.push((original, repair));
            if ssrcs.len() > SSRCS_MAX {
                return Err(wrong("more than 32 SSRCs"));
            }
        }
        Ok(Self { ssrcs, retransmissions })
    }

    /// The one encoding of an m-line without RIDs.
    pub(super) fn first(&self) -> Encoding {
        match self.retransmissions.first() {
            Some(&(ssrc, rtx)) => Encoding { rid: None, ssrc: Some(ssrc), rtx: Some(rtx) },
            None => Encoding { rid: None, ssrc: self.ssrcs.first().copied(), rtx: None },
        }
    }

    /// Every SSRC named.
    pub(super) fn all(self) -> BTreeSet<Ssrc> {
        self.ssrcs.into_iter().collect()
    }
}
