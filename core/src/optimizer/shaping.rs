//! From losses to what selection uses: ranks, utilities, weights.

/// The candidates from best to worst. Ties stay in order, failed candidates (+∞) come last.
pub fn order(losses: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    order
}

/// Centred ranks in [−½, ½], the lowest loss −½: rank/(n − 1) − ½. Equal losses share the mean of their ranks.
///
/// Invariant under strictly increasing transforms of the loss (Salimans et al. 2017, arXiv:1703.03864).
pub fn centred_ranks(losses: &[f64]) -> Vec<f64> {
    let order = order(losses);
    let mut ranks = vec![0.0; losses.len()];
    let last = (losses.len().max(2) - 1) as f64;
    let mut from = 0;
    while from < order.len() {
        let tied = order[from..].iter().take_while(|&&i| losses[i] == losses[order[from]]).count();
        let mean = from as f64 + (tied - 1) as f64 / 2.0;
        order[from..from + tied].iter().for_each(|&i| ranks[i] = mean / last - 0.5);
        from += tied;
    }
    ranks
}

/// The recombination weights of CMA-ES for the μ = ⌊λ/2⌋ best of λ candidates: wᵢ ∝ ln((λ + 1)/2) − ln i, summing to 1
/// (Hansen 2016, arXiv:1604.00772, eq. 49, positive part).
pub fn recombination_weights(lambda: usize) -> Vec<f64> {
    let weights: Vec<f64> = (1..=lambda / 2).map(|i| libm::log((lambda as f64 + 1.0) / 2.0) - libm::log(i as f64)).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// The variance effective selection mass μ_eff = (Σw)² / Σw².
pub fn effective_mass(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    sum * sum / weights.iter().map(|w| w * w).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centred_ranks_share_ties_and_put_failures_last() {
        assert_eq!(centred_ranks(&[3.0, 1.0, 2.0]), [0.5, -0.5, 0.0]);
        assert_eq!(centred_ranks(&[1.0, 1.0, f64::INFINITY]), [-0.25, -0.25, 0.5]);
        assert_eq!(centred_ranks(&[7.0]), [-0.5]);
    }

    #[test]
    fn recombination_weights_fall_and_sum_to_one() {
        let weights = recombination_weights(10);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!(weights.windows(2).all(|w| w[0] > w[1]) && weights.len() == 5);
        // The tutorial's example: λ = 10 has μ_eff = 3.2.
        assert!((effective_mass(&weights) - 3.17).abs() < 0.01);
    }
}
