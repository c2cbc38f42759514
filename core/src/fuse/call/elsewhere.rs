//! Calls on tensors that are no slices of this memory: on their card, where it has the kernel, or here, on copies.

use candle_core::{DType, Device, Tensor};

use super::{Addresses, Body, Call, Grid, Read, Written};
use crate::{
    Error, Result,
    fuse::{
        card::{self, Card, Launch, Program, Value},
        cuda::WARP,
        formula::{Formula, Kind},
    },
    rng::BLOCK,
    tensor::{CowTensor, place},
};

/// What a card runs in place of a call's body.
#[derive(Clone, Copy)]
pub(crate) enum OnCard<'t> {
    /// The text of the formula itself.
    Formula(&'static Formula),
    /// The kernel `function` of a text, with these arguments, for about so many threads.
    Named { text: &'static str, function: &'static str, threads: usize, given: &'t [Given<'t>] },
}

/// One argument of a kernel with a name: numbers of the caller, or one of the tensors that the call writes or reads.
#[derive(Clone, Copy)]
pub(crate) enum Given<'t> {
    Word(usize),
    Number(f64),
    Words(&'t [u64]),
    Numbers(&'t [f64]),
    Written(usize),
    Read(usize),
    Nothing,
}

impl Call<'_> {
    pub(super) fn run_elsewhere<B: Body>(
        &mut self,
        weight: usize,
        grid: Grid,
        dtype: DType,
        addresses: &Addresses,
        body: &B,
    ) -> Result<()> {
        let card = self.written[0].as_ref().and_then(|written| card::of(written.tensor));
        if let (Some(card), Some(program)) = (card, self.on_card)
            && self.run_on_card(&*card, program, grid, dtype, addresses)?
        {
            return Ok(());
        }
        self.run_on_copies(weight, grid, dtype, body)
    }

    /// Launches the kernel; `false` where the card has none.
    fn run_on_card(
        &mut self,
        card: &dyn Card,
        program: OnCard<'_>,
        grid: Grid,
        dtype: DType,
        addresses: &Addresses,
    ) -> Result<bool> {
        let mut copies = self.contiguous_copies()?;
        if let Some((slot, drawn)) = self.drawn() {
            copies[slot] = Some(drawn.stored()?);
        }
        let (kernel, threads) = match program {
            OnCard::Formula(formula) => (Program::of(formula, dtype), grid.elements().div_ceil(BLOCK) * WARP),
            OnCard::Named { text, function, threads, .. } => (Program::named(text, function, dtype), threads),
        };
        let threads = threads as u64;
        let values = self.values(program, grid, &copies);
        if let OnCard::Formula(formula) = program
            && (values.iter().any(|value| matches!(value, Value::Nothing)) || self.scalars.1 != formula.scalars())
        {
            return Err(Error::shape(format!("arguments of {}", self.name), formula.parameters.len(), "others"));
        }
        // Compiled before anything is written, or only copied to be.
        if !card.takes(&Launch { program: kernel, threads, values: &values })? {
            return Ok(false);
        }
        drop(values);
        self.make_writable(addresses)?;
        card.launch(&Launch { program: kernel, threads, values: &self.values(program, grid, &copies) }).map(|()| true)
    }

    /// The arguments of the kernel, in its order.
    fn values<'v>(&'v self, program: OnCard<'v>, grid: Grid, copies: &'v [Option<Tensor>]) -> Vec<Value<'v>> {
        let read = |k: usize| match (copies.get(k), self.read.get(k)) {
            (Some(Some(copy)), _) => Value::Read(copy),
            (_, Some(Some(Read::Tensor { tensor, .. }))) => Value::Read(tensor),
            _ => Value::Nothing,
        };
        let written = |k: usize| match self.written.get(k) {
            Some(Some(written)) => Value::Written(written.tensor),
            _ => Value::Nothing,
        };
        let given = match program {
            OnCard::Formula(formula) => return self.of_formula(formula, grid, read, written),
            OnCard::Named { given, .. } => given,
        };
        let value = |given: &Given<'v>| match *given {
            Given::Word(word) => Value::Word(word as u64),
            Given::Number(number) => Value::Number(number),
            Given::Words(words) => Value::Words(words),
            Given::Numbers(numbers) => Value::Numbers(numbers),
            Given::Written(k) => written(k),
            Given::Read(k) => read(k),
            Given::Nothing => Value::Nothing,
        };
        given.iter().map(value).collect()
    }

    /// The arguments of [`cuda::kernel`](crate::fuse::cuda::kernel).
    fn of_formula<'v>(
        &self,
        formula: &Formula,
        grid: Grid,
        read: impl Fn(usize) -> Value<'v>,
        written: impl Fn(usize) -> Value<'v>,
    ) -> Vec<Value<'v>> {
        let (mut reads, mut writes, mut scalars) = (0.., 0.., self.scalars.0.iter());
        let mut scalar = || scalars.next().copied().unwrap_or_default();
        let parameters = formula.parameters.iter().map(|(_, kind)| match kind {
            Kind::InOut | Kind::Out => writes.next().map_or(Value::Nothing, &written),
            Kind::Mat | Kind::Sum | Kind::Row | Kind::Col => reads.next().map_or(Value::Nothing, &read),
            Kind::Num => Value::Number(f64::from_bits(scalar())),
            Kind::Uniform | Kind::Normal | Kind::Sign => Value::Word(scalar()),
        });
        let extent = [grid.elements(), grid.columns].map(|n| Value::Word(n as u64));
        extent.into_iter().chain(parameters).collect()
    }

    /// Here, on copies, which take the places of the tensors when all are made.
    fn run_on_copies<B: Body>(&mut self, weight: usize, grid: Grid, dtype: DType, body: &B) -> Result<()> {
        let mut brought: Vec<CowTensor> = vec![];
        for written in self.written.iter().flatten() {
            let copy = match written.overwritten {
                true => Tensor::zeros(written.tensor.dims(), dtype, &Device::Cpu)?,
                false => place::brought(written.tensor)?,
            };
            brought.push(copy.into());
        }
        let mut near = Call::new(self.name);
        for (written, tensor) in self.written.iter().flatten().zip(&mut brought) {
            near.write(Written { name: written.name, tensor, overwritten: written.overwritten });
        }
        let read: Vec<Option<Tensor>> = self
            .read
            .iter()
            .flatten()
            .map(|read| if let Read::Tensor { tensor, .. } = read { place::brought(tensor).map(Some) } else { Ok(None) })
            .collect::<Result<_>>()?;
        for (read, copy) in self.read.iter().flatten().zip(&read) {
            near.read(match (*read, copy) {
                (Read::Tensor { name, extent, .. }, Some(tensor)) => Read::Tensor { name, tensor, extent },
                (as_it_is, _) => as_it_is,
            });
        }
        let addresses = near.check()?.addresses;
        near.run_near(weight, grid, dtype, &addresses, body)?;

        let device = |written: &Written<'_>| written.tensor.device().clone();
        let sent = self.written.iter().flatten().zip(brought).map(|(written, copy)| Ok(copy.to_device(&device(written))?.into()));
        let sent: Vec<CowTensor> = sent.collect::<Result<_>>()?;
        self.written.iter_mut().flatten().zip(sent).for_each(|(written, tensor)| *written.tensor = tensor);
        Ok(())
    }
}
