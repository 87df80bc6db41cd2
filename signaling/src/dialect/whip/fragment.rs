//! SDP fragments: `application/trickle-ice-sdpfrag` (RFC 8840, sections 4.4 and 9), as WHIP sends and answers them.

use sfu::command::IceCredentials;
use thiserror::Error;

use crate::sdp::read::ice_credentials;

/// What a client's fragment says. Its candidates are read and left: an ICE-lite side sends no checks, and learns addresses from those
/// that it gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fragment {
    /// The credentials of the ICE session it belongs to, where it names them.
    pub(super) ice: Option<IceCredentials>,
    /// The m-lines it is about.
    pub(super) mids: Vec<String>,
}

/// Why a fragment cannot be read: the client's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(super) enum FragmentError {
    /// A line that is no `a=…` or `m=…`.
    #[error("line {0} of the fragment is no line of SDP")]
    Line(usize),
    /// A candidate that RFC 8839, section 5.1, does not know.
    #[error("line {0} of the fragment is no candidate")]
    Candidate(usize),
    /// One of both alone, or two that differ.
    #[error("a fragment has one a=ice-ufrag and one a=ice-pwd, or neither")]
    Credentials,
    /// Credentials outside their bounds.
    #[error("a=ice-ufrag has 4 to 32, a=ice-pwd 22 to 64 printable characters")]
    Bounds,
    /// Neither credentials, nor candidates, nor that there are no more.
    #[error("the fragment says nothing of ICE")]
    Empty,
}

impl Fragment {
    /// Reads one. What it does not know it passes over.
    ///
    /// # Errors
    /// [`FragmentError`]: the client's fault.
    pub(super) fn read(text: &str) -> Result<Self, FragmentError> {
        let (mut ufrag, mut password) = (None, None);
        let mut mids = Vec::new();
        let mut says_something = false;
        for (place, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let (key, value) = line.split_once('=').ok_or(FragmentError::Line(place))?;
            if key.len() != 1 || !key.bytes().all(|byte| byte.is_ascii_lowercase()) {
                return Err(FragmentError::Line(place));
            }
            let (attribute, value) = value.split_once(':').unwrap_or((value, ""));
            match (key, attribute) {
                ("a", "ice-ufrag") => once(&mut ufrag, value)?,
                ("a", "ice-pwd") => once(&mut password, value)?,
                ("a", "mid") => mids.push(value.to_owned()),
                ("a", "candidate") if is_candidate(value) => says_something = true,
                ("a", "candidate") => return Err(FragmentError::Candidate(place)),
                ("a", "end-of-candidates") => says_something = true,
                _ => {}
            }
        }
        let ice = match (ufrag, password) {
            (Some(ufrag), Some(password)) => {
                Some(ice_credentials(ufrag, password).map_err(|_| FragmentError::Bounds)?)
            }
            (None, None) if says_something => None,
            (None, None) => return Err(FragmentError::Empty),
            (Some(_), None) | (None, Some(_)) => return Err(FragmentError::Credentials),
        };
        Ok(Self { ice, mids })
    }

    /// What of `answer` is of ICE: the lines for the session, and of the m-line that leads the bundle (RFC 9725, section 4.3.3).
    pub(super) fn of_answer(answer: &str) -> String {
        let of_session = ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE"];
        let of_leader =
            ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];
        let mut sections = answer.split("\r\nm=");
        let mut fragment = String::new();
        let mut take = |section: &str, wanted: &[&str]| {
            for line in section.lines() {
                if wanted.iter().any(|wanted| line.starts_with(wanted)) {
                    fragment.push_str(line);
                    fragment.push_str("\r\n");
                }
            }
        };
        take(sections.next().unwrap_or_default(), &of_session);
        if let Some(leader) = sections.find(|section| section.contains("\r\na=ice-ufrag:")) {
            take(&format!("m={leader}"), &of_leader);
        }
        fragment
    }
}

/// Sets what may be said several times, but not differently: each m-line of a bundle may repeat it.
fn once<'a>(known: &mut Option<&'a str>, value: &'a str) -> Result<(), FragmentError> {
    if known.is_some_and(|known| known != value) {
        return Err(FragmentError::Credentials);
    }
    *known = Some(value);
    Ok(())
}

/// Foundation, component, transport, priority, address, port, `typ` and a type (RFC 8839, section 5.1); what follows is free.
fn is_candidate(value: &str) -> bool {
    let words: Vec<&str> = value.split_ascii_whitespace().take(8).collect();
    let [_, component, _, priority, _, port, typ, _] = words.as_slice() else { return false };
    component.parse::<u16>().is_ok()
        && priority.parse::<u32>().is_ok()
        && port.parse::<u16>().is_ok()
        && *typ == "typ"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 9725, section 4.3.2, figure 3.
    const TRICKLE: &str = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n\
        a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let Fragment { ice, mids } = Fragment::read(TRICKLE).unwrap();
        let ice = ice.unwrap();
        assert_eq!(
            (ice.ufrag.as_str(), ice.password.as_str()),
            ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
        );
        assert_eq!(mids, ["0"]);
    }

    #[test]
    fn what_is_no_fragment_is_refused_by_its_line() {
        for (text, error) in [
            ("", FragmentError::Empty),
            ("a=group:BUNDLE 0\r\n", FragmentError::Empty),
            ("a=mid:0\r\nnonsense\r\n", FragmentError::Line(2)),
            ("=\r\n", FragmentError::Line(1)),
            (
                "a=candidate:1 1 udp 2122260223 192.0.2.1 x typ host\r\n",
                FragmentError::Candidate(1),
            ),
            ("a=candidate:\r\n", FragmentError::Candidate(1)),
            ("a=ice-ufrag:EsAw\r\n", FragmentError::Credentials),
            ("a=ice-ufrag:EsAw\r\na=ice-ufrag:EsAx\r\n", FragmentError::Credentials),
            ("a=ice-ufrag:E\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", FragmentError::Bounds),
        ] {
            assert_eq!(Fragment::read(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn an_answers_fragment_has_what_the_example_of_the_rfc_has() {
        let answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\na=ice-options:ice2\r\n\
            m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:9\r\na=inactive\r\n\
            m=audio 3478 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.1\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:passive\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 3478 typ host\r\na=end-of-candidates\r\n\
            m=video 3478 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n";
        assert_eq!(
            Fragment::of_answer(answer),
            "a=group:BUNDLE 0 1\r\na=ice-lite\r\na=ice-options:ice2\r\nm=audio 3478 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:u\r\n\
            a=ice-pwd:p\r\na=candidate:1 1 udp 1 192.0.2.1 3478 typ host\r\na=end-of-candidates\r\n"
        );
    }
}
