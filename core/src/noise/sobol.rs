//! Points of a scrambled Sobol net, made normal.

use sobol_burley::{NUM_DIMENSION_SETS_4D, sample_4d};

use crate::rng::{BLOCK, Element, Key, Seed};

/// Numbers of points that the net has.
const POINTS: u64 = 1 << 16;
/// Coordinates of one net: two blocks.
const GROUP: usize = 4 * NUM_DIMENSION_SETS_4D as usize;

/// One point of the net of a family: its number is its member's.
pub(super) struct Sobol {
    family: Key,
    point: u32,
}

impl Sobol {
    pub(super) fn new(seed: Seed) -> Self {
        let (net, point) = (seed.number() / POINTS, seed.number() % POINTS);
        Self { family: seed.family().fold(net), point: point as u32 }
    }

    /// Four coordinates a call; every group of 256 has a scrambling of its own.
    pub(super) fn draw<T: Element>(&self, offset: usize, out: &mut [T]) {
        for (at, block) in (offset..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let (group, first) = (at / GROUP, at % GROUP / 4);
            let scrambling = self.family.fold(group as u64).to_bits() as u32;
            for (set, out) in (first as u32..).zip(block.chunks_mut(4)) {
                for (out, u) in out.iter_mut().zip(sample_4d(self.point, set, scrambling)) {
                    // The middle of its cell of 2^-24: neither 0 nor 1.
                    *out = T::of(normal_quantile(f64::from(u) + 0.5 / f64::from(1 << 24)));
                }
            }
        }
    }
}

/// z with Φ(z) = p, for 0 < p < 1, to 1e-15 relative (algorithm AS 241, Wichura 1988, doi:10.2307/2347330).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &CENTRE);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &SHOULDER) } else { ratio(r - 5.0, &TAIL) };
    z.copysign(q)
}

/// Numerator and denominator, the constant last.
type Rational = ([f64; 8], [f64; 8]);

fn ratio(x: f64, (numerator, denominator): &Rational) -> f64 {
    let horner = |coefficients: &[f64]| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    horner(numerator) / horner(denominator)
}

#[rustfmt::skip]
#[expect(clippy::excessive_precision, reason = "coefficients stand as they were published")]
const CENTRE: Rational = (
    [2.509_080_928_730_122_7e3, 3.343_057_558_358_812_8e4, 6.726_577_092_700_870_4e4, 4.592_195_393_154_987e4,
     1.373_169_376_550_946_1e4, 1.971_590_950_306_551_3e3, 1.331_416_678_917_843_8e2, 3.387_132_872_796_366_5],
    [5.226_495_278_852_854_6e3, 2.872_908_573_572_194_3e4, 3.930_789_580_009_271e4, 2.121_379_430_158_659_7e4,
     5.394_196_021_424_751e3, 6.871_870_074_920_579e2, 4.231_333_070_160_091e1, 1.0],
);
#[rustfmt::skip]
const SHOULDER: Rational = (
    [7.745_450_142_783_414e-4, 2.272_384_498_926_918_4e-2, 2.417_807_251_774_506e-1, 1.270_458_252_452_368_4,
     3.647_848_324_763_204_5, 5.769_497_221_460_691, 4.630_337_846_156_546, 1.423_437_110_749_683_5],
    [1.050_750_071_644_416_9e-9, 5.475_938_084_995_345e-4, 1.519_866_656_361_645_7e-2, 1.481_039_764_274_800_8e-1,
     6.897_673_349_851e-1, 1.676_384_830_183_803_8, 2.053_191_626_637_759, 1.0],
);
#[rustfmt::skip]
const TAIL: Rational = (
    [2.010_334_399_292_288_1e-7, 2.711_555_568_743_487_6e-5, 1.242_660_947_388_078_4e-3, 2.653_218_952_657_612_4e-2,
     2.965_605_718_285_048_7e-1, 1.784_826_539_917_291_3, 5.463_784_911_164_114, 6.657_904_643_501_104],
    [2.044_263_103_389_939_8e-15, 1.421_511_758_316_446e-7, 1.846_318_317_510_054_7e-5, 7.868_691_311_456_133e-4,
     1.487_536_129_085_061_5e-2, 1.369_298_809_227_358e-1, 5.998_322_065_558_88e-1, 1.0],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, z) in [(0.25, -0.674_489_750_196_081_7), (0.001, -3.090_232_306_167_813_5), (1e-20, -9.262_340_089_798_408)] {
            assert!((normal_quantile(p) - z).abs() < 1e-14 * z.abs(), "{p}: {}", normal_quantile(p));
        }
        assert_eq!(normal_quantile(0.75), -normal_quantile(0.25));
        assert_eq!(normal_quantile(0.5), 0.0);
    }
}
