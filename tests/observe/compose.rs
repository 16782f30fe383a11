//! docker-compose.yml: by its specification, by Docker where it is, and by what the other stack of the same versions has.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use compose_spec::Compose;
use serde_json::Value;

use crate::support::project;

fn text() -> String {
    fs::read_to_string(project().join("docker-compose.yml")).unwrap()
}

/// `${NAME:-default}` as where no variable is set; `$$` is a dollar.
fn interpolated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').unwrap() + at;
        let (name, default) = rest[at + 2..end].split_once(":-").unwrap_or((&rest[at + 2..end], ""));
        assert!(name.starts_with("REGRAFT_"), "{name} has a prefix of its own");
        out.push_str(default);
        rest = &rest[end + 1..];
    }
    (out + rest).replace("$$", "$")
}

fn compose() -> Value {
    serde_saphyr::from_str(&interpolated(&text())).unwrap()
}

#[test]
fn it_is_what_the_specification_says() {
    let compose: Compose = serde_json::from_value(compose()).unwrap();
    compose.validate_all().unwrap();
    let services: Vec<String> = compose.services.keys().map(ToString::to_string).collect();
    for service in
        ["kafka", "source", "target", "schema", "extract", "transform", "load", "prometheus", "grafana"]
    {
        assert!(services.iter().any(|known| known == service), "{service} is not among {services:?}");
    }
}

/// Cargo refuses to build from a manifest that declares a target which is not there.
#[test]
fn the_build_context_has_all_that_the_image_is_built_from() {
    let ignored = fs::read_to_string(project().join(".dockerignore")).unwrap();
    let in_context = |path: &str| {
        let mut taken = ignored.lines().filter_map(|line| line.strip_prefix('!'));
        taken.any(|taken| path == taken || path.starts_with(&format!("{taken}/")))
    };
    let mut cargo = Command::new(env!("CARGO"));
    let cargo =
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]).current_dir(project());
    let metadata: Value = serde_json::from_slice(&cargo.output().unwrap().stdout).unwrap();
    let targets = metadata["packages"][0]["targets"].as_array().unwrap();
    assert!(targets.iter().any(|target| target["kind"][0] == "bench"), "{targets:?}");
    // Tests are found, not declared.
    for target in targets.iter().filter(|target| target["kind"][0] != "test") {
        let path = target["src_path"].as_str().unwrap();
        let path = path.strip_prefix(project().to_str().unwrap()).unwrap().trim_start_matches('/');
        assert!(in_context(path), "{path} of {target}");
    }
    let dockerfile = fs::read_to_string(project().join("Dockerfile")).unwrap();
    let copied = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    for source in copied.filter_map(|line| line.split(' ').next()).filter(|source| !source.starts_with("--"))
    {
        assert!(source == "." || in_context(source), "COPY {source}");
    }
}

#[test]
fn docker_accepts_it_where_there_is_one_with_compose() {
    let compose = |arguments: &[&str]| {
        Command::new("docker").arg("compose").args(arguments).current_dir(project()).output()
    };
    if !compose(&["version"]).is_ok_and(|output| output.status.success()) {
        eprintln!("\n==== SKIPPED: there is no docker with compose here ====\n");
        return;
    }
    let output = compose(&["--profile", "sample", "config", "--quiet"]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_is_pinned_on_loopback_and_without_a_password() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        match service["image"].as_str() {
            Some(image) => {
                let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag"));
                let version = tag.trim_start_matches('v').split('-').next().unwrap();
                let numbers: Vec<&str> = version.split('.').collect();
                assert!(
                    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok()),
                    "{name}: {image}"
                );
            }
            None => assert!(service["build"].is_object(), "{name} has neither image nor build"),
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for (key, value) in service["environment"].as_object().into_iter().flatten() {
            let secret = key.to_uppercase().contains("PASSWORD");
            assert!(!secret || key.to_uppercase().ends_with("_FILE"), "{name}: {key} = {value}");
        }
        let one_shot = service["restart"] == "no";
        assert!(one_shot || service["healthcheck"].is_object(), "{name} has no check of its health");
    }
    for volume in compose["volumes"].as_object().unwrap().keys() {
        assert!(text().contains(&format!("- {volume}:/")), "the volume {volume} is used by nobody");
    }
}

/// What the container's start script makes of its environment, against the files that the stack without Docker uses.
#[test]
fn kafka_and_neo4j_are_set_as_in_the_stack_that_the_tests_run_on() {
    let compose = compose();
    let environment = |service: &str| -> BTreeMap<String, String> {
        let of = &compose["services"][service]["environment"];
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        of.as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
    };
    let kafka = environment("kafka");
    let kafka: BTreeMap<String, String> = kafka
        .iter()
        .filter_map(|(key, value)| {
            Some((key.strip_prefix("KAFKA_")?.to_lowercase().replace('_', "."), value.clone()))
        })
        .collect();
    same(
        "dev/kafka/server.properties",
        &kafka,
        &["listener.security.protocol.map", "inter.broker.listener.name", "log.dirs"],
    );
    for service in ["source", "target"] {
        let neo4j: BTreeMap<String, String> = environment(service)
            .iter()
            .filter_map(|(key, value)| {
                let name = key.strip_prefix("NEO4J_")?.replace("__", "\u{0}").replace('_', ".");
                Some((name.replace('\u{0}', "_"), value.clone()))
            })
            .collect();
        same(
            "dev/neo4j/neo4j.conf",
            &neo4j,
            &[
                "server.default_listen_address",
                "server.default_advertised_address",
                "server.http.enabled",
                "server.https.enabled",
            ],
        );
    }
    for (service, pom) in [("kafka", "kafka"), ("source", "neo4j")] {
        let image = compose["services"][service]["image"].as_str().unwrap();
        let tag = image.rsplit_once(':').unwrap().1.trim_end_matches("-community");
        let pom = fs::read_to_string(project().join(format!("dev/{pom}/pom.xml"))).unwrap();
        let version = pom.split("<version>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(version, tag, "{image}");
    }
}

/// Every setting of the file is in the container's, but those that a container has otherwise.
fn same(file: &str, container: &BTreeMap<String, String>, otherwise: &[&str]) {
    let text = fs::read_to_string(project().join(file)).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (key, value) = line.split_once('=').unwrap();
        if !otherwise.contains(&key) {
            let found = container.get(key).map(String::as_str);
            assert!(
                found.is_some_and(|found| found.eq_ignore_ascii_case(value)),
                "{file}: {line}; {found:?}"
            );
        }
    }
}

/// What the services mount and run is there.
#[test]
fn what_it_mounts_is_in_the_repository() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let from = volume.as_str().unwrap().split(':').next().unwrap();
            if let Some(path) = from.strip_prefix("./") {
                assert!(project().join(path).exists(), "{name}: {from} does not exist");
            }
        }
        if let Some(dockerfile) = service["build"]["dockerfile"].as_str() {
            assert!(project().join(dockerfile).exists(), "{name}: {dockerfile}");
        }
    }
    let prometheus = fs::read_to_string(project().join("prometheus/prometheus.yml")).unwrap();
    let prometheus: Value = serde_saphyr::from_str(&prometheus).unwrap();
    let asked = prometheus["scrape_configs"][0]["dns_sd_configs"][0]["names"].as_array().unwrap();
    for service in ["extract", "transform", "load", "verify"] {
        assert!(compose["services"][service].is_object() && asked.iter().any(|name| name == service));
    }
    let source =
        fs::read_to_string(project().join("grafana/provisioning/datasources/prometheus.yaml")).unwrap();
    assert!(source.contains("http://prometheus:9090"));
}
