//! Memory that a thread uses again.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
    thread::LocalKey,
};

use super::Lanes;

/// No thread keeps more buffers of a kind than that for later, ..
const KEPT: usize = 64;
/// .. nor more bytes.
const BYTES: usize = 64 << 20;

type Spare<T> = RefCell<Vec<Vec<T>>>;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Lanes {}
    impl Sealed for f32 {}
}

/// What buffers are of.
pub trait Item: sealed::Sealed + Copy + 'static {
    #[doc(hidden)]
    const ZERO: Self;
    #[doc(hidden)]
    fn spare() -> &'static LocalKey<Spare<Self>>;
}

macro_rules! item {
    ($item:ty, $zero:expr) => {
        impl Item for $item {
            const ZERO: Self = $zero;

            fn spare() -> &'static LocalKey<Spare<Self>> {
                thread_local! {
                    static SPARE: Spare<$item> = const { RefCell::new(Vec::new()) };
                }
                &SPARE
            }
        }
    };
}

item!(Lanes, Lanes::ZERO);
item!(f32, 0.0);

/// So many values, whose memory the next buffer of this thread takes over, up to 64 MiB of a kind.
#[derive(Debug)]
pub struct Buffer<T: Item = Lanes>(Vec<T>);

impl<T: Item> Buffer<T> {
    /// `len` values that are to be overwritten: what they are means nothing.
    pub fn new(len: usize) -> Self {
        let mut values = T::spare().with_borrow_mut(|spare| take(spare, len));
        values.resize(len, T::ZERO);
        Self(values)
    }

    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let mut values = Self::new(len);
        values.fill(T::ZERO);
        values
    }

    /// These values.
    pub fn copy_of(values: &[T]) -> Self {
        let mut copy = Self::new(values.len());
        copy.copy_from_slice(values);
        copy
    }
}

/// The smallest one that is large enough.
fn take<T>(spare: &mut Vec<Vec<T>>, len: usize) -> Vec<T> {
    let fitting = spare.iter().enumerate().filter(|(_, values)| values.capacity() >= len);
    let best = fitting.min_by_key(|(_, values)| values.capacity()).map(|(i, _)| i);
    best.map_or_else(|| Vec::with_capacity(len), |i| spare.swap_remove(i))
}

impl<T: Item> Drop for Buffer<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        // At the end of a thread there is nobody to keep them for.
        let _ = T::spare().try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let held = spare.iter().chain([&values]).map(|values| values.capacity() * size_of::<T>()).sum::<usize>();
            if spare.len() < KEPT && held <= BYTES {
                spare.push(values);
            }
        });
    }
}

impl<T: Item> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Item> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
