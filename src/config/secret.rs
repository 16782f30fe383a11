//! Secrets: kept where no log, message or report can show them.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Cause, Error, Result};

/// What stands in place of a secret.
pub const REDACTED: &str = "***";

/// A password or the like: written in the configuration, or the file that it is read from when needed.
///
/// The file is not read before that, so that offline commands need no secrets. There is no `Display` and no
/// `Serialize`, and `Debug` shows the file at most.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(Box<str>),
    /// A file with the secret in it; a line break at its end is not part of it.
    File(PathBuf),
}

impl Secret {
    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> Result<String> {
        match self {
            Secret::Value(secret) => Ok(secret.to_string()),
            Secret::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| {
                    Error::new(Cause::Configuration, format!("read the secret in {}", path.display()))
                        .source(source)
                        .what_to_do("make the file readable, or set the …_file key to the right one")
                })?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Value(_) => f.write_str(REDACTED),
            Secret::File(path) => write!(f, "{REDACTED} (in {})", path.display()),
        }
    }
}

/// Whether a key's value must never be shown: `*password*`, `*secret*`, `*token*`, `*passphrase*`,
/// `ssl.key*` and whole PEM texts.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "secret", "token", "passphrase"].iter().any(|part| key.contains(part))
        || key.starts_with("ssl.key")
        || key.starts_with("ssl_key")
        || key.ends_with(".pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nowhere() {
        let secret = Secret::Value("hunter2".into());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.reveal().unwrap(), "hunter2");
    }

    #[test]
    fn a_file_gives_its_line_without_the_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, secret) in
            [("a b\n", "a b"), ("x\r\n", "x"), (" y ", " y "), ("two\nlines\n", "two\nlines")]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Secret::File(path.clone()).reveal().unwrap(), secret);
        }
        let missing = Secret::File(folder.path().join("none")).reveal().unwrap_err();
        assert_eq!(missing.policy().exit_code, 2);
    }

    #[test]
    fn secret_keys_are_known_by_their_names() {
        for key in
            ["sasl.password", "ssl.key.location", "SASL.OAuthBearer.Client.Secret", "ssl.key.pem", "x.token"]
        {
            assert!(is_secret(key), "{key}");
        }
        for key in ["security.protocol", "ssl.ca.location", "sasl.username"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
