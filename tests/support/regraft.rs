//! `regraft` as a user calls it: a configuration file, a command, what it prints and how it exits.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Stack, Topics, eventually, project};

/// One migration: a folder with its `regraft.toml`, and a prefix that no other has.
pub struct Regraft {
    folder: tempfile::TempDir,
    prefix: String,
    brokers: String,
    settings: BTreeMap<String, String>,
    calls: AtomicUsize,
    /// For all calls that don't say which; none are all.
    types: Option<&'static str>,
}

/// Of everything that makes a difference something. Most of a migration's time goes into pipelines, not into records:
/// of all there are more than four times as many.
pub const FEW: &str = "podcast,episode,has_episode,topic,has_topic,contains_topic";

/// A call that runs.
pub struct Running {
    child: Child,
    what: String,
    out: std::path::PathBuf,
    err: std::path::PathBuf,
}

/// A call that has ended.
#[derive(Debug)]
pub struct Ended {
    pub what: String,
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

/// Beyond this a call hangs.
const LIMIT: Duration = Duration::from_secs(600);

impl Regraft {
    /// With a prefix and configuration file of its own, for the services of the stack. Any number of dead letters
    /// is allowed.
    pub fn new(stack: &Stack) -> Self {
        let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        let mut settings = BTreeMap::new();
        for (name, value) in stack.settings() {
            let key = name.trim_start_matches("REGRAFT__").to_lowercase().replace("__", ".");
            settings.insert(key, quoted(value));
        }
        let regraft = Self {
            folder: tempfile::tempdir().unwrap(),
            brokers: stack.brokers().to_owned(),
            prefix: prefix.clone(),
            settings,
            calls: AtomicUsize::new(0),
            types: None,
        };
        regraft
            .with("kafka.topic_prefix", prefix)
            // Several, but no more than it takes: with four, Kafka and the target spend half as much again on each test.
            .with("kafka.partitions", 2)
            .with("paths.pipelines", project().join("pipelines").display())
            .with("paths.schemas", project().join("schemas").display())
            .with("metrics.listen", "off")
            .with("load.max_dead_letters", "100%")
    }

    /// Sets a key of the configuration file.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        let bare = value.parse::<i64>().is_ok() || value.parse::<bool>().is_ok();
        let text = if bare { value } else { quoted(&value) };
        self.settings.insert(key.to_owned(), text);
        self
    }

    /// Leaves a key to its default.
    pub fn without(mut self, key: &str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Moves only these types: [`FEW`].
    pub fn of_types(mut self, types: &'static str) -> Self {
        self.types = Some(types);
        self
    }

    /// Small pages and batches: many transactions, so that a kill finds one wherever it hits.
    pub fn in_small_steps(self) -> Self {
        self.with("source.page_size", 200).with("load.batch_size", 200).with("load.batch_bytes", 100_000)
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn topics(&self) -> Topics {
        Topics::new(&self.brokers, &self.prefix)
    }

    /// Copies pipelines and contracts into the folder, where a test changes them.
    pub fn with_own_definitions(self) -> Self {
        let (pipelines, schemas) = (self.folder().join("pipelines"), self.folder().join("schemas"));
        copy(&project().join("pipelines"), &pipelines);
        copy(&project().join("schemas/contracts"), &schemas.join("contracts"));
        self.with("paths.pipelines", pipelines.display()).with("paths.schemas", schemas.display())
    }

    /// Changes a file of [`Self::with_own_definitions`].
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Starts it and does not wait.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        self.spawn_with(arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn spawn_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let config = self.folder().join("regraft.toml");
        let text: String = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        // At once: another call may be reading it.
        let part = tempfile::NamedTempFile::new_in(self.folder()).unwrap();
        std::fs::write(part.path(), text).unwrap();
        part.persist(&config).unwrap();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let [out, err] = ["out", "err"].map(|end| self.folder().join(format!("{call}.{end}")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_regraft"));
        command.arg("--config").arg(&config).args(arguments);
        if let (Some(types), false) = (self.types, arguments.contains(&"--types")) {
            command.args(["--types", types]);
        }
        if !arguments.contains(&"--output") {
            command.args(["--output", "json"]);
        }
        std::env::vars().filter(|(name, _)| name.starts_with("REGRAFT_")).for_each(|(name, _)| {
            command.env_remove(name);
        });
        command.envs(variables.iter().copied()).current_dir(self.folder());
        command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let what = format!("regraft {}", arguments.join(" "));
        Running { child: command.spawn().unwrap(), what, out, err }
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(arguments).wait()
    }

    /// `migrate-data` to a good end; its report.
    #[track_caller]
    pub fn migrate(&self) -> Value {
        let ended = self.run(&["migrate-data"]);
        ended.expect(0);
        ended.report()
    }
}

impl Running {
    /// What it has said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it says this.
    #[track_caller]
    pub fn until_it_says(&mut self, text: &str) {
        eventually(&format!("{} says {text:?}", self.what), || {
            let said = self.said();
            assert!(
                said.contains(text) || self.is_running(),
                "{} ended before it said {text:?}:\n{said}",
                self.what
            );
            said.contains(text)
        });
    }

    /// The part of a line that follows this.
    pub fn after(&mut self, text: &str) -> String {
        self.until_it_says(text);
        let said = self.said();
        said.split(text).nth(1).unwrap().lines().next().unwrap().to_owned()
    }

    /// SIGKILL. False if it had ended before.
    pub fn kill(mut self) -> bool {
        let was_running = self.is_running();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        was_running
    }

    /// Asks it to end, as Ctrl-C and service managers do.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let out = std::fs::read_to_string(&self.out).unwrap();
                let (code, err, took) = (status.code(), self.said(), since.elapsed());
                return Ended { what: self.what.clone(), code, out, err, took };
            }
            assert!(since.elapsed() < LIMIT, "{} hangs:\n{}", self.what, self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Running {
    /// Waits for its end; also returns its peak resident memory in bytes, as the kernel last said.
    pub fn wait_and_measure(mut self) -> (Ended, u64) {
        let status = format!("/proc/{}/status", self.child.id());
        let mut peak = 0;
        while self.is_running() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = kilobytes.map_or(peak, |kilobytes| kilobytes * 1024);
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.wait(), peak)
    }
}

impl Running {
    /// Waits for its end; also returns the CPU time that it took, in seconds, as the kernel last said.
    pub fn wait_and_measure_cpu(mut self) -> (Ended, f64) {
        let stat = format!("/proc/{}/stat", self.child.id());
        let mut ticks = 0;
        while self.is_running() {
            let text = std::fs::read_to_string(&stat).unwrap_or_default();
            // After the name in brackets: the 12th and 13th field are user and system time in hundredths.
            let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
            let seen = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
            ticks = ticks.max(seen);
            std::thread::sleep(Duration::from_millis(5));
        }
        (self.wait(), ticks as f64 / 100.0)
    }
}

impl Drop for Regraft {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // On a thread of its own: a test may be in an asynchronous runtime.
            std::thread::scope(|scope| drop(scope.spawn(|| self.topics().delete())));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Fails unless it exited so.
    #[track_caller]
    pub fn expect(&self, code: i32) {
        assert_eq!(self.code, Some(code), "exit code of {}\n{}\n{}", self.what, self.err, self.out);
    }

    /// Fails unless it exited so and told people all of these.
    #[track_caller]
    pub fn expect_saying(&self, code: i32, parts: &[&str]) {
        self.expect(code);
        for part in parts {
            assert!(self.err.contains(part), "{} does not say {part:?}:\n{}", self.what, self.err);
        }
    }

    /// Its result.
    #[track_caller]
    pub fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.out))
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
