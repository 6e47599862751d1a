// SPDX-License-Identifier: Apache-2.0
//! How soon it is over when it is over.

use super::bins::Record;
use super::ideal::Ideal;

/// For every moment at which a perfect gate serves every request again after it could not: the time
/// until the run does, and keeps doing so for two bins. The mean of `1 / (1 + t/5 s)`; none without
/// such a moment.
pub(super) fn recovery(record: &Record, ideal: &Ideal) -> Option<f64> {
    let bins: Vec<_> = record.scored().collect();
    let whole = |nth: usize| {
        let best: f64 = ideal.bins[nth].succeeded.iter().sum();
        (best, best >= 0.95 * f64::from(bins[nth].offers()).max(1.0))
    };
    // Chance may take two sigma from what is expected.
    let is_well = |nth: usize| {
        let (best, _) = whole(nth);
        f64::from(bins[nth].successes()) >= 0.9 * best - 2.0 * libm::sqrt(best)
    };
    let (mut sum, mut count) = (0.0, 0.0);
    let mut troubled = false;
    for nth in 0..bins.len() {
        if bins[nth].offers() == 0 {
            continue;
        }
        let (_, all) = whole(nth);
        if !all {
            let (best, offers) = (whole(nth).0, f64::from(bins[nth].offers()));
            troubled |= best < 0.85 * offers;
        } else if troubled {
            troubled = false;
            let end = (nth..bins.len())
                .find(|later| is_well(*later) && (later + 1 >= bins.len() || is_well(later + 1)));
            let bins_until = end.unwrap_or(bins.len()) - nth;
            sum += 1.0 / (1.0 + bins_until as f64 * record.width() / 5.0);
            count += 1.0;
        }
    }
    (count > 0.0).then(|| sum / count)
}
