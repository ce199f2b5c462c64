//! Who is asking: where the secret is, and how it is fetched when it is needed.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_hyper::Credentials;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::permissions::is_open_to_others;
use super::secret::{self, SecretError};
use super::sources::{Sourced, Sources, ValueSource};
use super::{command, names};
use crate::args::CredentialArgs;
use crate::problem::{Exit, Problem};

/// Where the credentials are. Nothing secret was read yet.
#[derive(Clone, Debug)]
pub(crate) struct CredentialPlan {
    pub(crate) who: Sourced<Who>,
    pub(crate) client_id: Option<Sourced<String>>,
    strict: bool,
    /// Variables that hold credentials too, and are not used.
    unused: Vec<&'static str>,
    /// How long a command may take.
    patience: Duration,
}

/// Where a secret is.
#[derive(Clone)]
pub(crate) enum Who {
    /// A token, on standard input.
    TokenStdin,
    /// A token, in a file.
    TokenFile(PathBuf),
    /// A token, in the environment.
    Token(Zeroizing<String>),
    /// A client's secret, in a file.
    SecretFile(PathBuf),
    /// A client's secret, in the environment.
    Secret(Zeroizing<String>),
    /// A command prints it.
    Command(Vec<String>),
    /// Nowhere.
    Nobody,
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenStdin => f.write_str("a token on standard input"),
            Self::TokenFile(path) => write!(f, "a token in {}", path.display()),
            Self::Token(_) => f.write_str("a token"),
            Self::SecretFile(path) => write!(f, "a client's secret in {}", path.display()),
            Self::Secret(_) => f.write_str("a client's secret"),
            Self::Command(words) => {
                write!(f, "the command {}", words.first().map_or("", String::as_str))
            }
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// Credentials that were fetched.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) credentials: Credentials,
    /// The OAuth client, if it is one that asks.
    pub(crate) client_id: Option<String>,
}

impl Loaded {
    fn token(token: &str) -> Self {
        Self { credentials: Credentials::token(token), client_id: None }
    }

    fn client(id: &str, secret: &str) -> Self {
        Self { credentials: Credentials::client(id, secret), client_id: Some(id.into()) }
    }
}

/// What a variable holds.
type InVariable = fn(Zeroizing<String>) -> Who;

/// What a credential command may print in place of a bare token.
#[derive(Deserialize)]
#[serde(untagged)]
enum Printed {
    Client { client_id: String, client_secret: Zeroizing<String> },
    Token { token: Zeroizing<String> },
}

impl CredentialPlan {
    /// `patience` is how long a command may take.
    pub(super) fn resolve(
        flags: &CredentialArgs,
        sources: &Sources<'_>,
        patience: Duration,
    ) -> Result<Self, Problem> {
        let client_id = sources.find(flags.client_id.clone(), &names::CLIENT_ID)?;
        let from_flags = if flags.token_stdin {
            Some((Who::TokenStdin, ValueSource::Flag("--token-stdin")))
        } else if let Some(path) = &flags.token_file {
            Some((Who::TokenFile(path.clone()), ValueSource::Flag(names::TOKEN_FILE.flag)))
        } else {
            let secret = flags.client_secret_file.clone().map(Who::SecretFile);
            secret.map(|who| (who, ValueSource::Flag(names::CLIENT_SECRET_FILE.flag)))
        };
        let mut unused = Vec::new();
        let found = match from_flags {
            Some(found) => Some(found),
            None => {
                let mut set = Self::of_environment(flags, sources).into_iter();
                let first = set.next();
                unused.extend(set.map(|(variable, _)| variable));
                first.map(|(variable, who)| (who, ValueSource::Environment(variable)))
            }
        };
        let (value, from) = match found {
            Some(found) => found,
            None => Self::of_file(sources)?.unwrap_or((Who::Nobody, ValueSource::Default)),
        };
        let who = Sourced { value, from };
        Ok(Self { who, client_id, strict: flags.strict_permissions, unused, patience })
    }

    /// Everything that is set, in the order of what counts. A client that a flag names is meant,
    /// though there be a token.
    fn of_environment(flags: &CredentialArgs, sources: &Sources<'_>) -> Vec<(&'static str, Who)> {
        let places: [(&'static str, InVariable); 4] = [
            (names::TOKEN, Who::Token),
            ("WORKIVA_TOKEN_FILE", |path| Who::TokenFile(PathBuf::from(&*path))),
            (names::CLIENT_SECRET, Who::Secret),
            ("WORKIVA_CLIENT_SECRET_FILE", |path| Who::SecretFile(PathBuf::from(&*path))),
        ];
        let tokens = if flags.client_id.is_some() { 2 } else { 0 };
        let set = places.into_iter().skip(tokens).filter_map(|(variable, who)| {
            Some((variable, who(Zeroizing::new(sources.variable(variable)?))))
        });
        set.collect()
    }

    fn of_file(sources: &Sources<'_>) -> Result<Option<(Who, ValueSource)>, Problem> {
        if let Some(found) = sources.find(None::<String>, &names::TOKEN_FILE)? {
            return Ok(Some((Who::TokenFile(found.value.into()), found.from)));
        }
        if let Some(found) = sources.find(None::<String>, &names::CLIENT_SECRET_FILE)? {
            return Ok(Some((Who::SecretFile(found.value.into()), found.from)));
        }
        Ok(sources.command()?.map(|found| (Who::Command(found.value), found.from)))
    }

    /// Fetches the secret. What people should know of it goes to `warn`.
    pub(crate) fn load(&self, warn: &mut dyn FnMut(String)) -> Result<Loaded, Problem> {
        let Sourced { value, from } = &self.who;
        if !self.unused.is_empty() {
            let unused = self.unused.join(" and ");
            warn(format!("{from} is used; {unused} is set too, and is not"));
        }
        match value {
            Who::Nobody => Err(self.nobody()),
            Who::Token(text) => {
                let token = secret::trimmed(text).and_then(secret::token);
                Ok(Loaded::token(&token.map_err(|why| refused(&from.to_string(), &why))?))
            }
            Who::TokenStdin => {
                let token = secret::read(io::stdin()).and_then(secret::token);
                Ok(Loaded::token(&token.map_err(|why| refused("standard input", &why))?))
            }
            Who::TokenFile(path) => {
                let token = self.open(path, warn).and_then(|file| {
                    let token = secret::read(file).and_then(secret::token);
                    token.map_err(|why| refused(&path.display().to_string(), &why))
                })?;
                Ok(Loaded::token(&token))
            }
            Who::Secret(text) => {
                let id = self.client_id(from)?;
                let secret = secret::trimmed(text).and_then(secret::one_line);
                Ok(Loaded::client(id, &secret.map_err(|why| refused(&from.to_string(), &why))?))
            }
            Who::SecretFile(path) => {
                let id = self.client_id(from)?;
                let secret = secret::read(self.open(path, warn)?).and_then(secret::one_line);
                let secret = secret.map_err(|why| refused(&path.display().to_string(), &why))?;
                Ok(Loaded::client(id, &secret))
            }
            Who::Command(words) => {
                let fail = |what: &str| {
                    let what = format!("{from}: credential_command {what}");
                    Problem::new(Exit::Unauthorized, what)
                };
                let printed = command::printed(words, self.patience).map_err(|what| fail(&what))?;
                of_printed(printed, fail)
            }
        }
    }

    /// Where the token was given; `None` if it is a client that asks.
    pub(crate) fn token_from(&self, client_id: Option<&str>) -> Option<String> {
        match &self.who.value {
            _ if client_id.is_some() => None,
            Who::TokenFile(path) => Some(path.display().to_string()),
            Who::TokenStdin => Some("standard input".into()),
            Who::Command(_) => Some(format!("credential_command ({})", self.who.from)),
            _ => Some(self.who.from.to_string()),
        }
    }

    fn nobody(&self) -> Problem {
        match &self.client_id {
            Some(id) => {
                Problem::usage(format!("there is a client id ({}), but no secret of it", id.from))
                    .advise("set WORKIVA_CLIENT_SECRET, or give --client-secret-file")
            }
            None => Problem::usage("no credentials were given")
                .advise("set WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET, or WORKIVA_TOKEN"),
        }
    }

    fn client_id(&self, from: &ValueSource) -> Result<&str, Problem> {
        let id = self.client_id.as_ref().map(|id| id.value.trim());
        id.filter(|id| !id.is_empty()).ok_or_else(|| {
            Problem::usage(format!("there is a client's secret ({from}), but no client id"))
                .advise("set WORKIVA_CLIENT_ID, or give --client-id")
        })
    }

    /// Opens the file of a secret, if nobody else may.
    fn open(&self, path: &Path, warn: &mut dyn FnMut(String)) -> Result<File, Problem> {
        let shown = path.display();
        let fail = |error| Problem::local(format!("cannot read {shown}"), &error);
        let file = File::open(path).map_err(fail)?;
        if is_open_to_others(&file).map_err(fail)? {
            let what = format!("others than you may read {shown}");
            if self.strict {
                return Err(Problem::usage(what).advise(format!("run: chmod 600 {shown}")));
            }
            warn(format!("{what}: run chmod 600 {shown}"));
        }
        Ok(file)
    }
}

/// A bare token, or JSON with a token or a client.
fn of_printed(
    printed: Zeroizing<String>,
    fail: impl Fn(&str) -> Problem,
) -> Result<Loaded, Problem> {
    let token = |text| {
        let token = secret::token(text);
        token.map_err(|why| fail(&format!("printed no token: {why}")))
    };
    if !printed.starts_with('{') {
        return Ok(Loaded::token(&token(printed)?));
    }
    match serde_json::from_str(&printed) {
        Ok(Printed::Client { client_id, client_secret }) => {
            Ok(Loaded::client(client_id.trim(), client_secret.trim()))
        }
        Ok(Printed::Token { token: text }) => Ok(Loaded::token(&token(text)?)),
        // Not the error: it may quote what it could not read.
        Err(_) => Err(fail("printed JSON of another form")
            .advise(r#"expected {"client_id": .., "client_secret": ..} or {"token": ..}"#)),
    }
}

/// What is wrong with the secret in this place.
fn refused(place: &str, why: &SecretError) -> Problem {
    let exit = match why {
        SecretError::Unreadable(_) => Exit::Local,
        _ => Exit::Usage,
    };
    Problem::new(exit, format!("there is no secret of use in {place}: {why}"))
}
