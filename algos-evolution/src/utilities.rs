//! The utilities of natural evolution strategies: what each candidate weighs in an estimated gradient.

use moths_core::{objective::Losses, optimizer::shaping};

/// ŵ_k = max(0, ln(λ/2 + 1) − ln k) of the k-th best of λ candidates.
pub(crate) fn by_rank(lambda: usize) -> Vec<f64> {
    let least = libm::log(lambda as f64 / 2.0 + 1.0);
    (1..=lambda).map(|k| (least - libm::log(k as f64)).max(0.0)).collect()
}

/// ŵ_i, one a candidate: `by_rank` at its rank, and 0 for one that failed, which is as bad as any whatever its rank.
pub(crate) fn raw(losses: &Losses, by_rank: &[f64]) -> Vec<f64> {
    let mut weights = vec![0.0; losses.len()];
    let valid = shaping::order(losses).into_iter().filter(|&i| losses[i].is_finite());
    valid.zip(by_rank).for_each(|(i, w)| weights[i] = *w);
    weights
}

/// u_i = ŵ_i / Σŵ − 1/λ from ŵ: they sum to zero. `None` when all are zero, because all candidates failed.
pub(crate) fn centred(mut weights: Vec<f64>) -> Option<Vec<f64>> {
    let (sum, share) = (weights.iter().sum::<f64>(), 1.0 / weights.len() as f64);
    weights.iter_mut().for_each(|w| *w = *w / sum - share);
    (sum > 0.0).then_some(weights)
}

/// The utilities of Wierstra et al. 2014 (arXiv:1106.4487): [`raw`] weights, [`centred`].
pub(crate) fn of(losses: &Losses, by_rank: &[f64]) -> Option<Vec<f64>> {
    centred(raw(losses, by_rank))
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Batch, Function, Objective, Space};

    #[test]
    fn failed_candidates_weigh_least_and_all_weights_sum_to_zero() {
        let space = Space::real(1).unwrap();
        let mut objective = Function::new(space.clone(), |x| if x[0] > 2.5 { f64::NAN } else { -x[0] });
        let points = candle_core::Tensor::new(&[[0f64], [1.0], [2.0], [3.0], [4.0], [5.0]], space.device()).unwrap();
        let losses = (&mut objective as &mut dyn Objective).losses(&Batch::Dense(points.into())).unwrap();
        let utilities = of(&losses, &by_rank(6)).unwrap();
        // ln 4 − ln {1, 2, 3}, over their sum, less a sixth.
        let sum = 3.0 * 4f64.ln() - 6f64.ln();
        let expected = [(4f64 / 3.0).ln() / sum, 2f64.ln() / sum, 4f64.ln() / sum, 0.0, 0.0, 0.0].map(|w| w - 1.0 / 6.0);
        assert!(utilities.iter().zip(expected).all(|(u, e)| (u - e).abs() < 1e-15), "{utilities:?}");
        assert!(utilities.iter().sum::<f64>().abs() < 1e-15);
    }
}
