//! Templates for the path of a file: `'{date}/{id}-{name}.{ext}'`.

use std::borrow::Cow;
use std::mem;
use std::path::{Path, PathBuf};

use export_core::safe_file_name;
use export_host::shortened_name;
use export_hyper::Artifact;

use super::moment::Moment;
use crate::problem::Problem;
use crate::subject::Subject;

/// The placeholders, and what each becomes.
pub(crate) const PLACEHOLDERS: [(&str, &str); 8] = [
    (DATE, "the local date on which the command was started: 2026-11-23"),
    (TIME, "the local time of day: 021500"),
    ("id", "the id of what is exported"),
    ("kind", "document, spreadsheet, graph-report, ..."),
    ("format", "the format, or the extension if none was named"),
    ("name", "the service's name for the file, without its extension"),
    ("ext", "the extension of that name: pdf, tar.gz, ..."),
    ("operation", "the id of the operation"),
];

/// The placeholders that may have a format: `{date:%Y-%m}`.
const DATE: &str = "date";
const TIME: &str = "time";

/// What is left in a name for the values of the service, in **bytes**: room for an extension and the
/// start of a name.
const LEAST_CHOSEN: usize = 16;

/// A path with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// A date or a time.
    Moment(String),
    Placeholder(&'static str),
}

impl Template {
    /// Parses a template, and fills in the date and the time. Relative paths are in `folder`.
    pub(super) fn parse(text: &str, folder: &Path, moment: &Moment) -> Result<Self, Problem> {
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
                push_placeholder(&mut parts, name, moment)?;
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
                Part::Text(part) | Part::Moment(part) => text.push_str(part),
                Part::Placeholder(name) => match known.value(name) {
                    Some(value) => text.push_str(&value),
                    None => break,
                },
            }
        }
        let inside = text.rfind(['/', std::path::MAIN_SEPARATOR]).map_or("", |end| &text[..=end]);
        self.folder.join(inside)
    }

    /// The path of the file, if it does not depend on the service.
    pub(super) fn known_path(&self, known: &Known<'_>) -> Option<PathBuf> {
        let components = self.components(|name| known_value(name, known));
        let is_known = !components.iter().any(Component::has_chosen);
        is_known.then(|| self.folder.join(joined(components, usize::MAX)))
    }

    /// The path with what is known if the service uses this extension, and the names of the other
    /// placeholders. `None` if no two exports have the same.
    pub(super) fn partial_path(
        &self,
        known: &Known<'_>,
        extension: Option<&str>,
    ) -> Option<PathBuf> {
        let is_unique = |part: &Part| matches!(part, Part::Placeholder("operation"));
        if self.parts.iter().any(is_unique) {
            return None;
        }
        let partial = |name: &str| {
            let value = expected_value(name, known, extension);
            Value::Known(value.unwrap_or_else(|| format!("{{{name}}}").into()))
        };
        Some(self.folder.join(joined(self.components(partial), usize::MAX)))
    }

    /// The path that the file will have if the service uses this extension, and chooses nothing else.
    pub(super) fn expected_path(
        &self,
        known: &Known<'_>,
        extension: Option<&str>,
    ) -> Option<PathBuf> {
        Some(self.folder.join(self.expected(known, extension)?))
    }

    /// The same, without the folder that relative paths are in.
    pub(super) fn expected(&self, known: &Known<'_>, extension: Option<&str>) -> Option<String> {
        let components = self.components(|name| {
            let value = expected_value(name, known, extension);
            value.map_or_else(|| Value::Chosen(String::new()), Value::Known)
        });
        let is_known = !components.iter().any(Component::has_chosen);
        is_known.then(|| joined(components, usize::MAX))
    }

    /// Checks that names of the service, which can be shortened, fit into components of `room`
    /// bytes.
    pub(super) fn check_length(&self, known: &Known<'_>, room: usize) -> Result<(), Problem> {
        let components = self.components(|name| known_value(name, known));
        let most = room.saturating_sub(LEAST_CHOSEN);
        let fits =
            |component: &Component<'_>| !component.has_chosen() || component.length() <= most;
        let Some(long) = components.into_iter().find(|component| !fits(component)) else {
            return Ok(());
        };
        let length = long.length();
        Err(Problem::usage(format!(
            "-o: a name that begins with '{}' is too long: {length} bytes, at most {most} beside \
             what the service adds",
            shortened_name(&joined(vec![long], usize::MAX), 40)
        ))
        .advise("use a shorter template"))
    }

    /// The path of a file that the service has named. Each component that the service has a part in
    /// has at most `room` bytes.
    pub(super) fn path(&self, known: &Known<'_>, artifact: &Artifact, room: usize) -> PathBuf {
        self.folder.join(joined(self.components(|name| value_of(name, known, artifact)), room))
    }

    /// The filled template, without the folder that relative paths are in.
    #[cfg(feature = "store")]
    pub(super) fn fill(&self, known: &Known<'_>, artifact: &Artifact) -> String {
        joined(self.components(|name| value_of(name, known, artifact)), usize::MAX)
    }

    fn components<'a>(&'a self, value: impl Fn(&str) -> Value<'a>) -> Vec<Component<'a>> {
        let (mut components, mut component) = (Vec::new(), Component::default());
        for part in &self.parts {
            match part {
                Part::Placeholder(name) => component.values.push(value(name)),
                Part::Moment(text) => component.values.push(Value::Known(text.into())),
                Part::Text(text) => {
                    for (index, name) in text.split(std::path::is_separator).enumerate() {
                        if index > 0 {
                            components.push(mem::take(&mut component));
                        }
                        component.values.push(Value::Text(name));
                    }
                }
            }
        }
        components.push(component);
        components
    }
}

fn joined(components: Vec<Component<'_>>, room: usize) -> String {
    let mut text = String::new();
    for (index, component) in components.into_iter().enumerate() {
        if index > 0 {
            text.push('/');
        }
        component.push_to(&mut text, room);
    }
    text
}

/// A component of a path.
#[derive(Debug, Default)]
struct Component<'a> {
    values: Vec<Value<'a>>,
}

/// A part of a component.
#[derive(Debug)]
enum Value<'a> {
    /// A text of the template.
    Text(&'a str),
    /// The value of a placeholder that is known before anything is sent.
    Known(Cow<'a, str>),
    /// The value of a placeholder that the service has chosen.
    Chosen(String),
}

impl Component<'_> {
    fn has_chosen(&self) -> bool {
        self.values.iter().any(|value| matches!(value, Value::Chosen(_)))
    }

    /// Adds the values to a path. If they have more than `room` bytes, those of the service are shortened,
    /// the longest one first.
    fn push_to(mut self, path: &mut String, room: usize) {
        let mut excess = self.length().saturating_sub(room);
        while excess > 0 {
            let chosen = self.values.iter_mut().filter_map(Value::chosen);
            let Some(longest) = chosen.max_by_key(|text| text.len()) else { break };
            *longest = shortened_name(longest, longest.len().saturating_sub(excess).max(1));
            let left = self.length().saturating_sub(room);
            if left >= excess {
                break;
            }
            excess = left;
        }
        let is_filled = self.values.iter().any(|value| !matches!(value, Value::Text(_)));
        let start = path.len();
        path.extend(self.values.iter().map(Value::as_str));
        // Placeholders that have left it empty, or made it a dot, would lead to another folder: the
        // root, for the first component.
        if is_filled && matches!(path[start..].trim(), "" | "." | "..") {
            path.replace_range(start.., "_");
        }
    }

    fn length(&self) -> usize {
        self.values.iter().map(|value| value.as_str().len()).sum()
    }
}

impl Value<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Known(text) => text,
            Self::Chosen(text) => text,
        }
    }

    const fn chosen(&mut self) -> Option<&mut String> {
        match self {
            Self::Chosen(text) => Some(text),
            Self::Text(_) | Self::Known(_) => None,
        }
    }
}

/// What is known of an export before anything is sent.
#[derive(Clone, Debug)]
pub(super) struct Known<'a> {
    pub(super) subject: &'a Subject,
}

impl<'a> Known<'a> {
    fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "id" => Some(segment(&self.subject.id).into()),
            "kind" => Some(self.subject.kind.replace(' ', "-").into()),
            "format" => self.subject.format.as_deref().map(Cow::from),
            _ => None,
        }
    }
}

/// The value of a placeholder before anything is sent, if the service uses this extension.
fn expected_value<'a>(
    name: &str,
    known: &Known<'a>,
    extension: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    let of_extension = || extension.filter(|_| matches!(name, "ext" | "format")).map(Cow::from);
    known.value(name).or_else(of_extension)
}

/// The value of a placeholder before anything is sent: empty if the service chooses it.
fn known_value<'a>(name: &str, known: &Known<'a>) -> Value<'a> {
    known.value(name).map_or_else(|| Value::Chosen(String::new()), Value::Known)
}

fn value_of<'a>(name: &str, known: &Known<'a>, artifact: &Artifact) -> Value<'a> {
    let chosen = || Value::Chosen(of_artifact(name, artifact).unwrap_or_default());
    known.value(name).map_or_else(chosen, Value::Known)
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

/// Adds a placeholder, which may have a format: `date:%Y-%m`.
fn push_placeholder(
    parts: &mut Vec<Part>,
    placeholder: &str,
    moment: &Moment,
) -> Result<(), Problem> {
    let (name, format) = match placeholder.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (placeholder, None),
    };
    let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
    let (known, _) = known.ok_or_else(|| unknown(name))?;
    let text = match (*known, format) {
        (DATE, format) => moment.format("%Y-%m-%d", format)?,
        (TIME, format) => moment.format("%H%M%S", format)?,
        (known, None) => {
            parts.push(Part::Placeholder(known));
            return Ok(());
        }
        (known, Some(_)) => {
            let message = format!("-o: invalid placeholder {{{placeholder}}}");
            let advice = format!("use {{{known}}}: only {{date}} and {{time}} have formats");
            return Err(Problem::usage(message).advise(advice));
        }
    };
    // `%Y/%m` is a folder for each year.
    for (index, part) in text.split(std::path::is_separator).enumerate() {
        if index > 0 {
            push(parts, "/");
        }
        parts.push(Part::Moment(segment(part)));
    }
    Ok(())
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

    fn parse(text: &str) -> Result<Template, Problem> {
        let moment: Moment = serde_json::from_str(r#"{"at":1795392000000}"#).unwrap();
        Template::parse(text, Path::new("/here"), &moment)
    }

    fn folder_of(text: &str) -> PathBuf {
        let subject =
            Subject { kind: "graph report".into(), id: "../a/b".into(), ..Subject::default() };
        parse(text).unwrap().known_folder(&Known { subject: &subject })
    }

    #[test]
    fn the_folder_ends_at_the_first_unknown_name() {
        assert_eq!(folder_of("{date}/{id}-{name}.{ext}"), Path::new("/here/2026-11-23/"));
        assert_eq!(folder_of("{kind}/{name}/x"), Path::new("/here/graph-report/"));
        assert_eq!(folder_of("/there/{name}"), Path::new("/there/"));
        assert_eq!(folder_of("{name}"), Path::new("/here/"));
        assert_eq!(folder_of("{date:%Y/%m}/{name}"), Path::new("/here/2026/11/"));
        assert_eq!(folder_of("{date:%H:%M}/{time}/{name}"), Path::new("/here/00_00/000000/"));
    }

    #[test]
    fn only_dates_and_times_have_formats() {
        for text in ["{id:%Y}", "{name:utc}", "{date:%J}", "{date:%Y/%}", "{time:}"] {
            assert_eq!(parse(text).unwrap_err().exit, crate::problem::Exit::Usage, "{text}");
        }
        assert!(parse("{time:utc}{date:utc}").is_ok());
    }

    #[test]
    fn an_empty_placeholder_is_no_other_folder() {
        let filled = |text: &str| {
            let template = parse(text).unwrap();
            let value = |name: &str| if name == "name" { "README".into() } else { String::new() };
            joined(template.components(|name| Value::Chosen(value(name))), usize::MAX)
        };
        assert_eq!(filled("{ext}/{name}"), "_/README");
        assert_eq!(filled("/{ext}/{name}"), "/_/README");
        assert_eq!(filled("a/{ext}{ext}/../{name}"), "a/_/../README");
        assert_eq!(filled(".{ext}/..{ext}/{name}.{ext}"), "_/_/README.");
        assert_eq!(filled("a//b/{name}"), "a//b/README");
    }

    #[test]
    fn names_of_the_service_are_shortened() {
        let filled = |text: &str, room| {
            let template = parse(text).unwrap();
            let components = template.components(|name| match name {
                "name" => Value::Chosen("Größenordnung ".repeat(14)),
                "operation" => Value::Chosen("0123456789".repeat(5)),
                "id" => Value::Known("i".repeat(32).into()),
                _ => Value::Chosen("pdf".into()),
            });
            joined(components, room)
        };
        for text in [
            "Kunde Muster AG - {id} - {name}.{ext}",
            "{name}{name}-{id}.{ext}",
            "{name}-{operation}-{id}.{ext}",
        ] {
            for room in 123..160 {
                let name = filled(text, room);
                assert!(name.len() <= room && name.len() > room - 6, "{name}");
                assert!(name.contains(&"i".repeat(32)) && name.ends_with(".pdf"), "{name}");
            }
        }
        assert_eq!(filled("{name}/{id}.{ext}", 14), format!("Größenordnun/{}.p", "i".repeat(32)));
        assert!(filled("{name}", usize::MAX).len() > 200);
    }

    #[test]
    fn texts_that_leave_no_room_are_refused() {
        let subject = Subject { id: "d1".into(), ..Subject::default() };
        let known = Known { subject: &subject };
        let check = |text: &str| {
            let template = parse(text).unwrap();
            template.check_length(&known, 100).map_err(|problem| problem.message)
        };
        let long = "n".repeat(85);
        assert_eq!(check(&format!("{long}/{{name}}")), Ok(()));
        assert_eq!(check(&format!("{long}{{id}}")), Ok(()));
        assert_eq!(check(&format!("{}{{ext}}", &long[1..])), Ok(()));
        let refused = check(&format!("{{date}}/{long}{{ext}}")).unwrap_err();
        assert!(refused.contains("85 bytes, at most 84"), "{refused}");
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        assert_eq!(folder_of("{id}/{name}"), Path::new("/here/_a_b/"));
    }

    #[test]
    fn invalid_templates_are_refused() {
        for (text, expected) in [("{nmae}", "{nmae}"), ("a}b", "unbalanced"), ("{a", "unbalanced")]
        {
            let problem = parse(text).unwrap_err();
            assert!(problem.message.contains(expected), "{problem}");
        }
        assert!(parse("{{x}}").is_ok());
    }

    #[test]
    fn names_are_split_before_their_extension() {
        assert_eq!(split("a.b.pdf"), ("a.b", "pdf"));
        assert_eq!(split("a.tar.gz"), ("a", "tar.gz"));
        assert_eq!(split(".tar.gz"), (".tar", "gz"));
        assert_eq!(split("a"), ("a", ""));
    }
}
