//! "Everything of it is through": one pure decision for both *drained* and the fence of a missing end.
//!
//! A pipeline is through when extraction of its newest started pass ended, then transformation has committed
//! up to the raw ends read after that, then loading up to the model ends read after that. Each end is taken
//! only once the step before it is done, so that nothing can slip in between. Offsets, not end-of-pass
//! markers: what the checkpoints and watermarks say already needs no second mechanism.

use std::collections::BTreeMap;

/// Next offset by partition.
pub type Ends = BTreeMap<i32, i64>;

/// What was observed of one pipeline that can emit into the awaited one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmitterObservation {
    /// Its name.
    pub pipeline: String,
    /// Its newest started pass and whether extraction of it has ended; none if it was never started.
    pub extraction: Option<(u32, bool)>,
    /// Rows that extraction has written.
    pub rows_read: u64,
    /// High watermarks of its raw topic, in the uncommitted view (an open transaction must not hide records).
    pub raw_ends: Ends,
    /// What transformation has committed.
    pub transformed: Ends,
}

/// What was observed at one moment of all that leads to a pipeline's rows in the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The awaited pipeline.
    pub pipeline: String,
    /// Itself, and every pipeline that derives records for it.
    pub emitters: Vec<EmitterObservation>,
    /// High watermarks of its model topic, in the uncommitted view.
    pub model_ends: Ends,
    /// What loading has committed in the target.
    pub loaded: Ends,
}

/// How far the wait for a pipeline is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// For extraction of every emitter to end.
    Extraction,
    /// For transformation to reach these raw ends, by emitter.
    Transform(BTreeMap<String, Ends>),
    /// For loading to reach these model ends.
    Load(Ends),
    /// Nothing is left that could still come.
    Passed,
}

impl Fence {
    /// The next step of the wait, given what was observed *after* this step was reached.
    ///
    /// One call moves at most one step: the ends of a step are read after the step before it was seen done.
    pub fn observe(self, seen: &Observation) -> Fence {
        match self {
            Fence::Extraction if seen.is_extracted() => {
                let ends = seen.emitters.iter().map(|each| (each.pipeline.clone(), each.raw_ends.clone()));
                Fence::Transform(ends.collect())
            }
            Fence::Transform(ends) if seen.is_transformed(&ends) => Fence::Load(seen.model_ends.clone()),
            Fence::Load(_) if self.is_passed_by(seen) => Fence::Passed,
            waiting => waiting,
        }
    }

    /// Whether the raw ends are what the next step needs.
    pub fn asks_for_raw_ends(&self, seen: &Observation) -> bool {
        matches!(self, Fence::Extraction) && seen.is_extracted()
    }

    /// Whether the model ends are what the next step needs.
    pub fn asks_for_model_ends(&self, seen: &Observation) -> bool {
        matches!(self, Fence::Transform(ends) if seen.is_transformed(ends))
    }

    /// Whether what was observed leaves nothing to wait for.
    pub fn is_passed_by(&self, seen: &Observation) -> bool {
        matches!(self, Fence::Load(ends) if reached(&seen.loaded, ends))
    }

    /// What it waits for, for people.
    pub fn waiting_for(&self, seen: &Observation) -> String {
        match self {
            Fence::Extraction => {
                let open = seen.emitters.iter().filter(|each| !each.is_extracted()).map(|each| {
                    match each.extraction {
                        None => format!("extraction of `{}`, which was never started", each.pipeline),
                        Some((pass, _)) => format!("extraction of `{}`, pass {pass}", each.pipeline),
                    }
                });
                open.collect::<Vec<_>>().join(" and ")
            }
            Fence::Transform(ends) => {
                let open = seen.emitters.iter().filter(|each| !each.reached(ends)).map(|each| {
                    let behind = ends.get(&each.pipeline).map_or(0, |ends| behind(&each.transformed, ends));
                    format!("transform of `{}` ({behind} offsets behind)", each.pipeline)
                });
                open.collect::<Vec<_>>().join(" and ")
            }
            Fence::Load(ends) => {
                format!("load of `{}` ({} offsets behind)", seen.pipeline, behind(&seen.loaded, ends))
            }
            Fence::Passed => "nothing".into(),
        }
    }
}

impl EmitterObservation {
    fn is_extracted(&self) -> bool {
        self.extraction.is_some_and(|(_, ended)| ended)
    }

    fn reached(&self, ends: &BTreeMap<String, Ends>) -> bool {
        ends.get(&self.pipeline).is_some_and(|ends| reached(&self.transformed, ends))
    }
}

impl Observation {
    fn is_extracted(&self) -> bool {
        self.emitters.iter().all(EmitterObservation::is_extracted)
    }

    fn is_transformed(&self, ends: &BTreeMap<String, Ends>) -> bool {
        self.emitters.iter().all(|each| each.reached(ends))
    }

    /// A number that changes whenever anything moves on: as long as it does, waiting is worth while.
    pub fn progress(&self) -> i64 {
        let offsets = |ends: &Ends| ends.values().sum::<i64>();
        let emitters = self.emitters.iter().map(|each| {
            let passes = each.extraction.map_or(0, |(pass, ended)| i64::from(pass) * 2 + i64::from(ended));
            offsets(&each.transformed) + passes + i64::try_from(each.rows_read).unwrap_or(i64::MAX / 4)
        });
        emitters.sum::<i64>() + offsets(&self.loaded)
    }
}

/// Whether every partition is at or past its end. A partition that nothing was written to has the end 0.
fn reached(committed: &Ends, ends: &Ends) -> bool {
    ends.iter().all(|(partition, end)| committed.get(partition).copied().unwrap_or(0) >= *end)
}

fn behind(committed: &Ends, ends: &Ends) -> i64 {
    ends.iter().map(|(partition, end)| (end - committed.get(partition).copied().unwrap_or(0)).max(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ended: Option<bool>, raw: i64, transformed: i64, model: i64, loaded: i64) -> Observation {
        let ends = |offset| Ends::from([(0, offset)]);
        Observation {
            pipeline: "b".into(),
            emitters: vec![EmitterObservation {
                pipeline: "a".into(),
                extraction: ended.map(|ended| (1, ended)),
                rows_read: 0,
                raw_ends: ends(raw),
                transformed: ends(transformed),
            }],
            model_ends: ends(model),
            loaded: ends(loaded),
        }
    }

    /// What is asked for, of raw ends, model ends, and what is loaded now.
    fn asks(fence: &Fence, seen: &Observation) -> [bool; 3] {
        [fence.asks_for_raw_ends(seen), fence.asks_for_model_ends(seen), fence.is_passed_by(seen)]
    }

    #[test]
    fn a_step_asks_for_its_ends_once_the_step_before_is_done() {
        let (open, ended) = (seen(Some(false), 9, 9, 7, 7), seen(Some(true), 9, 8, 7, 6));
        let through = seen(Some(true), 9, 9, 7, 7);
        let transform = Fence::Extraction.observe(&ended);
        let load = transform.clone().observe(&through);
        assert_eq!(asks(&Fence::Extraction, &open), [false; 3]);
        assert_eq!(asks(&Fence::Extraction, &ended), [true, false, false]);
        assert_eq!(asks(&transform, &ended), [false; 3]);
        assert_eq!(asks(&transform, &through), [false, true, false]);
        assert_eq!(asks(&load, &ended), [false; 3]);
        assert_eq!(asks(&load, &through), [false, false, true]);
        assert_eq!(asks(&Fence::Passed, &through), [false; 3]);
    }

    #[test]
    fn an_end_is_taken_only_after_the_step_before_it() {
        // Transform is level with raw while extraction still writes: that must not count.
        let fence = Fence::Extraction.observe(&seen(Some(false), 5, 5, 3, 3));
        assert_eq!(fence, Fence::Extraction);
        let fence = fence.observe(&seen(Some(true), 9, 5, 3, 3));
        assert_eq!(fence, Fence::Transform(BTreeMap::from([("a".into(), Ends::from([(0, 9)]))])));
        let fence = fence.observe(&seen(Some(true), 9, 8, 3, 3));
        assert!(matches!(fence, Fence::Transform(_)));
        let fence = fence.observe(&seen(Some(true), 9, 9, 7, 3));
        assert_eq!(fence, Fence::Load(Ends::from([(0, 7)])));
        let fence = fence.observe(&seen(Some(true), 9, 9, 7, 6));
        assert!(matches!(fence, Fence::Load(_)));
        assert_eq!(fence.observe(&seen(Some(true), 9, 9, 7, 7)), Fence::Passed);
    }

    #[test]
    fn a_pipeline_that_was_never_started_is_named_and_makes_no_progress() {
        let never = seen(None, 0, 0, 0, 0);
        let fence = Fence::Extraction.observe(&never);
        assert_eq!(fence.waiting_for(&never), "extraction of `a`, which was never started");
        assert_eq!(never.progress(), seen(None, 0, 0, 0, 0).progress());
        assert_ne!(never.progress(), seen(Some(false), 0, 0, 0, 0).progress());
    }

    #[test]
    fn an_empty_pipeline_is_through_at_once() {
        let empty = Observation {
            pipeline: "b".into(),
            emitters: vec![EmitterObservation {
                pipeline: "b".into(),
                extraction: Some((1, true)),
                raw_ends: Ends::from([(0, 0)]),
                ..EmitterObservation::default()
            }],
            model_ends: Ends::from([(0, 0)]),
            loaded: Ends::new(),
        };
        let fence = Fence::Extraction.observe(&empty).observe(&empty).observe(&empty);
        assert_eq!(fence, Fence::Passed);
    }
}
