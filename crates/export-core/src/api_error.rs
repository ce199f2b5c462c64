//! The service's own account of what went wrong.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Whose words an error answer carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum Speaker {
    /// The service: the body is one of its error documents.
    Service,
    /// Something else: a gateway's HTML page, a proxy's notice.
    Gateway,
    /// Nobody can say: the body is empty, or was lost.
    #[default]
    Nobody,
}

/// What an error answer says, in whichever shape it came.
///
/// All texts come from the network. They are kept short and free of control characters, so that
/// they can be printed to a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    speaker: Speaker,
    code: Option<String>,
    message: Option<String>,
    target: Option<String>,
    details: Vec<ApiErrorDetail>,
    request_id: Option<String>,
}

/// One of several things that were wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiErrorDetail {
    /// The service's code for it.
    pub code: Option<String>,
    /// What it says to a developer.
    pub message: Option<String>,
    /// Which part of the request it speaks of.
    pub target: Option<String>,
}

/// Longer texts are cut: an error is read by people.
const LONGEST_TEXT: usize = 1_000;

/// More details than this are dropped.
const MOST_DETAILS: usize = 32;

impl ApiError {
    /// An error of which only the speaker is known.
    #[must_use]
    pub const fn new(speaker: Speaker) -> Self {
        Self {
            speaker,
            code: None,
            message: None,
            target: None,
            details: Vec::new(),
            request_id: None,
        }
    }

    /// Sets the code, such as `403Forbidden`.
    #[must_use]
    pub fn with_code(mut self, code: Option<&str>) -> Self {
        self.code = printable(code);
        self
    }

    /// Sets the message.
    #[must_use]
    pub fn with_message(mut self, message: Option<&str>) -> Self {
        self.message = printable(message);
        self
    }

    /// Sets which part of the request was wrong.
    #[must_use]
    pub fn with_target(mut self, target: Option<&str>) -> Self {
        self.target = printable(target);
        self
    }

    /// Adds a detail; beyond 32 they are dropped.
    #[must_use]
    pub fn with_detail(
        mut self,
        code: Option<&str>,
        message: Option<&str>,
        target: Option<&str>,
    ) -> Self {
        if self.details.len() < MOST_DETAILS {
            self.details.push(ApiErrorDetail {
                code: printable(code),
                message: printable(message),
                target: printable(target),
            });
        }
        self
    }

    /// Sets the id under which the service's support finds the request.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = printable(id);
        self
    }

    /// Whose words these are.
    #[must_use]
    pub const fn speaker(&self) -> Speaker {
        self.speaker
    }

    /// The service's code, such as `403Forbidden` or `BadArgument`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What the service says.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Which part of the request was wrong.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The single things that were wrong.
    #[must_use]
    pub fn details(&self) -> &[ApiErrorDetail] {
        &self.details
    }

    /// The id under which the service's support finds the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{code}: {message}")?,
            (Some(text), None) | (None, Some(text)) => f.write_str(text)?,
            (None, None) => f.write_str(match self.speaker {
                Speaker::Service => "the service gave no reason",
                Speaker::Gateway => "a page that is not the service's",
                Speaker::Nobody => "no reason was given",
            })?,
        }
        if let Some(target) = &self.target {
            write!(f, " ({target})")?;
        }
        for detail in &self.details {
            let texts = [&detail.target, &detail.code, &detail.message];
            let mut separator = "; ";
            for text in texts.into_iter().flatten() {
                write!(f, "{separator}{text}")?;
                separator = ": ";
            }
        }
        match &self.request_id {
            Some(id) => write!(f, " [request id {id}]"),
            None => Ok(()),
        }
    }
}

/// The text as it may be shown: no control characters, no invisible direction marks, not long.
pub(crate) fn printable(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let plain = text.len() <= LONGEST_TEXT && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if plain {
        return (!text.is_empty()).then(|| String::from(text));
    }
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() || is_direction_mark(c) { ' ' } else { c })
        .take(LONGEST_TEXT)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| String::from(shown))
}

/// Characters that change the order in which the text around them is shown.
pub(crate) const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_the_service_says_cannot_steer_a_terminal() {
        let error = ApiError::new(Speaker::Service).with_message(Some("no\x1b[2Jway\r\n\u{202e}x"));
        assert_eq!(error.to_string(), "no [2Jway   x");
    }

    #[test]
    fn a_page_of_text_is_cut_short() {
        let error = ApiError::new(Speaker::Service).with_message(Some(&"a".repeat(5_000)));
        assert_eq!(error.message().map(str::len), Some(LONGEST_TEXT));
    }

    #[test]
    fn everything_known_is_in_the_text() {
        let error = ApiError::new(Speaker::Service)
            .with_code(Some("400BadRequest"))
            .with_message(Some("invalid options"))
            .with_target(Some("body"))
            .with_detail(Some("BadArgument"), Some("unknown field"), Some("format"))
            .with_request_id(Some("r-1"));
        assert_eq!(
            error.to_string(),
            "400BadRequest: invalid options (body); format: BadArgument: unknown field [request id r-1]"
        );
    }
}
