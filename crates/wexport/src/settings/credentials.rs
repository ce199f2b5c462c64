//! Where the credentials are, and how they are loaded.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_hyper::Credentials;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::command;
use super::secret::{self, SecretError};
use super::setting::{self, Names, Sourced, ValueSource};
use super::sources::{Sources, expand_home};
use crate::args::CredentialArgs;
use crate::problem::{Exit, Problem};

/// Where the credentials are. Files are not read and commands not run before they are loaded.
#[derive(Clone, Debug)]
pub(crate) struct CredentialPlan {
    pub(crate) secret: Sourced<CredentialSource>,
    pub(crate) client_id: Option<Sourced<ClientId>>,
    strict_permissions: bool,
    /// Settings of credentials that are not used, each beside the one that is.
    unused: Vec<(ValueSource, ValueSource)>,
    /// How long a command may run.
    command_timeout: Duration,
}

/// The ID of the OAuth client, or the file that it is in.
#[derive(Clone, Debug)]
pub(crate) enum ClientId {
    Text(String),
    File(PathBuf),
}

/// Where a token or a client secret is.
#[derive(Clone)]
pub(crate) enum CredentialSource {
    TokenStdin,
    TokenFile(PathBuf),
    /// A token in the environment.
    Token(Zeroizing<String>),
    ClientSecretFile(PathBuf),
    /// A client secret in the environment.
    ClientSecret(Zeroizing<String>),
    /// A command that prints a token, or a client ID and secret.
    Command(Vec<String>),
    Missing,
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenStdin => f.write_str("TokenStdin"),
            Self::TokenFile(path) => f.debug_tuple("TokenFile").field(path).finish(),
            Self::Token(_) => f.write_str("Token(***)"),
            Self::ClientSecretFile(path) => f.debug_tuple("ClientSecretFile").field(path).finish(),
            Self::ClientSecret(_) => f.write_str("ClientSecret(***)"),
            // The arguments may contain a secret.
            Self::Command(words) => {
                write!(f, "Command({:?}, ***)", words.first().map_or("", String::as_str))
            }
            Self::Missing => f.write_str("Missing"),
        }
    }
}

/// Credentials that were loaded.
#[derive(Debug)]
pub(crate) struct LoadedCredentials {
    pub(crate) credentials: Credentials,
    /// The ID of the OAuth client; `None` for a token.
    pub(crate) client_id: Option<String>,
}

impl LoadedCredentials {
    fn token(token: &str) -> Self {
        Self { credentials: Credentials::token(token), client_id: None }
    }

    fn client(id: &str, secret: &str) -> Self {
        Self { credentials: Credentials::client(id, secret), client_id: Some(id.into()) }
    }
}

/// Makes the source of a variable from the variable's value.
type FromVariable = fn(Zeroizing<String>) -> CredentialSource;

/// The JSON that a credential command may print instead of a token.
#[derive(Deserialize)]
#[serde(untagged)]
enum CommandOutput {
    Client { client_id: String, client_secret: Zeroizing<String> },
    Token { token: Zeroizing<String> },
}

impl CredentialPlan {
    pub(super) fn resolve(
        flags: &CredentialArgs,
        sources: &Sources<'_>,
        command_timeout: Duration,
    ) -> Result<Self, Problem> {
        let mut unused = Vec::new();
        let client_id = Self::resolve_client_id(flags, sources, &mut unused)?;
        let found = match Self::from_flags(flags) {
            Some(found) => Some(found),
            None => {
                let mut set = Self::from_environment(flags, sources)?.into_iter();
                let first = set.next();
                first.map(|(variable, value)| {
                    let source = ValueSource::Environment(variable);
                    let others = set.map(|(variable, _)| ValueSource::Environment(variable));
                    unused.extend(others.map(|other| (source.clone(), other)));
                    (value, source)
                })
            }
        };
        let (value, source) = match found {
            Some(found) => found,
            None => Self::from_file(sources)?
                .unwrap_or((CredentialSource::Missing, ValueSource::Default)),
        };
        let secret = Sourced { value, source };
        let strict_permissions = flags.strict_permissions;
        Ok(Self { secret, client_id, strict_permissions, unused, command_timeout })
    }

    fn resolve_client_id(
        flags: &CredentialArgs,
        sources: &Sources<'_>,
        unused: &mut Vec<(ValueSource, ValueSource)>,
    ) -> Result<Option<Sourced<ClientId>>, Problem> {
        let text = sources.get(flags.client_id.clone(), &setting::CLIENT_ID)?;
        let text = text.map(|found| found.map(ClientId::Text));
        let file = match &flags.client_id_file {
            Some(path) => {
                let source = ValueSource::Flag(setting::CLIENT_ID_FILE.flag);
                Some(Sourced { value: path.clone(), source })
            }
            None => sources.path(&setting::CLIENT_ID_FILE)?,
        };
        let file = file.map(|found| found.map(ClientId::File));
        let (Some(text), Some(file)) = (&text, &file) else { return Ok(text.or(file)) };
        let rank = |found: &Sourced<ClientId>| found.source.rank();
        if rank(text) == rank(file) {
            unused.push((text.source.clone(), file.source.clone()));
        }
        Ok(Some(if rank(text) <= rank(file) { text } else { file }.clone()))
    }

    fn from_flags(flags: &CredentialArgs) -> Option<(CredentialSource, ValueSource)> {
        if flags.token_stdin {
            return Some((CredentialSource::TokenStdin, ValueSource::Flag("--token-stdin")));
        }
        if let Some(path) = &flags.token_file {
            let source = ValueSource::Flag(setting::TOKEN_FILE.flag);
            return Some((CredentialSource::TokenFile(path.clone()), source));
        }
        let path = flags.client_secret_file.clone()?;
        let source = ValueSource::Flag(setting::CLIENT_SECRET_FILE.flag);
        Some((CredentialSource::ClientSecretFile(path), source))
    }

    /// All variables that are set, in their order of precedence. Tokens are ignored if a flag names
    /// a client.
    fn from_environment(
        flags: &CredentialArgs,
        sources: &Sources<'_>,
    ) -> Result<Vec<(&'static str, CredentialSource)>, Problem> {
        let variables: [(&'static str, FromVariable); 4] = [
            (setting::TOKEN, CredentialSource::Token),
            ("WORKIVA_TOKEN_FILE", |path| CredentialSource::TokenFile(expand_home(&path))),
            (setting::CLIENT_SECRET, CredentialSource::ClientSecret),
            ("WORKIVA_CLIENT_SECRET_FILE", |path| {
                CredentialSource::ClientSecretFile(expand_home(&path))
            }),
        ];
        let names_client = flags.client_id.is_some() || flags.client_id_file.is_some();
        let ignored = if names_client { 2 } else { 0 };
        let set = variables.into_iter().skip(ignored).map(|(variable, make)| {
            let value = sources.variable(variable)?.map(Zeroizing::new);
            Ok(value.map(|value| (variable, make(value))))
        });
        set.filter_map(Result::transpose).collect()
    }

    fn from_file(
        sources: &Sources<'_>,
    ) -> Result<Option<(CredentialSource, ValueSource)>, Problem> {
        if let Some(found) = sources.path(&setting::TOKEN_FILE)? {
            return Ok(Some((CredentialSource::TokenFile(found.value), found.source)));
        }
        if let Some(found) = sources.path(&setting::CLIENT_SECRET_FILE)? {
            return Ok(Some((CredentialSource::ClientSecretFile(found.value), found.source)));
        }
        let command = sources.credential_command()?;
        Ok(command.map(|found| (CredentialSource::Command(found.value), found.source)))
    }

    /// Reads the secret. Warnings for the user are passed to `warn`.
    pub(crate) fn load(&self, warn: &mut dyn FnMut(String)) -> Result<LoadedCredentials, Problem> {
        let Sourced { value, source } = &self.secret;
        for (used, ignored) in &self.unused {
            warn(format!("using {used}, ignoring {ignored}"));
        }
        match value {
            CredentialSource::Missing => Err(self.missing()),
            CredentialSource::Token(text) => {
                let token = secret::trimmed(text).and_then(secret::token);
                let token = token.map_err(|error| invalid_token(&source.to_string(), &error))?;
                Ok(LoadedCredentials::token(&token))
            }
            CredentialSource::TokenStdin => {
                let token = secret::read(io::stdin()).and_then(secret::token);
                let token = token.map_err(|error| invalid_token("standard input", &error))?;
                Ok(LoadedCredentials::token(&token))
            }
            CredentialSource::TokenFile(path) => {
                let file = self.open_secret(path, &setting::TOKEN_FILE, warn)?;
                let token = secret::read(file).and_then(secret::token);
                let place = path.display().to_string();
                let token = token.map_err(|error| invalid_token(&place, &error))?;
                Ok(LoadedCredentials::token(&token))
            }
            CredentialSource::ClientSecret(text) => {
                let id = self.client_id(source)?;
                let secret = secret::trimmed(text).and_then(secret::one_line);
                let secret = secret.map_err(|error| invalid_secret(&source.to_string(), &error))?;
                Ok(LoadedCredentials::client(&id, &secret))
            }
            CredentialSource::ClientSecretFile(path) => {
                let id = self.client_id(source)?;
                let file = self.open_secret(path, &setting::CLIENT_SECRET_FILE, warn)?;
                let secret = secret::read(file).and_then(secret::one_line);
                let place = path.display().to_string();
                let secret = secret.map_err(|error| invalid_secret(&place, &error))?;
                Ok(LoadedCredentials::client(&id, &secret))
            }
            CredentialSource::Command(words) => {
                let fail = |reason: &str| {
                    let message = format!("{source}: credential_command {reason}");
                    Problem::new(Exit::Unauthorized, message)
                };
                let output = command::output(words, self.command_timeout);
                parse_output(output.map_err(|reason| fail(&reason))?, fail)
            }
        }
    }

    /// Where a fixed token is from; `None` if an OAuth client requests tokens.
    pub(crate) fn token_source(&self, client_id: Option<&str>) -> Option<String> {
        match &self.secret.value {
            _ if client_id.is_some() => None,
            CredentialSource::TokenFile(path) => Some(path.display().to_string()),
            CredentialSource::TokenStdin => Some("standard input".into()),
            CredentialSource::Command(_) => {
                Some(format!("credential_command ({})", self.secret.source))
            }
            _ => Some(self.secret.source.to_string()),
        }
    }

    fn missing(&self) -> Problem {
        match &self.client_id {
            Some(id) => {
                Problem::usage(format!("no client secret for the client ID in {}", id.source))
                    .advise("set WORKIVA_CLIENT_SECRET, or use --client-secret-file")
            }
            None => Problem::usage("no credentials")
                .advise("set WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET, or WORKIVA_TOKEN"),
        }
    }

    /// Reads the client ID, which is not secret.
    fn client_id(&self, secret_source: &ValueSource) -> Result<Zeroizing<String>, Problem> {
        let missing = || {
            Problem::usage(format!("no client ID for the client secret in {secret_source}"))
                .advise("set WORKIVA_CLIENT_ID, or use --client-id")
        };
        match self.client_id.as_ref().ok_or_else(missing)? {
            Sourced { value: ClientId::Text(id), source } => {
                secret::trimmed(id).and_then(secret::one_line).map_err(|error| match error {
                    SecretError::Empty => missing(),
                    error => Problem::usage(format!("invalid client ID in {source}: {error}")),
                })
            }
            Sourced { value: ClientId::File(path), source } => {
                let id = secret::read(open(path, source, &setting::CLIENT_ID_FILE)?);
                id.and_then(secret::one_line).map_err(|error| {
                    let place = path.display();
                    Problem::new(exit_of(&error), format!("invalid client ID in {place}: {error}"))
                })
            }
        }
    }

    /// Opens the file of a secret. If other users can read it, and this one can change that, warns or
    /// fails.
    fn open_secret(
        &self,
        path: &Path,
        names: &Names,
        warn: &mut dyn FnMut(String),
    ) -> Result<File, Problem> {
        let (name, source) = (path.display(), &self.secret.source);
        let file = open(path, source, names)?;
        let fail = |error| Problem::local(format!("{source}: cannot read {name}"), &error);
        let access = OtherUsers::of(&file).map_err(fail)?;
        let message = format!("other users can read {name}");
        match (access, self.strict_permissions) {
            (OtherUsers::None, _) | (OtherUsers::ByMount, false) => {}
            (OtherUsers::ByOwner, false) => warn(format!("{message}: run chmod 600 {name}")),
            (OtherUsers::ByOwner, true) => {
                return Err(Problem::usage(message).advise(format!("run: chmod 600 {name}")));
            }
            (OtherUsers::ByMount, true) => {
                return Err(Problem::usage(message)
                    .advise("change its mode where it is mounted, or by its owner"));
            }
        }
        Ok(file)
    }
}

/// Opens the file of a setting.
fn open(path: &Path, source: &ValueSource, names: &Names) -> Result<File, Problem> {
    let name = path.display();
    let fail = |error| Problem::local(format!("{source}: cannot read {name}"), &error);
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !matches!(source, ValueSource::Flag(_)) => {
            no_such_file(path, source, names)
        }
        _ => fail(error),
    })?;
    // A folder can be opened.
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into())
            .advise("name a file that has nothing but this value"));
    }
    Ok(file)
}

/// The problem of a file that does not exist. Its name is not repeated, since it may be the secret
/// itself in the place of its file.
fn no_such_file(path: &Path, source: &ValueSource, names: &Names) -> Problem {
    let setting = source.setting(names);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| "the working directory".into(), Path::to_string_lossy);
    Problem::new(Exit::Local, format!("{folder} has no file with the name in {setting}"))
}

/// Whether other users may access a file, and who can change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherUsers {
    None,
    /// They may, and the user of this program can change that.
    #[cfg_attr(not(unix), expect(dead_code, reason = "Windows has other permissions"))]
    ByOwner,
    /// They may, and the user cannot change that: the file of another user, or on a read-only mount.
    /// So are the secrets that Docker and Kubernetes mount.
    #[cfg_attr(not(unix), expect(dead_code, reason = "Windows has other permissions"))]
    ByMount,
}

impl OtherUsers {
    #[cfg(unix)]
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;

        use rustix::fs::{StatVfsMountFlags, fstatvfs};
        use rustix::process::geteuid;

        let metadata = file.metadata()?;
        if metadata.mode() & 0o077 == 0 {
            return Ok(Self::None);
        }
        let is_owner = metadata.uid() == geteuid().as_raw();
        let is_read_only = fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        Ok(if is_owner && !is_read_only { Self::ByOwner } else { Self::ByMount })
    }

    #[cfg(not(unix))]
    fn of(_file: &File) -> io::Result<Self> {
        Ok(Self::None)
    }
}

/// Parses the output of a credential command: a token, or JSON with a token or a client.
fn parse_output(
    output: Zeroizing<String>,
    fail: impl Fn(&str) -> Problem,
) -> Result<LoadedCredentials, Problem> {
    let token = |text| {
        let token = secret::token(text);
        token.map_err(|error| fail(&format!("printed an invalid token: {error}")))
    };
    if !output.starts_with('{') {
        return Ok(LoadedCredentials::token(&token(output)?));
    }
    match serde_json::from_str(&output) {
        Ok(CommandOutput::Client { client_id, client_secret }) => {
            let read = |what: &str, text: &str| {
                let text = secret::trimmed(text).and_then(secret::one_line);
                text.map_err(|error| fail(&format!("printed an invalid {what}: {error}")))
            };
            let id = read("client ID", &client_id)?;
            Ok(LoadedCredentials::client(&id, &read("client secret", &client_secret)?))
        }
        Ok(CommandOutput::Token { token: text }) => Ok(LoadedCredentials::token(&token(text)?)),
        // The error of serde_json may quote the secret.
        Err(_) => Err(fail("printed unexpected JSON")
            .advise(r#"expected {"client_id": .., "client_secret": ..} or {"token": ..}"#)),
    }
}

fn invalid_token(place: &str, error: &SecretError) -> Problem {
    Problem::new(exit_of(error), format!("invalid token in {place}: {error}"))
}

fn invalid_secret(place: &str, error: &SecretError) -> Problem {
    Problem::new(exit_of(error), format!("invalid client secret in {place}: {error}"))
}

const fn exit_of(error: &SecretError) -> Exit {
    match error {
        SecretError::Read(_) => Exit::Local,
        _ => Exit::Usage,
    }
}
