//! Normal distributions with the covariance D (I + v vᵀ) D: a deviation for every coordinate and one direction, in linear time.
//!
//! The natural gradient of a weighted sum of log-likelihoods is linear in four sums over samples, ⟨1⟩, ⟨(v̄·y)²⟩, ⟨(v̄·y) y⟩ and ⟨y²⟩, so
//! that it costs O(d) beside them; its equations stand in `cr_fm_nes`. Source: Akimoto, Auger & Hansen 2014,
//! doi:10.1145/2576768.2598258, in the form of Nomura & Ono 2022, arXiv:2201.11422.

use moths_core::{
    CowTensor, Key, Result, Sampler, Space, optimizer::convergence::Spread, rng::Element, tensor::host, with_scalar,
};

/// The sums over samples that the natural gradient is made of.
pub(crate) struct Moments {
    /// ⟨1⟩.
    pub(crate) one: f64,
    /// ⟨(v̄·y)²⟩.
    pub(crate) ip2: f64,
    /// ⟨(v̄·y) y⟩.
    pub(crate) ip_y: Vec<f64>,
    /// ⟨y²⟩.
    pub(crate) y2: Vec<f64>,
}

impl Moments {
    /// (t, s): the gradient for v is t/‖v‖, that for D is s D.
    pub(crate) fn natural_gradient(self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let Self { one, ip2, ip_y: mut t, y2: mut s } = self;
        let v2 = f64::dot(v, v);
        let (length, gamma) = (v2.sqrt(), 1.0 + v2);
        let unit: Vec<f64> = v.iter().map(|v| v / length).collect();
        let most = unit.iter().fold(0.0, |most, e| f64::max(most, e * e));
        let alpha = ((v2 * v2 + (2.0 * gamma - gamma.sqrt()) / most).sqrt() / (2.0 + v2)).min(1.0);
        let b = 2.0 * alpha * alpha - (1.0 - alpha * alpha) * v2 * v2 / gamma;
        let h = |e: f64| 2.0 - (b + 2.0 * alpha * alpha) * e * e;

        for ((t, s), e) in t.iter_mut().zip(&mut s).zip(&unit) {
            *s -= v2 / gamma * e * *t + one;
            *t -= 0.5 * (ip2 + gamma * one) * e;
        }
        let unit_t = f64::dot(&unit, &t);
        let (mut s_e, mut e_e) = (0.0, 0.0);
        for ((t, s), e) in t.iter().zip(&mut s).zip(&unit) {
            *s -= alpha / gamma * ((2.0 + v2) * e * t - v2 * unit_t * e * e);
            s_e += *s * e * e / h(*e);
            e_e += e * e * e * e / h(*e);
        }
        let mut s_unit2 = 0.0;
        for (s, e) in s.iter_mut().zip(&unit) {
            *s = (*s - b * s_e / (1.0 + b * e_e) * e * e) / h(*e);
            s_unit2 += *s * e * e;
        }
        for ((t, s), e) in t.iter_mut().zip(&s).zip(&unit) {
            *t -= alpha * ((2.0 + v2) * e * s - s_unit2 * e);
        }
        (t, s)
    }
}

/// The d-th root of det(D (I + v vᵀ)^½).
pub(crate) fn volume(d: &[f64], v: &[f64]) -> f64 {
    // Products of eight numbers within 10^±30 do not overflow, and logarithms are slow.
    let logs: f64 = d.chunks(8).map(|d| libm::log(d.iter().product())).sum();
    libm::exp((logs + 0.5 * libm::log(1.0 + f64::dot(v, v))) / d.len() as f64)
}

/// The first v, N(0, I/d).
pub(crate) fn first_direction(space: &Space, key: Key) -> Result<CowTensor> {
    let mut v = space.zeros()?;
    Sampler::Normal.add(key.fold(u64::MAX), 1.0 / (space.dim() as f64).sqrt(), &mut v)?;
    Ok(v)
}

/// (√γ − 1)/‖v‖, from ‖v‖: what v̄·z is multiplied by on the way along v from z ~ N(0, I) to y ~ N(0, I + v vᵀ).
pub(crate) fn stretch(length: f64) -> f64 {
    ((1.0 + length * length).sqrt() - 1.0) / length
}

/// What the deviations σ D_j √(1 + v_j²) say of convergence.
pub(crate) fn spread(space: &Space, sigma: f64, d: &CowTensor, v: &CowTensor) -> Result<Spread> {
    with_scalar!(d.dtype(), T => host::read::<T, _>(d, |d| host::read::<T, _>(v, |v| {
        Spread::of(space, d.iter().zip(v).map(|(d, v)| sigma * f64::from(*d) * (1.0 + f64::from(*v * *v)).sqrt()))
    }))?)
}

/// v or D, or what else was computed as f64, into a tensor of as many numbers.
pub(crate) fn store(values: &[f64], tensor: &mut CowTensor) -> Result<()> {
    with_scalar!(tensor.dtype(), T => host::edit::<T, _>(tensor, |out| {
        out.iter_mut().zip(values).for_each(|(out, x)| *out = T::of(*x));
    }))
}

/// The new v and D into their tensors, unless they have left the range in which the next step could use them.
pub(crate) fn store_shape(v: &[f64], d: &[f64], into: [&mut CowTensor; 2]) -> Result<()> {
    let usable = 1e-30..1e30;
    if !usable.contains(&f64::dot(v, v)) || !d.iter().all(|d| usable.contains(d)) {
        return Ok(());
    }
    let [into_v, into_d] = into;
    store(v, into_v)?;
    store(d, into_d)
}
