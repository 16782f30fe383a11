use clap::{CommandFactory, Parser};

use super::*;

#[test]
fn the_definitions_are_sound() {
    Typed::command().debug_assert();
}

#[test]
fn the_documented_ways_to_type_are_understood() {
    for line in [
        "check --types Podcast,HAS_EPISODE",
        "test --output json",
        "migrate-schema --target-version 1.1.0 --dry-run",
        "migrate-schema --target-version 0.0.0 --execute",
        "migrate-schema --undo --dry-run",
        "migrate-schema --resume --target-version 1.1.0",
        "schema status --output json",
        "schema validate",
        "schema repair --execute",
        "backup-marker --to-path /backup",
        "rollback --target-date 2026-01-31T12:00:00+01:00 --types Podcast",
        "rollback --target-date 2026-01-31 --execute --with-schema",
        "migrate-data --new-pass --batch-size 100 --config other.toml -vv",
        "extract --new-pass --until-drained",
        "transform --until-drained",
        "load --until-drained --batch-size 1 --log-format json",
        "status --watch --interval 5",
        "dead-letters list --reason orphaned,too_large --state open",
        "dead-letters show --key e1 --at regraft.raw.episode:0:17",
        "dead-letters export --output json --file letters.jsonl",
        "runs list",
        "runs show 0198",
    ] {
        let typed = Typed::try_parse_from(std::iter::once("regraft").chain(line.split(' ')));
        assert!(typed.is_ok(), "{line}: {typed:?}");
    }
}

#[test]
fn nonsense_is_refused_with_exit_code_2() {
    for line in [
        "migrate-data --batch-size 0",
        "migrate-schema --target-version one",
        "migrate-schema --dry-run --execute",
        "migrate-schema --resume --undo",
        "schema",
        "dead-letters list --reason wrong",
        "dead-letters list --at x",
        "status --interval 5",
        "rollback",
        "rollback --target-date yesterday --execute",
        "check --output yaml",
        "runs",
    ] {
        let typed = Typed::try_parse_from(std::iter::once("regraft").chain(line.split(' ')));
        assert_eq!(typed.map_err(|error| error.exit_code()).err(), Some(2), "{line}");
    }
}
