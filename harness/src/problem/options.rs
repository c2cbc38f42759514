//! What a problem is built with.

use std::path::PathBuf;

use super::Place;
use crate::noisy::Noise;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, whole::whole};

/// What a problem is built with. A problem refuses the options it does not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The number of variables of a function, as `/d10` behind its name [default: 10]
    #[arg(long, value_name = "D", value_parser = whole::<usize, 0, { u64::MAX }>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Which of the shifted and turned versions of a function, as `/i3` behind its name [default: 1]
    #[arg(long, value_name = "I", value_parser = whole::<u32, 0, { u32::MAX as u64 }>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<u32>,
    /// Hold out part of the training data and measure accuracy on it, not on the test data: for choosing settings
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub validate: bool,
    /// The folder with the data of a problem whose data are not part of this program
    #[arg(long, value_name = "DIR")]
    #[serde(with = "crate::files::exact_or_none", skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Examples in a minibatch, from 1 to 10,000 [default: 32]
    #[arg(long, value_name = "N", value_parser = whole::<u16, 1, 10_000>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minibatch: Option<u16>,
    /// Begin with an output layer of zeros: the network then says the same of everything, whatever its other weights
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zero_head: bool,
    /// Compute the losses of a network here: cpu, cuda, or one of several cards, as cuda:1 [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Place>,
    /// Lay noise over all losses, as `/cauchy` behind the name: gaussian, uniform or cauchy, or one of these with -severe
    #[arg(long, value_name = "NOISE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
}

/// What a problem may have, and an option then says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    Dim,
    Instance,
    HeldOut,
    Data,
    Minibatch,
    Head,
    Device,
}

impl Has {
    /// Why its option says nothing to a problem without it.
    fn missing(self, problem: &str) -> String {
        match self {
            Self::Dim => format!("`{problem}` has a fixed number of parameters"),
            Self::Instance => format!("there is only one `{problem}`"),
            Self::HeldOut => format!("`{problem}` has no data to hold out"),
            Self::Data => format!("`{problem}` reads no files"),
            Self::Minibatch => format!("`{problem}` has no minibatches"),
            Self::Head => format!("`{problem}` has no output layer that may begin at zero"),
            Self::Device => format!("`{problem}` is no network; its losses are computed on the CPU"),
        }
    }
}

impl Options {
    /// An error for each option that is given, but that the problem does not have.
    pub(super) fn only(&self, problem: &str, has: &[Has]) -> Result<()> {
        let refused = self.given().into_iter().find(|(what, ..)| !has.contains(what));
        refused.map_or(Ok(()), |(what, flag, value)| Err(Error::invalid(flag, value, what.missing(problem))))
    }

    /// The options that say something.
    fn given(&self) -> Vec<(Has, &'static str, String)> {
        let given = [
            (Has::Dim, "--dim", self.dim.map(|dim| dim.to_string())),
            (Has::Instance, "--instance", self.instance.map(|instance| instance.to_string())),
            (Has::HeldOut, "--validate", self.validate.then(|| "true".into())),
            (Has::Data, "--data", self.data.as_ref().map(|folder| folder.display().to_string())),
            (Has::Minibatch, "--minibatch", self.minibatch.map(|examples| examples.to_string())),
            (Has::Head, "--zero-head", self.zero_head.then(|| "true".into())),
            (Has::Device, "--device", self.device.map(|device| device.to_string())),
        ];
        given.into_iter().filter_map(|(what, flag, value)| Some((what, flag, value?))).collect()
    }

    /// These options, but for what changes no run: where its data lie, and where its losses are computed.
    pub fn of_the_run(&self) -> Self {
        self.moved_to(&Self::default())
    }

    /// These options, with the places that others say.
    pub fn moved_to(&self, others: &Self) -> Self {
        Self { data: others.data.clone(), device: others.device, ..self.clone() }
    }

    /// The device that is asked for.
    pub(super) fn place(&self) -> Result<candle_core::Device> {
        self.device.unwrap_or_default().device()
    }

    /// These options, and where they say nothing, those.
    pub(super) fn or(self, defaults: &Self) -> Self {
        Self { dim: self.dim.or(defaults.dim), instance: self.instance.or(defaults.instance), ..self }
    }

    /// The name of a problem with these options: `bbob/f08/d10/i3/cauchy`.
    pub fn address(&self, problem: &str) -> String {
        let dim = self.dim.map(|dim| format!("/d{dim}")).unwrap_or_default();
        let instance = self.instance.map(|instance| format!("/i{instance}")).unwrap_or_default();
        let noise = self.noise.map(|noise| format!("/{noise}")).unwrap_or_default();
        format!("{problem}{dim}{instance}{noise}")
    }

    /// These options, and what a part of a name such as `d10`, `i3` or `cauchy` says; `None` if it says nothing.
    pub(super) fn and(&self, part: &str) -> Option<Result<Self>> {
        let mut options = self.clone();
        if let Ok(noise) = part.parse() {
            return said("--noise", noise, &mut options.noise).map(|()| options).into();
        }
        let (kind, number) = part.split_at_checked(1)?;
        match kind {
            "d" => said("--dim", number.parse().ok()?, &mut options.dim).map(|()| options).into(),
            "i" => said("--instance", number.parse().ok()?, &mut options.instance).map(|()| options).into(),
            _ => None,
        }
    }
}

/// A name and a flag may say the same, but not contradict each other.
fn said<T: PartialEq + Copy + std::fmt::Display>(flag: &str, in_name: T, given: &mut Option<T>) -> Result<()> {
    match given.replace(in_name) {
        Some(other) if other != in_name => Err(Error::invalid(flag, other, format!("the name of the problem says {in_name}"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_problem_does_not_have_is_refused_by_name() {
        let given = Options { minibatch: Some(8), zero_head: true, dim: Some(3), ..Options::default() };
        assert!(given.only("net/mnist-cnn", &[Has::Dim, Has::Minibatch, Has::Head]).is_ok());
        let refusal = |has: &[Has]| given.only("bbob/f01", has).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(refusal(&[Has::Dim, Has::Head]), "--minibatch = 8: `bbob/f01` has no minibatches");
        assert_eq!(
            refusal(&[Has::Dim, Has::Minibatch]),
            "--zero-head = true: `bbob/f01` has no output layer that may begin at zero"
        );
        assert_eq!(refusal(&[Has::Minibatch, Has::Head]), "--dim = 3: `bbob/f01` has a fixed number of parameters");
    }
}
