//! What one client has spent in a period of the calendar.

use super::estimate::Cost;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A stretch of the calendar, in UTC, after which a budget starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to that of the next.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Returns the word that the configuration uses.
    pub fn label(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Returns when the period that `utc` lies in begins and when the next
    /// one does; all in seconds since 1970.
    pub fn bounds(self, utc: u64) -> (u64, u64) {
        let today = utc / DAY;
        let days = |first: u64, next: u64| (first * DAY, next.saturating_mul(DAY));
        match self {
            Self::Hour => (utc - utc % HOUR, (utc - utc % HOUR).saturating_add(HOUR)),
            Self::Day => days(today, today + 1),
            Self::Week => {
                // 1970 began with a Thursday.
                let next = today + 7 - (today + 3) % 7;
                days(next.saturating_sub(7), next)
            }
            Self::Month => {
                let (year, month) = month_of(today);
                let next = match month {
                    12 => first_of(year + 1, 1),
                    _ => first_of(year, month + 1),
                };
                days(first_of(year, month), next)
            }
        }
    }
}

/// Returns year and month of a day, counted from 1970-01-01.
///
/// # Source
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`: years begin in March, in eras of 400 years.
fn month_of(day: u64) -> (u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let year = year + era * 400;
    match month {
        0..=9 => (year, month + 3),
        _ => (year + 1, month - 9),
    }
}

/// Returns the first day of a month, counted from 1970-01-01.
///
/// # Source
///
/// As [`month_of`], `days_from_civil`.
fn first_of(year: u64, month: u64) -> u64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// How much money may be spent in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The most of it.
    pub most: Cost,
    /// How often it starts anew.
    pub per: Period,
}

/// A budget that a request does not fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdrawn {
    /// What was spent in this period.
    pub spent: Cost,
    /// When the next one begins, in seconds since 1970; `None` if the request
    /// may fit as soon as those under way have ended.
    pub until: Option<u64>,
}

/// Money spent in the present period of every kind, and money reserved for
/// requests under way.
///
/// All kinds are counted, whatever the budget asks for: another one is held
/// to what was spent before, and none is forgiven by a detour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spending {
    /// By period, in the order in which they are declared.
    sums: [Sum; Period::ALL.len()],
    reserved: Cost,
}

/// What was spent in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Sum {
    /// When the period began, in seconds since 1970.
    since: u64,
    spent: Cost,
}

impl Sum {
    /// Returns what was spent in the period that begins at `start`, or in a
    /// later one: a clock that goes back does not bring spent money back.
    fn from(self, start: u64) -> Cost {
        if self.since < start {
            Cost::ZERO
        } else {
            self.spent
        }
    }
}

impl Spending {
    /// Returns what was spent in the period of `per` that `utc` lies in.
    pub fn spent(&self, per: Period, utc: u64) -> Cost {
        let (start, _) = per.bounds(utc);
        self.sums[per as usize].from(start)
    }

    /// Reserves `cost`.
    ///
    /// # Errors
    ///
    /// [`Overdrawn`] if `budget` has not as much left.
    pub fn reserve(&mut self, budget: Budget, cost: Cost, utc: u64) -> Result<(), Overdrawn> {
        let spent = self.spent(budget.per, utc);
        if spent + self.reserved + cost > budget.most {
            let fits_later = spent + cost <= budget.most && self.reserved > Cost::ZERO;
            let (_, next) = budget.per.bounds(utc);
            return Err(Overdrawn {
                spent,
                until: (!fits_later).then_some(next),
            });
        }
        self.reserved = self.reserved + cost;
        Ok(())
    }

    /// Reserves `cost` where there is no budget.
    pub fn reserve_freely(&mut self, cost: Cost) {
        self.reserved = self.reserved + cost;
    }

    /// Counts `used` in place of what was `reserved`, in the periods that `utc`
    /// lies in.
    pub fn settle(&mut self, reserved: Cost, used: Cost, utc: u64) {
        self.reserved = self.reserved.without(reserved);
        for (per, sum) in Period::ALL.into_iter().zip(&mut self.sums) {
            let (start, _) = per.bounds(utc);
            *sum = Sum {
                since: sum.since.max(start),
                spent: sum.from(start) + used,
            };
        }
    }
}

#[cfg(test)]
mod tests;
