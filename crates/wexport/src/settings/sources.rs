//! Three places in which a setting may stand, asked in their order.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use etcetera::BaseStrategy;
use export_hyper::{ProxySettings, Region};

use super::Service;
use super::file::ConfigFile;
use super::names::{self, Name};
use crate::args::{ConnectionArgs, StateArgs};
use crate::problem::Problem;

/// How a variable of the environment is looked up.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A value, and where it was set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) from: ValueSource,
}

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueSource {
    Flag(&'static str),
    Environment(&'static str),
    /// A profile of the config file.
    Profile(String),
    /// The config file, for everybody.
    File(String),
    Default,
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::Profile(place) | Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The three places.
pub(super) struct Sources<'a> {
    environment: Environment<'a>,
    file: ConfigFile,
    /// Where it was said which file to read.
    file_from: ValueSource,
    profile: Option<Sourced<String>>,
}

impl<'a> Sources<'a> {
    pub(super) fn open(
        flags: &ConnectionArgs,
        environment: Environment<'a>,
    ) -> Result<Self, Problem> {
        let set = |flag: Option<String>, name: &'static str, variable: &'static str| {
            let flag = flag.map(|value| Sourced { value, from: ValueSource::Flag(name) });
            flag.or_else(|| {
                let value = environment(variable).filter(|value| !value.is_empty())?;
                Some(Sourced { value, from: ValueSource::Environment(variable) })
            })
        };
        let profile = set(flags.profile.clone(), "--profile", names::PROFILE);
        let name = profile.as_ref().map(|profile| profile.value.as_str());
        let (file, file_from) = match &flags.config {
            Some(path) => (ConfigFile::read(path, name)?, ValueSource::Flag("--config")),
            None => match set(None, "--config", names::CONFIG) {
                Some(named) => (ConfigFile::read(Path::new(&named.value), name)?, named.from),
                None => (ConfigFile::read_default(name)?, ValueSource::Default),
            },
        };
        Ok(Self { environment, file, file_from, profile })
    }

    /// Flags and environment alone.
    #[cfg(feature = "demo")]
    pub(super) fn without_file(environment: Environment<'a>) -> Self {
        let (file, file_from) = (ConfigFile::default(), ValueSource::Default);
        Self { environment, file, file_from, profile: None }
    }

    /// The config file that was read.
    pub(super) fn config_file(&self) -> Sourced<Option<PathBuf>> {
        Sourced { value: self.file.path(), from: self.file_from.clone() }
    }

    /// The profile of the config file that is in use.
    pub(super) fn profile(&self) -> Option<Sourced<String>> {
        self.profile.clone()
    }

    /// A variable; an empty one counts as not set.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// A value that a flag may have, or else a variable or the file.
    pub(super) fn pick<T>(
        &self,
        flag: Option<T>,
        name: &Name,
        default: T,
    ) -> Result<Sourced<T>, Problem>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let found = self.find(flag, name)?;
        Ok(found.unwrap_or(Sourced { value: default, from: ValueSource::Default }))
    }

    pub(super) fn find<T>(
        &self,
        flag: Option<T>,
        name: &Name,
    ) -> Result<Option<Sourced<T>>, Problem>
    where
        T: FromStr<Err: fmt::Display>,
    {
        if let Some(value) = flag {
            return Ok(Some(Sourced { value, from: ValueSource::Flag(name.flag) }));
        }
        Ok(match self.text(name)? {
            None => None,
            Some(Sourced { value, from }) => match value.parse() {
                Ok(value) => Some(Sourced { value, from }),
                Err(error) => {
                    let name = match &from {
                        ValueSource::Profile(_) | ValueSource::File(_) => {
                            format!("'{}' in {from}", name.key)
                        }
                        _ => format!("'{from}'"),
                    };
                    let what = format!("invalid value '{value}' for {name}: {error}");
                    return Err(Problem::usage(what));
                }
            },
        })
    }

    /// A text in the environment, or else in the file.
    fn text(&self, name: &Name) -> Result<Option<Sourced<String>>, Problem> {
        let variables = name.variables.iter().copied();
        let set =
            variables.filter_map(|variable| Some((variable, self.variable(variable)?))).next();
        match set {
            Some((variable, value)) => {
                Ok(Some(Sourced { value, from: ValueSource::Environment(variable) }))
            }
            None => self.file.text(name.key),
        }
    }

    /// A list: of a flag that is repeated, of a variable with one value, of an array in the file.
    pub(super) fn list(
        &self,
        flag: &[String],
        name: &Name,
    ) -> Result<Sourced<Vec<String>>, Problem> {
        if !flag.is_empty() {
            return Ok(Sourced { value: flag.to_vec(), from: ValueSource::Flag(name.flag) });
        }
        for &variable in name.variables {
            if let Some(value) = self.variable(variable) {
                return Ok(Sourced {
                    value: vec![value],
                    from: ValueSource::Environment(variable),
                });
            }
        }
        let found = self.file.list(name.key)?;
        Ok(found.unwrap_or(Sourced { value: Vec::new(), from: ValueSource::Default }))
    }

    pub(super) fn paths(
        &self,
        flag: &[PathBuf],
        name: &Name,
    ) -> Result<Sourced<Vec<PathBuf>>, Problem> {
        if !flag.is_empty() {
            return Ok(Sourced { value: flag.to_vec(), from: ValueSource::Flag(name.flag) });
        }
        let Sourced { value, from } = self.list(&[], name)?;
        Ok(Sourced { value: value.into_iter().map(PathBuf::from).collect(), from })
    }

    /// The region or the base URL, whichever stands in the stronger place.
    pub(super) fn service(&self, flags: &ConnectionArgs) -> Result<Sourced<Service>, Problem> {
        let plain = flags.allow_plain_http
            || self.find(None::<bool>, &names::ALLOW_PLAIN_HTTP)?.is_some_and(|set| set.value);
        let url = |url: String| if plain { Service::PlainHttp(url) } else { Service::BaseUrl(url) };
        let region = self.find(flags.region, &names::REGION)?;
        let base = self.find(flags.base_url.clone(), &names::BASE_URL)?;
        Ok(match (region, base) {
            (None, None) => {
                Sourced { value: Service::Region(Region::Us), from: ValueSource::Default }
            }
            (Some(region), None) => {
                Sourced { value: Service::Region(region.value), from: region.from }
            }
            (None, Some(base)) => Sourced { value: url(base.value), from: base.from },
            (Some(region), Some(base)) if region.from.rank() == base.from.rank() => {
                return Err(Problem::usage(format!(
                    "both a region ({}) and a base URL ({}) are set",
                    region.from, base.from
                ))
                .advise("leave one of them out"));
            }
            (Some(region), Some(base)) if region.from.rank() < base.from.rank() => {
                Sourced { value: Service::Region(region.value), from: region.from }
            }
            (Some(_), Some(base)) => Sourced { value: url(base.value), from: base.from },
        })
    }

    pub(super) fn proxy(&self, flag: Option<&String>) -> Result<Sourced<ProxySettings>, Problem> {
        if flag.is_some_and(|url| url.contains('@')) {
            let what = "--proxy holds a user name: others can read a command line";
            return Err(Problem::usage(what).advise("set WEXPORT_PROXY or HTTPS_PROXY instead"));
        }
        let found = self.find(flag.cloned(), &names::PROXY)?;
        Ok(match found {
            None => Sourced { value: ProxySettings::Environment, from: ValueSource::Default },
            Some(Sourced { value, from }) => {
                let value =
                    if value == "none" { ProxySettings::Off } else { ProxySettings::Url(value) };
                Sourced { value, from }
            }
        })
    }

    /// The folder of the state; `None` if none is to be kept.
    pub(super) fn state(&self, flags: &StateArgs) -> Result<Option<Sourced<PathBuf>>, Problem> {
        if flags.no_state {
            return Ok(None);
        }
        let found = self.find(flags.folder.clone(), &names::STATE)?;
        found.map_or_else(default_state, |found| Ok(Some(found)))
    }

    /// The words of a command in the file, and where they stand.
    pub(super) fn command(&self) -> Result<Option<Sourced<Vec<String>>>, Problem> {
        self.file.list(names::CREDENTIAL_COMMAND.key)
    }
}

impl ValueSource {
    /// The stronger place has the lower number.
    const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Environment(_) => 1,
            Self::Profile(_) => 2,
            Self::File(_) => 3,
            Self::Default => 4,
        }
    }
}

fn default_state() -> Result<Option<Sourced<PathBuf>>, Problem> {
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Problem::usage(format!("there is no place for the state of jobs: {error}"))
            .advise("name a folder with --state or WEXPORT_STATE_DIR, or run with --no-state")
    })?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(Some(Sourced { value: folder.join("wexport"), from: ValueSource::Default }))
}
