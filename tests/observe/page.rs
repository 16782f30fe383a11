//! The live page in a real browser, while a real migration runs.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{TYPES, free_port, of_types, runtime};
use crate::support::{Regraft, Running, Sample, Stack, counts};

#[test]
fn the_page_follows_a_migration_through_a_restart_to_its_totals() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 4);
    let runtime = runtime();
    let Some(browser) = runtime.block_on(Browser::start()) else { return };
    let port = free_port();
    let regraft = Regraft::new(&stack)
        .in_small_steps()
        .with("source.page_size", 10)
        .with("source.rows_per_second", 25)
        .with("metrics.listen", format!("127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}/");

    let mut running = regraft.spawn(&["migrate-data", "--types", TYPES]);
    running.until_it_says("status and metrics");
    let seen = runtime.block_on(async {
        // What the browser itself has loaded so far is none of the page's business.
        browser.log("performance").await;
        browser.client.goto(&url).await.unwrap();
        rises(&browser).await;
        is_usable_by_keyboard(&browser).await;
        fits_a_phone_and_the_dark(&browser).await;
        talks_to_nobody_else(&browser, &url).await;
        browser.number("loaded").await
    });
    restart(&runtime, &browser, &regraft, running, seen);
    runtime.block_on(shows_the_totals(&browser, &of_types(&sample)));
    let page = runtime.block_on(browser.script("return document.body.innerText"));
    shows_no_record(page.as_str().unwrap(), &regraft);
    let ended = regraft.run(&["migrate-data", "--types", TYPES]);
    ended.expect(0);
    assert_eq!(counts(&ended.report()), of_types(&sample));
}

/// The numbers of the page go up while it is looked at.
async fn rises(browser: &Browser) {
    browser.until("connection-text", "that it is live", |text| text == "live").await;
    browser.until("loaded", "a number", |text| text.chars().any(|char| ('1'..='9').contains(&char))).await;
    let first = browser.number("loaded").await;
    browser.until("loaded", "more", |text| number(text) > first).await;
    let rows =
        browser.script("return [...document.querySelectorAll('#rows th')].map(each => each.textContent)");
    let rows = rows.await;
    assert_eq!(rows.as_array().map(Vec::len), Some(3), "{rows}");
    assert_eq!(rows[2], "has_episode", "relationships after nodes: {rows}");
    let stages = browser.script("return document.querySelectorAll('.stage.moving').length").await;
    assert!(stages.as_u64().unwrap() >= 1, "no stage moves");
    let errors: Vec<Value> = browser.log("browser").await;
    assert!(errors.is_empty(), "on the console: {errors:?}");
}

async fn is_usable_by_keyboard(browser: &Browser) {
    let press = async |key: Key| {
        let focused = browser.client.active_element().await.unwrap();
        focused.send_keys(&String::from(char::from(key))).await.unwrap();
    };
    let focused =
        async || browser.script("return document.activeElement.id || document.activeElement.className").await;
    press(Key::Tab).await;
    assert_eq!(focused().await, "skip");
    press(Key::Tab).await;
    assert_eq!(focused().await, "theme");
    let theme = async || browser.script("return document.documentElement.dataset.theme || 'system'").await;
    for expected in ["light", "dark", "system"] {
        press(Key::Enter).await;
        assert_eq!(theme().await, expected);
    }
    press(Key::Tab).await;
    assert_eq!(focused().await, "types", "the table can be scrolled by keys");
}

async fn fits_a_phone_and_the_dark(browser: &Browser) {
    let colour = "return getComputedStyle(document.body).backgroundColor";
    let mut colours = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.chromium("Emulation.setEmulatedMedia", features).await;
        colours.push(browser.script(colour).await);
    }
    assert_ne!(colours[0], colours[1]);
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.chromium("Emulation.setDeviceMetricsOverride", phone).await;
    let widest = "return Math.max(...[...document.querySelectorAll('body *')].filter(each => each.offsetParent) \
                  .map(each => each.getBoundingClientRect().right))";
    let widest = browser.script(widest).await.as_f64().unwrap();
    assert!(widest <= 390.5, "something reaches to {widest}");
    browser.chromium("Emulation.clearDeviceMetricsOverride", json!({})).await;
}

/// Every request went to the worker.
async fn talks_to_nobody_else(browser: &Browser, url: &str) {
    let mut asked = Vec::new();
    for entry in browser.log("performance").await {
        let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        if message["message"]["method"] == "Network.requestWillBeSent" {
            asked.push(message["message"]["params"]["request"]["url"].as_str().unwrap().to_owned());
        }
    }
    for part in ["", "page.css", "page.js", "events", "icon.svg"] {
        assert!(asked.contains(&format!("{url}{part}")), "{part:?} was not asked for: {asked:?}");
    }
    // The browser's own icons (chrome://, data:) go over no network.
    let leaves = |each: &&String| ["http", "ws"].iter().any(|scheme| each.starts_with(scheme));
    let elsewhere: Vec<&String> = asked.iter().filter(leaves).filter(|each| !each.starts_with(url)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

/// The worker is told to stop; the page says so; the next one goes on, and so does the page.
fn restart(
    runtime: &tokio::runtime::Runtime,
    browser: &Browser,
    regraft: &Regraft,
    running: Running,
    seen: u64,
) {
    running.terminate();
    runtime.block_on(browser.until("connection-text", "that it has ended", |text| text == "ended"));
    runtime.block_on(browser.until("banner", "why", |text| text.contains("exit code 3: interrupted")));
    running.wait().expect(3);
    let mut next = regraft.spawn(&["migrate-data", "--types", TYPES]);
    next.until_it_says("status and metrics");
    runtime.block_on(browser.until("connection-text", "that it is live again", |text| text == "live"));
    runtime.block_on(browser.until("loaded", "as much as before", |text| number(text) >= seen));
    next.wait().expect(0);
}

async fn shows_the_totals(browser: &Browser, counts: &Value) {
    browser.until("connection-text", "that it has ended", |text| text == "ended").await;
    assert_eq!(browser.text("percent").await, "100%");
    let pipelines = counts.as_object().unwrap();
    let total = |key: &str| pipelines.values().map(|each| each[key].as_u64().unwrap()).sum::<u64>();
    let dead = pipelines.values().flat_map(|each| each["dead_letters"].as_object().unwrap().values());
    assert_eq!(browser.number("loaded").await, total("loaded"));
    assert_eq!(browser.number("merged").await, total("merged"));
    assert_eq!(browser.number("dead").await, dead.map(|count| count.as_u64().unwrap()).sum::<u64>());
    for (name, expected) in pipelines {
        let row = format!(
            "return [...document.querySelectorAll('#rows tr')].find(row => row.children[0].textContent === '{name}') \
             .children[4].textContent"
        );
        assert_eq!(number(browser.script(&row).await.as_str().unwrap()), expected["loaded"], "{name}");
    }
}

/// Reasons and counts, but no key and no value of any dead letter.
fn shows_no_record(page: &str, regraft: &Regraft) {
    assert!(page.contains("type mismatch") && page.contains("mend the value"), "{page}");
    for letter in regraft.topics().dead_letters() {
        for key in ["key", "start", "end"] {
            let value = letter.text(key);
            assert!(value.is_empty() || !page.contains(value), "{key} {value:?} is on the page");
        }
    }
}

fn number(text: &str) -> u64 {
    text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}
