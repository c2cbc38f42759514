//! What a model gets is what was judged.

use candle_core::{DType, Tensor};

use super::{Law, Subject, broken::Verdict, path::KEY};
use moths_core::{
    Batch, CowTensor, Error, Leaf, Objective, Optimizer, Result, Space,
    objective::Outputs,
    space::{Domain, Walls},
    tensor::host,
    with_scalar,
};

pub(super) const LAW: Law = Law {
    name: "cast",
    statement: "cast to the dtype of its leaf (bf16, f16, u8, u32, i64, ..), every value of candidates and answer is inside the bounds; what is \
                told to be the best was evaluated as it is cast; and a search can go on from what was cast",
    holds,
};

const STEPS: usize = 12;

fn holds(subject: &Subject) -> Verdict {
    for (name, leaves) in [("half precision", halves()), ("half precision, integers and flags", mixed())] {
        for dtype in [DType::F32, DType::F64] {
            let space = Space::with_dtype(leaves.clone(), dtype)?;
            let Some(mut optimizer) = subject.build_if_able(&space, KEY)? else { continue };
            let capabilities = subject.capabilities()?;
            let under = format!("leaves of {name}, searched in {dtype:?}");
            judged(&mut *optimizer, &space, capabilities.monotone)
                .and_then(|()| goes_on(&mut *optimizer, &space, capabilities.walls))
                .map_err(|b| b.under(under))?;
        }
    }
    Ok(())
}

/// Bounds that none of the dtypes can hold, wide and narrow, and none.
fn halves() -> Vec<Leaf> {
    vec![
        Leaf::real("free", [2]).dtype(DType::BF16).scale(0.5),
        Leaf::real("wide", [2]).dtype(DType::BF16).bounds(-1.7, 3.3),
        Leaf::real("narrow", [2]).dtype(DType::F16).bounds(0.1, 0.3),
    ]
}

fn mixed() -> Vec<Leaf> {
    let discrete = [
        Leaf::integer("byte", [1], 3, 250).dtype(DType::U8),
        Leaf::integer("word", [1], 0, 1000).dtype(DType::U32),
        Leaf::integer("long", [2], -7, 7),
        Leaf::bool("flag", [1]),
        Leaf::category("choice", [1], 4).dtype(DType::U8),
        Leaf::levels("batch", [1], [16.0, 32.0, 64.0]).dtype(DType::U8),
        Leaf::real("rate", [1]).dtype(DType::BF16).bounds(0.1, 10.0).logarithmic(),
        Leaf::integer("width", [1], 8, 1024).logarithmic().dtype(DType::F16),
    ];
    halves().into_iter().chain(discrete).collect()
}

/// The values of a point as a model gets them, in f64.
fn cast(space: &Space, point: &Tensor) -> Result<Vec<f64>> {
    let mut values = vec![];
    for (_, tensor) in space.tensors(&*space.decode(point)?)? {
        values.extend(host::to_f64s(&tensor.flatten_all()?.to_dtype(DType::F64)?)?);
    }
    Ok(values)
}

/// Is every value what its leaf allows?
fn check(what: &str, values: &[f64], space: &Space) -> Result<()> {
    let elements = space.leaves().iter().flat_map(|leaf| (0..leaf.len()).map(move |i| (leaf, i)));
    for ((leaf, i), value) in elements.zip(values) {
        let (lo, hi) = leaf.interval(i);
        let whole = match leaf.domain() {
            Domain::Real => true,
            Domain::Levels { .. } => leaf.level_values().iter().any(|level| (level - value).abs() <= 1e-2 * level.abs()),
            _ => value.fract() == 0.0,
        };
        if !(value.is_finite() && whole && (lo..=hi).contains(value)) {
            let valid = format!("in [{lo}, {hi}] of {:?}", leaf.domain());
            return Err(Error::invalid(format!("{what}, cast: {}[{i}]", leaf.name()), value, valid));
        }
    }
    Ok(())
}

/// A bowl of what a model would get, which remembers all that it has seen.
struct Cast {
    space: Space,
    seen: Vec<Vec<f64>>,
}

impl Cast {
    fn loss(&self, values: &[f64]) -> f64 {
        1.0 + self.offsets(values).iter().map(|offset| offset * offset).sum::<f64>()
    }

    /// How far values are from the best ones: some in the middle of their intervals, and others at a third.
    fn offsets(&self, values: &[f64]) -> Vec<f64> {
        let elements = self.space.leaves().iter().flat_map(|leaf| (0..leaf.len()).map(move |i| leaf.interval(i)));
        let part = |(k, ((lo, hi), value)): (usize, ((f64, f64), &f64))| {
            let width = if (hi - lo).is_finite() { hi - lo } else { 4.0 };
            let best = if lo.is_finite() { lo + width / (2 + k % 2) as f64 } else { 1.3 };
            (value - best) / width
        };
        elements.zip(values).enumerate().map(part).collect()
    }
}

impl Objective for Cast {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let mut losses = vec![];
        for i in 0..batch.len() {
            let values = cast(&self.space, &*batch.row(i, &self.space)?)?;
            check(&format!("candidate {i}"), &values, &self.space)?;
            losses.push(self.loss(&values));
            self.seen.push(values);
        }
        Ok(losses)
    }

    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let losses = self.evaluate(batch)?;
        let seen = &self.seen[self.seen.len() - losses.len()..];
        let offsets: Vec<f64> = seen.iter().flat_map(|values| self.offsets(values)).collect();
        let shape = (losses.len(), 1, offsets.len() / losses.len().max(1));
        let values = Tensor::from_vec(offsets, shape, self.space.device())?.to_dtype(self.space.dtype())?;
        Ok(Some(Outputs { losses: losses.into(), slopes: (&values * 2.0)?, values }))
    }

    /// By differences: a cast has no slope.
    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let loss = |point: &[f64]| {
            let point = Tensor::from_vec(point.to_vec(), point.len(), self.space.device())?.to_dtype(self.space.dtype())?;
            Ok::<_, Error>(self.loss(&host::to_f64s(&*self.space.decode(&point)?)?))
        };
        let point = host::to_f64s(at)?;
        let mut slopes = vec![];
        for i in 0..point.len() {
            let [mut up, mut down] = [point.clone(), point.clone()];
            (up[i], down[i]) = (up[i] + 1e-2, down[i] - 1e-2);
            slopes.push((loss(&up)? - loss(&down)?) / 2e-2);
        }
        let mut gradient = self.space.zeros()?;
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut gradient, |g| {
            g.iter_mut().zip(&slopes).for_each(|(g, s)| *g = *s as T);
        }))?;
        let values = cast(&self.space, at)?;
        Ok(Some((self.loss(&values), gradient.copy()?)))
    }
}

/// Takes steps; an answer that is said to be the best of all must have been evaluated as it is cast.
fn judged(optimizer: &mut dyn Optimizer, space: &Space, monotone: bool) -> Verdict {
    let mut objective = Cast { space: space.clone(), seen: vec![cast(space, &*optimizer.answer()?)?] };
    for k in 0..STEPS {
        optimizer.step(&mut objective)?;
        let answer = cast(space, &*optimizer.answer()?)?;
        check("the answer", &answer, space)?;
        let known = !monotone || objective.seen.contains(&answer);
        ensure!(
            known,
            "after step {k} the answer is {answer:?}, cast, which was never evaluated, though it is said to be the best"
        );
    }
    Ok(())
}

/// Saved as what a model holds, and loaded again, the answer is the same.
fn goes_on(optimizer: &mut dyn Optimizer, space: &Space, walls: Walls) -> Verdict {
    let saved = cast(space, &*optimizer.answer()?)?;
    let values = Tensor::from_vec(saved.clone(), saved.len(), space.device())?.to_dtype(space.dtype())?;
    optimizer.move_to(&space.encode(&values)?)?;
    let loaded = cast(space, &*optimizer.answer()?)?;
    // There and back through the smooth transform is rounded, and may be to the next number of a half precision.
    let rounding = if walls == Walls::Smooth { 1e-2 } else { 0.0 };
    let same = saved.iter().zip(&loaded).all(|(a, b)| (a - b).abs() <= rounding * (1.0 + a.abs()));
    ensure!(same, "moved to {saved:?}, its answer is {loaded:?}");
    Ok(())
}
