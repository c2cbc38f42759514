//! How a particle moves once its velocity is known, and what bounds and a velocity limit make of it: the word of all that fly.
//!
//! ```text
//! v ← the formula, within ±limit        x' = x + v
//! x ← x' moved to the nearest point inside;   v ← v where x' was inside, else −v/2: who is stopped at a bound turns back
//! ```

use candle_core::Tensor;
use moths_core::{Result, Space};

/// What particles move in: the box, and how fast they may be.
pub(crate) struct Room {
    /// The ends of the search coordinates' intervals, \[d\] each, where there are bounds.
    pub(crate) box_: Option<(Tensor, Tensor)>,
    /// The box, infinite where there are no bounds, and the largest |v|, \[d\] each.
    pub(crate) limited: Option<[Tensor; 3]>,
}

impl Room {
    /// Without a velocity limit.
    pub(crate) fn of(space: &Space) -> Result<Self> {
        Ok(Self { box_: space.box_tensors()?, limited: None })
    }

    /// |v_j| ≤ k times half the width of the box, or k where there are no bounds.
    pub(crate) fn limited(space: &Space, k: Option<f64>) -> Result<Self> {
        let room = Self::of(space)?;
        let Some(k) = k else { return Ok(room) };
        let row = |values: Vec<f64>| space.numbers(values, space.dim());
        let most = |(lo, hi): (f64, f64)| if (hi - lo).is_finite() { 0.5 * k * (hi - lo) } else { k };
        let (lower, upper) = space.intervals().unzip();
        Ok(Self { limited: Some([row(lower)?, row(upper)?, row(space.intervals().map(most).collect())?]), ..room })
    }
}

/// Defines a function that moves a swarm by a formula for its velocity, in one pass over memory: `fly(v, x, room, ..)`. Parameters are those of
/// [`kernel!`](moths_core::kernel!).
macro_rules! flight {
    (argument num) => { f64 };
    (argument uniform) => { moths_core::Key };
    (argument $tensor:ident) => { &candle_core::Tensor };

    ($(#[$doc:meta])* fn $name:ident($v:ident, $x:ident, $($p:ident: $kind:ident),* $(,)?) { $($velocity:tt)* }) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        fn $name(
            $v: &mut moths_core::CowTensor,
            $x: &mut moths_core::CowTensor,
            room: &$crate::flight::Room,
            $($p: $crate::flight::flight!(argument $kind)),*
        ) -> moths_core::Result<()> {
            moths_core::kernel! { fn free($v: inout, $x: inout, $($p: $kind),*) {
                let nv = $($velocity)*;
                $v = nv;
                $x = $x + nv;
            } }
            moths_core::kernel! { fn inside($v: inout, $x: inout, $($p: $kind,)* lower: row, upper: row) {
                let nv = $($velocity)*;
                let nx = clamp($x + nv, lower, upper);
                $v = select(nx == $x + nv, nv, 0.0 - 0.5 * nv);
                $x = nx;
            } }
            moths_core::kernel! { fn limited($v: inout, $x: inout, $($p: $kind,)* lower: row, upper: row, limit: row) {
                let nv = clamp($($velocity)*, 0.0 - limit, limit);
                let nx = clamp($x + nv, lower, upper);
                $v = select(nx == $x + nv, nv, 0.0 - 0.5 * nv);
                $x = nx;
            } }
            match (&room.limited, &room.box_) {
                (Some([lower, upper, limit]), _) => limited($v, $x, $($p,)* lower, upper, limit),
                (None, Some((lower, upper))) => inside($v, $x, $($p,)* lower, upper),
                (None, None) => free($v, $x, $($p),*),
            }
        }
    };
}
pub(crate) use flight;
