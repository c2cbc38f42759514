//! Philox4x32-10: a bijection of 128-bit counters, chosen by a 64-bit key, whose outputs pass every known test.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405.

/// How many counters are worked on side by side.
pub(super) const LANES: usize = 32;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const LOW: u64 = 0xFFFF_FFFF;

/// One call: the four random words of `counter` under `key`.
pub(super) const fn philox(counter: [u32; 4], key: u64) -> [u32; 4] {
    let [a, b, c, d] = counter;
    let [a, b, c, d] = rounds([a as u64, b as u64, c as u64, d as u64], key);
    [a as u32, b as u32, c as u32, d as u32]
}

/// The calls `first .. first + N` of one domain: word `w` of call `first + lane` is at `[w][lane]`.
///
/// Call `n` of a domain has the counter `[n mod 2^32, n div 2^32, domain, 0]`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "one plain loop over lanes is what vectorises")]
pub(super) fn philox_lanes<const N: usize>(first: u64, domain: u32, key: u64) -> [[u32; N]; 4] {
    let mut words = [[0; N]; 4];
    for lane in 0..N {
        let call = first.wrapping_add(lane as u64);
        let [a, b, c, d] = rounds([call, call >> 32, domain as u64, 0], key);
        words[0][lane] = a as u32;
        words[1][lane] = b as u32;
        words[2][lane] = c as u32;
        words[3][lane] = d as u32;
    }
    words
}

/// Ten rounds over words that live in the low halves of `u64`s.
///
/// The high halves hold whatever the last product left there: a 64-bit lane then needs one multiplication (`pmuludq`
/// reads low halves only), one shift and two xors a product, half the work of keeping the words packed.
#[inline(always)]
const fn rounds(counter: [u64; 4], key: u64) -> [u64; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    let mut round = 0;
    while round < ROUNDS {
        let p = (a & LOW) * MULTIPLIERS[0];
        let q = (c & LOW) * MULTIPLIERS[1];
        (a, b, c, d) = ((q >> 32) ^ b ^ k0 as u64, q, (p >> 32) ^ d ^ k1 as u64, p);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
        round += 1;
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kat_vectors` of Random123, philox4x32 with 10 rounds.
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], !0), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], 0x299f_31d0_a409_3822),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn lanes_are_single_calls() {
        let (first, domain, key) = (0xFFFF_FFF0, 3, 0x0123_4567_89ab_cdef);
        let lanes: [[u32; LANES]; 4] = philox_lanes(first, domain, key);
        for (lane, call) in (first..first + LANES as u64).enumerate() {
            let one = philox([call as u32, (call >> 32) as u32, domain, 0], key);
            assert_eq!(lanes.map(|words| words[lane]), one);
        }
    }
}
