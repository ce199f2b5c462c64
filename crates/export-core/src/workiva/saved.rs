//! What a checkpoint keeps of the dialect.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::dialect::{Submit, Workiva, submit_uri};
use super::format::FileFormat;
use super::generation::ApiVersion;
use super::routes::Route;
use super::spec::asks_for_mail;
use crate::config::Config;
use crate::dialect::Repeat;
use crate::file_name::safe_file_name;

/// A saved dialect that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RestoreError(String);

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    api: ApiVersion,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    submit: Option<SavedSubmit<'a>>,
}

#[derive(Serialize, Deserialize)]
struct SavedSubmit<'a> {
    path: Cow<'a, str>,
    body: Cow<'a, RawValue>,
    format: Cow<'a, str>,
    file: Cow<'a, str>,
}

pub(super) fn save(workiva: &Workiva) -> String {
    let submit = workiva.submit.as_ref().map(|submit| SavedSubmit {
        path: submit.uri.path().get(submit.path..).unwrap_or_default().into(),
        body: Cow::Borrowed(&submit.body),
        format: submit.format.as_str().into(),
        file: Cow::Borrowed(&submit.file_name),
    });
    let saved = Saved { api: workiva.version, submit };
    serde_json::to_string(&saved).expect("names of fields and texts are always JSON")
}

impl Workiva {
    /// What [`save`](crate::Dialect::save) made a text of. The generation of the API is the saved one,
    /// the base URL the config's.
    ///
    /// # Errors
    ///
    /// Fails if the text is not one that this release or an earlier one has saved.
    pub fn restore(saved: &str, config: &Config) -> Result<Self, RestoreError> {
        let saved: Saved<'_> =
            serde_json::from_str(saved).map_err(|error| RestoreError(error.to_string()))?;
        let submit = match saved.submit {
            None => None,
            Some(submit) => Some(Submit::restore(submit, saved.api, config)?),
        };
        Ok(Self { version: saved.api, config: config.clone(), submit })
    }
}

impl Submit {
    /// Judges everything anew: what was stored may have been changed.
    fn restore(
        saved: SavedSubmit<'_>,
        version: ApiVersion,
        config: &Config,
    ) -> Result<Self, RestoreError> {
        let refused = |why: &dyn ToString| {
            RestoreError(format!("{:?} is not followed: {}", saved.path, why.to_string()))
        };
        if !saved.path.starts_with('/') {
            return Err(refused(&"it is not a path"));
        }
        let (uri, path) = submit_uri(config, &saved.path).map_err(|error| refused(&error))?;
        let mails = serde_json::from_str(saved.body.get()).is_ok_and(|json| asks_for_mail(&json));
        let route = Route::of_path(&saved.path)
            .map(|(route, _)| route)
            .filter(|route| route.version == version);
        Ok(Self {
            uri,
            path,
            body: saved.body.into_owned(),
            format: FileFormat::of_word(&saved.format),
            file_name: safe_file_name(&saved.file).unwrap_or_else(|| "export".into()).into(),
            repeat: if mails { Repeat::SideEffect } else { Repeat::Harmless },
            sunset: route.and_then(|route| route.sunset.as_ref()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Dialect, Phase};
    use crate::workiva::{ArchiveOptions, ExportSpec, FileExport};

    fn config() -> Config {
        Config::new("https://api.example.com:8443/wk").unwrap()
    }

    fn mailing() -> ExportSpec {
        let options = ArchiveOptions { email_on_complete: Some(true), ..Default::default() };
        ExportSpec::file("a b/..", FileExport::folder(options))
    }

    #[test]
    fn what_is_saved_is_restored_in_its_own_generation() {
        let old = config().with_api_version(ApiVersion::V2022_01_01);
        let new = config().with_api_version(ApiVersion::V2026_01_01);
        let workiva = Workiva::new(&mailing(), &old).unwrap();
        assert_eq!(
            workiva.save(),
            r#"{"api":"2022-01-01","submit":{"path":"/prototype/platform/files/a%20b%2F../export","body":{"folderExport":{"emailOnComplete":true},"kind":"Folder"},"format":"tar.gz","file":"a b_...tar.gz"}}"#
        );
        let restored = Workiva::restore(&workiva.save(), &new).unwrap();
        assert_eq!(restored.save(), workiva.save());
        assert_eq!(restored.repeat(), Repeat::SideEffect);
        assert_eq!(restored.sunset(), workiva.sunset());
        assert!(restored.sunset().is_some());
        assert_eq!(restored.file_name(), workiva.file_name());
        let request = |workiva: &Workiva| format!("{:?}", workiva.request(Phase::Submit, None));
        assert_eq!(request(&restored), request(&workiva));

        let attached = Workiva::attached(&old);
        assert_eq!(attached.save(), r#"{"api":"2022-01-01"}"#);
        assert_eq!(Workiva::restore(&attached.save(), &new).unwrap().save(), attached.save());
    }

    #[test]
    fn what_was_tampered_with_leads_to_no_other_host() {
        for path in ["@evil.example/", ".evil.example/", ":1/", "", "files/f1/export", "?", "/a#/b"]
        {
            let saved = format!(
                r#"{{"api":"2026-01-01","submit":{{"path":"{path}","body":{{}},"format":"x","file":"../x"}}}}"#
            );
            assert!(Workiva::restore(&saved, &config()).is_err(), "{path}");
        }
        let saved = r#"{"api":"2026-01-01","submit":{"path":"//evil.example/x","body":{},"format":"x","file":"../x"}}"#;
        let restored = Workiva::restore(saved, &config()).unwrap();
        let request = restored.request(Phase::Submit, None);
        assert_eq!(request.uri(), "https://api.example.com:8443/wk//evil.example/x");
        assert_eq!(restored.file_name(), "x");
        for broken in ["", "{}", r#"{"api":"2024-01-01"}"#, r#"{"api":"2026-01-01","submit":{}}"#] {
            assert!(Workiva::restore(broken, &config()).is_err(), "{broken}");
        }
    }
}
