//! The sources of settings in their order of precedence: flags, environment, config file.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use etcetera::BaseStrategy;
use export_hyper::{ProxySettings, Region};

#[cfg(feature = "postgres")]
use super::PgPlace;
use super::Service;
use super::file::ConfigFile;
use super::secret;
use super::setting::{self, Names, Sourced, ValueSource};
use crate::args::{ConnectionArgs, StateArgs, SwitchArg};
use crate::problem::Problem;

/// Reads a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment and the config file. Each method is passed the value of the flag.
pub(super) struct Sources<'a> {
    environment: Environment<'a>,
    file: ConfigFile,
    /// What chose the config file.
    file_source: ValueSource,
    profile: Option<Sourced<String>>,
}

impl<'a> Sources<'a> {
    pub(super) fn open(
        flags: &ConnectionArgs,
        environment: Environment<'a>,
    ) -> Result<Self, Problem> {
        let profile = match &flags.profile {
            Some(name) => {
                Some(Sourced { value: name.clone(), source: ValueSource::Flag("--profile") })
            }
            None => variable(environment, setting::PROFILE)?.map(|value| {
                let source = ValueSource::Environment(setting::PROFILE);
                Sourced { value, source }
            }),
        };
        let name = profile.as_ref().map(|profile| profile.value.as_str());
        let (file, file_source) = match (&flags.config, variable(environment, setting::CONFIG)?) {
            (Some(path), _) => (ConfigFile::read(path, name)?, ValueSource::Flag("--config")),
            (None, Some(path)) => {
                let source = ValueSource::Environment(setting::CONFIG);
                (ConfigFile::read(Path::new(&path), name)?, source)
            }
            (None, None) => (ConfigFile::read_default(name)?, ValueSource::Default),
        };
        Ok(Self { environment, file, file_source, profile })
    }

    /// Sources without a config file.
    pub(super) fn without_file(environment: Environment<'a>) -> Self {
        let (file, file_source) = (ConfigFile::default(), ValueSource::Default);
        Self { environment, file, file_source, profile: None }
    }

    /// The path of the config file; `None` if there is none.
    pub(super) fn config_file(&self) -> Sourced<Option<PathBuf>> {
        Sourced { value: self.file.path(), source: self.file_source.clone() }
    }

    /// The profile of the config file, if one was chosen.
    pub(super) fn profile(&self) -> Option<Sourced<String>> {
        self.profile.clone()
    }

    /// The value of a variable. An empty variable counts as unset.
    pub(super) fn variable(&self, name: &str) -> Result<Option<String>, Problem> {
        variable(self.environment, name)
    }

    /// The value of a setting, or its default.
    pub(super) fn get_or<T>(
        &self,
        flag: Option<T>,
        names: &Names,
        default: T,
    ) -> Result<Sourced<T>, Problem>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let found = self.get(flag, names)?;
        Ok(found.unwrap_or(Sourced { value: default, source: ValueSource::Default }))
    }

    /// The value of a setting from the flag, or else from a variable, or else from the config file.
    pub(super) fn get<T>(
        &self,
        flag: Option<T>,
        names: &Names,
    ) -> Result<Option<Sourced<T>>, Problem>
    where
        T: FromStr<Err: fmt::Display>,
    {
        if let Some(value) = flag {
            return Ok(Some(Sourced { value, source: ValueSource::Flag(names.flag) }));
        }
        let Some(Sourced { value, source }) = self.text(names)? else { return Ok(None) };
        match value.parse() {
            Ok(value) => Ok(Some(Sourced { value, source })),
            Err(error) => {
                // A secret may be under the wrong key of the file.
                let given = match &source {
                    ValueSource::Profile(_) | ValueSource::File(_) => String::new(),
                    _ => format!(" '{value}'"),
                };
                let setting = source.setting(names);
                Err(Problem::usage(format!("invalid value{given} for {setting}: {error}")))
            }
        }
    }

    /// The text of a variable, or else of the config file.
    fn text(&self, names: &Names) -> Result<Option<Sourced<String>>, Problem> {
        match self.first_variable(names)? {
            Some(found) => Ok(Some(found)),
            None => self.file.text(names.key),
        }
    }

    fn first_variable(&self, names: &Names) -> Result<Option<Sourced<String>>, Problem> {
        for &variable in names.variables {
            if let Some(value) = self.variable(variable)? {
                return Ok(Some(Sourced { value, source: ValueSource::Environment(variable) }));
            }
        }
        Ok(None)
    }

    /// The values of a flag that may be repeated, or else of a variable with one value, or else of
    /// an array in the config file.
    pub(super) fn list(
        &self,
        flag: &[String],
        names: &Names,
    ) -> Result<Sourced<Vec<String>>, Problem> {
        if !flag.is_empty() {
            return Ok(Sourced { value: flag.to_vec(), source: ValueSource::Flag(names.flag) });
        }
        if let Some(Sourced { value, source }) = self.first_variable(names)? {
            return Ok(Sourced { value: vec![value], source });
        }
        let found = self.file.list(names.key)?;
        Ok(found.unwrap_or(Sourced { value: Vec::new(), source: ValueSource::Default }))
    }

    pub(super) fn paths(
        &self,
        flag: &[PathBuf],
        names: &Names,
    ) -> Result<Sourced<Vec<PathBuf>>, Problem> {
        if !flag.is_empty() {
            return Ok(Sourced { value: flag.to_vec(), source: ValueSource::Flag(names.flag) });
        }
        let Sourced { value, source } = self.list(&[], names)?;
        let value = value.iter().map(|path| self.absolute(path, &source)).collect();
        Ok(Sourced { value, source })
    }

    /// A path that is set in a variable or in the config file. One of the file is relative to its
    /// folder: cron and others start the program in another one.
    pub(super) fn absolute(&self, path: &str, source: &ValueSource) -> PathBuf {
        let path = expand_home(path);
        match source {
            ValueSource::Profile(_) | ValueSource::File(_) => self.file.folder().join(path),
            _ => path,
        }
    }

    /// The path of a setting from a variable, or else from the config file.
    pub(super) fn path(&self, names: &Names) -> Result<Option<Sourced<PathBuf>>, Problem> {
        let found = self.get(None::<String>, names)?;
        Ok(found.map(|Sourced { value, source }| {
            let value = self.absolute(&value, &source);
            Sourced { value, source }
        }))
    }

    /// The region or the base URL, whichever has precedence.
    pub(super) fn service(&self, flags: &ConnectionArgs) -> Result<Sourced<Service>, Problem> {
        let plain = flags.allow_plain_http
            || self
                .get(None::<SwitchArg>, &setting::ALLOW_PLAIN_HTTP)?
                .is_some_and(|set| set.value.0);
        let base_url =
            |url: String| if plain { Service::PlainHttp(url) } else { Service::BaseUrl(url) };
        let region = self.get(flags.region, &setting::REGION)?;
        let base = self.get(flags.base_url.clone(), &setting::BASE_URL)?;
        let (value, source) = match (region, base) {
            (None, None) => (Service::Region(Region::Us), ValueSource::Default),
            (Some(region), None) => (Service::Region(region.value), region.source),
            (None, Some(base)) => (base_url(base.value), base.source),
            (Some(region), Some(base)) => match region.source.rank().cmp(&base.source.rank()) {
                Ordering::Less => (Service::Region(region.value), region.source),
                Ordering::Greater => (base_url(base.value), base.source),
                Ordering::Equal => {
                    let message = format!(
                        "a region ({}) cannot be used with a base URL ({})",
                        region.source, base.source
                    );
                    return Err(Problem::usage(message).advise("remove one of them"));
                }
            },
        };
        Ok(Sourced { value, source })
    }

    pub(super) fn proxy(&self, flag: Option<&String>) -> Result<Sourced<ProxySettings>, Problem> {
        if flag.is_some_and(|url| url.contains('@')) {
            let message = "--proxy takes no user name: other users can see the command line";
            return Err(Problem::usage(message).advise("set WEXPORT_PROXY or HTTPS_PROXY instead"));
        }
        let (value, source) = match self.get(flag.cloned(), &setting::PROXY)? {
            None => (ProxySettings::Environment, ValueSource::Default),
            Some(Sourced { value, source }) if value == "none" => (ProxySettings::Off, source),
            Some(Sourced { value, source }) => (ProxySettings::Url(value), source),
        };
        Ok(Sourced { value, source })
    }

    /// The URL of the database that has the state; `None` if a folder has it.
    ///
    /// # Errors
    ///
    /// Fails if the URL is on the command line with a password, or if this build has no client for it.
    pub(super) fn database(&self, flags: &StateArgs) -> Result<Option<Sourced<String>>, Problem> {
        let flag = flags.folder.as_ref().and_then(|folder| folder.to_str()).map(String::from);
        let found = match (flags.no_state, flags.folder.is_some()) {
            (true, _) => None,
            (false, true) => flag.map(|value| {
                let source = ValueSource::Flag(setting::STATE.flag);
                Sourced { value, source }
            }),
            (false, false) => self.text(&setting::STATE)?,
        };
        let Some(Sourced { value, source }) = found.filter(|it| is_database(&it.value)) else {
            return Ok(None);
        };
        let authority = value.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, rest) = authority.split_once(['/', '?']).unwrap_or((authority, ""));
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let has_password =
            user.is_some_and(|user| user.contains(':')) || rest.contains("password=");
        if has_password && matches!(source, ValueSource::Flag(_)) {
            return Err(Problem::usage("the URL of '--state' has a password")
                .advise("other users can see the command line: set PGPASSWORD, or use ~/.pgpass"));
        }
        if cfg!(not(feature = "postgres")) {
            return Err(Problem::usage("this wexport is built without PostgreSQL")
                .advise("use a folder, or build it with the feature postgres"));
        }
        Ok(Some(Sourced { value, source }))
    }

    /// The database of a URL.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self, url: Sourced<String>) -> Result<Sourced<PgPlace>, Problem> {
        let variable = |name: &str| self.variable(name).ok().flatten();
        let Sourced { value, source } = url;
        Ok(Sourced { value: PgPlace::new(&value, &variable)?, source })
    }

    /// The state folder; `None` if no state is kept.
    pub(super) fn state(&self, flags: &StateArgs) -> Result<Option<Sourced<PathBuf>>, Problem> {
        if flags.no_state {
            return Ok(None);
        }
        if let Some(folder) = &flags.folder {
            let source = ValueSource::Flag(setting::STATE.flag);
            return Ok(Some(Sourced { value: folder.clone(), source }));
        }
        self.path(&setting::STATE)?.map_or_else(default_state, |found| Ok(Some(found)))
    }

    /// The words of `credential_command` in the config file.
    pub(super) fn credential_command(&self) -> Result<Option<Sourced<Vec<String>>>, Problem> {
        self.file.list(setting::CREDENTIAL_COMMAND.key)
    }

    /// The words of a command that a flag or the config file has.
    pub(super) fn command(
        &self,
        flag: Option<&String>,
        names: &Names,
    ) -> Result<Option<Sourced<Vec<String>>>, Problem> {
        let found = match flag {
            Some(line) => {
                Some(Sourced { value: vec![line.clone()], source: ValueSource::Flag(names.flag) })
            }
            None => self.file.list(names.key)?,
        };
        match &found {
            Some(Sourced { value, source }) if value.iter().all(|word| word.trim().is_empty()) => {
                let setting = source.setting(names);
                Err(Problem::usage(format!("invalid value for {setting}: it is empty")))
            }
            _ => Ok(found),
        }
    }
}

/// Whether a state is in a database rather than a folder.
fn is_database(state: &str) -> bool {
    state.starts_with("postgres://") || state.starts_with("postgresql://")
}

/// Replaces a leading `~/`, which no shell replaces in a file.
pub(crate) fn expand_home(path: &str) -> PathBuf {
    let at_home = path.strip_prefix("~/").map(|rest| Ok(etcetera::home_dir()?.join(rest)));
    at_home.and_then(Result::<_, etcetera::HomeDirError>::ok).unwrap_or_else(|| path.into())
}

/// A variable that is not UTF-8 is an error: to ignore it would be to use another setting. So is one
/// in quotes: `docker run --env-file` keeps those of its file.
fn variable(environment: Environment<'_>, name: &str) -> Result<Option<String>, Problem> {
    // Secrets have errors of their own.
    let is_secret = [setting::TOKEN, setting::CLIENT_SECRET].contains(&name);
    match environment(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => match secret::quote(&value).filter(|_| !is_secret) {
            Some(quote) => {
                Err(Problem::usage(format!("the variable {name} is in quotes ({quote})"))
                    .advise("remove them: they are part of the value"))
            }
            None => Ok(Some(value).filter(|value| !value.is_empty())),
        },
        Some(Err(_)) => Err(Problem::usage(format!("the variable {name} is not valid UTF-8"))),
    }
}

fn default_state() -> Result<Option<Sourced<PathBuf>>, Problem> {
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Problem::usage(format!("cannot find a folder for the state of jobs: {error}"))
            .advise("set one with --state or WEXPORT_STATE_DIR, or use --no-state")
    })?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(Some(Sourced { value: folder.join("wexport"), source: ValueSource::Default }))
}
