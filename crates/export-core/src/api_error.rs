//! The contents of an error response.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Who wrote an error response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the machine has a rule for each of these")]
pub enum ErrorOrigin {
    /// The service: the body is one of its error documents.
    Service,
    /// A gateway or proxy: the body is an HTML page or a notice.
    Gateway,
    /// Unknown: the body is empty, was lost, or could come from either.
    #[default]
    Unknown,
}

/// The contents of an error response, whatever its format.
///
/// All texts come from the network. They are cut to 1,000 characters, and control characters are
/// replaced, so that they can be printed to a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    origin: ErrorOrigin,
    code: Option<String>,
    message: Option<String>,
    target: Option<String>,
    details: Vec<ApiErrorDetail>,
    request_id: Option<String>,
}

/// One of several problems in an [`ApiError`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiErrorDetail {
    /// The service's code for the problem.
    pub code: Option<String>,
    /// The description, meant for developers.
    pub message: Option<String>,
    /// The part of the request that it is about.
    pub target: Option<String>,
}

/// The longest text in **characters**. Longer texts are cut.
pub(crate) const MAX_TEXT: usize = 1_000;

/// Further details are dropped.
pub(crate) const MAX_DETAILS: usize = 32;

impl ApiError {
    /// An error with an origin and nothing else.
    #[must_use]
    pub const fn new(origin: ErrorOrigin) -> Self {
        Self {
            origin,
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

    /// Sets the part of the request that was wrong.
    #[must_use]
    pub fn with_target(mut self, target: Option<&str>) -> Self {
        self.target = printable(target);
        self
    }

    /// Adds a detail. More than 32 are dropped.
    #[must_use]
    pub fn with_detail(
        mut self,
        code: Option<&str>,
        message: Option<&str>,
        target: Option<&str>,
    ) -> Self {
        if self.details.len() < MAX_DETAILS {
            self.details.push(ApiErrorDetail {
                code: printable(code),
                message: printable(message),
                target: printable(target),
            });
        }
        self
    }

    /// Sets the id of the request, for the service's support.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = printable(id);
        self
    }

    /// The error with other texts.
    pub(crate) fn map_texts(mut self, map: impl Fn(&str) -> Cow<'_, str>) -> Self {
        let Self { origin: _, code, message, target, details, request_id } = &mut self;
        let details = details
            .iter_mut()
            .flat_map(|detail| [&mut detail.code, &mut detail.message, &mut detail.target]);
        for text in [code, message, target, request_id].into_iter().chain(details).flatten() {
            if let Cow::Owned(mapped) = map(text) {
                *text = mapped;
            }
        }
        self
    }

    /// Who wrote the response.
    #[must_use]
    pub const fn origin(&self) -> ErrorOrigin {
        self.origin
    }

    /// The service's code, such as `403Forbidden` or `BadArgument`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The part of the request that was wrong.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The single problems, if the response lists them.
    #[must_use]
    pub fn details(&self) -> &[ApiErrorDetail] {
        &self.details
    }

    /// The id of the request, for the service's support.
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
            (None, None) => f.write_str(match self.origin {
                ErrorOrigin::Service => "the service gave no reason",
                ErrorOrigin::Gateway | ErrorOrigin::Unknown => "no reason was given",
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

/// The text as it may be printed: trimmed, without control characters and direction marks, and at
/// most 1,000 characters long. `None` if nothing is left.
pub(crate) fn printable(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let plain = text.len() <= MAX_TEXT && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if plain {
        return (!text.is_empty()).then(|| String::from(text));
    }
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() || is_direction_mark(c) { ' ' } else { c })
        .take(MAX_TEXT)
        .collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| String::from(shown))
}

/// Whether the character changes the display order of the text around it.
pub(crate) const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        let error =
            ApiError::new(ErrorOrigin::Service).with_message(Some("no\x1b[2Jway\r\n\u{202e}x"));
        assert_eq!(error.to_string(), "no [2Jway   x");
    }

    #[test]
    fn long_text_is_cut() {
        let error = ApiError::new(ErrorOrigin::Service).with_message(Some(&"a".repeat(5_000)));
        assert_eq!(error.message().map(str::len), Some(MAX_TEXT));
    }

    #[test]
    fn display_shows_all_fields() {
        let error = ApiError::new(ErrorOrigin::Service)
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
