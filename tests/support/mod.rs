//! What the tests on real services share: services to use, `regraft` to call, graphs and topics to look at.
//!
//! A test that uses a stack has it for itself: [`Stack::any`] waits for one of the two, [`Stack::second`] for that
//! whose services it may take down, and each gives it with both graphs empty. Everything that a test writes to Kafka has
//! a prefix of its own.

mod graph;
mod regraft;
mod sample;
mod stack;
mod topics;

pub use graph::{Digest, Graph, migrated, schema_bookkeeping, wiping};
pub use regraft::{FEW, Regraft, Running};
pub use sample::{Sample, counts};
pub use stack::{Stack, Taken};
pub use topics::{Letter, Topics};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An executable of the same build: `examples/monolith`.
pub fn built(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_regraft")).parent().unwrap();
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// An executable of this machine; none, said aloud, where it is missing: then the test that asks is skipped.
pub fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!(
            "\n==== SKIPPED: there is no {name} here (Debian package {package}; dev/prerequisites) ====\n"
        );
    }
    found
}

/// Waits until something is so. What never comes is a failure, not a reason to go on.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let (since, mut pause) = (Instant::now(), Duration::from_millis(20));
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(240), "waited four minutes until {what}");
        std::thread::sleep(pause);
        // Who is asked has work to do: the longer it takes, the less it is disturbed.
        pause = pause.mul_f64(1.1).min(Duration::from_millis(150));
    }
}

/// As many as asked for, from the clock; or the one of REGRAFT_TEST_SEED.
pub fn seeds(number: u64) -> Vec<u64> {
    if let Ok(seed) = std::env::var("REGRAFT_TEST_SEED") {
        return vec![seed.parse().expect("REGRAFT_TEST_SEED is a number")];
    }
    let first = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() % 1_000_000 * 1000;
    (first..first + number).collect()
}
