//! The questions of `wexport init`, on the terminal.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use export_hyper::Region;
use zeroize::Zeroizing;

use super::create;
use crate::args::InitArgs;
use crate::problem::Problem;
use crate::settings::expand_home;

/// The flags that answer where the secret is.
const SECRET_FLAGS: &str =
    "one of --client-secret-file, --client-secret-variable and --credential-command";

/// The command line that reads the secret from the system's keyring, as the help has it.
const KEYRING: &str = if cfg!(target_os = "macos") {
    r#"s=$(security find-generic-password -s wexport -w) && printf '{"client_id": "ID", "client_secret": "%s"}' "$s""#
} else if cfg!(windows) {
    "powershell -NoProfile -Command $c = Import-Clixml $HOME/wexport.xml; ConvertTo-Json \
     @{client_id = $c.UserName; client_secret = $c.GetNetworkCredential().Password}"
} else {
    r#"s=$(XDG_RUNTIME_DIR=/run/user/$(id -u) secret-tool lookup service wexport) && printf '{"client_id": "ID", "client_secret": "%s"}' "$s""#
};

/// Where a client secret is.
#[derive(Clone, Copy)]
enum SecretPlace {
    File,
    Variable,
    Command,
}

impl FromStr for SecretPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "file" => Ok(Self::File),
            "variable" => Ok(Self::Variable),
            "command" => Ok(Self::Command),
            _ => Err("expected file, variable or command"),
        }
    }
}

/// Asks for what the flags do not say. `client_id` is the value of the variable, and `folder` that of
/// the config file.
///
/// # Errors
///
/// Fails with the flags to use if questions cannot be asked.
pub(super) fn complete(
    args: &mut InitArgs,
    client_id: Option<String>,
    has_service: bool,
    folder: &Path,
) -> Result<(), Problem> {
    let has_secret = args.client_secret_file.is_some()
        || args.client_secret_variable
        || args.credential_command.is_some();
    if args.no_input || !io::stdin().is_terminal() {
        if args.credential_command.is_none() {
            args.client_id = args.client_id.take().or(client_id);
        }
        let has_id = args.client_id.is_some() || args.credential_command.is_some();
        let missing = match (has_id, has_secret) {
            (true, true) => return Ok(()),
            (false, true) => "--client-id".into(),
            (true, false) => SECRET_FLAGS.into(),
            (false, false) => format!("--client-id, and {SECRET_FLAGS}"),
        };
        let reason = if args.no_input { "with --no-input" } else { "without a terminal" };
        let message = format!("cannot ask where the credentials are {reason}");
        return Err(Problem::usage(message).advise(format!("add {missing}")));
    }
    if args.region.is_none() && args.base_url.is_none() && !has_service {
        args.region = Some(ask::<Region>("Region: us, eu or apac", Some("us"))?);
    }
    if !has_secret {
        match ask("Where is the client secret: file, variable or command", Some("file"))? {
            SecretPlace::File => {
                let default = folder.join("secret").display().to_string();
                let path: String = ask("File of the client secret", Some(&default))?;
                args.client_secret_file = Some(expand_home(&path));
            }
            SecretPlace::Variable => args.client_secret_variable = true,
            SecretPlace::Command => {
                let about =
                    "This reads a secret from the system's keyring (see `wexport help config`):";
                say(&format!("{about}\n  {KEYRING}\n"));
                let what = "Command that prints a token, or JSON with client_id and client_secret";
                args.credential_command = Some(ask(what, None)?);
            }
        }
    }
    if args.client_id.is_none() && args.credential_command.is_none() {
        args.client_id = Some(ask("OAuth client ID", client_id.as_deref())?);
    }
    match &args.client_secret_file {
        Some(path) if !path.exists() => ask_secret(path),
        _ => Ok(()),
    }
}

/// Asks until an answer is valid. An empty one is the default.
fn ask<T>(question: &str, default: Option<&str>) -> Result<T, Problem>
where
    T: FromStr<Err: fmt::Display>,
{
    loop {
        match default {
            Some(default) => say(&format!("{question} [{default}]: ")),
            None => say(&format!("{question}: ")),
        }
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let read = read.map_err(|error| Problem::local("cannot read the answer", &error))?;
        if read == 0 {
            say("\n");
            return Err(Problem::usage("no answer").advise("see `wexport init --help` for flags"));
        }
        match (line.trim(), default) {
            ("", None) => {}
            ("", Some(text)) | (text, _) => match text.parse() {
                Ok(answer) => return Ok(answer),
                Err(error) => say(&format!("invalid answer: {error}\n")),
            },
        }
    }
}

/// Creates the file of the secret from an answer that is not shown.
fn ask_secret(path: &Path) -> Result<(), Problem> {
    let name = path.display();
    let question =
        format!("{name} does not exist. Paste the client secret to create it (it is not shown): ");
    let secret = read_unseen(&question).map(Zeroizing::new);
    let secret = secret.map_err(|error| Problem::local("cannot read the answer", &error))?;
    if secret.trim().is_empty() {
        return Err(Problem::usage(format!("no client secret for {name}")));
    }
    create(path, Zeroizing::new(format!("{}\n", secret.trim())).as_bytes())
}

/// Reads a line that the terminal does not show.
#[cfg(unix)]
fn read_unseen(question: &str) -> io::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let stdin = io::stdin();
    let shown = tcgetattr(&stdin)?;
    let mut unseen = shown.clone();
    unseen.local_modes.remove(LocalModes::ECHO);
    // Set before the question: what is pasted after it is neither shown nor discarded.
    tcsetattr(&stdin, OptionalActions::Now, &unseen)?;
    say(question);
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    say("\n");
    read.map(|_| line)
}

#[cfg(not(unix))]
fn read_unseen(question: &str) -> io::Result<String> {
    say(question);
    console::Term::stderr().read_secure_line()
}

/// Prints to standard error: standard output has the entry.
pub(super) fn say(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An absolute form of a path, for the config file.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path)
        .map_err(|error| Problem::local(format!("cannot use {}", path.display()), &error))
}
