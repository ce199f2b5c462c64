//! What `-o` means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::newer::Earlier;
#[cfg(feature = "store")]
use super::store::Address;
use super::template::{Known, Template};
use crate::args::{DateArg, IfExistsArg, OutputArgs};
use crate::problem::Problem;
use crate::settings::expand_home;
use crate::subject::Subject;

/// Where a file goes, as it was given: enough for another process to resolve it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Destination {
    /// The value of `-o`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// The working directory of the command; empty if the path after `-o` does not depend on it.
    #[serde(with = "stored_path")]
    pub(crate) folder: PathBuf,
    pub(crate) if_exists: IfExistsArg,
    /// When the command was given.
    #[serde(flatten)]
    pub(crate) moment: Moment,
    /// Whether a receipt is written beside the file.
    #[serde(default)]
    pub(crate) receipt: bool,
    /// What was at the path of the file then.
    #[serde(default, skip_serializing_if = "Earlier::is_unknown")]
    pub(crate) earlier: Earlier,
}

/// A resolved destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A file with this path.
    File(PathBuf),
    /// A folder; the service names the file.
    Folder(PathBuf),
    /// A path that is filled in from what is known of the export.
    Template(Template),
    /// An object in a store.
    #[cfg(feature = "store")]
    Object(Address),
    Stdout,
}

/// An object store that `-o` can name, whether it is compiled in or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// Amazon S3, and compatible stores.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

impl Destination {
    /// Captures the flags of the output and the working directory.
    pub(crate) fn new(args: &OutputArgs, moment: Moment) -> Result<Self, Problem> {
        // A shell does not replace `~` in a list, or behind `=`.
        let expanded = |output: &String| {
            let path = expand_home(output).into_os_string().into_string();
            path.unwrap_or_else(|_| output.clone())
        };
        let output = args.output.as_ref().map(expanded);
        let folder = match output.as_deref().is_none_or(is_relative) {
            false => PathBuf::new(),
            true => std::env::current_dir()
                .map_err(|error| Problem::local("cannot find the working directory", &error))?,
        };
        let if_exists = args.if_exists.unwrap_or_default();
        let receipt = args.receipt;
        let moment = moment.with_date(args.date.map(|DateArg(date)| date));
        Ok(Self { output, folder, if_exists, moment, receipt, earlier: Earlier::Unknown })
    }

    /// Records what is at the path of the file now.
    pub(crate) fn with_earlier(self, subject: &Subject) -> Self {
        let path = self.known_path(subject);
        let earlier = path.map_or(Earlier::Unknown, |path| Earlier::at(&path));
        Self { earlier, ..self }
    }

    /// The path of the file, if the service has no part in it.
    pub(super) fn known_path(&self, subject: &Subject) -> Option<PathBuf> {
        self.target().ok()?.known_path(subject)
    }

    /// A name that two exports share if the file of one replaces that of the other. `None` for
    /// files that replace nothing.
    pub(crate) fn identity(&self, subject: &Subject) -> Option<OsString> {
        if self.if_exists == IfExistsArg::Rename {
            return None;
        }
        let known = Known { subject };
        let chosen = |path: PathBuf| {
            let mut name = path.into_os_string();
            name.push(format!("\n{subject}"));
            name
        };
        Some(match self.target().ok()? {
            Target::Stdout => return None,
            Target::File(path) => one_path(&path).into(),
            Target::Folder(folder) => chosen(one_path(&folder).join("{name}")),
            Target::Template(template) => match template.known_path(&known) {
                Some(path) => one_path(&path).into(),
                None => chosen(one_path(&template.partial_path(&known, None)?)),
            },
            #[cfg(feature = "store")]
            Target::Object(address) => address.identity(&known)?.into(),
        })
    }

    /// The name of the file as far as it is known before anything is sent, if the service uses this
    /// extension: exports that have different ones get different names. `None` if no two exports get the same.
    #[cfg(feature = "postgres")]
    pub(crate) fn partial_name(
        &self,
        subject: &Subject,
        extension: Option<&str>,
    ) -> Option<OsString> {
        let known = Known { subject };
        match self.target().ok()? {
            Target::Stdout => None,
            Target::File(path) => Some(one_path(&path).into()),
            Target::Folder(folder) => Some(one_path(&folder).join("{name}").into()),
            Target::Template(template) => {
                template.partial_path(&known, extension).map(|path| one_path(&path).into())
            }
            #[cfg(feature = "store")]
            Target::Object(address) => address.partial_url(&known, extension).map(Into::into),
        }
    }

    /// Resolves the destination.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        let Some(output) = self.output.as_deref() else {
            return Ok(Target::Folder(self.folder.clone()));
        };
        if output.is_empty() {
            return Err(Problem::usage("invalid value '' for '-o': expected a path, URL or -")
                .advise("use - for standard output"));
        }
        if output == "-" {
            return self.stdout();
        }
        if output.contains('{') && output.ends_with(['/', std::path::MAIN_SEPARATOR]) {
            let message = format!("invalid value '{output}' for '-o': a template names a file");
            return Err(Problem::usage(message).advise(format!("use {output}{{name}}.{{ext}}")));
        }
        if let Some((scheme, rest)) = split_url(output) {
            return object(scheme, rest, &self.moment);
        }
        if output.contains(['{', '}']) {
            return Template::parse(output, &self.folder, &self.moment).map(Target::Template);
        }
        let path = self.folder.join(output);
        let names_folder = output.ends_with(['/', std::path::MAIN_SEPARATOR]);
        Ok(if names_folder || path.is_dir() { Target::Folder(path) } else { Target::File(path) })
    }

    fn stdout(&self) -> Result<Target, Problem> {
        if self.receipt {
            return Err(Problem::usage("--receipt cannot be used with -o -")
                .advise("a receipt is written beside a file"));
        }
        if self.if_exists != IfExistsArg::Replace {
            return Err(Problem::usage("--if-exists cannot be used with -o -"));
        }
        Ok(Target::Stdout)
    }

    /// Where the file goes, as far as that is known before anything is sent: the same for each export
    /// that would get the same name. `None` for standard output.
    pub(crate) fn place(&self) -> Option<String> {
        match self.target().ok()? {
            Target::Stdout => None,
            target => Some(format!("{target:?}")),
        }
    }

    /// The flags of the file, with its date. They are the same for the same command on the same date,
    /// from the same folder.
    pub(crate) fn as_given(&self) -> String {
        let Self { output, folder, receipt, .. } = self;
        format!("{output:?} {folder:?} {receipt} {:?}", self.moment.date())
    }

    /// The folder of the file, and its path if the service has no part in it and no number is added.
    /// `None` for what is not a file.
    pub(crate) fn folder_and_path(&self, subject: &Subject) -> Option<(PathBuf, Option<PathBuf>)> {
        let path = self.known_path(subject).filter(|_| self.if_exists != IfExistsArg::Rename);
        let folder = match self.target().ok()? {
            Target::Folder(folder) => folder,
            Target::File(path) => path.parent()?.into(),
            Target::Template(template) => template.known_folder(&Known { subject }),
            _ => return None,
        };
        Some((folder, path))
    }

    /// Whether the service has a part in the name of the file.
    pub(crate) fn is_named_by_service(&self) -> bool {
        !matches!(self.target(), Ok(Target::File(_) | Target::Stdout))
    }

    /// The path of the file, where it does not depend on the service.
    pub(crate) fn fixed_path(&self) -> Option<PathBuf> {
        match self.target() {
            Ok(Target::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether the file itself goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.output.as_deref() == Some("-")
    }
}

impl Target {
    /// The path of the file, if the service has no part in it.
    pub(super) fn known_path(&self, subject: &Subject) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Template(template) => template.known_path(&Known { subject }),
            _ => None,
        }
    }
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        let known = [Self::S3, Self::Gs, Self::Az];
        known.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }

    /// The scheme of URLs, which is also the cargo feature of the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }

    #[cfg(feature = "store")]
    const fn is_compiled_in(self) -> bool {
        match self {
            Self::S3 => cfg!(feature = "s3"),
            Self::Gs => cfg!(feature = "gs"),
            Self::Az => cfg!(feature = "az"),
        }
    }

    /// The problem of a store that is not compiled in.
    pub(super) fn not_compiled_in(self) -> Problem {
        let scheme = self.as_str();
        Problem::usage(format!("-o: this wexport was built without support for {scheme}://"))
            .advise(format!("build it with the cargo feature `{scheme}`"))
    }
}

#[cfg_attr(not(feature = "store"), expect(unused_variables, reason = "no store is compiled in"))]
fn object(scheme: &str, rest: &str, moment: &Moment) -> Result<Target, Problem> {
    let scheme = Scheme::parse(scheme).ok_or_else(|| {
        Problem::usage(format!("-o: unsupported URL scheme {scheme}://"))
            .advise("name a file, a folder, or an object as s3://BUCKET/KEY")
    })?;
    #[cfg(feature = "store")]
    if scheme.is_compiled_in() {
        return Address::parse(scheme, rest, moment).map(Target::Object);
    }
    Err(scheme.not_compiled_in())
}

/// Whether a value of `-o` depends on the working directory.
fn is_relative(output: &str) -> bool {
    output != "-" && split_url(output).is_none() && Path::new(output).is_relative()
}

/// Splits a URL after its scheme. A single letter is a drive of Windows, not a scheme.
fn split_url(output: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = output.split_once("://")?;
    let legal = scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    legal.then_some((scheme, rest))
}

/// Stores a path as text, or in the form of its system if it is not Unicode.
mod stored_path {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Text(String),
        System(OsString),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(serializer),
            None => path.as_os_str().serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Text(text) => text.into(),
            Stored::System(path) => path.into(),
        })
    }
}

/// The same path for all paths of one file, as far as its folder exists.
fn one_path(path: &Path) -> PathBuf {
    let linked = path.is_symlink().then(|| path.canonicalize().ok()).flatten();
    let path = linked.unwrap_or_else(|| path.into());
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// A path for messages: relative if it is below the working directory.
pub(crate) fn display_path(path: impl AsRef<Path>) -> String {
    let current = std::env::current_dir().ok();
    let path = path.as_ref();
    let inside = current.and_then(|current| path.strip_prefix(current).ok().map(PathBuf::from));
    inside.unwrap_or_else(|| path.into()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(folder: impl Into<PathBuf>) -> String {
        let (output, if_exists) = (Some("a.pdf".into()), IfExistsArg::Replace);
        let moment = serde_json::from_str(r#"{"at":0,"offset":3600,"date":"2026-11-30"}"#).unwrap();
        let folder = folder.into();
        let earlier = Earlier::Nothing;
        let destination =
            Destination { output, folder, if_exists, moment, receipt: false, earlier };
        let json = serde_json::to_string(&destination).unwrap();
        assert_eq!(serde_json::from_str::<Destination>(&json).unwrap(), destination);
        json
    }

    #[test]
    fn folder_is_stored_as_text() {
        assert!(stored("/Geschäft").contains(r#""folder":"/Geschäft""#));
        assert!(stored("").contains(r#""folder":"""#));
    }

    #[cfg(unix)]
    #[test]
    fn folder_that_is_not_utf8_is_stored() {
        use std::os::unix::ffi::OsStrExt;

        let latin = std::ffi::OsStr::from_bytes(b"/Gesch\xe4ft");
        assert!(stored(latin).contains("228"));
    }

    #[test]
    fn absolute_paths_need_no_working_directory() {
        for output in [
            "-",
            "s3://bucket/key",
            #[cfg(unix)]
            "/a.pdf",
            #[cfg(windows)]
            r"C:\a.pdf",
        ] {
            assert!(!is_relative(output), "{output}");
        }
        for output in ["a.pdf", "./a.pdf", "{name}", "in/", ""] {
            assert!(is_relative(output), "{output}");
        }
    }
}
