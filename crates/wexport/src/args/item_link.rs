//! IDs in links that were copied from a browser.

/// The words before an ID in the path of a link, by the kind of the item.
///
/// **Source:** links such as `https://app.wdesk.com/a/ACCOUNT/doc/ID/r/-1/v/1/sec/SECTION` and
/// `https://app.wdesk.com/a/ACCOUNT/spreadsheet/ID/-1/sheet/SHEET`, as published (2026-11), and the paths
/// of the API.
const WORDS: [(&str, &[&str]); 5] = [
    ("document", &["doc", "docs", "document", "documents"]),
    ("spreadsheet", &["spreadsheet", "spreadsheets"]),
    ("presentation", &["presentation", "presentations"]),
    ("folder", &["folder", "folders"]),
    ("file", &["file", "files"]),
];

/// The longest and the shortest part of a path that may be an ID: `-1` is a version.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=256;

/// A parser for the ID of an item of this kind, or a link to it. A kind of which no links are known has
/// only IDs.
pub(super) fn id_of(
    kind: &'static str,
) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| match segments(text) {
        None => Ok(text.into()),
        Some(segments) => id_in(kind, &segments?),
    }
}

/// Whether a text is a link to an item, as the address bar of a browser has it.
pub(crate) fn is_link_to_item(text: &str) -> bool {
    let Some(Ok(segments)) = segments(text) else { return false };
    let is_of_browser = segments.first().is_some_and(|first| matches!(&**first, "a" | "s"));
    is_of_browser && WORDS.iter().any(|(_, words)| !ids_after(words, &segments).is_empty())
}

/// The parts of the path of a link; `None` if the text is none.
fn segments(text: &str) -> Option<Result<Vec<String>, String>> {
    let text = text.trim();
    let has_scheme = text.contains("://");
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_known = ["wdesk.com", "workiva.com"].iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
    });
    if !is_known {
        let elsewhere = || format!("it is a link to another site; {LOOKS}");
        return has_scheme.then(|| Err(elsewhere()));
    }
    // A page of the web application may be after the `#`.
    let parts =
        rest[end..].split(['/', '#']).map(|part| part.split('?').next().unwrap_or_default());
    let decoded = parts.map(|part| part.replace("%3D", "=").replace("%3d", "="));
    Some(Ok(decoded.filter(|part| !part.is_empty()).collect()))
}

const LOOKS: &str =
    "an ID looks like 124efa2a142f472ba1ceab34ed18915f, and `wexport files` lists them";

fn id_in(kind: &str, segments: &[String]) -> Result<String, String> {
    let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == kind) else {
        return Err(format!("which part of such a link is the ID is not known; {LOOKS}"));
    };
    // Any item is a file.
    let found = match kind {
        "file" => WORDS.iter().flat_map(|(_, words)| ids_after(words, segments)).collect(),
        _ => ids_after(words, segments),
    };
    match &found[..] {
        [] => {}
        [id, others @ ..] if others.iter().all(|other| other == id) => return Ok((*id).into()),
        _ => return Err(format!("the link has more than one ID; {LOOKS}")),
    }
    let other = WORDS.iter().find(|(_, words)| !ids_after(words, segments).is_empty());
    Err(match other {
        Some((other, _)) => format!("it is a link to a {other}: use `wexport {other}`"),
        None => format!("the link has no ID of a {kind}; {LOOKS}"),
    })
}

fn ids_after<'a>(words: &[&str], segments: &'a [String]) -> Vec<&'a str> {
    let is_word = |text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    let is_id = |text: &str| {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
        let is_any_word = WORDS.iter().any(|(_, words)| words.contains(&text));
        LENGTHS.contains(&text.len()) && text.bytes().all(is_sign) && !is_any_word
    };
    let pairs = segments.windows(2).filter(|pair| is_word(&pair[0]) && is_id(&pair[1]));
    pairs.map(|pair| pair[1].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_taken_out_of_a_link() {
        let long = "1ce2dddb987b4b25a2e0f3a7804fc4af";
        for (kind, link, id) in [
            (
                "document",
                "https://sandbox.wdesk.com/a/QWNjb3VudB8yMDAx/doc/1ce2dddb987b4b25a2e0f3a7804fc4af/r/-1/v/1/sec/1ce2dddb987b4b25a2e0f3a7804fc4af_1165",
                long,
            ),
            ("file", "https://app.wdesk.com/a/QWNj/doc/1ce2dddb987b4b25a2e0f3a7804fc4af", long),
            (
                "spreadsheet",
                "https://app.wdesk.com/a/aabbccddeeffXTest/spreadsheet/aaaa-bbbb-cccc-dddd-eeee",
                "aaaa-bbbb-cccc-dddd-eeee",
            ),
            (
                "spreadsheet",
                "app.eu.wdesk.com/a/QWNj/spreadsheet/abc123/-1/sheet/def456?view=1",
                "abc123",
            ),
            (
                "presentation",
                "HTTPS://EU.WDESK.COM/a/QWNj/presentation/77b0d4e6f8a24c1e/slide/9",
                "77b0d4e6f8a24c1e",
            ),
            (
                "document",
                "https://app.wdesk.com/a/QWNj/doc/ZG9jdW1lbnQ6NTkz%3D%3D#sec",
                "ZG9jdW1lbnQ6NTkz==",
            ),
            ("document", "https://app.wdesk.com/s/home#/a/QWNj/doc/124efa2a142f", "124efa2a142f"),
            ("document", "https://app.wdesk.com/a/QWNj/doc/124efa2a142f?view=1", "124efa2a142f"),
            ("folder", "https://app.wdesk.com/s/files/folder/124efa2a142f", "124efa2a142f"),
            ("file", "https://app.wdesk.com/s/files/folder/124efa2a142f", "124efa2a142f"),
            ("document", "https://api.app.wdesk.com/documents/124efa2a142f/export", "124efa2a142f"),
            // What is no link is left to the check of IDs.
            ("document", "124efa2a142f", "124efa2a142f"),
            ("document", "a/b", "a/b"),
            ("test form", "WORKIVA=x+y", "WORKIVA=x+y"),
        ] {
            assert_eq!(id_of(kind)(link).as_deref(), Ok(id), "{link}");
        }
    }

    #[test]
    fn link_without_one_clear_id_is_refused() {
        for (kind, link, why) in [
            ("document", "https://evil.example/a/x/doc/124efa2a142f", "another site"),
            ("document", "https://wdesk.com.evil.example/doc/124efa2a142f", "another site"),
            ("document", "https://evilwdesk.com/doc/124efa2a142f", "another site"),
            ("document", "https://app.wdesk.com@evil.example/doc/124efa2a142f", "another site"),
            ("document", "https://app.wdesk.com/", "no ID of a document"),
            ("document", "https://app.wdesk.com/a/QWNj/doc/-1", "no ID of a document"),
            ("document", "https://app.wdesk.com/a/QWNj/doc/12%2F4efa2a142f", "no ID of a document"),
            (
                "document",
                "https://app.wdesk.com/a/QWNj/spreadsheet/abc123",
                "a link to a spreadsheet",
            ),
            ("file", "https://app.wdesk.com/folder/aaaaaa1/doc/bbbbbb2", "more than one ID"),
            ("graph report", "https://app.wdesk.com/a/QWNj/report/source1/view22", "not known"),
        ] {
            let refused = id_of(kind)(link).unwrap_err();
            assert!(refused.contains(why), "{link}: {refused}");
        }
    }

    #[test]
    fn operation_is_no_link_to_an_item() {
        assert!(is_link_to_item("https://app.wdesk.com/a/QWNj/doc/124efa2a142f"));
        for operation in [
            "https://api.app.wdesk.com/operations/124efa2a142f",
            "https://api.app.wdesk.com/platform/v1/operations/124efa2a142f",
            "https://api.app.wdesk.com/documents/124efa2a142f/operation",
            "124efa2a142f",
            "http://127.0.0.1:1/operations/1",
        ] {
            assert!(!is_link_to_item(operation), "{operation}");
        }
    }
}
