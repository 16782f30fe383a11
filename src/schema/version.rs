//! Versions of the target's schema.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Cause, Error, Result};

/// A semantic version, ordered as such: 1.10.0 comes after 1.9.0, 2.0.0-rc.1 before 2.0.0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

impl Version {
    /// What is not tracked: a target without a schema.
    pub const NONE: Version = Version(semver::Version::new(0, 0, 0));
    /// From here on `SchemaVersion` nodes say what is applied.
    pub const SCHEMA_VERSION_NODES: Version = Version(semver::Version::new(1, 0, 0));
    /// From here on `MigrationHistory` and `BackupMarker` nodes are written.
    pub const HISTORY_NODES: Version = Version(semver::Version::new(1, 1, 0));
}

impl FromStr for Version {
    type Err = Error;

    /// Three numbers, perhaps a pre-release. Build metadata has no order, so there is none.
    fn from_str(text: &str) -> Result<Self> {
        match semver::Version::parse(text) {
            Ok(version) if version.build.is_empty() => Ok(Self(version)),
            _ => Err(Error::new(Cause::Usage, format!("{text:?} is no schema version"))
                .what_to_do("write three numbers, such as 1.1.0")),
        }
    }
}

impl TryFrom<semver::Version> for Version {
    type Error = Error;

    /// Build metadata has no order, so there is none.
    fn try_from(version: semver::Version) -> Result<Self> {
        version.to_string().parse()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_versions_not_of_text() {
        let mut versions: Vec<Version> =
            ["1.10.0", "1.9.0", "2.0.0", "2.0.0-rc.1", "0.0.0"].map(|text| text.parse().unwrap()).into();
        versions.sort();
        let shown: Vec<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["0.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0"]);
        assert_eq!(versions[0], Version::NONE);
    }

    #[test]
    fn what_is_no_version_is_said_so() {
        for text in ["1.0", "v1.0.0", "01.0.0", "1.0.0+build", ""] {
            assert_eq!(text.parse::<Version>().unwrap_err().cause(), Cause::Usage, "{text}");
        }
    }
}
