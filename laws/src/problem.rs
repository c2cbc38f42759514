//! What optimizers are tried on: quadratic bowls over every kind of space, with exact gradients, and with the offsets as outputs.

use std::sync::LazyLock;

use candle_core::{DType, Device, Tensor};

use moths_core::{Batch, CowTensor, Key, Leaf, Objective, Result, Space, objective::Outputs, tensor::host, with_scalar};

/// The lowest loss of every problem; being positive, it lets laws transform losses freely.
pub(super) const FLOOR: f64 = 1.0;

/// The space on the card that the environment names (`MOTHS_CARD=0`, by CUDA), if it names one.
fn elsewhere(space: Space) -> Space {
    static CARD: LazyLock<Option<Device>> = LazyLock::new(|| {
        let number = std::env::var("MOTHS_CARD").ok()?;
        let device = number
            .parse()
            .map_err(|_| "no number".to_owned())
            .and_then(|n| Device::new_cuda_with_stream(n).map_err(|why| why.to_string()));
        Some(device.unwrap_or_else(|why| panic!("MOTHS_CARD = {number}: {why}")))
    });
    CARD.as_ref().map_or(space.clone(), |card| space.on(card).expect("a space moves to a card that is there"))
}

/// f(θ) = 1 + Σ_i w_i (H(θ − c))_i², where H is nothing or a reflection.
///
/// A noisy problem moves c a little for every refresh and every draw.
#[derive(Clone)]
pub(super) struct Problem {
    space: Space,
    centre: Vec<f64>,
    weights: Vec<f64>,
    /// H = I − 2 u uᵀ for this unit vector u.
    mirror: Option<Vec<f64>>,
    noisy: bool,
    /// Do candidates fail in a third of all places?
    fails: bool,
    /// The losses of each refresh are higher or lower, all by one number up to this; `None`: they are not.
    shift: Option<f64>,
    epoch: u64,
}

impl Problem {
    /// Over this space, with the lowest loss at `centre`, in parameter units.
    fn over(space: Space, centre: Vec<f64>) -> Self {
        let space = elsewhere(space);
        let weights = (0..space.dim()).map(|i| 1.0 + (i % 3) as f64).collect();
        Self { space, centre, weights, mirror: None, noisy: false, fails: false, shift: None, epoch: 0 }
    }

    /// Over ℝᵈ, beginning two or more units from the lowest loss in every coordinate.
    pub(super) fn free(dim: usize, dtype: DType) -> Result<Self> {
        let space = Space::with_dtype(vec![Leaf::real("x", [dim]).dtype(dtype)], dtype)?;
        let centre = (0..dim).map(|i| (i % 5) as f64 * 0.25 - 0.5).collect();
        let start = (0..dim).map(|i| if i % 2 == 0 { 2.5 } else { -3.0 }).collect();
        Self::over(space, centre).starting_at(start)
    }

    /// Over a box of scaled coordinates; in some, the lowest loss lies outside, so that the search presses against the bounds.
    pub(super) fn boxed(dim: usize, dtype: DType) -> Result<Self> {
        let bounds: Vec<(f64, f64)> = (0..dim).map(|i| (-1.0 - i as f64 / 3.0, 0.7 + (i % 3) as f64)).collect();
        let space = Space::with_dtype(vec![Leaf::real("x", [dim]).dtype(dtype).bounds_each(bounds)], dtype)?;
        Ok(Self::over(space, (0..dim).map(|i| if i % 2 == 0 { 0.25 } else { 5.0 }).collect()))
    }

    /// Over a box in which two elements of five are fixed, at their best values.
    pub(super) fn partly_fixed(dtype: DType) -> Result<Self> {
        Self::five(dtype, [(0.75, 0.75), (-0.25, -0.25)])
    }

    /// [`partly_fixed`](Self::partly_fixed) with all elements free.
    pub(super) fn not_fixed(dtype: DType) -> Result<Self> {
        Self::five(dtype, [(-2.0, 2.5), (-3.0, 1.0)])
    }

    fn five(dtype: DType, [one, other]: [(f64, f64); 2]) -> Result<Self> {
        let bounds = [(-2.0, 3.0), one, (-3.0, 1.0), other, (0.0, 4.0)];
        let space = Space::with_dtype(vec![Leaf::real("x", [5]).dtype(dtype).bounds_each(bounds)], dtype)?;
        Ok(Self::over(space, vec![1.5, 0.75, -0.5, -0.25, 1.0]))
    }

    /// Real, integer and boolean leaves of several dtypes, one of them frozen.
    pub(super) fn mixed(dtype: DType) -> Result<Self> {
        let leaves = vec![
            Leaf::real("weights", [2, 2]).dtype(DType::BF16).scale(0.5),
            Leaf::integer("layers", [3], -3, 4),
            Leaf::real("frozen", [2]).frozen(true),
            Leaf::bool("on", [2]),
            Leaf::real("rate", [1]).bounds(0.01, 0.3),
            Leaf::integer("one", [1], 7, 7).dtype(DType::U8),
        ];
        let centre = vec![1.0, -1.0, 2.0, 0.5, -2.0, 9.0, 1.0, 1.0, 0.0, 0.05, 7.0];
        Ok(Self::over(Space::with_dtype(leaves, dtype)?, centre))
    }

    /// What else leaves may be: categories, levels, logarithms, bounds with one end, and leaves that count only where others have certain
    /// values. Lowest losses lie inside, outside, and where leaves are on.
    pub(super) fn kinds(dtype: DType) -> Result<Self> {
        let leaves = vec![
            Leaf::category("optimizer", [1], 3).dtype(DType::U8),
            Leaf::levels("bits", [2], (-7..=8).map(|k| 0.1 * f64::from(k)).collect::<Vec<_>>()).dtype(DType::BF16),
            Leaf::levels("batch", [1], [1.0, 2.0, 4.0, 8.0]),
            Leaf::real("rate", [1]).dtype(dtype).bounds(0.01, 10.0).logarithmic(),
            Leaf::integer("width", [1], 1, 12).logarithmic(),
            Leaf::real("above", [2]).dtype(dtype).bounds_each([(0.5, f64::INFINITY), (-4.0, f64::INFINITY)]),
            Leaf::real("below", [1]).dtype(dtype).at_most(-0.5).scale(0.5),
            Leaf::real("momentum", [1]).dtype(dtype).bounds(0.0, 1.0).when("optimizer", [0.0, 2.0]),
            Leaf::bool("nesterov", [1]).when("optimizer", [2.0]),
        ];
        let centre = vec![2.0, 0.3, -0.7, 4.0, 0.2, 9.0, 0.0, 1.0, -2.0, 0.9, 1.0];
        // All leaves are on there: of what is off, a search that knows equal values evaluates nothing.
        let start = vec![2.0, 0.0, 0.0, 2.0, 0.3, 3.0, 1.5, -3.0, -1.0, 0.5, 0.0];
        Self::over(Space::with_dtype(leaves, dtype)?, centre).starting_at(start)
    }

    /// Integers, reals and flags that have nothing to do with each other.
    pub(super) fn switches(dtype: DType) -> Result<Self> {
        let leaves = vec![
            Leaf::integer("counts", [3], -5, 5),
            Leaf::real("rates", [2]).dtype(dtype).bounds(-5.0, 5.0),
            Leaf::bool("on", [3]),
        ];
        Ok(Self::over(Space::with_dtype(leaves, dtype)?, vec![3.0, -4.0, 1.0, 0.3, -1.7, 1.0, 0.0, 1.0]))
    }

    /// Integers and flags, and nothing that is real; the key says where the lowest loss lies.
    pub(super) fn wholes(dtype: DType, key: Key) -> Result<Self> {
        Self::hidden(vec![Leaf::integer("counts", [4], -5, 5), Leaf::bool("on", [4])], dtype, key)
    }

    /// Over these leaves, all of them bounded, with the lowest loss at any of their values, but not within an eighth of a wall of a real one.
    fn hidden(leaves: Vec<Leaf>, dtype: DType, key: Key) -> Result<Self> {
        let space = Space::with_dtype(leaves, dtype)?;
        let place = |(i, ((lower, upper), least)): (usize, ((f64, f64), f64))| {
            let margin = if least > 0.0 { 0.0 } else { 0.125 };
            lower + (upper - lower) * (margin + (1.0 - 2.0 * margin) * small(key.fold(i as u64)))
        };
        let at = space.intervals().zip(space.least_deviations()).enumerate().map(place).collect::<Vec<_>>();
        let centre = host::to_f64s(&*space.decode(&point(&space, at)?)?)?;
        Ok(Self::over(space, centre))
    }

    /// One integer.
    pub(super) fn one_integer(dtype: DType) -> Result<Self> {
        Ok(Self::over(Space::with_dtype(vec![Leaf::integer("n", [1], -20, 20)], dtype)?, vec![13.0]))
    }

    /// One flag, which is better set, and is not at the start.
    pub(super) fn one_flag(dtype: DType) -> Result<Self> {
        Self::over(Space::with_dtype(vec![Leaf::bool("on", [1])], dtype)?, vec![1.0]).starting_at(vec![0.0])
    }

    /// Every space that optimizers meet, and what it is called.
    pub(super) fn all() -> Result<Vec<(&'static str, Self)>> {
        Ok(vec![
            ("over ℝ⁵ in f32", Self::free(5, DType::F32)?),
            ("over ℝ⁵ in f64", Self::free(5, DType::F64)?),
            ("over ℝ¹", Self::free(1, DType::F32)?),
            ("over a box in f32", Self::boxed(4, DType::F32)?),
            ("over a box in f64", Self::boxed(4, DType::F64)?),
            ("over a box with fixed elements", Self::partly_fixed(DType::F32)?),
            ("over real, integer and boolean leaves in f32", Self::mixed(DType::F32)?),
            ("over real, integer and boolean leaves in f64", Self::mixed(DType::F64)?),
            ("over categories, levels, logarithms, single bounds and conditions in f32", Self::kinds(DType::F32)?),
            ("over categories, levels, logarithms, single bounds and conditions in f64", Self::kinds(DType::F64)?),
        ])
    }

    /// Beginning at these parameter values.
    pub(super) fn starting_at(mut self, values: Vec<f64>) -> Result<Self> {
        let values = Tensor::from_vec(values, self.space.dim(), &Device::Cpu)?;
        self.space = self.space.starting_at(&values)?;
        Ok(self)
    }

    /// The weights going from 1 to `condition`.
    pub(super) fn conditioned(mut self, condition: f64) -> Self {
        let last = (self.weights.len().max(2) - 1) as f64;
        self.weights.iter_mut().enumerate().for_each(|(i, w)| *w = condition.powf(i as f64 / last));
        self
    }

    /// No point being better than another.
    pub(super) fn flat(mut self) -> Self {
        self.weights.fill(0.0);
        self
    }

    /// The same losses for another draw and after another refresh no more.
    pub(super) fn noisy(self) -> Self {
        Self { noisy: true, ..self }
    }

    /// Losses are NaN in a third of all places, be they evaluated once or again.
    pub(super) fn failing(self) -> Self {
        Self { fails: true, ..self }
    }

    /// One number is added to all losses between two refreshes: any up to `most` above or below zero. The problem is then stochastic.
    pub(super) fn shifted(self, most: f64) -> Self {
        Self { shift: Some(most), ..self }
    }

    /// The problem, and its start, moved by `by`.
    pub(super) fn moved(mut self, by: &[f64]) -> Result<Self> {
        let start = self.start()?.iter().zip(by).map(|(x, by)| x + by).collect();
        self.centre.iter_mut().zip(by).for_each(|(c, by)| *c += by);
        self.starting_at(start)
    }

    /// The problem, and its start, reflected: no coordinate stays an axis.
    pub(super) fn mirrored(mut self) -> Result<Self> {
        let length = (1..=self.space.dim()).map(|i| (i * i) as f64).sum::<f64>().sqrt();
        let u: Vec<f64> = (1..=self.space.dim()).map(|i| i as f64 / length).collect();
        let mut start = self.start()?;
        reflect(&u, &mut start);
        reflect(&u, &mut self.centre);
        self.mirror = Some(u);
        self.starting_at(start)
    }

    /// Reflects an offset as the problem was.
    pub(super) fn mirror(&self, offset: &mut [f64]) {
        if let Some(u) = &self.mirror {
            reflect(u, offset);
        }
    }

    pub(super) fn space(&self) -> &Space {
        &self.space
    }

    /// The parameter values of the start.
    pub(super) fn start(&self) -> Result<Vec<f64>> {
        self.values(&self.space.start())
    }

    /// The parameter values of a point \[d\] in search coordinates.
    pub(super) fn values(&self, point: &Tensor) -> Result<Vec<f64>> {
        host::to_f64s(&*self.space.decode(point)?)
    }

    /// The loss at a point \[d\] in search coordinates, today, for the first draw.
    pub(super) fn loss_at(&self, point: &Tensor) -> Result<f64> {
        Ok(self.loss(self.values(point)?, 0))
    }

    /// The parameter values of lowest loss.
    pub(super) fn minimum(&self) -> &[f64] {
        &self.centre
    }

    /// How much the square of an offset counts, by coordinate.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// How far every parameter value of a point \[d\] is from the lowest loss.
    pub(super) fn distances(&self, point: &Tensor) -> Result<Vec<f64>> {
        Ok(self.values(point)?.iter().zip(&self.centre).map(|(v, c)| (v - c).abs()).collect())
    }

    fn loss(&self, values: Vec<f64>, draw: u32) -> f64 {
        if self.fails_at(&values) {
            return f64::NAN;
        }
        let offsets = self.offsets(values, draw);
        FLOOR + offsets.iter().zip(&self.weights).map(|(o, w)| w * o * o).sum::<f64>()
    }

    /// Does every candidate fail that has these parameter values? In stripes of the first.
    pub(super) fn fails_at(&self, values: &[f64]) -> bool {
        self.fails && (4.1 * values[0] + 0.37).floor().rem_euclid(3.0) == 0.0
    }

    /// What is added to all losses until the next refresh.
    fn shift_today(&self) -> f64 {
        self.shift.map_or(0.0, |most| most * (2.0 * small(Key::new(self.epoch).fold(u64::MAX)) - 1.0))
    }

    /// H(θ − c).
    fn offsets(&self, mut values: Vec<f64>, draw: u32) -> Vec<f64> {
        values.iter_mut().zip(&self.centre).for_each(|(v, c)| *v -= c);
        if self.noisy {
            let key = Key::new(self.epoch).fold(u64::from(draw));
            values.iter_mut().enumerate().for_each(|(i, v)| *v -= 0.1 * small(key.fold(i as u64)));
        }
        if let Some(u) = &self.mirror {
            reflect(u, &mut values);
        }
        values
    }
}

/// A point \[d\] of these search coordinates.
fn point(space: &Space, at: Vec<f64>) -> Result<Tensor> {
    Ok(Tensor::from_vec(at, space.dim(), &Device::Cpu)?.to_dtype(space.dtype())?)
}

/// A number in [0, 1) from a key.
fn small(key: Key) -> f64 {
    (key.to_bits() >> 11) as f64 / (1u64 << 53) as f64
}

fn reflect(u: &[f64], x: &mut [f64]) {
    let along: f64 = u.iter().zip(&*x).map(|(u, x)| u * x).sum();
    x.iter_mut().zip(u).for_each(|(x, u)| *x -= 2.0 * along * u);
}

impl Objective for Problem {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let shift = self.shift_today();
        (0..batch.len()).map(|i| Ok(self.loss(self.values(&*batch.row(i, &self.space)?)?, batch.draw(i)) + shift)).collect()
    }

    fn stochastic(&self) -> bool {
        self.noisy || self.shift.is_some()
    }

    fn refresh(&mut self) -> Result<()> {
        self.epoch += 1;
        Ok(())
    }

    /// One example, whose outputs are H(θ − c).
    fn outputs(&mut self, batch: &Batch) -> Result<Option<Outputs>> {
        let (n, d) = (batch.len(), self.weights.len());
        let (mut values, mut slopes) = (Vec::with_capacity(n * d), Vec::with_capacity(n * d));
        for i in 0..n {
            let parameters = self.values(&*batch.row(i, &self.space)?)?;
            let (failed, offsets) = (self.fails_at(&parameters), self.offsets(parameters, batch.draw(i)));
            slopes.extend(offsets.iter().zip(&self.weights).map(|(o, w)| if failed { 0.0 } else { 2.0 * w * o }));
            values.extend(offsets.into_iter().map(|o| if failed { f64::NAN } else { o }));
        }
        let losses = self.evaluate(batch)?.into();
        let tensor = |numbers| Tensor::from_vec(numbers, (n, 1, d), self.space.device())?.to_dtype(self.space.dtype());
        Ok(Some(Outputs { losses, values: tensor(values)?, slopes: tensor(slopes)? }))
    }

    fn gradient(&mut self, at: &CowTensor) -> Result<Option<(f64, Tensor)>> {
        let values = self.values(at)?;
        let mut slopes = self.offsets(values.clone(), 0);
        slopes.iter_mut().zip(&self.weights).for_each(|(o, w)| *o *= 2.0 * w);
        if let Some(u) = &self.mirror {
            reflect(u, &mut slopes);
        }
        let mut gradient = self.space.zeros()?;
        with_scalar!(self.space.dtype(), T => host::edit::<T, _>(&mut gradient, |g| {
            g.iter_mut().zip(&slopes).for_each(|(g, s)| *g = *s as T);
        }))?;
        self.space.pull_back(at, &mut gradient)?;
        Ok(Some((self.loss(values, 0), gradient.copy()?)))
    }
}
