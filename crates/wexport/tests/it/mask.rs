//! Masks the parts of a text that differ between runs, for snapshots.

/// Masks times as `TIME` and ids of jobs as `JOB`, and removes the number of the simulator's CA.
pub(crate) fn mask(text: &str) -> String {
    let text = mask_pattern(text, "dddd-dd-ddTdd:dd:dd", "TIME");
    let text = mask_pattern(&text, "dddddddd-dddddd-xxxx", "JOB");
    let text = mask_pattern(&text, " CA xxxxxxxxxxxxxxxx", " CA");
    let text = text.replace(concat!("wexport/", env!("CARGO_PKG_VERSION")), "wexport/VERSION");
    let version = concat!("\"wexport\": \"", env!("CARGO_PKG_VERSION"), "\"");
    text.replace(version, "\"wexport\": \"VERSION\"")
}

/// Masks request ids of the simulator as `REQUEST`: it makes them in the order of its requests, which differs between
/// runs of several exports.
#[cfg(unix)]
pub(crate) fn mask_request_ids(text: &str) -> String {
    mask_pattern(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "REQUEST")
}

/// In a pattern, `d` matches a digit and `x` a hexadecimal one. A time may have milliseconds, and
/// ends in `Z`.
fn mask_pattern(text: &str, pattern: &str, name: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if fits(rest, pattern) {
            masked.push_str(name);
            rest = &rest[pattern.len()..];
            if name == "TIME" {
                let has_millis = rest.starts_with('.');
                rest = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
                rest = rest.strip_prefix('Z').unwrap_or(rest);
                // A column of times is as wide as `.123`, which a whole second does not have.
                let padding = if has_millis { "" } else { "    " };
                rest = rest.strip_prefix(padding).unwrap_or(rest);
            }
        } else {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    masked
}

fn fits(text: &str, pattern: &str) -> bool {
    let mut text = text.chars();
    pattern.chars().all(|wanted| {
        text.next().is_some_and(|c| match wanted {
            'd' => c.is_ascii_digit(),
            'x' => c.is_ascii_hexdigit(),
            exact => c == exact,
        })
    })
}

#[test]
fn whole_second_is_masked_like_any_time() {
    for time in ["2026-11-27T06:17:05.123Z", "2026-11-27T06:17:05Z    "] {
        assert_eq!(mask(&format!("{time}  submit")), "TIME  submit");
    }
}
