//! Where a replay moves a partition to: the options of `kafka-consumer-groups --reset-offsets`, clamped to what the
//! topic has. Pure.

use chrono::{DateTime, Duration, Utc};

use super::when::told;

/// Where to, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// The first record that is left.
    Earliest,
    /// The end.
    Latest,
    /// Where the group is; adopts what another tool has set.
    Current,
    /// Where the stage's own checkpoint is: the target's for loading.
    Checkpoint,
    /// This offset, of every partition.
    Offset(i64),
    /// So many on from where the group is; back if negative.
    ShiftBy(i64),
    /// The first record that was written then or later.
    DateTime(DateTime<Utc>),
    /// The first record that was written so long ago or later, counted from the plan's time.
    Duration(Duration),
}

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What the group has committed, or where the stage would start without that.
    pub current: i64,
    /// Where the stage's own checkpoint is.
    pub checkpoint: i64,
    /// The first offset that is left.
    pub start: i64,
    /// The end.
    pub end: i64,
    /// The first offset at the time that was asked for; none where nothing was written since.
    pub at_time: Option<i64>,
}

/// What comes of it for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The new offset.
    pub new: i64,
    /// What was asked for and can't be had.
    pub warning: Option<String>,
    /// Records that were asked for, or that the stage has yet to read, are gone.
    pub gap: Option<Gap>,
}

/// Offsets that retention has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub from: i64,
    /// The first one that is left.
    pub to: i64,
}

impl To {
    /// The time in milliseconds since 1970 that the topics are to be asked for.
    pub fn time_ms(&self, now: DateTime<Utc>) -> Option<i64> {
        self.instant(now).map(|at| at.timestamp_millis())
    }

    /// The instant that is meant, resolved.
    pub fn instant(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            To::DateTime(at) => Some(*at),
            To::Duration(ago) => Some(now.checked_sub_signed(*ago).unwrap_or(DateTime::<Utc>::MIN_UTC)),
            _ => None,
        }
    }

    /// In words, for the plan.
    pub fn told(&self, now: DateTime<Utc>) -> String {
        let at = self.instant(now).map(told).unwrap_or_default();
        match self {
            To::Earliest => "to the earliest".to_owned(),
            To::Latest => "to the latest".to_owned(),
            To::Current => "to where the group is".to_owned(),
            To::Checkpoint => "to the stage's own checkpoint".to_owned(),
            To::Offset(offset) => format!("to offset {offset}"),
            To::ShiftBy(by) => format!("shifted by {by}"),
            To::DateTime(_) => format!("to {at}"),
            To::Duration(_) => format!("back to {at}"),
        }
    }

    /// The new offset of a partition.
    pub fn resolve(&self, known: &Known) -> Target {
        let asked = match self {
            // All of it: that some of it is gone is a gap.
            To::Earliest => 0,
            To::Latest => known.end,
            To::Current => known.current,
            To::Checkpoint => known.checkpoint,
            To::Offset(offset) => *offset,
            To::ShiftBy(by) => known.current.saturating_add(*by),
            // What was written at that time may be among what is gone.
            To::DateTime(_) | To::Duration(_) => match known.at_time {
                Some(offset) if offset <= known.start => 0,
                Some(offset) => offset,
                None => known.end,
            },
        };
        let new = asked.clamp(known.start, known.end.max(known.start));
        let gap =
            (known.start > 0 && asked < known.start).then_some(Gap { from: asked.max(0), to: known.start });
        Target { new, warning: self.warning(asked, new, known), gap }
    }

    fn warning(&self, asked: i64, new: i64, known: &Known) -> Option<String> {
        match self {
            To::Earliest | To::Latest => None,
            To::DateTime(_) | To::Duration(_) if known.at_time.is_none() && known.end > known.start => {
                Some("nothing was written since that time: moved to the end".to_owned())
            }
            To::DateTime(_) | To::Duration(_) => None,
            _ if asked < new => Some(format!("{asked} is before the first offset: moved to {new}")),
            _ if asked > new => Some(format!("{asked} is behind the end: moved to {new}")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: Known = Known { current: 40, checkpoint: 35, start: 0, end: 50, at_time: Some(20) };

    fn new(to: &To, known: &Known) -> (i64, bool, bool) {
        let found = to.resolve(known);
        (found.new, found.warning.is_some(), found.gap.is_some())
    }

    #[test]
    fn every_option_leads_where_kafkas_tool_leads() {
        let long_ago = To::DateTime(DateTime::<Utc>::MIN_UTC);
        for (to, expected) in [
            (To::Earliest, (0, false, false)),
            (To::Latest, (50, false, false)),
            (To::Current, (40, false, false)),
            (To::Checkpoint, (35, false, false)),
            (To::Offset(7), (7, false, false)),
            (To::Offset(-1), (0, true, false)),
            (To::Offset(51), (50, true, false)),
            (To::ShiftBy(-10), (30, false, false)),
            (To::ShiftBy(-100), (0, true, false)),
            (To::ShiftBy(100), (50, true, false)),
            (To::ShiftBy(i64::MIN), (0, true, false)),
            (long_ago.clone(), (20, false, false)),
            (To::Duration(Duration::days(1)), (20, false, false)),
        ] {
            assert_eq!(new(&to, &KNOWN), expected, "{to:?}");
        }
        assert_eq!(new(&long_ago, &Known { at_time: None, ..KNOWN }), (50, true, false));
        assert_eq!(new(&long_ago, &Known { at_time: None, end: 0, current: 0, ..KNOWN }), (0, false, false));
    }

    #[test]
    fn what_retention_has_removed_is_a_gap() {
        let cut = Known { start: 10, ..KNOWN };
        for (to, expected) in [
            (To::Earliest, (10, false, true)),
            (To::Offset(10), (10, false, false)),
            (To::Offset(9), (10, true, true)),
            (To::ShiftBy(-31), (10, true, true)),
            (To::Current, (40, false, false)),
            (To::Latest, (50, false, false)),
            (To::DateTime(DateTime::<Utc>::MIN_UTC), (20, false, false)),
        ] {
            assert_eq!(new(&to, &cut), expected, "{to:?}");
        }
        let at_the_cut = Known { at_time: Some(10), ..cut };
        assert_eq!(new(&To::DateTime(DateTime::<Utc>::MIN_UTC), &at_the_cut), (10, false, true));
        let unread = Known { current: 5, ..cut };
        assert_eq!(new(&To::Current, &unread), (10, true, true));
        assert_eq!(To::Current.resolve(&unread).gap, Some(Gap { from: 5, to: 10 }));
        assert_eq!(new(&To::Earliest, &Known { start: 50, ..KNOWN }), (50, false, true));
    }

    proptest! {
        #[test]
        fn the_new_offset_is_one_that_the_topic_has(
            current in -5i64..100, start in 0i64..50, length in 0i64..50, at in prop::option::of(0i64..100), by in -200i64..200, which in 0u8..8
        ) {
            let known = Known { current, checkpoint: current, start, end: start + length, at_time: at };
            let to = match which {
                0 => To::Earliest,
                1 => To::Latest,
                2 => To::Current,
                3 => To::Checkpoint,
                4 => To::Offset(by),
                5 => To::ShiftBy(by),
                6 => To::DateTime(DateTime::<Utc>::MIN_UTC),
                _ => To::Duration(Duration::seconds(by)),
            };
            let found = to.resolve(&known);
            prop_assert!((known.start..=known.end).contains(&found.new));
            prop_assert!(found.gap.is_none_or(|gap| gap.to == start && gap.from < start));
            prop_assert!(start > 0 || found.gap.is_none());
        }
    }
}
