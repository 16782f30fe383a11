//! A real headless Chromium, driven through chromedriver.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::Method;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::{free_port, get, installed};

/// A browser with one empty profile. Ends when it is dropped.
pub struct Browser {
    pub client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None where it is not installed.
    pub async fn start() -> Option<Self> {
        installed("chromium", "chromium")?;
        let program = installed("chromedriver", "chromium-driver")?;
        let profile = tempfile::tempdir().unwrap();
        let port = free_port();
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("http://127.0.0.1:{port}");
        while !matches!(get(&format!("{address}/status")).await, Ok((200, _))) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let Value::Object(wanted) = capabilities(&profile.path().display().to_string()) else {
            panic!("capabilities are an object")
        };
        let client = builder.capabilities(wanted).connect(&address).await.unwrap();
        Some(Self { client, driver, _profile: profile })
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text of an element.
    pub async fn text(&self, id: &str) -> String {
        let text = self.script(&format!("return document.getElementById('{id}').textContent")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The number that an element shows.
    pub async fn number(&self, id: &str) -> u64 {
        let text = self.text(id).await;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    /// Waits until an element shows this.
    pub async fn until(&self, id: &str, what: &str, is_so: impl Fn(&str) -> bool) {
        for _ in 0..1_200 {
            if is_so(&self.text(id).await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("waited two minutes until #{id} shows {what}: {:?}", self.text(id).await);
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, parameters: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What was logged since the last time: `browser` is the console, `performance` what it did.
    pub async fn log(&self, kind: &str) -> Vec<Value> {
        self.own("se/log", json!({ "type": kind })).await.as_array().cloned().unwrap_or_default()
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Own { path, body }).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its driver.
        let _ = Command::new("kill").arg("-TERM").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

fn capabilities(profile: &str) -> Value {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--window-size=1280,1000",
        &format!("--user-data-dir={profile}"),
    ];
    json!({
        "browserName": "chrome",
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": { "args": arguments },
    })
}

/// A command that only chromedriver knows.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
