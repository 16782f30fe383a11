use super::*;

const NOTHING: [(&str, &str); 0] = [];

/// The configuration that a file with `text` and `variables` mean.
fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regraft.toml");
    std::fs::write(&path, text).unwrap();
    Config::from_parts(Some(&path), variables.iter().copied())
}

/// The mistakes, each without the folder of the test.
fn mistakes(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let error = read(text, variables).unwrap_err();
    assert_eq!(error.policy().exit_code, 2);
    let chain = error.chain();
    let lines = chain.last().unwrap().lines().map(|line| {
        line.split_once("regraft.toml").map_or(line.to_owned(), |(_, rest)| format!("regraft.toml{rest}"))
    });
    lines.collect()
}

#[test]
fn the_shipped_file_is_the_defaults_and_documents_every_key() {
    let text = include_str!("../../regraft.toml");
    assert_eq!(read(text, &[]).unwrap(), Config::default());
    assert_eq!(read("", &[]).unwrap(), Config::default());
    let mut section = "";
    let mut documented = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            documented.push(format!("{section}.{}", key.replace('"', "")));
        }
    }
    for key in keys::KEYS.iter().map(|key| key.path) {
        let known = documented.iter().any(|path| path == key || *path == format!("{key}_file"));
        assert!(known, "regraft.toml does not document {key}");
    }
}

#[test]
fn a_variable_beats_the_file_and_the_file_the_default() {
    let text = "[kafka]\ntopic_prefix = \"file\"\npartitions = 7\n[load]\nmax_dead_letters = 12\n";
    let variables = [
        ("REGRAFT__KAFKA__TOPIC_PREFIX", "variable"),
        ("REGRAFT__LOAD__MAX_DEAD_LETTERS", "2.5%"),
        ("REGRAFT__RUN__RETRY_SECONDS", "5"),
        ("REGRAFT__SOURCE__DATABASE", ""),
        ("REGRAFT_LOG", "debug"),
    ];
    let config = read(text, &variables).unwrap();
    assert_eq!(config.kafka.topic_prefix, "variable");
    assert_eq!(config.kafka.partitions, 7);
    assert_eq!(config.load.max_dead_letters.to_string(), "2.5%");
    assert_eq!(config.run.retry, Duration::from_secs(5));
    assert_eq!(config.source.server.database, "neo4j");
}

#[test]
fn a_missing_file_is_an_error_only_where_it_was_named() {
    let error = Config::from_parts(Some(Path::new("no/such.toml")), NOTHING).unwrap_err();
    assert!(error.to_string().contains("no/such.toml"));
    assert!(given::from_file(Path::new("no/such.toml"), false).unwrap().is_empty());
}

#[test]
fn unknown_keys_are_named_with_their_place_and_the_nearest_key() {
    assert_eq!(
        mistakes("[kafka]\n# few\npartitons = 4\n", &[("REGRAFT__LOAD__BATCHSIZE", "1")]),
        [
            "regraft.toml:3: there is no key kafka.partitons; the nearest is kafka.partitions",
            "REGRAFT__LOAD__BATCHSIZE: there is no key load.batchsize; the nearest is REGRAFT__LOAD__BATCH_SIZE",
        ]
    );
    assert_eq!(
        mistakes("brokers = \"x:1\"\n", &[]),
        ["regraft.toml:1: there is no key brokers; the nearest is kafka.brokers"]
    );
    assert_eq!(mistakes("load = 3\n", &[]), ["regraft.toml:1: load is a section, not a key"]);
    assert!(mistakes("[lod]\n", &[])[0].contains("no key lod"));
    assert_eq!(read("[load]\n[kafka.client]\n", &[]).unwrap(), Config::default());
}

#[test]
fn values_of_another_type_say_what_is_expected() {
    let text = "[kafka]\npartitions = \"4\"\n[load]\nconnections = 0\nmax_dead_letters = \"lots\"\n\
                [source]\nuri = \"http://h:1\"\n[metrics]\nlisten = \"9184\"\n";
    let found = mistakes(text, &[("REGRAFT__RUN__RETRY_SECONDS", "soon")]);
    assert_eq!(
        found,
        [
            "regraft.toml:2: kafka.partitions takes a whole number from 1 to 1000; found the text \"4\"",
            "regraft.toml:4: load.connections takes a whole number from 1 to 64; found 0",
            "regraft.toml:5: load.max_dead_letters takes a count such as 100, or a share of the records such as \
             \"1%\" (at most four decimals); found the text \"lots\"",
            "regraft.toml:9: metrics.listen takes an address with a port, such as 127.0.0.1:9184, or off; found \
             the text \"9184\"",
            "REGRAFT__RUN__RETRY_SECONDS: run.retry_seconds takes a whole number from 1 to 604800; found soon",
            "regraft.toml:7: source.uri takes an address such as bolt://127.0.0.1:7687 (schemes: bolt, bolt+s, \
             bolt+ssc, neo4j, neo4j+s, neo4j+ssc); found the text \"http://h:1\"",
        ]
    );
    assert!(read("[kafka\n", &[]).unwrap_err().to_string().contains("as TOML"));
}

#[test]
fn a_secret_comes_from_one_place_and_shows_nowhere() {
    let config =
        read("[source]\npassword_file = \"x\"\n", &[("REGRAFT__SOURCE__PASSWORD", "hunter2")]).unwrap();
    assert_eq!(config.source.server.password.reveal().unwrap(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let both = mistakes("[target]\npassword = \"hunter2\"\npassword_file = \"x\"\n", &[]);
    assert_eq!(
        both,
        ["regraft.toml:3: target.password and target.password_file are both given: leave one out"]
    );
    let unreadable = read("[target]\npassword = \"hunter2\n", &[]).unwrap_err();
    assert!(!unreadable.chain().join("\n").contains("hunter2"), "{unreadable:?}");
    let wrong = mistakes("[target]\npassword = 12345\n", &[]);
    assert_eq!(wrong, ["regraft.toml:2: target.password takes a text; found something else"]);
    assert!(mistakes("[target]\nuri = \"bolt://neo4j:hunter2@h\"\n", &[])[0].contains("keys of their own"));
}

#[test]
fn librdkafka_gets_its_keys_however_they_are_written() {
    let text = "[kafka.client]\nsecurity.protocol = \"ssl\"\n\"socket.keepalive.enable\" = true\n\
                \"sasl.password_file\" = \"kafka-password\"\n";
    let config = read(text, &[("REGRAFT__KAFKA__CLIENT__SECURITY_PROTOCOL", "sasl_ssl")]).unwrap();
    let client = &config.kafka.client;
    assert_eq!(client["security.protocol"].reveal().unwrap(), "sasl_ssl");
    assert_eq!(client["socket.keepalive.enable"].reveal().unwrap(), "true");
    assert_eq!(client["sasl.password"], ClientSetting::Secret(Secret::File("kafka-password".into())));
    let refused = mistakes("[kafka.client]\n\"group.id\" = \"mine\"\n", &[]);
    assert!(
        refused[0].starts_with("regraft.toml:2: kafka.client.group.id belongs to Regraft: "),
        "{refused:?}"
    );
}

#[test]
fn source_and_target_are_never_the_same_database() {
    let same = "[target]\nuri = \"neo4j://LOCALHOST/\"\n";
    assert!(mistakes(same, &[])[0].contains("the same database"));
    assert!(read(same, &[("REGRAFT__TARGET__DATABASE", "modular")]).is_ok());
}

#[test]
fn unverified_certificates_are_warned_of() {
    assert!(Config::default().warnings().is_empty());
    let config = read("[target]\nuri = \"bolt+ssc://h\"\n", &[]).unwrap();
    assert_eq!(config.warnings().len(), 1);
}
