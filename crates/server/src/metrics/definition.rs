//! The form of one metric's definition, and the macro that turns a table of them into a struct.

use super::instrument::{Kind, Merge, Unit};

/// What is known of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) merge: Merge,
    pub(crate) labels: &'static [&'static str],
    pub(crate) label_values: fn(usize) -> Vec<&'static str>,
    /// How many combinations of labels there are.
    pub(crate) count: usize,
    /// One sentence or more, for an operator.
    pub(crate) doc: &'static str,
}

/// A table of metrics: it can be read as numbers, and says what they are.
pub(crate) trait Table {
    /// Every metric, in the order of the documentation.
    const DEFINITIONS: &'static [Definition];

    /// The numbers of every metric, in that order.
    fn read(&self) -> Vec<Vec<u64>>;
}

/// Defines a table: one line for each metric, with its name and its documentation.
macro_rules! metrics {
    (
        $(#[$of_struct:meta])* $visibility:vis struct $table:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $instrument:ty = $name:literal,)+
        }
    ) => {
        $(#[$of_struct])*
        #[derive(Debug, Default)]
        #[repr(align(128))] // So that no two workers write to one line of a cache.
        $visibility struct $table {
            $($(#[doc = $doc])+ pub(crate) $field: $instrument,)+
        }

        impl $crate::metrics::definition::Table for $table {
            const DEFINITIONS: &'static [$crate::metrics::definition::Definition] = &[$(
                $crate::metrics::definition::Definition {
                    name: $name,
                    kind: <$instrument as $crate::metrics::instrument::Instrument>::KIND,
                    unit: <$instrument as $crate::metrics::instrument::Instrument>::UNIT,
                    merge: <$instrument as $crate::metrics::instrument::Instrument>::MERGE,
                    labels: <$instrument as $crate::metrics::instrument::Instrument>::LABELS,
                    label_values: <$instrument as $crate::metrics::instrument::Instrument>::label_values,
                    count: <$instrument as $crate::metrics::instrument::Instrument>::COUNT,
                    doc: concat!($($doc),+).trim_ascii(),
                },
            )+];

            fn read(&self) -> Vec<Vec<u64>> {
                vec![$({
                    let mut numbers = Vec::new();
                    $crate::metrics::instrument::Instrument::read(&self.$field, &mut numbers);
                    numbers
                },)+]
            }
        }
    };
}

pub(crate) use metrics;
