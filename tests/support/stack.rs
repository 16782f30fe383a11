//! Kafka and two Neo4j, three times: those that the environment names, and two stacks of the tests' own, whose services
//! some of them take down. Much of a test's time is waiting: with three, two cores are busy.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use regraft::kafka::{self, Kafka};
use regraft::neo4j::Settings;
use tokio::sync::{Mutex, MutexGuard};

use super::graph::Index;
use super::{Graph, project};
use crate::schema::LABELS;

/// Services that tests use, one test at a time.
pub struct Stack {
    /// `dev/stack --dir` of those that `dev/stack` has started.
    dir: Option<PathBuf>,
    settings: BTreeMap<String, String>,
    /// The monolith.
    pub source: Graph,
    /// The modular graph.
    pub target: Graph,
    /// Ends what the tests have started when they end, however they do.
    _keeper: Option<Child>,
}

/// A stack that no other test uses meanwhile.
pub struct Taken {
    stack: &'static Stack,
    _turn: MutexGuard<'static, ()>,
}

static FIRST: LazyLock<Stack> = LazyLock::new(|| match std::env::var("REGRAFT__KAFKA__BROKERS") {
    Ok(_) => Stack::of_environment(),
    Err(_) => Stack::start(),
});
static FIRST_TURN: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
static SECOND: LazyLock<Stack> = LazyLock::new(Stack::start);
static SECOND_TURN: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
static THIRD: LazyLock<Stack> = LazyLock::new(Stack::start);
static THIRD_TURN: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

impl Stack {
    /// Whichever is free first, with both graphs empty and their keys unique.
    pub fn any() -> Taken {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Self::any_as_it_is()).emptied()
    }

    /// Whichever is free first, as it was left.
    pub async fn any_as_it_is() -> Taken {
        tokio::select! {
            biased;
            turn = FIRST_TURN.lock() => Taken::new(&FIRST, turn),
            own = Self::own_as_it_is() => own,
        }
    }

    /// The stack of the environment, with both graphs empty and their keys unique.
    pub fn first() -> Taken {
        Taken::new(&FIRST, FIRST_TURN.blocking_lock()).emptied()
    }

    /// The same as it was left.
    pub async fn first_as_it_is() -> Taken {
        Taken::new(&FIRST, FIRST_TURN.lock().await)
    }

    /// One of the tests' own: whoever takes services down disturbs nobody.
    pub fn own() -> Taken {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Self::own_as_it_is()).emptied()
    }

    async fn own_as_it_is() -> Taken {
        tokio::select! {
            biased;
            turn = SECOND_TURN.lock() => Taken::new(&SECOND, turn),
            turn = THIRD_TURN.lock() => Taken::new(&THIRD, turn),
        }
    }

    /// The address and password of the services, where a test needs no data in them.
    pub fn shared() -> &'static Stack {
        &FIRST
    }

    fn of_environment() -> Stack {
        let settings = std::env::vars().filter(|(name, _)| name.starts_with("REGRAFT__"));
        Stack::new(std::env::var("REGRAFT_STACK_DIR").ok().map(PathBuf::from), settings.collect(), None)
    }

    fn start() -> Stack {
        let dir = tempfile::Builder::new().prefix("regraft-tests-").tempdir().unwrap().keep();
        let mut keeper = Command::new("bash");
        keeper
            .args(["-c", "cat >/dev/null; exec dev/stack --dir \"$0\" reset"])
            .arg(&dir)
            .current_dir(project())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Not in our process group: Ctrl-C ends the tests, and then it is needed.
        let keeper = std::os::unix::process::CommandExt::process_group(&mut keeper, 0).spawn().unwrap();
        dev_stack(&dir, &["up", "--free-ports"]);
        let output =
            Command::new(project().join("dev/stack")).arg("--dir").arg(&dir).arg("env").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let setting = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            name.starts_with("REGRAFT__").then(|| (name.to_owned(), value.to_owned()))
        };
        Stack::new(Some(dir.clone()), text.lines().filter_map(setting).collect(), Some(keeper))
    }

    fn new(dir: Option<PathBuf>, settings: BTreeMap<String, String>, keeper: Option<Child>) -> Stack {
        let graph = |name: &str| {
            let of = |key: &str| settings.get(&format!("REGRAFT__{name}__{key}")).cloned();
            let password = of("PASSWORD").unwrap_or_else(|| {
                let file = of("PASSWORD_FILE").expect("REGRAFT__…__PASSWORD or …_FILE");
                std::fs::read_to_string(file).unwrap().trim().to_owned()
            });
            let uri = of("URI").expect("REGRAFT__SOURCE__URI and REGRAFT__TARGET__URI");
            Graph::new(uri, of("USER").unwrap_or_else(|| "neo4j".into()), password)
        };
        Stack { source: graph("SOURCE"), target: graph("TARGET"), dir, settings, _keeper: keeper }
    }

    /// Runs `dev/stack` on it: `stop target`.
    pub fn control(&self, arguments: &[&str]) {
        dev_stack(self.dir.as_ref().expect("REGRAFT_STACK_DIR"), arguments);
    }

    /// `REGRAFT__…` and their values.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// How to reach one of the graphs, `SOURCE` or `TARGET`.
    pub fn settings_of(&self, graph: &str) -> Settings {
        let of = |key: &str| self.settings.get(&format!("REGRAFT__{graph}__{key}")).cloned();
        let file = || std::fs::read_to_string(of("PASSWORD_FILE").unwrap()).unwrap().trim().to_owned();
        let password = of("PASSWORD").unwrap_or_else(file);
        Settings::new(of("URI").unwrap(), of("USER").unwrap_or_else(|| "neo4j".into()), password)
    }

    /// A client of Kafka's under a prefix, as the tested program makes it.
    pub fn kafka(&self, prefix: &str, partitions: i32) -> Kafka {
        Kafka::new(kafka::Settings {
            brokers: self.brokers().to_owned(),
            topic_prefix: prefix.to_owned(),
            partitions,
            replication_factor: 1,
            max_record_bytes: 1_000_000,
            retention_ms: -1,
            client: BTreeMap::new(),
        })
    }

    /// The brokers.
    pub fn brokers(&self) -> &str {
        &self.settings["REGRAFT__KAFKA__BROKERS"]
    }

    fn empty(&self) {
        if self.dir.is_some() {
            // A test that failed may have left something stopped.
            self.control(&["up"]);
        }
        self.source.wipe("TRUE");
        // With what earlier tests left of their bookkeeping: it is looked through again and again.
        self.target.wipe("TRUE");
        let key = |label: &str| Index::unique(&format!("{}_id", snake_case(label)), label, "id");
        // The monolith has none for speakers.
        let keys = LABELS.into_iter().filter(|label| *label != "Speaker").map(key);
        self.source.with_constraints(&keys.collect::<Vec<_>>());
        let mut wanted: Vec<Index> = LABELS.into_iter().map(key).collect();
        // The monolith lacks these two: too long a text is refused by nothing else.
        wanted.push(Index::range("podcast_title", "Podcast", "title"));
        wanted.push(Index::range("quote_segment_id", "Quote", "segment_id"));
        self.target.with_schema(&wanted);
    }
}

impl Taken {
    fn new(stack: &'static LazyLock<Stack>, turn: MutexGuard<'static, ()>) -> Self {
        Self { stack, _turn: turn }
    }

    fn emptied(self) -> Self {
        self.stack.empty();
        self
    }
}

impl Deref for Taken {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.stack
    }
}

fn snake_case(label: &str) -> String {
    let mut name = String::new();
    for letter in label.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

fn dev_stack(dir: &std::path::Path, arguments: &[&str]) {
    // To a file: the services live on and would keep a pipe open.
    let log = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new(project().join("dev/stack"))
        .arg("--dir")
        .arg(dir)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.reopen().unwrap())
        .stderr(log.reopen().unwrap())
        .status()
        .unwrap();
    let said = std::fs::read_to_string(log.path()).unwrap();
    assert!(status.success(), "dev/stack {}: {status}\n{said}", arguments.join(" "));
}
