//! A real Prometheus with the configuration and the alerts of this repository, only faster and with other targets.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{free_port, get, installed};
use crate::support::project;

/// Ends when it is dropped.
pub struct Prometheus {
    process: Child,
    folder: tempfile::TempDir,
    address: String,
    started: f64,
}

impl Prometheus {
    /// Scrapes these targets, each with its worker label, every second. None where it is not installed.
    pub fn start(targets: &[(&str, u16)]) -> Option<Self> {
        let program = installed("prometheus", "prometheus")?;
        let folder = tempfile::tempdir().unwrap();
        let configuration = project().join("prometheus/prometheus.yml");
        fs::write(folder.path().join("prometheus.yml"), faster(&configuration, targets)).unwrap();
        let rules = fs::read_to_string(project().join("prometheus/alerts.yml")).unwrap();
        fs::write(folder.path().join("alerts.yml"), rules).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--query.lookback-delta=5s")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Some(Self { process, folder, address, started: now() })
    }

    /// Returns once it is ready.
    pub async fn ready(&mut self) {
        for _ in 0..1_200 {
            if matches!(get(&format!("http://{}/-/ready", self.address)).await, Ok((200, _))) {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "Prometheus ended:\n{}", self.said());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("Prometheus is not ready after two minutes:\n{}", self.said());
    }

    /// The result of an expression now.
    pub async fn now(&self, expression: &str) -> Result<Vec<Value>, String> {
        self.ask(&format!("query?query={}", encoded(expression))).await
    }

    /// The one number that an expression has now.
    pub async fn number(&self, expression: &str) -> Option<f64> {
        let found = self.now(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        found.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Everything that an expression was, from the start until now.
    pub async fn history(&self, expression: &str) -> Result<Vec<Value>, String> {
        let (start, end) = (self.started, now());
        let query = encoded(expression);
        self.ask(&format!("query_range?query={query}&start={start}&end={end}&step=0.5")).await
    }

    async fn ask(&self, what: &str) -> Result<Vec<Value>, String> {
        let (_, body) = get(&format!("http://{}/api/v1/{what}", self.address)).await?;
        let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default()),
            _ => Err(answer["error"].to_string()),
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The configuration of the repository with these targets in place of the compose file's.
fn faster(configuration: &Path, targets: &[(&str, u16)]) -> String {
    let text = fs::read_to_string(configuration).unwrap();
    let (head, _) =
        text.split_once("    # Every container").expect("where the targets come from stands last");
    let mut text = head.replace("15s", "1s");
    text.push_str("    static_configs:\n");
    for (worker, port) in targets {
        text.push_str(&format!(
            "      - targets: [\"127.0.0.1:{port}\"]\n        labels: {{worker: {worker}}}\n"
        ));
    }
    text
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
