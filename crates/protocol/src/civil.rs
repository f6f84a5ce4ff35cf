//! Days since 1970 as a date, after Howard Hinnant's `civil_from_days`: no table, no branch per month.

use tidings_model::Timestamp;

const MS_PER_DAY: u64 = 86_400_000;

/// A moment in UTC by its parts.
pub(crate) struct Civil {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    pub(crate) millisecond: u64,
    /// 0 is Sunday.
    pub(crate) weekday: usize,
}

impl Civil {
    /// The last millisecond that a year of four digits can hold.
    pub(crate) const LAST: Timestamp = Timestamp(253_402_300_799_999);

    /// The parts of `time`; later moments than [`Civil::LAST`] are that one.
    pub(crate) fn at(time: Timestamp) -> Civil {
        let ms = time.min(Civil::LAST).0;
        let (days, in_day) = (ms / MS_PER_DAY, ms % MS_PER_DAY);
        // Eras of 400 years that begin on a 1st of March, so that the leap day is the last one of a year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Civil {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1_000 % 60,
            millisecond: in_day % 1_000,
            // 1970-01-01 was a Thursday.
            weekday: usize::try_from((days + 4) % 7).expect("below seven"),
        }
    }
}
