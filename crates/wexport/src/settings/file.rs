//! The config file: keys for everybody, and profiles that have their own.
//!
//! ```toml
//! region = "eu"
//!
//! [profile.nightly]
//! client_id = "8f2e"
//! client_secret_file = "/etc/wexport/secret"
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::{Table, Value};

use super::names::KEYS;
use super::sources::{Sourced, ValueSource};
use crate::problem::{Exit, Problem};

/// A config file that was read; empty if there is none.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// The profile's keys, under the profile's name, before those for everybody.
    tables: Vec<(Option<String>, Table)>,
}

impl ConfigFile {
    /// The file at this path, with this profile.
    pub(super) fn read(path: &Path, profile: Option<&str>) -> Result<Self, Problem> {
        let text = fs::read_to_string(path).map_err(|error| {
            Problem::local(format!("cannot read the config file {}", path.display()), &error)
        })?;
        Self::parse(path, &text, profile)
    }

    /// The file in the platform's place, if there is one.
    pub(super) fn read_default(profile: Option<&str>) -> Result<Self, Problem> {
        let path = etcetera::choose_base_strategy()
            .map(|strategy| strategy.config_dir().join("wexport").join("config.toml"));
        let read = path.as_ref().ok().map(fs::read_to_string);
        match (path, read, profile) {
            (Ok(path), Some(Ok(text)), _) => Self::parse(&path, &text, profile),
            (Ok(path), Some(Err(error)), _) if error.kind() != io::ErrorKind::NotFound => {
                let what = format!("cannot read the config file {}", path.display());
                Err(Problem::local(what, &error))
            }
            (_, _, Some(profile)) => {
                Err(Problem::usage(format!("there is no config file with a profile {profile:?}")))
            }
            (_, _, None) => Ok(Self::default()),
        }
    }

    fn parse(path: &Path, text: &str, profile: Option<&str>) -> Result<Self, Problem> {
        let fail = |what: &str| Problem::usage(format!("{}: {what}", path.display()));
        let mut all: Table = text.parse().map_err(|error: toml::de::Error| {
            // Not the error's own text: it quotes the line, and there might be a secret in it.
            fail(&format!("{} {}", error.message(), line_of(text, error.span())))
        })?;
        let mut profiles = profiles_of(all.remove("profile"))
            .ok_or_else(|| fail("a profile has to be a table: write [profile.NAME]"))?;
        let mut tables = Vec::new();
        if let Some(name) = profile {
            let Some(index) = profiles.iter().position(|(known, _)| known == name) else {
                let known: Vec<&str> = profiles.iter().map(|(known, _)| known.as_str()).collect();
                let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                return Err(fail(&format!("there is no profile {name:?}"))
                    .advise(format!("the profiles there are: {known}")));
            };
            let (name, table) = profiles.swap_remove(index);
            tables.push((Some(name), table));
        }
        tables.push((None, all));
        // A mistake in a profile that is not in use today is one all the same.
        let used = tables.iter().map(|(_, table)| table);
        let others = profiles.iter().map(|(_, table)| table);
        match used.chain(others).flat_map(Table::keys).find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) if key.contains("secret") || key.contains("token") => {
                Err(fail(&format!("{key:?} is not a key of the config file")).advise(
                    "secrets do not belong here: use client_secret_file, token_file or \
                     credential_command",
                ))
            }
            Some(key) => Err(fail(&format!("{key:?} is not a key of the config file"))
                .advise(format!("the keys there are: {}", KEYS.join(", ")))),
            None => Ok(Self { path: path.into(), tables }),
        }
    }

    /// Where it is; `None` if there is none.
    pub(super) fn path(&self) -> Option<PathBuf> {
        (!self.path.as_os_str().is_empty()).then(|| self.path.clone())
    }

    /// A text, a number or a yes, as text.
    pub(super) fn text(&self, key: &str) -> Result<Option<Sourced<String>>, Problem> {
        let Some((value, from)) = self.get(key) else { return Ok(None) };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(yes) => yes.to_string(),
            _ => return Err(wrong(key, &from, "a text")),
        };
        Ok(Some(Sourced { value, from }))
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn list(&self, key: &str) -> Result<Option<Sourced<Vec<String>>>, Problem> {
        let Some((value, from)) = self.get(key) else { return Ok(None) };
        let texts = match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(values) => {
                values.iter().map(|value| value.as_str().map(String::from)).collect()
            }
            _ => None,
        };
        match texts {
            Some(value) => Ok(Some(Sourced { value, from })),
            None => Err(wrong(key, &from, "a text or a list of texts")),
        }
    }

    fn get(&self, key: &str) -> Option<(&Value, ValueSource)> {
        self.tables.iter().find_map(|(profile, table)| {
            let place = self.path.display();
            let from = match profile {
                Some(profile) => ValueSource::Profile(format!("{place} [profile.{profile}]")),
                None => ValueSource::File(place.to_string()),
            };
            Some((table.get(key)?, from))
        })
    }
}

/// Each profile; `None` if one is no table.
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

fn wrong(key: &str, from: &ValueSource, expected: &str) -> Problem {
    Problem::new(Exit::Usage, format!("{from}: {key} has to be {expected}"))
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start));
    before.map_or_else(String::new, |before| {
        format!("in line {}", before.bytes().filter(|&byte| byte == b'\n').count() + 1)
    })
}
