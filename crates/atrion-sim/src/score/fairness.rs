// SPDX-License-Identifier: Apache-2.0

/// Jain's index over the shares of their requests that users got answered, without the variance
/// that a fair coin for each request would leave. Users with few requests say nothing.
pub(crate) fn fairness(users: &[(u32, u32)]) -> f64 {
    let (mut n, mut sum, mut square, mut chance) = (0.0, 0.0, 0.0, 0.0);
    for (requests, answers) in users {
        if *requests < FEW {
            continue;
        }
        let share = (f64::from(*answers) / f64::from(*requests)).min(1.0);
        n += 1.0;
        sum += share;
        square += share * share;
        chance += 1.0 / f64::from(*requests);
    }
    if n < 2.0 || sum <= 0.0 {
        return 1.0;
    }
    let mean = sum / n;
    let variance = (square / n - mean * mean).max(0.0);
    let excess = (variance - mean * (1.0 - mean) * chance / n).max(0.0);
    mean * mean / (mean * mean + excess)
}

const FEW: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_fair_and_half_of_the_users_is_a_half() {
        assert!((fairness(&[(100, 50); 40]) - 1.0).abs() < 1e-9);
        let halves: Vec<_> = (0..40).map(|nth| (100, if nth % 2 == 0 { 100 } else { 0 })).collect();
        assert!((fairness(&halves) - 0.5).abs() < 0.01);
    }
}
