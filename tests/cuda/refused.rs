//! A card whose compiler takes a kernel for no program: the step says which, and why.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use moths::{
    Error, Function, Key, Space, Spec,
    fuse::card::{Card, Launch, pretended},
    registry,
};

use crate::Tested;

const LOG: &str = "default_program(7): error: identifier \"x\" is undefined";
const IDS: [&str; 4] = ["pso", "open-es", "mezo", "sep-cma-es"];

/// Has no kernel, and of the one that is asked for after so many others says that its text does not compile.
#[derive(Debug)]
struct Refuses {
    after: usize,
    asked: AtomicUsize,
}

impl Card for Refuses {
    fn takes(&self, launch: &Launch<'_>) -> moths::Result<bool> {
        match self.asked.fetch_add(1, Ordering::Relaxed) == self.after {
            true => Err(Error::Kernel { name: launch.program.symbol(), why: LOG.into(), text: launch.program.text()? }),
            false => Ok(false),
        }
    }

    fn launch(&self, launch: &Launch<'_>) -> moths::Result<()> {
        Err(Error::unsupported(launch.program.symbol(), "is launched, and was not taken"))
    }
}

#[test]
fn a_kernel_that_does_not_compile_is_named_with_its_text() -> Tested {
    for id in IDS {
        // Walls are a kernel of their own, after the point has moved.
        let space = if id == "pso" { Space::bounded([(-3.0, 3.0); 5])? } else { Space::real(5)? };
        let mut objective = Function::new(space.clone(), |x| x.iter().map(|x| (x - 0.5).powi(2)).sum());
        let build = || registry::build(&Spec::new(id), &space, Key::new(3));
        let expected = build()?.step(&mut objective)?.loss;
        for after in 0.. {
            let (mut optimizer, card) = (build()?, Arc::new(Refuses { after, asked: AtomicUsize::new(0) }));
            let Err(refused) = pretended(card, || optimizer.step(&mut objective)) else {
                assert!(after > 0, "{id} asks a card for nothing");
                break;
            };
            let said = refused.to_string();
            let Error::Kernel { name, why, text } = refused else { panic!("{id}, after {after}: {said}") };
            // Names are put together from parts in some texts.
            assert!(why == LOG && text.contains("__global__") && said.contains(&name) && said.contains(LOG), "{id}: {said}");
            // A population that adapts its distribution takes several kernels to commit.
            if id != "sep-cma-es" {
                let loss = optimizer.step(&mut objective)?.loss;
                assert_eq!(loss.to_bits(), expected.to_bits(), "{id}, after {after}: something changed");
            }
        }
    }
    Ok(())
}
