//! A kernel call: its tensors gathered, checked, made ready for writing, and given to the back end of their device.

mod elsewhere;

use std::fmt::Display;

use candle_core::{DType, Tensor};

use super::{
    Body,
    check::{MOST_READ, MOST_SCALARS, MOST_WRITTEN},
    cpu::{self, Slot},
    drawn::{Drawing, Drawn, Sum},
    formula::Formula,
};
use crate::{
    Error, Result,
    rng::Key,
    tensor::{CowTensor, place},
};
pub(crate) use elsewhere::{Given, OnCard};

/// The tensors of one call. Everything is checked before anything is written: a call that fails changes nothing.
pub struct Call<'t> {
    name: &'static str,
    written: [Option<Written<'t>>; MOST_WRITTEN],
    read: [Option<Read<'t>>; MOST_READ],
    on_card: Option<OnCard<'t>>,
    /// The bits of numbers and keys of a formula, in its order.
    scalars: ([u64; MOST_SCALARS], usize),
}

struct Written<'t> {
    name: &'static str,
    tensor: &'t mut CowTensor,
    /// Its old values are not looked at.
    overwritten: bool,
}

#[derive(Clone, Copy)]
enum Read<'t> {
    Tensor { name: &'static str, tensor: &'t Tensor, extent: Extent },
    Drawn { name: &'static str, drawn: &'t dyn Drawn },
}

/// What a read tensor has one element for.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Mat,
    Row,
    Col,
    /// Whatever the caller has checked itself.
    Free,
}

/// What the check of a call found out.
struct Checked {
    grid: Grid,
    dtype: DType,
    addresses: Addresses,
}

/// Where the storages of a call's tensors are.
struct Addresses {
    written: [usize; MOST_WRITTEN],
    read: [usize; MOST_READ],
}

/// The "address" of a tensor that is shared and so will be copied to a new place before it is written.
const COPIED: usize = 0;

/// The shape that a formula runs over.
#[derive(Clone, Copy, PartialEq)]
struct Grid {
    rows: usize,
    columns: usize,
}

impl<'t> Call<'t> {
    /// A call of the kernel `name`, without tensors yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            written: [const { None }; MOST_WRITTEN],
            read: [const { None }; MOST_READ],
            on_card: None,
            scalars: ([0; MOST_SCALARS], 0),
        }
    }

    /// A call of a formula: tensors, numbers and keys follow in the order of its parameters.
    pub fn of(formula: &'static Formula) -> Self {
        Self { on_card: Some(OnCard::Formula(formula)), ..Self::new(formula.name) }
    }

    /// What a card runs in place of the body.
    pub(crate) fn on_card(&mut self, program: OnCard<'t>) {
        self.on_card = Some(program);
    }

    /// A number of the formula.
    pub fn number(&mut self, number: f64) {
        self.scalar(number.to_bits());
    }

    /// The key of a formula's noise.
    pub fn key(&mut self, key: Key) {
        self.scalar(key.to_bits());
    }

    fn scalar(&mut self, bits: u64) {
        let (scalars, count) = &mut self.scalars;
        // `check::parameters` counted them; what is miscounted is refused where they are read.
        if let Some(scalar) = scalars.get_mut(*count) {
            *scalar = bits;
        }
        *count += 1;
    }

    /// A tensor that is read and written. The first written one is the grid: `[n, d]`, or `[d]` for one row.
    pub fn inout(&mut self, name: &'static str, tensor: &'t mut CowTensor) {
        self.write(Written { name, tensor, overwritten: false });
    }

    /// A tensor that is only written.
    pub fn out(&mut self, name: &'static str, tensor: &'t mut CowTensor) {
        self.write(Written { name, tensor, overwritten: true });
    }

    /// A read tensor of the grid's shape.
    pub fn mat(&mut self, name: &'static str, tensor: &'t Tensor) {
        self.read(Read::Tensor { name, tensor, extent: Extent::Mat });
    }

    /// A read vector with an element for each of the grid: a tensor, or one that is computed as it is read.
    pub fn sum(&mut self, name: &'static str, sum: &'t Sum<'t>) {
        match sum {
            Sum::Stored(tensor) => self.mat(name, tensor),
            Sum::Drawn(drawn) => self.read(Read::Drawn { name, drawn: &**drawn }),
        }
    }

    /// A read tensor `[d]`, the same for every row.
    pub fn row(&mut self, name: &'static str, tensor: &'t Tensor) {
        self.read(Read::Tensor { name, tensor, extent: Extent::Row });
    }

    /// A read tensor `[n]` or `[n, 1]`, the same for every column.
    pub fn col(&mut self, name: &'static str, tensor: &'t Tensor) {
        self.read(Read::Tensor { name, tensor, extent: Extent::Col });
    }

    /// A read tensor whose shape the caller has checked.
    pub(crate) fn free(&mut self, name: &'static str, tensor: &'t Tensor) {
        self.read(Read::Tensor { name, tensor, extent: Extent::Free });
    }

    fn write(&mut self, written: Written<'t>) {
        let free = self.written.iter_mut().find(|slot| slot.is_none());
        *free.expect("`check::parameters` counted the written tensors") = Some(written);
    }

    fn read(&mut self, read: Read<'t>) {
        let free = self.read.iter_mut().find(|slot| slot.is_none());
        *free.expect("`check::parameters` counted the read tensors") = Some(read);
    }

    /// Checks everything and does nothing.
    pub(super) fn check_only(&self) -> Result<()> {
        self.check().map(|_| ())
    }

    /// Checks everything, then runs `body` over the grid.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Invalid`] or [`Error::Unsupported`], naming the tensor that does not fit; nothing has then been written.
    pub fn run<B: Body>(&mut self, body: &B) -> Result<()> {
        self.run_heavy(1, body)
    }

    /// [`Call::run`] of a body that does the work of `weight` elements for each: it is shared among threads sooner.
    pub(crate) fn run_heavy<B: Body>(&mut self, weight: usize, body: &B) -> Result<()> {
        let Checked { grid, dtype, addresses } = self.check()?;
        if grid.elements() == 0 {
            return Ok(());
        }
        match self.written[0].as_ref().is_none_or(|written| place::is_near(written.tensor)) {
            true => self.run_near(weight, grid, dtype, &addresses, body),
            false => self.run_elsewhere(weight, grid, dtype, &addresses, body),
        }
    }

    fn run_near<B: Body>(&mut self, weight: usize, grid: Grid, dtype: DType, addresses: &Addresses, body: &B) -> Result<()> {
        let copies = self.contiguous_copies()?;
        let mut operands = cpu::Operands::default();
        for (k, read) in self.read.iter().enumerate() {
            match (&copies[k], read) {
                (Some(copy), _) => operands.push(Slot::Read(k), copy, cpu::storage_address(copy))?,
                (None, Some(Read::Tensor { tensor, .. })) => operands.push(Slot::Read(k), tensor, addresses.read[k])?,
                (None, Some(Read::Drawn { .. }) | None) => {}
            }
        }
        let drawn = self.drawn();
        self.make_writable(addresses)?;
        for (k, written) in self.written.iter().enumerate() {
            let Some(Written { tensor, .. }) = written else { continue };
            let address = match addresses.written[k] {
                COPIED => cpu::storage_address(tensor),
                known => known,
            };
            operands.push(Slot::Written(k), tensor, address)?;
        }
        let weight = weight + drawn.map_or(0, |(_, drawn)| drawn.weight());
        let work = grid.elements().saturating_mul(weight);
        match drawn {
            None => run(&operands, dtype, work, grid, body),
            Some((slot, drawn)) => run(&operands, dtype, work, grid, &Drawing { slot, drawn, body }),
        }
    }

    /// What is computed as it is read, and which of the read vectors it is.
    fn drawn(&self) -> Option<(usize, &'t dyn Drawn)> {
        self.read.iter().enumerate().find_map(|(slot, read)| match read {
            Some(Read::Drawn { drawn, .. }) => Some((slot, *drawn)),
            _ => None,
        })
    }

    /// Copies the written tensors that somebody else holds.
    fn make_writable(&mut self, addresses: &Addresses) -> Result<()> {
        // Holding one more clone of whatever is shared makes sure that it is copied, as `check` assumed, even where
        // two written tensors are the only two clones.
        let held = addresses.written.map(|address| address == COPIED);
        let held: [_; MOST_WRITTEN] =
            std::array::from_fn(|k| self.written[k].as_ref().filter(|_| held[k]).map(|w| w.tensor.clone()));
        for Written { tensor, overwritten, .. } in self.written.iter_mut().flatten() {
            if *overwritten {
                tensor.make_out()?
            } else {
                tensor.make_mut()?
            };
        }
        drop(held);
        Ok(())
    }

    /// What is known of a call that can run.
    fn check(&self) -> Result<Checked> {
        let first = self.written[0].as_ref().expect("`check::parameters` asks for a written tensor");
        let dtype = first.tensor.dtype();
        let grid =
            Grid::of(first.tensor).ok_or_else(|| Error::shape(self.label(first.name), "[n, d] or [d]", shape(first.tensor)))?;
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(Error::unsupported(self.label(first.name), format!("is {dtype:?}; kernels run on F32 and F64")));
        }
        let mut addresses = Addresses { written: [COPIED; MOST_WRITTEN], read: [COPIED; MOST_READ] };
        for (k, written) in self.written.iter().flatten().enumerate() {
            self.check_written(written, grid, dtype)?;
            // A shared tensor is copied before it is written, so that its old storage may be read or written as another.
            if !written.tensor.is_shared() {
                let address = cpu::storage_address(written.tensor);
                if addresses.written[..k].contains(&address) {
                    return Err(self.aliased(written.name, "is written twice: another argument shares its storage"));
                }
                addresses.written[k] = address;
            }
        }
        for (k, read) in self.read.iter().flatten().enumerate() {
            let (name, tensor, extent) = match *read {
                Read::Tensor { name, tensor, extent } => (name, tensor, extent),
                Read::Drawn { name, drawn } => {
                    self.check_drawn(name, drawn, grid, dtype)?;
                    continue;
                }
            };
            self.check_read(name, tensor, extent, grid, dtype)?;
            let address = cpu::storage_address(tensor);
            if addresses.written.contains(&address) {
                return Err(self.aliased(name, "is also written: read it by the name it is written under"));
            }
            addresses.read[k] = address;
        }
        Ok(Checked { grid, dtype, addresses })
    }

    fn check_written(&self, written: &Written<'_>, grid: Grid, dtype: DType) -> Result<()> {
        let tensor: &Tensor = written.tensor;
        self.check_kind(written.name, tensor, dtype)?;
        if Grid::of(tensor) != Some(grid) {
            return Err(Error::shape(self.label(written.name), grid, shape(tensor)));
        }
        if !tensor.is_contiguous() {
            return Err(Error::unsupported(self.label(written.name), "is not contiguous; written tensors must be"));
        }
        Ok(())
    }

    fn check_drawn(&self, name: &str, drawn: &dyn Drawn, grid: Grid, dtype: DType) -> Result<()> {
        self.check_dtype(name, drawn.dtype(), dtype)?;
        if (Grid { rows: 1, columns: drawn.len() }) == grid {
            return Ok(());
        }
        Err(Error::shape(self.label(name), grid, format!("[{}]", drawn.len())))
    }

    fn check_read(&self, name: &str, tensor: &Tensor, extent: Extent, grid: Grid, dtype: DType) -> Result<()> {
        self.check_kind(name, tensor, dtype)?;
        let fits = |extent| match (extent, tensor.dims()) {
            (Extent::Free, _) => true,
            (Extent::Mat, _) => Grid::of(tensor) == Some(grid),
            (Extent::Row, [d] | [1, d]) => *d == grid.columns,
            (Extent::Col, [n] | [n, 1]) => *n == grid.rows,
            _ => false,
        };
        if fits(extent) {
            return Ok(());
        }
        let needed = match extent {
            Extent::Row => format!("[{}], a row of {grid}", grid.columns),
            Extent::Col => format!("[{}], a column of {grid}", grid.rows),
            Extent::Mat | Extent::Free => grid.to_string(),
        };
        let hint = [(Extent::Mat, "mat"), (Extent::Row, "row"), (Extent::Col, "col")].into_iter().find(|(e, _)| fits(*e));
        let hint = hint.map_or(String::new(), |(_, kind)| format!(" (which is a `{kind}`)"));
        Err(Error::shape(self.label(name), needed, format!("{}{hint}", shape(tensor))))
    }

    fn check_kind(&self, name: &str, tensor: &Tensor, dtype: DType) -> Result<()> {
        let device = self.written[0].as_ref().map(|written| written.tensor.device());
        if device.is_some_and(|device| !tensor.device().same_device(device)) {
            let valid = format!("{device:?}, as the first written tensor");
            return Err(Error::invalid(format!("device of {}", self.label(name)), format!("{:?}", tensor.device()), valid));
        }
        self.check_dtype(name, tensor.dtype(), dtype)
    }

    fn check_dtype(&self, name: &str, found: DType, dtype: DType) -> Result<()> {
        if found != dtype {
            let valid = format!("{dtype:?}, as the first written tensor");
            return Err(Error::invalid(self.label(name), format!("{found:?}"), valid));
        }
        Ok(())
    }

    fn contiguous_copies(&self) -> Result<[Option<Tensor>; MOST_READ]> {
        let mut copies = [const { None }; MOST_READ];
        for (copy, read) in copies.iter_mut().zip(self.read.iter().flatten()) {
            if let Read::Tensor { tensor, .. } = read
                && !tensor.is_contiguous()
            {
                *copy = Some(tensor.contiguous()?);
            }
        }
        Ok(copies)
    }

    fn aliased(&self, name: &str, what: &str) -> Error {
        Error::unsupported(self.label(name), what)
    }

    fn label(&self, parameter: &str) -> String {
        format!("{}.{parameter}", self.name)
    }
}

/// `body` over the grid.
fn run<B: Body>(operands: &cpu::Operands<'_>, dtype: DType, work: usize, grid: Grid, body: &B) -> Result<()> {
    match dtype {
        DType::F32 => cpu::run::<f32, B>(operands, work, grid.columns, body)?,
        _ => cpu::run::<f64, B>(operands, work, grid.columns, body)?,
    }
    Ok(())
}

impl Grid {
    fn of(tensor: &Tensor) -> Option<Self> {
        match *tensor.dims() {
            [columns] => Some(Self { rows: 1, columns }),
            [rows, columns] => Some(Self { rows, columns }),
            _ => None,
        }
    }

    fn elements(self) -> usize {
        self.rows * self.columns
    }
}

impl Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.rows, self.columns)
    }
}

fn shape(tensor: &Tensor) -> String {
    format!("{:?}", tensor.dims())
}
