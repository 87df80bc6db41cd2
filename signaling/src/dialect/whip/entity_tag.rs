//! The entity tag of an ICE session, and whether a request is for it (RFC 9725, section 4.3.1; RFC 9110, sections 8.8.3 and 13.1.1).

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;

use super::problem::Problem;

/// Names an ICE session: our user name fragment, which is drawn anew with each, and no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct EntityTag(String);

impl EntityTag {
    /// Of the ICE session that `answer` opens.
    pub(super) fn of_answer(answer: &str) -> Self {
        let ufrag = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        Self(ufrag.unwrap_or_default().to_owned())
    }

    /// As `ETag` has it: strong.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// Which ICE sessions a PATCH is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Condition {
    /// Whichever there is.
    Any,
    /// One of these; a weak one matches none.
    OneOf(Vec<String>),
}

impl Condition {
    /// Reads `If-Match`. `"*"` counts as `*`: RFC 9725 writes it so in its example of a restart.
    ///
    /// # Errors
    /// [`Problem::TagMissing`] without the header: the client's fault.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(IF_MATCH) {
            // What is no text names nothing.
            let Ok(text) = value.to_str() else { continue };
            for tag in text.split(',').map(str::trim) {
                if tag == "*" || tag == "\"*\"" {
                    return Ok(Self::Any);
                }
                tags.push(tag.to_owned());
            }
        }
        if headers.contains_key(IF_MATCH) {
            Ok(Self::OneOf(tags))
        } else {
            Err(Problem::TagMissing)
        }
    }

    /// Whether `tag` is among them.
    pub(super) fn holds(&self, tag: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&tag.quoted()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Condition, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        Condition::read(&headers)
    }

    #[test]
    fn a_condition_holds_as_rfc_9110_compares_strongly() {
        let tag = EntityTag::of_answer("v=0\r\na=ice-ufrag:xyzzy\r\na=ice-ufrag:other\r\n");
        assert_eq!(tag.quoted(), "\"xyzzy\"");
        for (values, holds) in [
            (&["\"xyzzy\""][..], true),
            (&["\"a\", \"xyzzy\""], true),
            (&["\"a\"", "\"xyzzy\""], true),
            (&["*"], true),
            (&["\"*\""], true),
            (&["\"a\""], false),
            (&["xyzzy"], false),
            (&["W/\"xyzzy\""], false),
            (&[""], false),
        ] {
            assert_eq!(read(values).unwrap().holds(&tag), holds, "{values:?}");
        }
        assert_eq!(read(&[]), Err(Problem::TagMissing));
    }
}
