//! Where a value stands on an axis, and which values are marked on it.

/// An axis from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Equal differences are equally long.
    Linear {
        /// The value at its beginning.
        from: f64,
        /// The value at its end.
        to: f64,
    },
    /// Equal ratios are equally long. Both are above 0.
    Log {
        /// The value at its beginning.
        from: f64,
        /// The value at its end.
        to: f64,
    },
}

/// From which ratio between the largest and the smallest value on an axis is logarithmic.
const RATIO_OF_LOG: f64 = 20.0;

/// How many marks an axis has, about.
const TICKS: f64 = 5.0;

/// No axis has more, whatever its ends are.
const TICKS_MAX: u16 = 20;

impl Scale {
    /// From 0 to a round value, or logarithmic where the values span more.
    pub(super) fn fitting(values: impl Iterator<Item = f64> + Clone) -> Scale {
        let (least, most) = bounds(values);
        if 0.0 < least && RATIO_OF_LOG < most / least { Scale::log(least, most) } else { Scale::linear(most) }
    }

    /// From 0 to a round value at or above `most`.
    pub(super) fn linear(most: f64) -> Scale {
        let most = if most.is_finite() && 0.0 < most { most } else { 1.0 };
        let step = linear_step(most);
        Scale::Linear { from: 0.0, to: (most / step - 1e-9).ceil() * step }
    }

    /// Between round values around both.
    pub(super) fn log(least: f64, most: f64) -> Scale {
        // No values have no bounds: their axis is as good as any.
        let is_positive = |value: f64| value.is_finite() && 0.0 < value;
        let least = if is_positive(least) { least } else { 1.0 };
        let most = if is_positive(most) { most.max(least * 1.000_1) } else { least * 10.0 };
        let from = rounds(least).rev().find(|round| *round <= least * 1.000_001);
        let to = rounds(most).find(|round| most <= *round * 1.000_001);
        let (from, to) = (from.unwrap_or(least), to.unwrap_or(most));
        Scale::Log { from, to: if from < to { to } else { from * 10.0 } }
    }

    /// 0 at the beginning and 1 at the end; what lies outside stands at the border.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { from, to } => (value.max(from) / from).ln() / (to / from).ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values at its beginning and its end.
    pub(super) fn ends(self) -> (f64, f64) {
        match self {
            Scale::Linear { from, to } | Scale::Log { from, to } => (from, to),
        }
    }

    /// The values that are marked.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Scale::Linear { from, to } => {
                let step = linear_step(to - from);
                let ticks = (0..=TICKS_MAX).map(|index| from + f64::from(index) * step);
                ticks.take_while(|value| *value <= to + step * 1e-6).collect()
            }
            Scale::Log { from, to } => {
                let is_long = 100.0 < to / from;
                let inside = |value: &f64| from * 0.999_999 <= *value && *value <= to * 1.000_001;
                let decade = |value: f64| (value.log10() - value.log10().round()).abs() < 1e-6;
                let all = rounds(from)
                    .chain(rounds(to * 10.0))
                    .filter(inside)
                    .filter(|value| !is_long || decade(*value));
                let mut ticks: Vec<f64> = all.collect();
                ticks.sort_by(f64::total_cmp);
                ticks.dedup_by(|one, two| (*one / *two - 1.0).abs() < 1e-6);
                fill(from, to, ticks)
            }
        }
    }
}

/// Decades between those that were found: an axis may be longer than both ends' surroundings.
fn fill(from: f64, to: f64, mut ticks: Vec<f64>) -> Vec<f64> {
    let first = from.log10().ceil();
    let decades = (0..=TICKS_MAX).map(|index| 10_f64.powf(first + f64::from(index)));
    for decade in decades.take_while(|decade| *decade <= to * 1.000_001) {
        if ticks.iter().all(|tick| 1e-6 < (tick / decade - 1.0).abs()) {
            ticks.push(decade);
        }
    }
    ticks.sort_by(f64::total_cmp);
    ticks
}

/// 1, 2 and 5 times the powers of ten about a value, ascending.
fn rounds(value: f64) -> impl DoubleEndedIterator<Item = f64> {
    let power = value.log10().floor();
    (-1..=1)
        .flat_map(move |offset| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powf(power + f64::from(offset))))
}

fn linear_step(range: f64) -> f64 {
    let rough = range / TICKS;
    rounds(rough).find(|round| rough <= *round * 1.000_001).unwrap_or(rough)
}

/// The smallest and the largest of the values that are above 0; 0 and 0 where there are none.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values = values.filter(|value| value.is_finite() && 0.0 < *value);
    let (least, most) =
        values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    if least.is_finite() { (least, most) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_begins_at_0_and_ends_round() {
        assert_eq!(Scale::linear(987.0).ticks(), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(Scale::linear(1_000.0), Scale::Linear { from: 0.0, to: 1_000.0 });
        assert_eq!(Scale::linear(0.0).ticks().len(), 6, "nothing is shown on an axis to 1");
        assert_eq!(Scale::linear(f64::NAN).ticks().len(), 6);
    }

    #[test]
    fn a_long_axis_has_decades_and_a_short_one_more() {
        let close = |ticks: Vec<f64>, expected: &[f64]| {
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            assert!(
                ticks.iter().zip(expected).all(|(tick, expected)| (tick / expected - 1.0).abs() < 1e-6),
                "{ticks:?}"
            );
        };
        close(Scale::log(0.7, 30_000.0).ticks(), &[1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        close(Scale::log(125.0, 500.0).ticks(), &[100.0, 200.0, 500.0]);
        close(Scale::log(3.0, 3.0).ticks(), &[2.0, 5.0]);
    }

    #[test]
    fn no_values_have_an_axis_too() {
        for (least, most) in [(f64::INFINITY, 0.0), (0.0, 0.0), (f64::NAN, f64::NAN), (1e-300, 1e300)] {
            let ticks = Scale::log(least, most).ticks();
            assert!(!ticks.is_empty() && ticks.len() <= 40, "{least} to {most}: {ticks:?}");
        }
    }

    #[test]
    fn values_stand_where_they_belong() {
        assert!((Scale::Log { from: 1.0, to: 100.0 }.place(10.0) - 0.5).abs() < 1e-9);
        assert!((Scale::linear(10.0).place(2.5) - 0.25).abs() < 1e-9);
        assert!(Scale::linear(10.0).place(11.0) <= 1.0);
        assert!(matches!(Scale::fitting([1.0, 30.0].into_iter()), Scale::Log { .. }));
        assert!(matches!(Scale::fitting([1.0, 3.0].into_iter()), Scale::Linear { .. }));
        assert!(matches!(Scale::fitting([].into_iter()), Scale::Linear { .. }));
    }
}
