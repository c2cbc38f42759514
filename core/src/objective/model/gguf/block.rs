//! Where the numbers of a quantised block lie, as GGUF files have them: little-endian, one block after another.
//!
//! A block is some neighbouring weights of a row. Its weights are linear in one or two f16 *factors*, and in an integer *code* a
//! weight:
//!
//! | type | weights / bytes | factors at | codes |
//! |---|---|---|---|
//! | Q4_0 | 32 / 18 | 0 | w = d (q − 8) |
//! | Q4_1 | 32 / 20 | 0, 2 | w = d q + m |
//! | Q5_0 | 32 / 22 | 0 | w = d (q − 16), the fifth bit apart |
//! | Q5_1 | 32 / 24 | 0, 2 | w = d q + m, the fifth bit apart |
//! | Q8_0 | 32 / 34 | 0 | w = d q, q signed |
//! | Q2_K | 256 / 84 | 80, 82 | w = d s q − d' s', 4-bit s and s' for sixteen weights |
//! | Q3_K | 256 / 110 | 108 | w = d s (q − 4), 6-bit s for sixteen weights, the third bit apart |
//! | Q4_K | 256 / 144 | 0, 2 | w = d s q − d' s', 6-bit s and s' for 32 weights |
//! | Q5_K | 256 / 176 | 0, 2 | the same, the fifth bit apart |
//! | Q6_K | 256 / 210 | 208 | w = d s (q − 32), 8-bit s for sixteen weights, two bits apart |
//!
//! The layouts are those of ggml (<https://github.com/ggml-org/ggml>, `ggml-common.h`).

use std::ops::RangeInclusive;

use candle_core::quantized::GgmlDType;
use half::f16;

/// The layout of one block type.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    /// How many weights, and codes, it has.
    pub(super) weights: usize,
    /// How many bytes it takes.
    pub(super) bytes: usize,
    /// Where its f16 factors begin: all weights times a number are both of them times that number.
    factors: &'static [usize],
    /// Where the bits of its codes are, lowest first.
    fields: &'static [Field],
    /// Codes are two's complement.
    signed: bool,
}

/// Some bits of every code: `run` weights in neighbouring bytes at one shift, the next `run` in the same bytes at the next shift,
/// until the bytes are full.
#[derive(Debug, PartialEq)]
struct Field {
    at: usize,
    run: usize,
    bits: usize,
}

impl Field {
    /// The byte, and the shift in it, of the bits of weight `k`.
    fn place(&self, k: usize) -> (usize, usize) {
        let shifts = 8 / self.bits;
        (self.at + k / (self.run * shifts) * self.run + k % self.run, k / self.run % shifts * self.bits)
    }

    fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits)
    }
}

const fn field(at: usize, run: usize, bits: usize) -> Field {
    Field { at, run, bits }
}

const fn unsigned(weights: usize, bytes: usize, factors: &'static [usize], fields: &'static [Field]) -> Block {
    Block { weights, bytes, factors, fields, signed: false }
}

static Q4_0: Block = unsigned(32, 18, &[0], &[field(2, 16, 4)]);
static Q4_1: Block = unsigned(32, 20, &[0, 2], &[field(4, 16, 4)]);
static Q5_0: Block = unsigned(32, 22, &[0], &[field(6, 16, 4), field(2, 1, 1)]);
static Q5_1: Block = unsigned(32, 24, &[0, 2], &[field(8, 16, 4), field(4, 1, 1)]);
static Q8_0: Block = Block { weights: 32, bytes: 34, factors: &[0], fields: &[field(2, 32, 8)], signed: true };
static Q2_K: Block = unsigned(256, 84, &[80, 82], &[field(16, 32, 2)]);
static Q3_K: Block = unsigned(256, 110, &[108], &[field(32, 32, 2), field(0, 32, 1)]);
static Q4_K: Block = unsigned(256, 144, &[0, 2], &[field(16, 32, 4)]);
static Q5_K: Block = unsigned(256, 176, &[0, 2], &[field(48, 32, 4), field(16, 32, 1)]);
static Q6_K: Block = unsigned(256, 210, &[208], &[field(0, 64, 4), field(128, 32, 2)]);

impl Block {
    /// The layout of a type; `None` for floats, and for types that only activations have.
    pub(super) fn of(dtype: GgmlDType) -> Option<&'static Self> {
        match dtype {
            GgmlDType::Q4_0 => Some(&Q4_0),
            GgmlDType::Q4_1 => Some(&Q4_1),
            GgmlDType::Q5_0 => Some(&Q5_0),
            GgmlDType::Q5_1 => Some(&Q5_1),
            GgmlDType::Q8_0 => Some(&Q8_0),
            GgmlDType::Q2K => Some(&Q2_K),
            GgmlDType::Q3K => Some(&Q3_K),
            GgmlDType::Q4K => Some(&Q4_K),
            GgmlDType::Q5K => Some(&Q5_K),
            GgmlDType::Q6K => Some(&Q6_K),
            _ => None,
        }
    }

    /// How many factors it has: one or two.
    pub(super) fn factors(&self) -> usize {
        self.factors.len()
    }

    /// Factor `j` of a block.
    pub(super) fn factor(&self, block: &[u8], j: usize) -> f16 {
        let at = self.factors[j];
        f16::from_le_bytes([block[at], block[at + 1]])
    }

    pub(super) fn set_factor(&self, block: &mut [u8], j: usize, value: f16) {
        let at = self.factors[j];
        block[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    /// What codes may be: −128 of eight bits is left out, as no quantiser writes it.
    pub(super) fn codes(&self) -> RangeInclusive<i32> {
        let bits: usize = self.fields.iter().map(|field| field.bits).sum();
        if self.signed { 1 - (1 << (bits - 1))..=(1 << (bits - 1)) - 1 } else { 0..=(1 << bits) - 1 }
    }

    /// The code of weight `k` of a block.
    pub(super) fn code(&self, block: &[u8], k: usize) -> i32 {
        if self.signed {
            return i32::from(block[self.fields[0].place(k).0] as i8);
        }
        let (mut code, mut above) = (0, 0);
        for field in self.fields {
            let (byte, shift) = field.place(k);
            code |= i32::from(block[byte] >> shift & field.mask()) << above;
            above += field.bits;
        }
        code
    }

    /// Writes the code of weight `k`, which is within the [range](Self::codes).
    pub(super) fn set_code(&self, block: &mut [u8], k: usize, code: i32) {
        let mut above = 0;
        for field in self.fields {
            let (byte, shift) = field.place(k);
            let bits = (code >> above) as u8 & field.mask();
            block[byte] = block[byte] & !(field.mask() << shift) | bits << shift;
            above += field.bits;
        }
    }
}
