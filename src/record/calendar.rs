//! The proleptic Gregorian calendar for as many years as Neo4j knows, which is more than date libraries do.

/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilDate {
    /// Astronomical year: 0 is 1 BC.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
}

impl CivilDate {
    /// The date, if there is such a day.
    pub fn new(year: i64, month: u32, day: u32) -> Option<Self> {
        ((1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day)).then_some(Self {
            year,
            month,
            day,
        })
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        // Years that begin in March put the leap day last; 400 of them always have the same length.
        let year = if self.month <= 2 { self.year.saturating_sub(1) } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = i64::from((self.month + 9) % 12);
        let day_of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era.saturating_mul(146_097).saturating_add(day_of_era).saturating_sub(719_468)
    }

    /// The date that many days after 1970-01-01.
    pub fn from_days(days: i64) -> Self {
        let days = days.saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (year_shift, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
        let small = |number: i64| u32::try_from(number).unwrap_or(1);
        Self { year: year_of_era + era * 400 + year_shift, month: small(month), day: small(day) }
    }
}

/// Day of the week of a day since 1970-01-01; 0 is Monday.
pub fn weekday(days: i64) -> usize {
    usize::try_from((days.rem_euclid(7) + 3) % 7).unwrap_or(0)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn impossible_days_are_none() {
        for (year, month, day) in [(2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 1, 0)] {
            assert_eq!(CivilDate::new(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(CivilDate::new(2000, 2, 29).is_some());
    }

    proptest! {
        #[test]
        fn days_agree_with_chrono(days in -95_000_000i32..95_000_000) {
            let date = CivilDate::from_days(days.into());
            let theirs = NaiveDate::from_epoch_days(days).unwrap();
            prop_assert_eq!((date.year, date.month, date.day), (theirs.year().into(), theirs.month(), theirs.day()));
            prop_assert_eq!(weekday(days.into()), theirs.weekday().num_days_from_monday() as usize);
        }

        #[test]
        fn days_come_back(days in -400_000_000_000i64..400_000_000_000) {
            prop_assert_eq!(CivilDate::from_days(days).days(), days);
        }
    }
}
