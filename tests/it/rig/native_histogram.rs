//! Native histograms for a Prometheus: the protobuf messages of a remote write (prometheus/prompb, `TimeSeries` field 4),
//! written by hand, since no exporter of Debian 12 has them.

use super::prometheus::{field, varint};

/// A histogram that counts since its process began, by exponential buckets of schema 0: the bucket `i` ends at 2^i.
#[derive(Clone, Debug)]
pub(crate) struct NativeSeries<'a> {
    /// The metric's name.
    pub(crate) name: &'a str,
    /// Further labels, in any order.
    pub(crate) labels: Vec<(&'a str, &'a str)>,
    /// The number of the first bucket.
    pub(crate) first: i32,
    /// What each bucket has counted, with its time in milliseconds since 1970, oldest first.
    pub(crate) samples: Vec<(Vec<u64>, i64)>,
}

impl NativeSeries<'_> {
    /// The histograms of the series, as fields of its message.
    pub(super) fn fields(&self) -> Vec<u8> {
        let samples = self.samples.iter();
        samples.flat_map(|(counts, at)| field(4, &self.histogram(counts, *at))).collect()
    }

    fn histogram(&self, counts: &[u64], time_ms: i64) -> Vec<u8> {
        let double = |number: u8, value: f64| {
            let mut bytes = vec![number << 3 | 1];
            bytes.extend(value.to_le_bytes());
            bytes
        };
        let number = |number: u8, value: u64| {
            let mut bytes = vec![number << 3];
            bytes.extend(varint(value));
            bytes
        };
        let total: u64 = counts.iter().sum();
        let mut span = number(1, zigzag(i64::from(self.first)));
        span.extend(number(2, counts.len() as u64));
        let mut last = 0;
        let mut deltas = Vec::new();
        for count in counts {
            let count = count.cast_signed();
            deltas.extend(varint(zigzag(count - last)));
            last = count;
        }
        [
            number(1, total),
            double(3, 1.0),
            double(5, 1e-128),
            number(6, 0),
            field(11, &span),
            field(12, &deltas),
            number(15, time_ms.cast_unsigned()),
        ]
        .concat()
    }
}

/// A signed number as protobuf's `sint` types write it.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
