//! Where losses are computed.

use std::{fmt, str::FromStr};

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What is valid.
const VALID: &str = "`cpu`, `cuda`, `metal`, or one of several cards, counted from 0: `cuda:1`";

/// A device by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// This computer's processor.
    #[default]
    Cpu,
    /// A card of this number, by CUDA.
    Cuda(usize),
    /// A GPU of this number, by Metal.
    Metal(usize),
}

impl Place {
    /// The device itself.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is not there, or this program was built without it.
    pub fn device(self) -> Result<Device> {
        let (device, feature) = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Cuda(number) => (Device::new_cuda_with_stream(number), "cuda"),
            Self::Metal(number) => (Device::new_metal(number), "metal"),
        };
        device.map_err(|why| {
            let built = cfg!(feature = "cuda") && feature == "cuda" || cfg!(feature = "metal") && feature == "metal";
            let valid = match built {
                true => format!("a device that is there; the driver says: {why}"),
                false => format!("this program was built without it; `--features {feature}` builds one with it"),
            };
            Error::invalid("--device", self, valid)
        })
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, &'static str> {
        let (kind, number) = text.split_once(':').map_or((text, None), |(kind, number)| (kind, Some(number)));
        let number = number.map(|number| number.parse().map_err(|_| VALID)).transpose()?;
        match (kind, number) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("metal", number) => Ok(Self::Metal(number.unwrap_or(0))),
            _ => Err(VALID),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, &'static str> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (text, place, written) in [
            ("cpu", Place::Cpu, "cpu"),
            ("cuda", Place::Cuda(0), "cuda:0"),
            ("cuda:3", Place::Cuda(3), "cuda:3"),
            ("metal:0", Place::Metal(0), "metal:0"),
        ] {
            assert_eq!((text.parse(), place.to_string().as_str()), (Ok(place), written));
        }
        for wrong in ["", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:x", "CUDA"] {
            assert_eq!(wrong.parse::<Place>(), Err(VALID), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_built_in_is_refused_by_name() {
        if !cfg!(feature = "cuda") {
            let why = Place::Cuda(1).device().err().map(|why| why.to_string()).unwrap_or_default();
            assert_eq!(why, "--device = cuda:1: this program was built without it; `--features cuda` builds one with it");
        }
    }
}
