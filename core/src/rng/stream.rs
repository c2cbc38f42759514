//! A key as an ordinary generator, for the few draws that are made one at a time on the host.

use std::convert::Infallible;

use rand::TryRng;

use super::{Key, key::Domain, law::normal_pair_f64, philox::philox};

/// The host-side draws of a [`Key`]: permutations, categories, indices. Implements [`rand::Rng`].
///
/// Derive one where it is needed and let it go; it is not a state to be saved.
///
/// ```
/// use moths_core::Key;
/// use rand::RngExt;
///
/// let mut draws = Key::new(1).stream();
/// let die: u32 = draws.random_range(1..=6);
/// assert!((1..=6).contains(&die));
/// assert_eq!(die, Key::new(1).stream().random_range(1..=6));
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    key: Key,
    call: u64,
    /// The words of the last call, of which the last `left` are still to be handed out.
    words: [u32; 4],
    left: usize,
}

impl Stream {
    pub(super) const fn new(key: Key) -> Self {
        Self { key, call: 0, words: [0; 4], left: 0 }
    }

    /// Two independent standard normals, of the next four words.
    pub fn normals(&mut self) -> (f64, f64) {
        let mut next = || u64::from(self.word()) | u64::from(self.word()) << 32;
        normal_pair_f64(next(), next())
    }

    fn word(&mut self) -> u32 {
        if self.left == 0 {
            let counter = [self.call as u32, (self.call >> 32) as u32, Domain::Stream as u32, 0];
            self.words = philox(counter, self.key.to_bits());
            self.call += 1;
            self.left = 4;
        }
        self.left -= 1;
        self.words[3 - self.left]
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word() as u64;
        Ok(low | (self.word() as u64) << 32)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for bytes in out.chunks_mut(4) {
            bytes.copy_from_slice(&self.word().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, seq::SliceRandom};

    use super::*;

    #[test]
    fn words_are_philox_in_order() {
        let key = Key::new(5);
        let mut stream = key.stream();
        for call in 0..3 {
            for word in philox([call, 0, Domain::Stream as u32, 0], 5) {
                assert_eq!(stream.next_u32(), word);
            }
        }
    }

    #[test]
    fn bytes_and_words_agree() {
        let mut bytes = [0; 7];
        Key::new(9).stream().fill_bytes(&mut bytes);
        let both = Key::new(9).stream().next_u64().to_le_bytes();
        assert_eq!(bytes, both[..7]);
    }

    #[test]
    fn drives_rand() {
        let mut order: Vec<u32> = (0..100).collect();
        order.shuffle(&mut Key::new(3).stream());
        let mut back = order.clone();
        back.sort_unstable();
        assert_ne!(order, back);
        assert_eq!(back, (0..100).collect::<Vec<_>>());
        assert!((0.0..1.0).contains(&Key::new(3).stream().random::<f64>()));
    }
}
