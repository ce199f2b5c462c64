//! Templates for the path of a file: `'{date}/{id}-{name}.{ext}'`.

use std::path::{Path, PathBuf};

use export_core::safe_file_name;
use export_hyper::{Artifact, Timestamp};

use crate::problem::Problem;
use crate::subject::Subject;

/// The placeholders, and what each becomes.
pub(crate) const PLACEHOLDERS: [(&str, &str); 8] = [
    ("date", "the date on which the command was started, in UTC: 2026-11-23"),
    ("time", "the time of day, in UTC: 021500"),
    ("id", "the id of what is exported"),
    ("kind", "document, spreadsheet, graph-report, ..."),
    ("format", "the format, or the extension if none was named"),
    ("name", "the service's name for the file, without its extension"),
    ("ext", "the extension of that name: pdf, tar.gz, ..."),
    ("operation", "the id of the operation"),
];

/// A path with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Placeholder(&'static str),
}

impl Template {
    /// Parses a template. Relative paths are in `folder`.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            push(&mut parts, before);
            rest = if let Some(after) =
                brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}"))
            {
                push(&mut parts, &brace[..1]);
                after
            } else {
                let (name, after) = brace
                    .strip_prefix('{')
                    .and_then(|inside| inside.split_once('}'))
                    .ok_or_else(|| unbalanced(text))?;
                let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
                let (known, _) = known.ok_or_else(|| unknown(name))?;
                parts.push(Part::Placeholder(known));
                after
            };
        }
        push(&mut parts, rest);
        Ok(Self { folder: folder.into(), parts })
    }

    /// The part of the folder that is known before anything is sent. The partial download is stored
    /// in it.
    pub(super) fn known_folder(&self, known: &Known<'_>) -> PathBuf {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Placeholder(name) => match known.value(name) {
                    Some(value) => text.push_str(&value),
                    None => break,
                },
            }
        }
        let inside = text.rfind(['/', std::path::MAIN_SEPARATOR]).map_or("", |end| &text[..=end]);
        self.folder.join(inside)
    }

    /// The path of a file that the service has named.
    pub(super) fn path(&self, known: &Known<'_>, artifact: &Artifact) -> PathBuf {
        self.folder.join(self.fill(known, artifact))
    }

    /// The filled template, without the folder that relative paths are in.
    pub(super) fn fill(&self, known: &Known<'_>, artifact: &Artifact) -> String {
        self.fill_with(|name| known.value(name).or_else(|| of_artifact(name, artifact)))
    }

    fn fill_with(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let (mut text, mut component, mut is_filled) = (String::new(), String::new(), false);
        for part in &self.parts {
            match part {
                Part::Placeholder(name) => {
                    component.push_str(&value(name).unwrap_or_default());
                    is_filled = true;
                }
                Part::Text(part) => {
                    for piece in part.split_inclusive(std::path::is_separator) {
                        component.push_str(piece.trim_end_matches(std::path::is_separator));
                        if piece.ends_with(std::path::is_separator) {
                            text.push_str(named(&component, is_filled));
                            text.push('/');
                            component.clear();
                            is_filled = false;
                        }
                    }
                }
            }
        }
        text.push_str(named(&component, is_filled));
        text
    }
}

/// A component of a path. If placeholders have left it empty, or made it a dot, it would lead to
/// another folder: the root, for the first one.
fn named(component: &str, is_filled: bool) -> &str {
    match component.trim() {
        "" | "." | ".." if is_filled => "_",
        _ => component,
    }
}

/// What is known of an export before anything is sent.
#[derive(Clone, Debug)]
pub(super) struct Known<'a> {
    pub(super) subject: &'a Subject,
    pub(super) at: Timestamp,
}

impl Known<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let at = self.at.to_string();
        let (date, time) = at.split_once('T').unwrap_or((&at, ""));
        match name {
            "date" => Some(date.into()),
            "time" => Some(time.chars().filter(char::is_ascii_digit).take(6).collect()),
            "id" => Some(segment(&self.subject.id)),
            "kind" => Some(self.subject.kind.replace(' ', "-")),
            "format" => self.subject.format.clone(),
            _ => None,
        }
    }
}

fn of_artifact(name: &str, artifact: &Artifact) -> Option<String> {
    let (stem, extension) = split(artifact.file_name());
    match name {
        "name" => Some(stem.into()),
        "ext" | "format" => Some(extension.into()),
        "operation" => {
            let path = artifact.operation().split('?').next()?;
            path.rsplit('/').next().map(segment)
        }
        _ => None,
    }
}

/// Makes a text one component of a path.
fn segment(text: &str) -> String {
    safe_file_name(&text.replace(['/', '\\'], "_")).unwrap_or_else(|| "_".into())
}

/// Splits a name before its extension, which may be `tar.gz`.
fn split(name: &str) -> (&str, &str) {
    let Some((stem, extension)) = name.rsplit_once('.') else { return (name, "") };
    match stem.strip_suffix(".tar") {
        Some(shorter) if !shorter.is_empty() => (shorter, &name[shorter.len() + 1..]),
        _ => (stem, extension),
    }
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.into())),
    }
}

fn unbalanced(text: &str) -> Problem {
    Problem::usage(format!("invalid value '{text}' for '-o': unbalanced brace"))
        .advise("write {{ and }} for literal braces")
}

fn unknown(name: &str) -> Problem {
    let known: Vec<String> = PLACEHOLDERS.iter().map(|(known, _)| format!("{{{known}}}")).collect();
    Problem::usage(format!("-o: unknown placeholder {{{name}}}"))
        .advise(format!("use {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(text: &str) -> PathBuf {
        let subject =
            Subject { kind: "graph report".into(), id: "../a/b".into(), ..Subject::default() };
        let at = Timestamp::from_date(2026, 11, 23);
        let template = Template::parse(text, Path::new("/here")).unwrap();
        template.known_folder(&Known { subject: &subject, at })
    }

    #[test]
    fn the_folder_ends_at_the_first_unknown_name() {
        assert_eq!(folder_of("{date}/{id}-{name}.{ext}"), Path::new("/here/2026-11-23/"));
        assert_eq!(folder_of("{kind}/{name}/x"), Path::new("/here/graph-report/"));
        assert_eq!(folder_of("/there/{name}"), Path::new("/there/"));
        assert_eq!(folder_of("{name}"), Path::new("/here/"));
    }

    #[test]
    fn an_empty_placeholder_is_no_other_folder() {
        let filled = |text: &str| {
            let template = Template::parse(text, Path::new("/here")).unwrap();
            template.fill_with(|name| (name == "name").then(|| "README".into()))
        };
        assert_eq!(filled("{ext}/{name}"), "_/README");
        assert_eq!(filled("/{ext}/{name}"), "/_/README");
        assert_eq!(filled("a/{ext}{ext}/../{name}"), "a/_/../README");
        assert_eq!(filled(".{ext}/..{ext}/{name}.{ext}"), "_/_/README.");
        assert_eq!(filled("a//b/{name}"), "a//b/README");
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        assert_eq!(folder_of("{id}/{name}"), Path::new("/here/_a_b/"));
    }

    #[test]
    fn invalid_templates_are_refused() {
        for (text, expected) in [("{nmae}", "{nmae}"), ("a}b", "unbalanced"), ("{a", "unbalanced")]
        {
            let problem = Template::parse(text, Path::new("/")).unwrap_err();
            assert!(problem.message.contains(expected), "{problem}");
        }
        assert!(Template::parse("{{x}}", Path::new("/")).is_ok());
    }

    #[test]
    fn names_are_split_before_their_extension() {
        assert_eq!(split("a.b.pdf"), ("a.b", "pdf"));
        assert_eq!(split("a.tar.gz"), ("a", "tar.gz"));
        assert_eq!(split(".tar.gz"), (".tar", "gz"));
        assert_eq!(split("a"), ("a", ""));
    }
}
