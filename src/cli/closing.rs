//! The last sentences of a run: what this process did, and whether that was all there is to do.

use std::time::Duration;

use super::numbers::{counted, duration, rate};
use crate::checkpoint::Stage;
use crate::status::RunReport;

pub(super) fn closing(report: &RunReport) -> String {
    let seconds = Duration::try_from_secs_f64(report.seconds).unwrap_or_default();
    let time = duration(seconds);
    if report.pipelines.is_empty() {
        return format!("Nothing was begun ({time}).");
    }
    format!("{} {}", done(report, &time), standing(report))
}

/// What this process alone did.
fn done(report: &RunReport, time: &str) -> String {
    if report.done_here == 0 {
        return match report.last_stage {
            Stage::Extract => format!("Nothing was read ({time})."),
            Stage::Transform => format!("Nothing was transformed ({time})."),
            Stage::Load if report.is_through() => {
                format!("Nothing was left to do; nothing was written ({time}).")
            }
            Stage::Load => format!("Nothing was written ({time})."),
        };
    }
    let records = counted(report.done_here, "record", "records");
    let done = match report.last_stage {
        Stage::Extract => " read",
        Stage::Transform => " transformed",
        Stage::Load => "",
    };
    format!("{records}{done} in {time} ({}).", rate(report.records_per_second))
}

/// Where the pipelines stand, by whatever process.
fn standing(report: &RunReport) -> String {
    let open = match report.last_stage {
        Stage::Extract if report.is_through() => return "The source is read to its end.".to_owned(),
        Stage::Transform if report.is_through() => {
            return "Everything that was read is transformed.".to_owned();
        }
        Stage::Load if report.is_through() => return "Every record is accounted for.".to_owned(),
        _ if !report.is_extracted() => "The source was not read to its end",
        Stage::Load => "Some records are still on their way",
        Stage::Extract | Stage::Transform => "Not everything that was read is transformed",
    };
    match report.failed {
        // What failed says itself what to do.
        true => format!("{open}."),
        false => format!("{open}: start again to finish."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::PipelineReport;

    fn report(last_stage: Stage, done_here: u64, pipeline: PipelineReport) -> RunReport {
        RunReport::new(vec![pipeline], last_stage, done_here, Duration::from_secs(1))
    }

    fn read(read: u64, transformed: u64, loaded: u64) -> PipelineReport {
        PipelineReport { pass: 1, extracted: true, read, transformed, loaded, ..PipelineReport::default() }
    }

    #[test]
    fn each_stage_speaks_of_its_own_work() {
        let extracted = closing(&report(Stage::Extract, 3_000, read(3_000, 0, 0)));
        assert_eq!(extracted, "3,000 records read in 1.0 s (3,000/s). The source is read to its end.");
        let again = closing(&report(Stage::Extract, 0, read(3_000, 0, 0)));
        assert_eq!(again, "Nothing was read (1.0 s). The source is read to its end.");
        let transformed = closing(&report(Stage::Transform, 1_000, read(3_000, 3_000, 0)));
        assert_eq!(
            transformed,
            "1,000 records transformed in 1.0 s (1,000/s). Everything that was read is transformed."
        );
        let open = closing(&report(Stage::Transform, 0, read(3_000, 2_000, 0)));
        assert_eq!(
            open,
            "Nothing was transformed (1.0 s). Not everything that was read is transformed: start again to finish."
        );
        let loaded = closing(&report(Stage::Load, 1_000, read(3_000, 3_000, 3_000)));
        assert_eq!(loaded, "1,000 records in 1.0 s (1,000/s). Every record is accounted for.");
    }

    #[test]
    fn a_pass_that_was_not_read_to_its_end_is_not_closed_at_any_stage() {
        let half = PipelineReport { extracted: false, ..read(2_100, 2_100, 2_100) };
        for stage in [Stage::Extract, Stage::Transform, Stage::Load] {
            let said = closing(&report(stage, 0, half.clone()));
            assert!(said.ends_with(". The source was not read to its end: start again to finish."), "{said}");
        }
    }

    #[test]
    fn what_failed_gives_the_advice_itself() {
        let failed = RunReport { failed: true, ..report(Stage::Load, 7, read(3_000, 3_000, 7)) };
        assert_eq!(closing(&failed), "7 records in 1.0 s (7.0/s). Some records are still on their way.");
    }

    #[test]
    fn a_run_with_nothing_to_do_says_so_and_one_that_never_began_too() {
        let nothing = closing(&report(Stage::Load, 0, read(7, 7, 7)));
        assert_eq!(
            nothing,
            "Nothing was left to do; nothing was written (1.0 s). Every record is accounted for."
        );
        assert_eq!(closing(&RunReport::default()), "Nothing was begun (0.0 s).");
    }
}
