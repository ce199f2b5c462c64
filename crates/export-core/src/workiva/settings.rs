//! API versions and regions, and what they add to [`Config`].

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A version of the API. It decides the paths and the value of the `X-Version` header.
///
/// A version that is newer than this release is parsed from its date. Its paths are assumed to be
/// those of the newest known version.
///
/// ```
/// use export_core::workiva::ApiVersion;
///
/// assert_eq!(ApiVersion::default().as_str(), "2022-01-01");
/// assert_eq!("2026-01-01".parse(), Ok(ApiVersion::V2026_01_01));
/// let newer: ApiVersion = "2028-07-01".parse()?;
/// assert_eq!(newer.as_str(), "2028-07-01");
/// # Ok::<(), export_core::workiva::UnknownName>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
#[non_exhaustive]
pub enum ApiVersion {
    /// `2022-01-01`, the service's own default.
    #[default]
    V2022_01_01,
    /// `2026-01-01`, with the successors of the endpoints that are deprecated in 2022-01-01.
    V2026_01_01,
    /// A version that is newer than this release.
    Newer(VersionDate),
}

/// The date of an [`ApiVersion`] that is newer than this release. It is parsed as part of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionDate([u8; 10]);

impl VersionDate {
    /// A date in the form `2026-01-01`, after that of the newest known version.
    fn parse(text: &str) -> Option<Self> {
        let date: [u8; 10] = text.as_bytes().try_into().ok()?;
        let is_digit_or_dash = |(at, byte): (usize, &u8)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        if !date.iter().enumerate().all(is_digit_or_dash) {
            return None;
        }
        let number = |part: &str| part.parse::<u32>().ok();
        let (year, month) = (number(text.get(..4)?)?, number(text.get(5..7)?)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 => 28 + u32::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let is_date = (1..=last).contains(&number(text.get(8..10)?)?);
        (is_date && text > ApiVersion::V2026_01_01.as_str()).then_some(Self(date))
    }
}

impl fmt::Debug for VersionDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl ApiVersion {
    /// The name of the version, a date.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::V2022_01_01 => "2022-01-01",
            Self::V2026_01_01 => "2026-01-01",
            Self::Newer(date) => core::str::from_utf8(&date.0).unwrap_or_default(),
        }
    }

    /// The value of the `X-Version` header.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::V2022_01_01 => Some(HeaderValue::from_static("2022-01-01")),
            Self::V2026_01_01 => Some(HeaderValue::from_static("2026-01-01")),
            Self::Newer(_) => HeaderValue::from_str(self.as_str()).ok(),
        }
    }

    /// The known versions, oldest first.
    pub(super) const ALL: [Self; 2] = [Self::V2022_01_01, Self::V2026_01_01];

    /// The known version whose paths it has.
    pub(super) const fn paths(self) -> Self {
        match self {
            Self::Newer(_) => Self::V2026_01_01,
            known => known,
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let known = "2022-01-01, 2026-01-01, or a later date";
        let found = Self::ALL.into_iter().find(|version| version.as_str() == name);
        found.or_else(|| VersionDate::parse(name).map(Self::Newer)).ok_or(UnknownName { known })
    }
}

impl TryFrom<Cow<'_, str>> for ApiVersion {
    type Error = UnknownName;

    fn try_from(name: Cow<'_, str>) -> Result<Self, UnknownName> {
        name.parse()
    }
}

impl From<ApiVersion> for String {
    fn from(version: ApiVersion) -> Self {
        version.as_str().into()
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
        let found = Self::ALL.into_iter().find(|region| region.as_str().eq_ignore_ascii_case(name));
        found.ok_or(UnknownName { known: "us, eu, apac" })
    }
}

/// The error for a name that is not one of the known ones. It does not repeat the name: a secret may be
/// in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {known}")]
pub struct UnknownName {
    known: &'static str,
}

impl Config {
    /// Sets the version of the API. **2022-01-01** by default.
    #[must_use]
    pub fn with_api_version(self, version: ApiVersion) -> Self {
        self.with_version_name(version.as_str().into())
    }

    /// The version of the API.
    #[must_use]
    pub fn api_version(&self) -> ApiVersion {
        self.version_name().and_then(|name| name.parse().ok()).unwrap_or_default()
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
            assert_eq!(region.to_string().to_uppercase().parse(), Ok(region));
            assert_eq!(serde_json::to_value(region).unwrap(), region.as_str());
        }
    }

    #[test]
    fn later_version_is_a_date() {
        for date in ["2026-01-02", "2027-12-31", "2028-02-29", "9999-06-30"] {
            let version: ApiVersion = date.parse().unwrap();
            assert_eq!(
                (version.to_string().as_str(), version.paths()),
                (date, ApiVersion::V2026_01_01)
            );
            assert_eq!(serde_json::to_value(version).unwrap(), date);
            assert_eq!(serde_json::from_value::<ApiVersion>(date.into()).unwrap(), version);
            let config = Config::for_region(Region::Us).with_api_version(version);
            assert_eq!(config.api_version(), version);
        }
        for text in [
            "2025-12-31",
            "2027-13-01",
            "2027-00-01",
            "2027-01-32",
            "2026-02-30",
            "2027-02-29",
            "2100-02-29",
            "2027-04-31",
            "2027-04-00",
            "2027-1-1",
            "2027-01-010",
            "2027/01/01",
            "2027-01-0\n",
            "latest",
            "",
            "２０２７-",
        ] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_name_error_lists_the_known_ones() {
        assert_eq!(
            "2024-01-01".parse::<ApiVersion>().unwrap_err().to_string(),
            "expected one of 2022-01-01, 2026-01-01, or a later date"
        );
        assert_eq!(
            "mars".parse::<Region>().unwrap_err().to_string(),
            "expected one of us, eu, apac"
        );
    }
}
