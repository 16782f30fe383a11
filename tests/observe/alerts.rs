//! The alerts: promtool checks and tests them, and each has its section in the runbook.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::installed;
use crate::support::project;

/// An alert.
pub struct Alert {
    pub name: String,
    pub expression: String,
    pub runbook: String,
}

/// All of them.
pub fn alerts() -> Vec<Alert> {
    let text = fs::read_to_string(project().join("prometheus/alerts.yml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |rule: &Value| Alert {
        name: text(&rule["alert"]),
        expression: text(&rule["expr"]),
        runbook: text(&rule["annotations"]["runbook"]),
    };
    rules["groups"][0]["rules"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn promtool_accepts_configuration_and_rules_and_their_tests_pass() {
    let Some(promtool) = installed("promtool", "prometheus") else { return };
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(project().join("prometheus"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {}:\n{said}", arguments.join(" "));
    }
}

#[test]
fn every_alert_is_tested_and_has_a_section_in_the_runbook() {
    let tests = fs::read_to_string(project().join("prometheus/alerts.test.yml")).unwrap();
    let runbook = fs::read_to_string(project().join("docs/runbook.md")).unwrap();
    let sections: Vec<&str> = runbook.split("\n## ").skip(1).collect();
    let alerts = alerts();
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname: {}\n", alert.name)), "{} is not tested", alert.name);
        assert_eq!(alert.runbook, format!("docs/runbook.md#{}", alert.name.to_lowercase()));
        let section = sections.iter().find(|section| section.lines().next() == Some(alert.name.as_str()));
        let section = section.unwrap_or_else(|| panic!("{} has no section", alert.name));
        for part in ["**What it means.**", "**Look at.**", "**Type.**", "```"] {
            assert!(section.contains(part), "{} has no {part}", alert.name);
        }
    }
    let named = sections.iter().filter(|section| section.starts_with("Regraft")).count();
    assert_eq!(named, alerts.len(), "a section of an alert that is no more");
}
