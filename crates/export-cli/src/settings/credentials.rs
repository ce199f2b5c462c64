//! Who is asking: where the secret is, and how it is fetched when it is needed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use export_hyper::Credentials;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::names;
use super::permissions::is_open_to_others;
use super::sources::{From, Sourced, Sources};
use crate::cli::CredentialArgs;
use crate::report::{Exit, Problem};

/// Where the credentials are. Nothing secret was read yet.
#[derive(Clone, Debug)]
pub(crate) struct CredentialPlan {
    pub(crate) who: Sourced<Who>,
    client_id: Option<Sourced<String>>,
    strict: bool,
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

/// The longest secret that is read, in **bytes**.
const LONGEST: u64 = 65_536;

impl CredentialPlan {
    pub(super) fn resolve(flags: &CredentialArgs, sources: &Sources<'_>) -> Result<Self, Problem> {
        let client_id = sources.find(flags.client_id.clone(), &names::CLIENT_ID)?;
        let from_flags = if flags.token_stdin {
            Some((Who::TokenStdin, From::Flag("--token-stdin")))
        } else if let Some(path) = &flags.token_file {
            Some((Who::TokenFile(path.clone()), From::Flag(names::TOKEN_FILE.flag)))
        } else {
            let secret = flags.client_secret_file.clone().map(Who::SecretFile);
            secret.map(|who| (who, From::Flag(names::CLIENT_SECRET_FILE.flag)))
        };
        let (value, from) = match from_flags.or_else(|| Self::of_environment(sources)) {
            Some(found) => found,
            None => Self::of_file(sources)?.unwrap_or((Who::Nobody, From::Default)),
        };
        let who = Sourced { value, from };
        Ok(Self { who, client_id, strict: flags.strict_permissions })
    }

    fn of_environment(sources: &Sources<'_>) -> Option<(Who, From)> {
        let secret = |text| Zeroizing::new(text);
        let places: [(&'static str, InVariable); 4] = [
            (names::TOKEN, Who::Token),
            ("WORKIVA_TOKEN_FILE", |path| Who::TokenFile(PathBuf::from(&*path))),
            (names::CLIENT_SECRET, Who::Secret),
            ("WORKIVA_CLIENT_SECRET_FILE", |path| Who::SecretFile(PathBuf::from(&*path))),
        ];
        places.into_iter().find_map(|(variable, who)| {
            Some((who(secret(sources.variable(variable)?)), From::Environment(variable)))
        })
    }

    fn of_file(sources: &Sources<'_>) -> Result<Option<(Who, From)>, Problem> {
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
        match value {
            Who::Nobody => Err(Problem::usage("no credentials were given")
                .advise("set WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET, or WORKIVA_TOKEN")),
            Who::Token(token) => Ok(Loaded::token(token)),
            Who::TokenStdin => {
                let token = read_secret(io::stdin(), "standard input")?;
                Ok(Loaded::token(&token))
            }
            Who::TokenFile(path) => Ok(Loaded::token(&self.secret_of(path, warn)?)),
            Who::Secret(secret) => Ok(Loaded::client(self.client_id(from)?, secret)),
            Who::SecretFile(path) => {
                Ok(Loaded::client(self.client_id(from)?, &self.secret_of(path, warn)?))
            }
            Who::Command(words) => self.by_command(words, from),
        }
    }

    fn client_id(&self, from: &From) -> Result<&str, Problem> {
        let id = self.client_id.as_ref().map(|id| id.value.as_str());
        id.ok_or_else(|| {
            Problem::usage(format!("there is a client's secret ({from}), but no client id"))
                .advise("set WORKIVA_CLIENT_ID, or give --client-id")
        })
    }

    fn secret_of(
        &self,
        path: &Path,
        warn: &mut dyn FnMut(String),
    ) -> Result<Zeroizing<String>, Problem> {
        let shown = path.display().to_string();
        let fail = |error| Problem::local(format!("cannot read {shown}"), &error);
        let file = File::open(path).map_err(fail)?;
        if is_open_to_others(&file).map_err(fail)? {
            let what = format!("others than you may read {shown}");
            if self.strict {
                return Err(Problem::usage(what).advise(format!("run: chmod 600 {shown}")));
            }
            warn(format!("{what}: run chmod 600 {shown}"));
        }
        read_secret(file, &shown)
    }

    /// Runs a command and reads what it prints: a token, or JSON with a token or a client.
    fn by_command(&self, words: &[String], from: &From) -> Result<Loaded, Problem> {
        let fail = |what: &str| Problem::new(Exit::Unauthorized, format!("{from}: {what}"));
        let mut command = match words {
            [] => return Err(fail("credential_command is empty")),
            [line] => shell(line),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(&format!("credential_command cannot be run: {error}")))?;
        let printed = child.stdout.take().map(|out| read_secret(out, "credential_command"));
        let status = child.wait().map_err(|error| fail(&error.to_string()))?;
        if !status.success() {
            return Err(fail(&format!("credential_command failed: {status}")));
        }
        let printed = printed.transpose()?.unwrap_or_default();
        if !printed.starts_with('{') {
            return Ok(Loaded::token(&printed));
        }
        match serde_json::from_str(&printed) {
            Ok(Printed::Client { client_id, client_secret }) => {
                Ok(Loaded::client(&client_id, &client_secret))
            }
            Ok(Printed::Token { token }) => Ok(Loaded::token(&token)),
            // Not the error: it may quote what it could not read.
            Err(_) => Err(fail("credential_command printed JSON of another form")
                .advise(r#"expected {"client_id": .., "client_secret": ..} or {"token": ..}"#)),
        }
    }
}

/// A line for the system's shell.
fn shell(line: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.args([flag, line]);
    command
}

/// Reads a secret, without the blanks and line breaks around it.
fn read_secret(source: impl Read, what: &str) -> Result<Zeroizing<String>, Problem> {
    let mut text = Zeroizing::new(String::new());
    source
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| Problem::local(format!("cannot read a secret from {what}"), &error))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(Problem::usage(format!("no secret: {what} is empty")));
    }
    Ok(Zeroizing::new(secret.into()))
}
