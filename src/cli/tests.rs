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
        "replay --to-earliest --stage transform --types episode --execute --then-run",
        "replay --shift-by -100 --topic regraft.model.episode:0,1 --topic regraft.raw.episode",
        "replay --to-offset 5 --stage transform,load --dry-run",
        "replay --to-datetime 2026-01-31T12:00:00.000 --allow-gap",
        "replay --by-duration PT1H --export",
        "replay --from-file offsets.csv --execute",
        "replay --to-checkpoint --stage load --execute",
        "replay --export",
        "dead-letters list --reason orphaned,too_large --state open",
        "dead-letters show --key e1 --at regraft.raw.episode:0:17",
        "dead-letters export --output json --file letters.jsonl",
        "dead-letters replay --types Episode --reason rule_violated --execute --with-relationships --then-run",
        "dead-letters replay --key e1 --older-than P1D --newer-than 90d --limit 5",
        "dead-letters resolve --reason too_large --comment known --execute",
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
        "replay --to-earliest --to-latest",
        "replay --to-earliest --stage extract",
        "replay --to-earliest --execute --dry-run",
        "replay --to-earliest --then-run",
        "replay --to-datetime soon",
        "replay --by-duration P1M",
        "replay --to-latest --topic :0",
        "dead-letters list --reason wrong",
        "dead-letters list --at x",
        "dead-letters resolve --reason too_large",
        "dead-letters replay --then-run",
        "dead-letters replay --older-than soon",
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
