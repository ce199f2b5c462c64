//! The config file: keys, and profiles whose keys override them.
//!
//! ```toml
//! region = "eu"
//!
//! [profile.nightly]
//! client_id = "8f2e"
//! client_secret_file = "/etc/wexport/secret"
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::{Table, Value};

use super::setting::{KEYS, Sourced, ValueSource};
use super::sources::Environment;
use crate::problem::Problem;

/// A config file that was read; empty if there is none.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// The keys of the chosen profile, with its name, and then those outside of profiles.
    tables: Vec<(Option<String>, Table)>,
}

impl ConfigFile {
    /// Reads the file at a path, with a profile.
    pub(super) fn read(path: &Path, profile: Option<&str>) -> Result<Self, Problem> {
        let text = read_text(path).map_err(|error| unreadable(path, &error))?;
        Self::parse(path, &text, profile)
    }

    /// Reads the file at its default path, if it exists. A path that cannot be looked at counts as
    /// none: a service account may have the home of another user.
    pub(super) fn read_default(profile: Option<&str>) -> Result<Self, Problem> {
        let path = default_config_file();
        let read = path.as_deref().map(read_text);
        match (path, read, profile) {
            (Some(path), Some(Ok(text)), _) => Self::parse(&path, &text, profile),
            (Some(path), Some(Err(error)), _) if !is_absent(&error) => {
                Err(unreadable(&path, &error))
            }
            (_, _, Some(profile)) => {
                Err(Problem::usage(format!("there is no config file for the profile '{profile}'"))
                    .advise("name the file with --config or WEXPORT_CONFIG"))
            }
            (_, _, None) => Ok(Self::default()),
        }
    }

    fn parse(path: &Path, text: &str, profile: Option<&str>) -> Result<Self, Problem> {
        let fail = |reason: &str| Problem::usage(format!("{}: {reason}", path.display()));
        let mut all: Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's `Display` quotes the line, which may contain a secret.
            fail(&format!("{}{}", line_number(text, error.span()), error.message()))
        })?;
        let mut profiles = profiles_of(all.remove("profile"))
            .ok_or_else(|| fail("invalid value for 'profile': expected tables [profile.NAME]"))?;
        let mut tables = Vec::new();
        if let Some(name) = profile {
            let Some(index) = profiles.iter().position(|(known, _)| known == name) else {
                let known: Vec<&str> = profiles.iter().map(|(known, _)| known.as_str()).collect();
                let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                return Err(fail(&format!("there is no profile '{name}'"))
                    .advise(format!("existing profiles: {known}")));
            };
            let (name, table) = profiles.swap_remove(index);
            tables.push((Some(name), table));
        }
        tables.push((None, all));
        // Unknown keys are errors in other profiles too.
        let used = tables.iter().map(|(_, table)| table);
        let others = profiles.iter().map(|(_, table)| table);
        match used.chain(others).flat_map(Table::keys).find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) if key.contains("secret") || key.contains("token") => {
                Err(fail(&format!("unknown key '{key}'")).advise(
                    "the config file takes no secrets: use client_secret_file, token_file or \
                     credential_command",
                ))
            }
            Some(key) => Err(fail(&format!("unknown key '{key}'"))
                .advise(format!("known keys: {}", KEYS.join(", ")))),
            None => Ok(Self { path: path.into(), tables }),
        }
    }

    /// The path of the file; `None` if there is none.
    pub(super) fn path(&self) -> Option<PathBuf> {
        (!self.path.as_os_str().is_empty()).then(|| self.path.clone())
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new(""))
    }

    /// A string, an integer or a boolean, as text.
    pub(super) fn text(&self, key: &str) -> Result<Option<Sourced<String>>, Problem> {
        let Some((value, source)) = self.get(key) else { return Ok(None) };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            _ => return Err(invalid(key, &source, "a string, an integer or a boolean")),
        };
        Ok(Some(Sourced { value, source }))
    }

    /// An array of strings, or one string.
    pub(super) fn list(&self, key: &str) -> Result<Option<Sourced<Vec<String>>>, Problem> {
        let Some((value, source)) = self.get(key) else { return Ok(None) };
        let texts = match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(values) => {
                values.iter().map(|value| value.as_str().map(String::from)).collect()
            }
            _ => None,
        };
        match texts {
            Some(value) => Ok(Some(Sourced { value, source })),
            None => Err(invalid(key, &source, "a string or an array of strings")),
        }
    }

    fn get(&self, key: &str) -> Option<(&Value, ValueSource)> {
        self.tables.iter().find_map(|(profile, table)| {
            let place = self.path.display();
            let source = match profile {
                Some(profile) => ValueSource::Profile(format!("{place} [profile.{profile}]")),
                None => ValueSource::File(place.to_string()),
            };
            Some((table.get(key)?, source))
        })
    }
}

/// The names of the profiles in the config file; none if it cannot be read.
pub(crate) fn profile_names(environment: Environment<'_>) -> Vec<String> {
    let named = environment("WEXPORT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let text = named.or_else(default_config_file).and_then(|path| read_text(&path).ok());
    let profiles = text.and_then(|text| text.parse::<Table>().ok()?.remove("profile"));
    let profiles = profiles_of(profiles).unwrap_or_default();
    profiles.into_iter().map(|(name, _)| name).collect()
}

/// The path of the config file that is read if no other is named.
pub(crate) fn default_config_file() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("wexport").join("config.toml"))
}

/// The longest config file, in **bytes**.
const MAX_LENGTH: u64 = 1_048_576;

/// Reads a text of at most [`MAX_LENGTH`], without a byte order mark.
fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_LENGTH + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LENGTH {
        return Err(io::Error::other(format!("it is longer than {MAX_LENGTH} bytes")));
    }
    let other = |encoding: String| Err(io::Error::new(io::ErrorKind::InvalidData, encoding));
    // A text has no zero bytes; UTF-16 has one beside each ASCII character.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
        return other("it is UTF-16".into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').into()),
        Err(error) => {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
            let lines = valid.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            other(format!("line {} is not UTF-8, but Latin-1 or the like", lines + 1))
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::InvalidData => {
            Problem::usage(format!("{path}: {error}")).advise("save it as UTF-8")
        }
        _ => Problem::local(format!("cannot read the config file {path}"), error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// The profiles with their names; `None` if one of them is not a table.
fn profiles_of(profiles: Option<Value>) -> Option<Vec<(String, Table)>> {
    let named = match profiles {
        None => Table::new(),
        Some(Value::Table(named)) => named,
        Some(_) => return None,
    };
    let table = |(name, value)| match value {
        Value::Table(table) => Some((name, table)),
        _ => None,
    };
    named.into_iter().map(table).collect()
}

fn invalid(key: &str, source: &ValueSource, expected: &str) -> Problem {
    Problem::usage(format!("invalid value for '{key}' in {source}: expected {expected}"))
}

/// The number of the line in which an error occurred, as the start of a message.
fn line_number(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start));
    before.map_or_else(String::new, |before| {
        format!("line {}: ", before.bytes().filter(|&byte| byte == b'\n').count() + 1)
    })
}
