//! File names from the network, reduced to names that are safe on any system.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::api_error::is_direction_mark;

/// The longest name in **bytes**. File systems allow 255, and the name of a part file is longer.
const MAX_NAME: usize = 200;

/// Reduces a name to a file name without a path that is safe on every system and has at most 200
/// bytes.
///
/// Only the last part of a path is kept. Control characters and characters that change the
/// direction of text are dropped, and so are dots and white space at either end, so that no name is
/// hidden or `..`. Characters that Windows reserves become `_`; a name that Windows or SharePoint
/// reserve gets a `_` in front. A name that is too long is cut before its extension. All other
/// Unicode characters are kept.
///
/// Returns `None` if nothing is left. A safe name is returned unchanged.
///
/// ```
/// use export_core::safe_file_name;
///
/// assert_eq!(safe_file_name("../../etc/Annual: Report.pdf").as_deref(), Some("Annual_ Report.pdf"));
/// assert_eq!(safe_file_name("con.txt").as_deref(), Some("_con.txt"));
/// assert_eq!(safe_file_name("../.."), None);
/// ```
#[must_use]
pub fn safe_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).find(|part| !part.is_empty())?;
    let kept = last.chars().filter(|&c| !is_dropped(c));
    let mut clean = String::with_capacity(last.len());
    clean.extend(kept.map(|c| if is_reserved(c) { '_' } else { c }));
    let clean = without_vti(clean);
    let bare = trimmed(&clean);
    if bare.is_empty() {
        return None;
    }
    // A cut name may be a reserved one.
    Some(unreserved(&cut(&unreserved(bare))).into_owned())
}

fn is_dropped(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}');
    c.is_control() || is_direction_mark(c) || invisible
}

/// **Source:** Microsoft, "Naming Files, Paths, and Namespaces".
const fn is_reserved(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// **Source:** Microsoft, "Restrictions and limitations in OneDrive and SharePoint": a name must not
/// contain `_vti_`.
fn without_vti(mut name: String) -> String {
    const RESERVED: &[u8] = b"_vti_";
    let is_reserved = |part: &[u8]| part.eq_ignore_ascii_case(RESERVED);
    let mut from = 0;
    while let Some(at) = name.as_bytes()[from..].windows(RESERVED.len()).position(is_reserved) {
        // Replacing the first byte also breaks an overlapping match, whose first byte is this last one.
        let at = from + at;
        name.replace_range(at..=at, "-");
        from = at + RESERVED.len() - 1;
    }
    name
}

/// The name without dots and white space at either end, and without a leading `~$`, which marks the
/// lock files of office programs.
fn trimmed(name: &str) -> &str {
    let blank = |c: char| c == '.' || c.is_whitespace();
    let mut bare = name.trim_matches(blank);
    while let Some(rest) = bare.strip_prefix("~$") {
        bare = rest.trim_start_matches(blank);
    }
    bare
}

fn unreserved(name: &str) -> Cow<'_, str> {
    if is_reserved_name(name) { format!("_{name}").into() } else { name.into() }
}

/// **Source:** as for [`is_reserved`]: the DOS devices with any extension, and `desktop.ini`.
fn is_reserved_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let is = |reserved: &str| stem.eq_ignore_ascii_case(reserved);
    let is_port = |port: &str| {
        let number =
            stem.split_at_checked(port.len()).filter(|(s, _)| s.eq_ignore_ascii_case(port));
        let mut number = number.map_or("", |(_, number)| number).chars();
        let digit = number.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
        digit && number.next().is_none()
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"].into_iter().any(is)
        || is_port("com")
        || is_port("lpt")
        || name.eq_ignore_ascii_case("desktop.ini")
}

/// Cuts a name that is too long before its extension.
fn cut(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return name.into();
    }
    let (stem, extension) = split(name);
    let mut end = MAX_NAME - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = stem[..end].trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    format!("{stem}{extension}").into()
}

/// Splits a name before the dot of its extension. `.tar.gz` counts as one extension.
fn split(name: &str) -> (&str, &str) {
    const MAX_EXTENSION: usize = 16;
    let Some((stem, extension)) = name.rsplit_once('.') else { return (name, "") };
    if extension.len() > MAX_EXTENSION || !extension.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return (name, "");
    }
    let stem = stem.strip_suffix(".tar").filter(|stem| !stem.is_empty()).unwrap_or(stem);
    name.split_at(stem.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn safe(name: &str) -> String {
        safe_file_name(name).unwrap_or_else(|| "(none)".into())
    }

    #[test]
    fn ordinary_name_is_kept() {
        for name in [
            "report.pdf",
            "Q4 (final) [v2].xlsx",
            "Jahresübersicht 2026.docx",
            "報告書.pdf",
            "a",
            "no-extension",
            "archive.tar.gz",
            "~draft.docx",
            "_private",
            "-dash",
            "👩‍💻.zip",
            "console.txt",
            "com10.txt",
            "comet",
            "desktop.ini.txt",
        ] {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn path_is_reduced_to_its_last_part() {
        assert_eq!(safe("/etc/passwd"), "passwd");
        assert_eq!(safe("..\\..\\Windows\\win.ini"), "win.ini");
        assert_eq!(safe("C:\\a/b\\c.pdf"), "c.pdf");
        assert_eq!(safe("folder/"), "folder");
        assert_eq!(safe("C:"), "C_");
    }

    #[test]
    fn leading_and_trailing_dots_are_dropped() {
        for name in
            ["", ".", "..", "...", " ", "/", "\\", "../..", "\u{202e}", "\0", ". .", "~$", "~$."]
        {
            assert_eq!(safe_file_name(name), None, "{name:?}");
        }
        assert_eq!(safe(".bashrc"), "bashrc");
        assert_eq!(safe("..pdf"), "pdf");
        assert_eq!(safe(" a. . "), "a");
    }

    #[test]
    fn invisible_characters_are_dropped() {
        assert_eq!(safe("in\u{202e}fdp.exe"), "infdp.exe");
        assert_eq!(safe("a\r\nb\tc\0.pdf"), "abc.pdf");
        assert_eq!(safe("\u{feff}a\u{200b}b\u{2028}.pdf"), "ab.pdf");
    }

    #[test]
    fn reserved_names_and_characters_are_changed() {
        assert_eq!(safe("a<b>c:d\"e|f?g*h.pdf"), "a_b_c_d_e_f_g_h.pdf");
        for name in [
            "con",
            "CON",
            "Nul.txt",
            "aux.tar.gz",
            "com1",
            "COM0.log",
            "lpt9.x",
            "com¹",
            "CONIN$",
            "con .txt",
            "desktop.ini",
            "Desktop.INI",
        ] {
            assert_eq!(safe(name), format!("_{name}"));
        }
        assert_eq!(safe("~$report.docx"), "report.docx");
        assert_eq!(safe("a_vti_b_VTI_c"), "a-vti_b-VTI_c");
        assert_eq!(safe("_vti_vti_"), "-vti-vti_");
        assert_eq!(safe(".lock"), "lock");
    }

    #[test]
    fn long_name_is_cut_before_its_extension() {
        assert_eq!(safe(&format!("{}.pdf", "a".repeat(300))), format!("{}.pdf", "a".repeat(196)));
        assert_eq!(
            safe(&format!("{}.tar.gz", "a".repeat(300))),
            format!("{}.tar.gz", "a".repeat(193))
        );
        assert_eq!(safe(&format!("{}.pdf", "ü".repeat(300))), format!("{}.pdf", "ü".repeat(98)));
        assert_eq!(safe(&format!("x{}.pdf", "ü".repeat(300))), format!("x{}.pdf", "ü".repeat(97)));
        assert_eq!(safe(&format!("x{}.pdf", "🎈".repeat(99))), format!("x{}.pdf", "🎈".repeat(48)));
        assert_eq!(safe(&format!("a.{}", "b".repeat(300))).len(), MAX_NAME);
        assert_eq!(safe(&format!("con{}x.pdf", " ".repeat(300))), "_con.pdf");
        assert_eq!(
            safe(&format!("{} {}.pdf", "a".repeat(195), "b".repeat(99))),
            format!("{}.pdf", "a".repeat(195))
        );
    }

    proptest! {
        #[test]
        fn any_name_becomes_safe_and_stays_so(
            name in "(\\PC|[./\\\\:~$ _vti\u{0}-\u{1f}\u{202e}]|con|com1|\\.tar\\.gz|.{0,300}){0,12}"
        ) {
            if let Some(safe) = safe_file_name(&name) {
                prop_assert!(!safe.is_empty() && safe.len() <= MAX_NAME);
                prop_assert!(!safe.contains(['/', '\\', '\0', '<', '>', ':', '"', '|', '?', '*']));
                prop_assert!(!safe.starts_with(['.', ' ']) && !safe.ends_with(['.', ' ']));
                prop_assert!(!safe.chars().any(is_dropped));
                prop_assert!(!is_reserved_name(&safe));
                prop_assert!(!safe.to_lowercase().contains("_vti_"));
                prop_assert_eq!(safe_file_name(&safe), Some(safe));
            }
        }
    }
}
