//! API versions and regions, and what they add to [`Config`].

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A version of the API. It decides the paths and the value of the `X-Version` header.
///
/// ```
/// use export_core::workiva::ApiVersion;
///
/// assert_eq!(ApiVersion::default().as_str(), "2022-01-01");
/// assert_eq!("2026-01-01".parse(), Ok(ApiVersion::V2026_01_01));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ApiVersion {
    /// `2022-01-01`, the service's own default.
    #[default]
    #[serde(rename = "2022-01-01")]
    V2022_01_01,
    /// `2026-01-01`, with the successors of the endpoints that are deprecated in 2022-01-01.
    #[serde(rename = "2026-01-01")]
    V2026_01_01,
}

impl ApiVersion {
    /// The name of the version, a date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2022_01_01 => "2022-01-01",
            Self::V2026_01_01 => "2026-01-01",
        }
    }

    /// All versions, oldest first.
    pub(super) const ALL: [Self; 2] = [Self::V2022_01_01, Self::V2026_01_01];
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let known = "2022-01-01, 2026-01-01";
        let found = Self::ALL.into_iter().find(|version| version.as_str() == name);
        found.ok_or_else(|| UnknownName { given: name.into(), known })
    }
}

/// The region of a workspace.
///
/// For other instances of the service, such as sandboxes, pass the base URL to [`Config::new`].
///
/// ```
/// use export_core::workiva::Region;
///
/// assert_eq!("eu".parse(), Ok(Region::Eu));
/// assert_eq!(Region::Eu.base_url(), "https://api.eu.wdesk.com");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Region {
    /// United States.
    Us,
    /// Europe.
    Eu,
    /// Asia and Pacific.
    Apac,
}

impl Region {
    /// All regions.
    pub(super) const ALL: [Self; 3] = [Self::Us, Self::Eu, Self::Apac];

    /// The short name: `us`, `eu` or `apac`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Apac => "apac",
        }
    }

    /// The base URL of the region's API.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Us => "https://api.app.wdesk.com",
            Self::Eu => "https://api.eu.wdesk.com",
            Self::Apac => "https://api.apac.wdesk.com",
        }
    }

    /// The value of `${WORKIVA_CLUSTER_DOMAIN}` in the responses of the region.
    #[must_use]
    pub const fn cluster_domain(self) -> &'static str {
        match self {
            Self::Us => "app.wdesk.com",
            Self::Eu => "eu.wdesk.com",
            Self::Apac => "apac.wdesk.com",
        }
    }

    /// The origins that may be sent a token of the region, apart from the base URL's: the cluster's
    /// domain, which URLs in responses contain as `${WORKIVA_CLUSTER_DOMAIN}`.
    #[must_use]
    pub const fn allowed_origins(self) -> &'static [&'static str] {
        match self {
            Self::Us => &["https://app.wdesk.com"],
            Self::Eu => &["https://eu.wdesk.com"],
            Self::Apac => &["https://apac.wdesk.com"],
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Region {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|region| region.as_str() == name);
        found.ok_or_else(|| UnknownName { given: name.into(), known: "us, eu, apac" })
    }
}

/// The error for a name that is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown name {given:?}: expected one of {known}")]
pub struct UnknownName {
    given: String,
    known: &'static str,
}

impl Config {
    /// Sets the version of the API. **2022-01-01** by default.
    #[must_use]
    pub fn with_api_version(self, version: ApiVersion) -> Self {
        self.with_version_name(version.as_str())
    }

    /// The version of the API.
    #[must_use]
    pub fn api_version(&self) -> ApiVersion {
        let named = |version: &ApiVersion| Some(version.as_str()) == self.version_name();
        ApiVersion::ALL.into_iter().find(named).unwrap_or_default()
    }

    /// Settings for a region: its base URL, and its [other origins](Region::allowed_origins) allowed.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the URLs are constants, and a test parses each")]
    pub fn for_region(region: Region) -> Self {
        let base = Self::new(region.base_url()).expect("the regions' URLs are constants");
        region.allowed_origins().iter().fold(base, |config, origin| {
            config.with_allowed_origin(origin).expect("the regions' origins are constants")
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::url::Origin;

    #[test]
    fn region_trusts_only_its_own_domain() {
        for region in Region::ALL {
            let config = Config::for_region(region);
            assert_eq!(config.base_url(), format!("https://api.{}", region.cluster_domain()));
            for other in Region::ALL {
                for url in [other.base_url(), other.allowed_origins()[0]] {
                    let origin = Origin::parse(url).unwrap();
                    assert_eq!(config.origins().trusts(&origin), region == other, "{region} {url}");
                }
            }
        }
    }

    #[test]
    fn name_parses_as_it_is_printed() {
        for version in ApiVersion::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
            assert_eq!(serde_json::to_value(version).unwrap(), version.as_str());
        }
        for region in Region::ALL {
            assert_eq!(region.to_string().parse(), Ok(region));
            assert_eq!(serde_json::to_value(region).unwrap(), region.as_str());
        }
    }

    #[test]
    fn unknown_name_error_lists_the_known_ones() {
        assert_eq!(
            "2024-01-01".parse::<ApiVersion>().unwrap_err().to_string(),
            "unknown name \"2024-01-01\": expected one of 2022-01-01, 2026-01-01"
        );
        assert_eq!(
            "mars".parse::<Region>().unwrap_err().to_string(),
            "unknown name \"mars\": expected one of us, eu, apac"
        );
    }
}
