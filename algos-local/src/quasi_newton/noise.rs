//! How exact losses are, and over which interval differences of them mean something.

use moths_core::Result;

use crate::Oracle;

/// Points beside x of one estimate, and estimates.
const POINTS: usize = 8;
const ESTIMATES: usize = 5;
/// How much farther or closer the points of the next are.
const FACTOR: f64 = 100.0;

/// The interval, relative to max(1, |x_i|), that makes the error of a forward difference the least; `None`: no noise is seen.
pub(super) fn interval(x: &[f64], f: f64, first: f64, oracle: &mut Oracle<'_>) -> Result<Option<f64>> {
    let along: Vec<f64> = x.iter().enumerate().map(|(i, x)| inwards(oracle, i, *x)).collect();
    let mut spacing = first;
    for _ in 0..ESTIMATES {
        let mut losses = vec![f];
        losses.extend(losses_along(x, &along, spacing, POINTS, oracle)?);
        let most_equal = losses.windows(2).filter(|pair| pair[0] == pair[1]).count() > POINTS / 2;
        if most_equal {
            spacing *= FACTOR;
        } else if let Some(noise) = of_differences(losses) {
            return Ok(Some(over(x, f, &along, noise, oracle)?.max(spacing)));
        } else {
            spacing /= FACTOR;
        }
    }
    Ok(None)
}

/// max(1, |x_i|), away from the farther wall; 0 where there is one value.
fn inwards(oracle: &Oracle<'_>, i: usize, x: f64) -> f64 {
    let (lower, upper) = oracle.room().interval(i);
    let size = if oracle.room().is_fixed(i) { 0.0 } else { x.abs().max(1.0) };
    if upper - x < x - lower { -size } else { size }
}

/// Losses at x + k spacing along, k = 1..n.
fn losses_along(x: &[f64], along: &[f64], spacing: f64, n: usize, oracle: &mut Oracle<'_>) -> Result<Vec<f64>> {
    let at = |k: usize| x.iter().zip(along).map(move |(x, u)| x + k as f64 * spacing * u);
    let mut points: Vec<f64> = (1..=n).flat_map(at).collect();
    Ok(oracle.losses(&mut points)?.to_vec())
}

/// The deviation of the noise, from the table of differences: that of the first order at which three agree and signs change.
fn of_differences(mut table: Vec<f64>) -> Option<f64> {
    let (mut levels, mut change, mut gamma) = (vec![], vec![], 1.0);
    for k in 1..POINTS - 1 {
        table = table.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gamma *= k as f64 / (2.0 * (2.0 * k as f64 - 1.0));
        levels.push((gamma * table.iter().map(|t| t * t).sum::<f64>() / table.len() as f64).sqrt());
        change.push(table.iter().any(|t| *t > 0.0) && table.iter().any(|t| *t < 0.0));
    }
    let agree = |three: &[f64]| {
        let (least, most) = three.iter().fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), x| (a.min(*x), b.max(*x)));
        most.is_finite() && most <= 4.0 * least
    };
    levels.windows(3).zip(change).find(|(three, change)| *change && agree(three)).map(|(three, _)| three[0]).filter(|n| *n > 0.0)
}

/// 8^(1/4) √(ε/μ) for the mean curvature μ of a coordinate.
fn over(x: &[f64], f: f64, along: &[f64], noise: f64, oracle: &mut Oracle<'_>) -> Result<f64> {
    let spacing = (noise / f.abs().max(noise)).sqrt().sqrt();
    let losses = losses_along(x, along, spacing, 2, oracle)?;
    let bend = (f - 2.0 * losses[0] + losses[1]).abs();
    let curvature = bend.max(noise) / (spacing * spacing * x.len() as f64);
    let interval = 8f64.sqrt().sqrt() * (noise / curvature).sqrt();
    Ok(if interval.is_finite() { interval.clamp(f64::EPSILON, 0.1) } else { 0.0 })
}
