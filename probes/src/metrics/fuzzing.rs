//! Metrics as targets expose them, and selectors of them, for `fuzz/`.

use super::exposition::{self, Format};
use super::quantile::Buckets;
use super::selector::Selector;
use crate::fuzzing::{Parser, said, text};

pub(crate) const PARSERS: &[Parser] = &[
    ("metrics_open", |bytes| said(exposition::read(bytes, Format::OpenMetrics, |_| true))),
    ("metrics_text", |bytes| said(exposition::read(bytes, Format::Text, |_| true))),
    ("metrics_quantile", |bytes| {
        let (bounds, _) = bytes.as_chunks::<16>();
        let float = |half: &[u8]| half.first_chunk().map_or(0.0, |b| f64::from_be_bytes(*b));
        let pairs = bounds.iter().map(|both| (float(&both[..8]), float(&both[8..])));
        if let Ok(buckets) = Buckets::read(pairs) {
            said([0.0, 0.5, 0.99, 1.0].map(|q| buckets.readings(q, Some(0.5))));
        }
    }),
    ("metrics_selector", |bytes| {
        if let Ok(selector) = Selector::parse(&text(bytes)) {
            let shown = selector.to_string();
            let again = Selector::parse(&shown).map(|selector| selector.to_string());
            assert_eq!(again.as_ref(), Ok(&shown), "what is shown is read again");
            said(selector.compile());
        }
    }),
];
