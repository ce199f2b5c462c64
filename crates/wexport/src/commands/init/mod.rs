//! `wexport init`: writes the config file, and prints what runs an export each night.

mod entry;
mod questions;

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser;
use toml::Value;

use self::entry::{Entry, sh_word};
use self::questions::{absolute, say};
use super::environment;
use crate::args::{Cli, ConnectionArgs, CredentialArgs, EntryKind, InitArgs, Session};
use crate::problem::{Exit, Problem};
use crate::settings::{
    ClientId, Overrides, Service, Settings, Sourced, default_config_file, expand_home,
};
use crate::ui::print;

/// The command of the entry if none is given. `ID` is a placeholder.
const COMMAND: [&str; 8] = [
    "document",
    "ID",
    "--format",
    "pdf",
    "-o",
    "reports/{date}/{name}.{ext}",
    "--receipt",
    "--quiet",
];

/// The variables whose values are the defaults of answers, and are written to the file: what starts
/// the program at night does not have them.
const VARIABLES: [&str; 4] =
    ["WEXPORT_REGION", "WEXPORT_BASE_URL", "WEXPORT_STATE_DIR", "WORKIVA_CLIENT_ID"];

const SECRET: &str = "WORKIVA_CLIENT_SECRET";

pub(super) fn run(mut args: InitArgs) -> Result<(), Problem> {
    let path = config_path(args.config.as_deref())?;
    let config = text(&path)?;
    // Where it lies for a process that does not have the variables of this shell.
    let flags: &[&str] = match nightly_config() {
        Some(default) if default == path => &[],
        _ => &["--config", &config],
    };
    let command = match &args.command[..] {
        [] => COMMAND.map(String::from).to_vec(),
        given => given.to_vec(),
    };
    let words = command.iter().map(String::as_str).chain(flags.iter().copied());
    check_command(&words.collect::<Vec<_>>())?;
    let exists = path.symlink_metadata().is_ok();
    if exists && !args.force && (args.print.is_none() || has_settings(&args)) {
        return Err(Problem::usage(format!("the config file {} exists", path.display())).advise(
            "replace it with --force, or print an entry for it with --print and no other settings",
        ));
    }
    if !exists || args.force {
        write_config(&mut args, &path)?;
    }
    let kind = args.print.unwrap_or(if cfg!(windows) { EntryKind::Task } else { EntryKind::Cron });
    let connection = ConnectionArgs { config: Some(path.clone()), ..ConnectionArgs::default() };
    let session = Session { connection, ..Session::default() };
    let settings = Settings::resolve(&session, &Overrides::default(), &|_| None)?;
    let program = std::env::current_exe()
        .map_err(|error| Problem::local("cannot find the path of this program", &error))?;
    let entry = Entry {
        program: &text(&program)?,
        command: &command,
        flags,
        config: &config,
        secret: &settings.credentials.secret.value,
    };
    print(&entry.text(kind))?;
    if args.command.is_empty() {
        say(
            "replace ID in it by the ID of a document, or give the command of each night after --\n",
        );
    }
    Ok(())
}

/// Checks the command of the entry, which is one line.
fn check_command(words: &[&str]) -> Result<(), Problem> {
    let invalid =
        |reason: &str| Err(Problem::usage(format!("invalid command after '--': {reason}")));
    if words.iter().any(|word| word.contains(char::is_control)) {
        return invalid("it has a line break or another control character");
    }
    match Cli::try_parse_from(["wexport"].iter().chain(words)) {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = error.to_string();
            invalid(error.lines().next().unwrap_or_default().trim_start_matches("error: "))
        }
    }
}

/// The file to write.
fn config_path(flag: Option<&Path>) -> Result<PathBuf, Problem> {
    let variable = environment("WEXPORT_CONFIG").filter(|value| !value.is_empty());
    let named = flag.map(Path::to_owned).or_else(|| variable.map(PathBuf::from));
    match named.or_else(default_config_file) {
        Some(path) => absolute(&path),
        None => Err(Problem::usage("cannot find a folder for the config file")
            .advise("name the file with --config")),
    }
}

/// The default file for a process that does not have the variables of this shell.
fn nightly_config() -> Option<PathBuf> {
    match cfg!(windows) {
        true => default_config_file(),
        false => Some(expand_home("~/.config/wexport/config.toml")),
    }
}

fn has_settings(args: &InitArgs) -> bool {
    args.region.is_some()
        || args.base_url.is_some()
        || args.client_id.is_some()
        || args.client_secret_file.is_some()
        || args.client_secret_variable
        || args.credential_command.is_some()
        || args.proxy.is_some()
        || !args.ca_bundle.is_empty()
}

/// Asks what is missing, tries the settings, and writes them.
fn write_config(args: &mut InitArgs, path: &Path) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let known = Settings::resolve_without_file(&session(args), &listed_variables)?;
    let client_id = match known.credentials.client_id {
        Some(Sourced { value: ClientId::Text(id), .. }) => Some(id),
        _ => None,
    };
    questions::complete(args, client_id, !known.service.is_default(), folder)?;
    for path in args.ca_bundle.iter_mut().chain(&mut args.client_secret_file) {
        *path = absolute(path)?;
    }
    if let Some(path) = args.client_secret_file.as_deref().filter(|path| !path.exists()) {
        return Err(missing_secret(path));
    }
    let settings = Settings::resolve_without_file(&session(args), &listed_variables)?;
    settings.config()?;
    let text = config_text(args, &settings)?;

    let fail =
        |error: io::Error| Problem::local(format!("cannot write {}", path.display()), &error);
    make_private(folder).map_err(fail)?;
    // Beside the file, and private from the beginning.
    let mut builder = tempfile::Builder::new();
    let file = builder.prefix("config-").suffix(".toml").tempfile_in(folder);
    let mut file = file.map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    if !args.no_check {
        check(file.path(), args)?;
    }
    let placed = if args.force { file.persist(path) } else { file.persist_noclobber(path) };
    placed.map_err(|error| fail(error.error))?;
    say(&format!("wrote {}\n", path.display()));
    Ok(())
}

/// The flags as those of the other commands.
fn session(args: &InitArgs) -> Session {
    let connection = ConnectionArgs {
        region: args.region,
        base_url: args.base_url.clone(),
        proxy: args.proxy.clone(),
        ca_bundle: args.ca_bundle.clone(),
        ..ConnectionArgs::default()
    };
    let credentials = CredentialArgs {
        client_id: args.client_id.clone(),
        client_secret_file: args.client_secret_file.clone(),
        ..CredentialArgs::default()
    };
    Session { connection, credentials, ..Session::default() }
}

fn listed_variables(name: &str) -> Option<OsString> {
    VARIABLES.contains(&name).then(|| environment(name)).flatten()
}

fn missing_secret(path: &Path) -> Problem {
    let name = path.display();
    let message = format!("the file of the client secret does not exist: {name}");
    let problem = Problem::new(Exit::Local, message);
    if cfg!(windows) {
        return problem.advise("create it with nothing but the secret");
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let [folder, file] = [folder, path].map(|path| sh_word(&path.to_string_lossy()));
    problem.advise(format!(
        "run (umask 077; mkdir -p {folder}; cat > {file}), paste the secret, and press Enter and \
         Ctrl-D"
    ))
}

/// The text of the config file. It contains no secret.
fn config_text(args: &InitArgs, settings: &Settings) -> Result<String, Problem> {
    let mut lines =
        vec!["# Written by `wexport init`. `wexport help config` describes all keys.".to_owned()];
    let mut set = |key: &str, value: Value| lines.push(format!("{key} = {value}"));
    match &settings.service.value {
        Service::Region(region) => set("region", region.to_string().into()),
        Service::BaseUrl(url) | Service::PlainHttp(url) => set("base_url", url.as_str().into()),
    }
    if let Some(proxy) = &args.proxy {
        set("proxy", proxy.as_str().into());
    }
    if !args.ca_bundle.is_empty() {
        let paths = args.ca_bundle.iter().map(|path| Ok(text(path)?.into()));
        set("ca_bundle", Value::Array(paths.collect::<Result<_, Problem>>()?));
    }
    // The variables that choose another folder are not set at night.
    let is_moved = |state: &&Sourced<PathBuf>| {
        !state.is_default() || cfg!(unix) && state.value != expand_home("~/.local/state/wexport")
    };
    if let Some(state) = settings.state.as_ref().filter(is_moved) {
        set("state", text(&absolute(&state.value)?)?.into());
    }
    if let Some(command) = &args.credential_command {
        set("credential_command", command.as_str().into());
    }
    if let Some(id) = &args.client_id {
        set("client_id", id.as_str().into());
    }
    if let Some(path) = &args.client_secret_file {
        set("client_secret_file", text(path)?.into());
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// Runs `wexport doctor` with a config file, and the environment of a cron job.
fn check(config: &Path, args: &InitArgs) -> Result<(), Problem> {
    let fail = |error| Problem::local("cannot run wexport doctor", &error);
    let program = std::env::current_exe().map_err(fail)?;
    let mut command = Command::new(program);
    command.args(["doctor", "--quiet", "--config"]).arg(config);
    command.stdin(Stdio::null()).stdout(io::stderr());
    clear_environment(&mut command);
    if args.client_secret_variable {
        let secret = environment(SECRET).ok_or_else(|| {
            Problem::usage(format!("the variable {SECRET} is not set"))
                .advise("set it to try the settings, or skip this with --no-check")
        })?;
        command.env(SECRET, secret);
    }
    say("checking the settings as a cron job has them\n");
    let status = command.status().map_err(fail)?;
    if status.success() {
        return Ok(());
    }
    let exit = status.code().and_then(Exit::from_code).unwrap_or(Exit::Failed);
    let problem = Problem::new(exit, "the check of the settings failed; nothing was written");
    let proxy = PROXY_VARIABLES.into_iter().find(|name| environment(name).is_some());
    let problem = match proxy.filter(|_| args.proxy.is_none()) {
        Some(name) => {
            problem.advise(format!("a cron job does not have {name} of this shell: use --proxy"))
        }
        None => problem,
    };
    Err(problem.advise("to write the config file all the same, use --no-check"))
}

const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Leaves the variables that cron sets. Task Scheduler starts a program with all variables of the
/// user: there, those of this program that are set in this shell only are removed.
fn clear_environment(command: &mut Command) {
    if cfg!(unix) {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh");
        for name in ["HOME", "LOGNAME"] {
            command.envs(environment(name).map(|value| (name, value)));
        }
        return;
    }
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("WEXPORT_") || text.starts_with("WORKIVA_") {
            command.env_remove(&name);
        }
    }
}

/// Creates a folder, and its parents. Only its owner can access what is new.
fn make_private(folder: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Creates a file that only its owner can access. One that exists is an error.
fn create(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = path.parent().map_or(Ok(()), make_private);
    let file = made.and_then(|()| options.write(true).create_new(true).open(path));
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| Problem::local(format!("cannot write {}", path.display()), &error))
}

/// A path as text: the config file and the entries are UTF-8.
fn text(path: &Path) -> Result<String, Problem> {
    path.to_str()
        .map(String::from)
        .ok_or_else(|| Problem::usage(format!("the path {} is not valid UTF-8", path.display())))
}
