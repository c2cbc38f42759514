//! How much each particle has to say: e^{−α f}, and the α at which a wanted number of particles count.

/// −α (f_j − min f) of each loss; −∞ for those that failed, or lie further above than any number.
pub(super) fn logarithms(losses: &[f64], alpha: f64) -> Vec<f64> {
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let logarithm = |above: f64| if above.is_finite() { -alpha * above } else { f64::NEG_INFINITY };
    losses.iter().map(|loss| logarithm(loss - lowest)).collect()
}

/// e^l_j / Σ e^l_j; `None` where all are −∞.
pub(super) fn normalised(logarithms: &[f64]) -> Option<Vec<f64>> {
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return None;
    }
    let weights: Vec<f64> = logarithms.iter().map(|l| libm::exp(l - most)).collect();
    let sum: f64 = weights.iter().sum();
    Some(weights.into_iter().map(|w| w / sum).collect())
}

/// The α at which (Σ e^{−α f})² / Σ e^{−2 α f}, the effective number of losses, is this share of those that did not fail.
///
/// It falls from all of them at α = 0 to those that share the lowest loss: where these are more than were wanted, α is the highest that is
/// looked at. A bisection on ln α, in units of the extent of the losses.
pub(super) fn alpha(losses: &[f64], share: f64) -> f64 {
    let finite = || losses.iter().copied().filter(|loss| loss.is_finite());
    let (lowest, highest) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), loss| (a.min(loss), b.max(loss)));
    let extent = highest - lowest;
    // Losses may lie further apart than the largest number: then none of them is a measure.
    if !extent.is_finite() || extent <= 0.0 {
        return 0.0;
    }
    let wanted = (share * finite().count() as f64).max(1.0);
    let effective = |alpha: f64| {
        let (mut sum, mut squares) = (0.0, 0.0);
        for loss in finite() {
            let weight = libm::exp(-alpha * ((loss - lowest) / extent));
            sum += weight;
            squares += weight * weight;
        }
        sum * sum / squares
    };
    let (mut low, mut high) = (-12.0, 36.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if effective(libm::exp(middle)) > wanted { low = middle } else { high = middle }
    }
    (libm::exp(0.5 * (low + high)) / extent).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(losses: &[f64], alpha: f64) -> f64 {
        let weights = normalised(&logarithms(losses, alpha)).unwrap();
        1.0 / weights.iter().map(|w| w * w).sum::<f64>()
    }

    #[test]
    fn as_many_count_as_are_wanted() {
        let losses: Vec<f64> = (0..50).map(|k| 1e6 + 1e-3 * (k * k % 41) as f64).chain([f64::INFINITY]).collect();
        for share in [0.1, 0.5, 0.9] {
            let counted = effective(&losses, alpha(&losses, share));
            assert!((counted - 50.0 * share).abs() < 1e-6, "{share}: {counted}");
        }
        assert!((effective(&losses, alpha(&losses, 1.0)) - 50.0).abs() < 1e-3);
    }

    #[test]
    fn what_cannot_be_is_met_as_near_as_it_can() {
        assert_eq!(alpha(&[2.0, 2.0], 0.5), 0.0);
        assert_eq!(alpha(&[f64::INFINITY], 0.5), 0.0);
        assert_eq!(alpha(&[-f64::MAX, f64::MAX], 0.5), 0.0);
        let tied = [0.0, 0.0, 0.0, 1.0];
        assert!((effective(&tied, alpha(&tied, 0.1)) - 3.0).abs() < 1e-9);
        assert_eq!(normalised(&logarithms(&[f64::INFINITY; 2], 1.0)), None);
        assert_eq!(normalised(&logarithms(&[1e300, -1e300], 1e7)), Some(vec![0.0, 1.0]));
        assert_eq!(normalised(&logarithms(&[f64::MAX, -f64::MAX], 0.0)), Some(vec![0.0, 1.0]));
    }
}
