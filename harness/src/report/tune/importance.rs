//! How much of the losses a setting explains by itself.
//!
//! ```text
//! r_i   the rank of the loss of trial i, 1..n, of those that were not stopped; equal ones share the mean of theirs, and those that failed are last
//! B     groups of trials of like values: one for each of at most 8 values; of more, and of reals, quantiles, √n of them but 2 to 8
//! η²    = Σ_b n_b (r̄_b − r̄)² / Σ_i (r_i − r̄)²
//! ε²    = max(0, 1 − (1 − η²) (n − 1)/(n − B))
//! ```
//!
//! Ranks, so that one enormous loss is not everything. ε² is η² without what chance explains (Kelley 1935, doi:10.1073/pnas.21.9.554): 0 of a setting that
//! does not matter. What settings do only together with others is not in it, and as a search looks more closely where it is good, it tells of the trials
//! that there are, and not of the whole space, as fANOVA would.

use crate::tune::Trial;

/// Values of their own group.
const VALUES: usize = 8;

/// ε² of the places of trials on an axis, and their losses; `None` of too few trials to tell.
pub(super) fn explained(places: &[f64], trials: &[&Trial]) -> Option<f64> {
    let (ranks, groups) = (ranks(trials), groups(places));
    let (n, count) = (ranks.len(), groups.iter().max().map_or(0, |last| last + 1));
    if n < count + 2 || count < 2 {
        return None;
    }
    let mean = ranks.iter().sum::<f64>() / n as f64;
    let (mut sums, mut sizes) = (vec![0.0; count], vec![0.0; count]);
    for (group, rank) in groups.iter().zip(&ranks) {
        sums[*group] += rank - mean;
        sizes[*group] += 1.0;
    }
    let between: f64 = sums.iter().zip(&sizes).map(|(sum, size)| sum * sum / size).sum();
    let all: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    let chance = (n - 1) as f64 / (n - count) as f64;
    (all > 0.0).then(|| (1.0 - (1.0 - between / all) * chance).clamp(0.0, 1.0))
}

fn ranks(trials: &[&Trial]) -> Vec<f64> {
    let loss = |trial: &Trial| trial.loss.unwrap_or(f64::INFINITY);
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|&i, &j| loss(trials[i]).total_cmp(&loss(trials[j])));
    let mut ranks = vec![0.0; trials.len()];
    let mut from = 0;
    while from < order.len() {
        let same = order[from..].iter().take_while(|&&i| loss(trials[i]) == loss(trials[order[from]])).count();
        let shared = from as f64 + (same + 1) as f64 / 2.0;
        order[from..from + same].iter().for_each(|&i| ranks[i] = shared);
        from += same;
    }
    ranks
}

/// To which group each belongs, from 0 on, none of them empty.
fn groups(places: &[f64]) -> Vec<usize> {
    let mut sorted = places.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut ends = sorted.clone();
    ends.dedup();
    if ends.len() > VALUES {
        let count = (places.len() as f64).sqrt().floor().clamp(2.0, VALUES as f64) as usize;
        ends = (1..=count).map(|b| sorted[b * sorted.len() / count - 1]).collect();
        ends.dedup();
    }
    places.iter().map(|x| ends.partition_point(|end| end < x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(loss: Option<f64>) -> Trial {
        let failed = loss.is_none().then(String::new);
        Trial { trial: 1, settings: Default::default(), loss, failed, seconds: 0.0, asked: None, stopped: false, losses: vec![] }
    }

    #[test]
    fn what_decides_explains_all_and_what_does_not_nothing() {
        let trials: Vec<Trial> = (0..60).map(|i| trial(Some(f64::from(i % 3)))).collect();
        let trials: Vec<&Trial> = trials.iter().collect();
        let of = |place: &dyn Fn(usize) -> f64| explained(&(0..60).map(place).collect::<Vec<_>>(), &trials).expect("enough");
        assert!(of(&|i| (i % 3) as f64) > 0.999);
        assert_eq!(of(&|i| (i / 3 % 2) as f64), 0.0);
        assert_eq!(of(&|i| (i / 3) as f64), 0.0, "quantiles of twenty values");
        assert_eq!(explained(&[1.0; 60], &trials), None, "one value");
        assert_eq!(explained(&[0.0, 1.0, 0.0], &trials[..3]), None, "too few");
    }

    /// Two groups of three with ranks 1 2 3½ and 3½ 5 6: means 13/6 and 29/6 around 7/2, so η² = 6 (4/3)² / 17 = 32/51.
    #[test]
    fn ranks_are_shared_and_failures_last() {
        let losses = [Some(1.0), Some(2.0), Some(4.0), Some(4.0), Some(9.0), None];
        let trials: Vec<Trial> = losses.into_iter().map(trial).collect();
        let trials: Vec<&Trial> = trials.iter().collect();
        assert_eq!(ranks(&trials), [1.0, 2.0, 3.5, 3.5, 5.0, 6.0]);
        let share = explained(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], &trials).expect("enough");
        assert!((share - (1.0 - (1.0 - 32.0 / 51.0) * 5.0 / 4.0)).abs() < 1e-12, "{share}");
        assert_eq!(groups(&(0..100).map(f64::from).collect::<Vec<_>>()).iter().max(), Some(&7));
    }
}
