//! Linear-quadratic regression: the value of a point as a polynomial of its coordinates.
//!
//! ```text
//! z = W (x − c)                              the coordinates in which the points of the fit have the mean 0 and the deviation 1
//! φ(z) = 1, z_1..z_d [, z_1²..z_d² [, z_i z_j for i < j]]
//! β = argmin Σ_k w_k² (f_k − φ(z_k)·β)²       w_k falls from 20, of the best point, to 1
//! ```
//!
//! A quadratic function is one in any affine coordinates, so that whitening changes nothing but rounding: with W from the covariance of the
//! points the normal equations are as good as a decomposition of the points, however long and thin their cloud has become. What has no
//! products is one in the coordinates of the axes only, and there W is diagonal.

use moths_core::{
    Result,
    tensor::{cholesky::Cholesky, eigen::eigen, products::Products},
};

use super::archive::Archive;

/// The weight of the best point; of the last it is 1.
const MOST_WEIGHT: f64 = 20.0;
/// The part of the archive that a fit looks at.
const BEST: f64 = 0.75;
/// How many points, a coefficient each, a model needs to be taken.
const NEEDED: f64 = 1.1;
/// Of the largest diagonal element: what keeps matrices of points that lie in a plane definite.
const RIDGE: f64 = 1e-12;
/// Of the steepest curvature: less is none.
const UPWARDS: f64 = 1e-10;
/// How often a solution is made exact by what is left of the equations.
const REFINEMENTS: usize = 2;

/// Which terms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Terms {
    /// 1 and z.
    Linear,
    /// Squares too.
    Squares,
    /// Products too.
    Products,
}

impl Terms {
    /// The number of coefficients in `d` dimensions.
    pub(super) fn count(self, d: usize) -> usize {
        match self {
            Self::Linear => 1 + d,
            Self::Squares => 1 + 2 * d,
            Self::Products => 1 + d * (d + 3) / 2,
        }
    }

    /// The richest terms of at most `most` coefficients.
    pub(super) fn richest(d: usize, most: usize) -> Option<Self> {
        [Self::Products, Self::Squares, Self::Linear].into_iter().find(|terms| terms.count(d) <= most)
    }

    /// The richest terms that an archive of `points` supports; `None` where it supports none.
    fn supported(d: usize, points: usize, richest: Self) -> Option<Self> {
        let enough = |terms: Self| BEST * points as f64 >= NEEDED * terms.count(d) as f64;
        let rich = [Self::Products, Self::Squares].into_iter().find(|terms| terms.count(d) <= richest.count(d) && enough(*terms));
        rich.or_else(|| (points > Self::Linear.count(d)).then_some(Self::Linear))
    }

    fn write(self, z: &[f64], row: &mut [f64]) {
        let d = z.len();
        row[0] = 1.0;
        row[1..=d].copy_from_slice(z);
        if self != Self::Linear {
            row[1 + d..=2 * d].iter_mut().zip(z).for_each(|(r, z)| *r = z * z);
        }
        if self == Self::Products {
            let mut at = 1 + 2 * d;
            for i in 0..d {
                row[at..at + d - i - 1].iter_mut().zip(&z[i + 1..]).for_each(|(r, other)| *r = z[i] * other);
                at += d - i - 1;
            }
        }
    }
}

/// A fitted polynomial.
pub(super) struct Model {
    terms: Terms,
    frame: Frame,
    coefficients: Vec<f64>,
    /// The largest |z_i| of the points that it was fitted to.
    reach: f64,
}

impl Model {
    /// To the best points of an archive; `None` where they are too few, or say nothing.
    pub(super) fn fit(archive: &Archive, dim: usize, richest: Terms) -> Result<Option<Self>> {
        let Some(terms) = Terms::supported(dim, archive.len(), richest) else { return Ok(None) };
        let count = terms.count(dim);
        let kept = ((BEST * (archive.len() + 1) as f64) as usize).max(count + 2).min(archive.len());
        let order = &archive.best_first()[..kept];
        let points: Vec<&[f64]> = order.iter().map(|&i| archive.point(i)).collect();
        let Some(frame) = Frame::of(&points, terms)? else { return Ok(None) };
        let mut rows = vec![0.0; kept * count];
        let (mut values, mut reach) = (Vec::with_capacity(kept), 0.0f64);
        for (k, row) in rows.chunks_exact_mut(count).enumerate() {
            let z = frame.inside(points[k]);
            reach = z.iter().fold(reach, |reach, z| reach.max(z.abs()));
            terms.write(&z, row);
            let weight = MOST_WEIGHT + (1.0 - MOST_WEIGHT) * k as f64 / (kept - 1).max(1) as f64;
            row.iter_mut().for_each(|r| *r *= weight);
            values.push(weight * archive.losses()[order[k]]);
        }
        let coefficients = least_squares(&rows, &values, count)?;
        Ok(coefficients.map(|coefficients| Self { terms, frame, coefficients, reach }))
    }

    /// The value of a point.
    pub(super) fn value(&self, point: &[f64]) -> f64 {
        let mut row = vec![0.0; self.coefficients.len()];
        self.terms.write(&self.frame.inside(point), &mut row);
        dot(&row, &self.coefficients)
    }

    /// Where it is lowest, in the directions in which it is curved upwards, as far as the points of the fit reach; `None` of a plane.
    pub(super) fn minimiser(&self) -> Result<Option<Vec<f64>>> {
        let d = self.frame.centre.len();
        let (mut axes, mut curvatures) = (self.hessian(d), vec![0.0; d]);
        if self.terms == Terms::Linear {
            return Ok(None);
        }
        eigen(&mut axes, &mut curvatures)?;
        let steepest = curvatures.iter().fold(0.0f64, |most, c| most.max(c.abs()));
        let slope = &self.coefficients[1..=d];
        if curvatures.iter().all(|curvature| *curvature <= UPWARDS * steepest) {
            return Ok(None);
        }
        let mut z = vec![0.0; d];
        for (axis, curvature) in axes.chunks_exact(d).zip(&curvatures).filter(|(_, c)| **c > UPWARDS * steepest) {
            let along = -dot(axis, slope) / curvature;
            z.iter_mut().zip(axis).for_each(|(z, a)| *z += along * a);
        }
        let farthest = z.iter().fold(0.0f64, |most, z| most.max(z.abs()));
        if farthest > self.reach {
            z.iter_mut().for_each(|z| *z *= self.reach / farthest);
        }
        let point = self.frame.outside(&z);
        Ok(point.iter().all(|x| x.is_finite()).then_some(point))
    }

    /// The matrix of second derivatives by z, \[d, d\].
    fn hessian(&self, d: usize) -> Vec<f64> {
        let mut hessian = vec![0.0; d * d];
        if self.terms != Terms::Linear {
            (0..d).for_each(|i| hessian[i * (d + 1)] = 2.0 * self.coefficients[1 + d + i]);
        }
        if self.terms == Terms::Products {
            let pairs = (0..d).flat_map(|i| (i + 1..d).map(move |j| (i, j)));
            for ((i, j), product) in pairs.zip(&self.coefficients[1 + 2 * d..]) {
                (hessian[i * d + j], hessian[j * d + i]) = (*product, *product);
            }
        }
        hessian
    }
}

/// Coordinates in which points have the mean 0 and the deviation 1: z = L⁻¹ (x − c).
struct Frame {
    centre: Vec<f64>,
    /// L \[d, d\], of which the lower triangle counts.
    factor: Vec<f64>,
}

impl Frame {
    /// `None` where the points are one.
    fn of(points: &[&[f64]], terms: Terms) -> Result<Option<Self>> {
        let (n, d) = (points.len(), points[0].len());
        let mut centre = vec![0.0; d];
        points.iter().for_each(|point| centre.iter_mut().zip(*point).for_each(|(c, x)| *c += x / n as f64));
        let away: Vec<f64> = points.iter().flat_map(|point| point.iter().zip(&centre).map(|(x, c)| x - c)).collect();
        let mut covariance = vec![0.0; d * d];
        for row in away.chunks_exact(d) {
            for i in 0..d {
                let from = if terms == Terms::Products { 0 } else { i };
                (from..=i).for_each(|j| covariance[i * d + j] += row[i] * row[j] / n as f64);
            }
        }
        let most = (0..d).map(|i| covariance[i * (d + 1)]).fold(0.0f64, f64::max);
        // A coordinate in which the points do not differ says nothing, and must not divide by 0.
        (0..d).for_each(|i| covariance[i * (d + 1)] += (RIDGE * covariance[i * (d + 1)]).max(1e-24 * most));
        Ok(Cholesky::of(covariance, d)?.map(|factor| Self { centre, factor: factor.into_factor() }))
    }

    fn inside(&self, point: &[f64]) -> Vec<f64> {
        let d = self.centre.len();
        let mut z: Vec<f64> = Vec::with_capacity(d);
        for i in 0..d {
            let row = &self.factor[i * d..];
            z.push((point[i] - self.centre[i] - dot(&row[..i], &z)) / row[i]);
        }
        z
    }

    fn outside(&self, z: &[f64]) -> Vec<f64> {
        let d = self.centre.len();
        (0..d).map(|i| self.centre[i] + dot(&self.factor[i * d..=i * d + i], &z[..=i])).collect()
    }
}

/// Numbers that are summed side by side.
const LANES: usize = 8;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|k| lanes[k] += a[k] * b[k]);
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// β that minimises ‖values − rows β‖, by the normal equations and some corrections; `None` where rounding leaves nothing of them.
fn least_squares(rows: &[f64], values: &[f64], count: usize) -> Result<Option<Vec<f64>>> {
    let mut columns = vec![0.0; rows.len()];
    moths_core::tensor::products::transpose(rows, count, &mut columns);
    let mut gram = vec![0.0; count * count];
    f64::combine_lower(0.0, &columns, rows, count, &mut gram);
    let most = (0..count).map(|i| gram[i * (count + 1)]).fold(0.0f64, f64::max);
    (0..count).for_each(|i| gram[i * (count + 1)] += RIDGE * most);
    let Some(factor) = Cholesky::of(gram, count)? else { return Ok(None) };
    let mut solution = vec![0.0; count];
    let mut left = values.to_vec();
    for _ in 0..=REFINEMENTS {
        let mut correction: Vec<f64> = columns.chunks_exact(values.len()).map(|column| dot(column, &left)).collect();
        factor.solve(&mut correction)?;
        solution.iter_mut().zip(&correction).for_each(|(s, c)| *s += c);
        for ((left, value), row) in left.iter_mut().zip(values).zip(rows.chunks_exact(count)) {
            *left = value - dot(row, &solution);
        }
    }
    Ok(solution.iter().all(|s| s.is_finite()).then_some(solution))
}

/// Kendall's τ: how many pairs are in the same order, less those that are not, of all.
pub(super) fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let order = |x: f64, y: f64| f64::from(i8::from(x > y) - i8::from(x < y));
    let n = a.len();
    let agreed: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| order(a[i], a[j]) * order(b[i], b[j])).sum();
    if n < 2 { 0.0 } else { agreed / (n * (n - 1) / 2) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moths_core::{Key, Sampler};

    fn archive(n: usize, d: usize, f: impl Fn(&[f64]) -> f64) -> Archive {
        let mut numbers = vec![0.0; n * d];
        Sampler::Normal.fill_slice(Key::new(1), &mut numbers);
        let mut archive = Archive::new(d, n);
        numbers.chunks(d).for_each(|point| archive.add(point, f(point)));
        archive
    }

    /// A rotated, stretched bowl is found again, and its lowest point.
    #[test]
    fn a_quadratic_function_is_its_own_model() -> Result<()> {
        let bowl = |x: &[f64]| {
            let (u, v) = (x[0] + x[1] - 1.0, 1e-3 * (x[0] - x[1] + x[2]));
            3.0 + u * u + v * v + (x[2] - 0.5).powi(2)
        };
        let model = Model::fit(&archive(40, 3, bowl), 3, Terms::Products)?.expect("enough points");
        for point in [[0.0, 0.0, 0.0], [0.3, -2.0, 1.0]] {
            assert!((model.value(&point) - bowl(&point)).abs() < 1e-8, "{} {}", model.value(&point), bowl(&point));
        }
        let lowest = model.minimiser()?.expect("a bowl has a lowest point");
        assert!(bowl(&lowest) < 3.0 + 1e-6, "{lowest:?}");
        Ok(())
    }

    #[test]
    fn terms_grow_with_the_archive() -> Result<()> {
        let count = |n: usize| {
            Ok::<_, moths_core::Error>(Model::fit(&archive(n, 3, |x| x[0]), 3, Terms::Products)?.map(|m| m.coefficients.len()))
        };
        // 0.75 n ≥ 1.1 · 7 from 11 on, 0.75 n ≥ 1.1 · 10 from 15 on.
        assert_eq!([4, 5, 10, 11, 14, 15].map(|n| count(n).unwrap()), [None, Some(4), Some(4), Some(7), Some(7), Some(10)]);
        Ok(())
    }

    #[test]
    fn the_cloud_may_be_long_and_thin() -> Result<()> {
        let thin = |x: &[f64]| [x[0], x[0] + 1e-7 * x[1]];
        let bowl = |x: &[f64]| x[0] * x[0] + x[1] * x[1];
        let mut archive = Archive::new(2, 30);
        let mut numbers = vec![0.0; 60];
        Sampler::Normal.fill_slice(Key::new(2), &mut numbers);
        numbers.chunks(2).for_each(|z| archive.add(&thin(z), bowl(z)));
        let model = Model::fit(&archive, 2, Terms::Products)?.expect("enough points");
        for z in [[0.5, -0.5], [1.0, 1.0]] {
            assert!((model.value(&thin(&z)) - bowl(&z)).abs() < 1e-6, "{}", model.value(&thin(&z)));
        }
        Ok(())
    }

    #[test]
    fn correlation_of_ranks() {
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 90.0]), 1.0);
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]), 1.0 / 3.0);
        assert_eq!(rank_correlation(&[1.0], &[1.0]), 0.0);
    }
}
