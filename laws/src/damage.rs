//! A state comes from a file: what does not fit is refused, and what fits, whoever made it, is safe to go on from.

use std::{sync::mpsc, thread, time::Duration};

use candle_core::{DType, Tensor};
use rand::{RngExt, seq::IndexedRandom};

use super::{
    Law, Subject,
    broken::{Breach, Verdict, is_refusal},
    path::{self, KEY, OTHER_KEY},
    problem::Problem,
};
use moths_core::{
    Error, Key, Optimizer, Result,
    persist::{Keep, State, Value},
    rng::Stream,
    tensor::host,
};

pub(super) const LAW: Law = Law {
    name: "damage",
    statement: "a state with wrong numbers, lengths, shapes or fields is refused by name and changes nothing, or is gone on from; it neither \
                panics nor hangs",
    holds,
};

/// Steps before a state is taken: at first, and when there is something in it.
const BEFORE: [usize; 2] = [0, 7];
/// Damaged states of each.
const DAMAGES: u64 = 24;
/// Steps from a state that was taken.
const AFTER: usize = 3;
/// After so many evaluations the next of them is not taken.
const EVALUATIONS: u64 = 100;
/// What steps of a few candidates in a few dimensions never take.
const LONG: Duration = Duration::from_secs(20);

fn holds(subject: &Subject) -> Verdict {
    for problem in [Problem::free(5, DType::F32)?, Problem::switches(DType::F64)?, Problem::free(4, DType::F64)?.noisy()] {
        let Some(mut optimizer) = subject.build_if_able(problem.space(), KEY)? else { continue };
        for steps in BEFORE {
            path::run(&mut *optimizer, &mut problem.clone(), steps)?;
            let state = State::of(&mut optimizer)?;
            for number in 0..DAMAGES {
                let (damaged, how) = damage(&state, &mut Key::new(number).fold(steps as u64).stream())?;
                survives(subject, &problem, damaged).map_err(|b| b.under(format_args!("after {steps} steps, {how}")))?;
            }
        }
    }
    Ok(())
}

/// In a thread of its own, so that a step that never ends is found out.
fn survives(subject: &Subject, problem: &Problem, state: State) -> Verdict {
    let (subject, problem, (send, receive)) = (subject.clone(), problem.clone(), mpsc::channel());
    let thread = thread::spawn(move || {
        let _ = send.send(is_refused_or_taken(&subject, &problem, &state));
    });
    match receive.recv_timeout(LONG) {
        Ok(verdict) => verdict,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Breach::new(format!("it has not ended after {LONG:?}"))),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Breach::new(format!("it panicked: {}", said(thread.join())))),
    }
}

/// What a panic said.
fn said(ended: thread::Result<()>) -> String {
    let panic = ended.err().unwrap_or_else(|| Box::new("nothing"));
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn is_refused_or_taken(subject: &Subject, problem: &Problem, state: &State) -> Verdict {
    let mut optimizer = subject.build(problem.space(), OTHER_KEY)?;
    let before = path::digest(&mut *optimizer)?;
    match state.restore(&mut optimizer, Keep::Nothing) {
        Ok(()) => goes_on(&mut *optimizer, problem),
        // A wrapper builds what the state says it wraps.
        Err(error) if matches!(error, Error::State { .. }) || is_refusal(&error) => {
            path::same_state(&before, &path::digest(&mut *optimizer)?).map_err(|b| b.under(format_args!("refused ({error})")))
        }
        Err(error) => Err(Breach::new(format!("it was refused with {error:?}"))),
    }
}

/// It takes steps, or says why not.
fn goes_on(optimizer: &mut dyn Optimizer, problem: &Problem) -> Verdict {
    let mut problem = problem.clone();
    let _ = path::run_within(optimizer, &mut problem, AFTER, EVALUATIONS);
    let _ = optimizer.answer().and_then(|_| optimizer.move_to(&moths_core::Objective::space(&problem).start()));
    Ok(())
}

/// The state with one to three of its fields damaged, and what was done.
fn damage(state: &State, stream: &mut Stream) -> Result<(State, String)> {
    let (mut values, mut how) = (state.values().clone(), vec![]);
    for _ in 0..stream.random_range(1..=3) {
        let names: Vec<String> = values.keys().cloned().collect();
        let Some(name) = names.choose(stream) else { break };
        let (value, what) = match values.get(name) {
            Some(Value::Words(words)) => damaged_words(words.clone(), stream),
            Some(Value::Tensor(tensor)) => damaged_tensor(tensor, stream)?,
            None => (None, "is missing"),
        };
        how.push(format!("`{name}` {what}"));
        match value {
            Some(value) => drop(values.insert(name.clone(), value)),
            None => drop(values.remove(name)),
        }
    }
    Ok((State::from_values(values), how.join(", ")))
}

/// Numbers that are often wrong, as words: counts, and floats.
fn odd_word(stream: &mut Stream, len: usize) -> u64 {
    let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 1e300, -1e300, 1e-300, 0.5, 1e15].map(f64::to_bits);
    let counts = [0, 1, 2, len as u64, 1000, u64::from(u32::MAX), 1 << 53, 1 << 62, u64::MAX - 1, u64::MAX];
    if stream.random() { floats[stream.random_range(0..10)] } else { counts[stream.random_range(0..10)] }
}

fn damaged_words(mut words: Vec<u64>, stream: &mut Stream) -> (Option<Value>, &'static str) {
    let (len, at) = (words.len(), stream.random_range(0..words.len().max(1)));
    let what = match stream.random_range(0..8) {
        0 => return (None, "is missing"),
        1 => {
            words.truncate(at);
            "is shorter"
        }
        2 => {
            let odd = odd_word(stream, len);
            words.resize(len + stream.random_range(1..100), odd);
            "is longer"
        }
        3 if len > 0 => {
            words[at] ^= 1 << stream.random_range(0..64);
            "has another bit"
        }
        4 => {
            let odd = odd_word(stream, len);
            words.fill(odd);
            "is one number everywhere"
        }
        _ if len > 0 => {
            words[at] = odd_word(stream, len);
            "has an odd number"
        }
        _ => "is as it was",
    };
    (Some(Value::Words(words)), what)
}

fn damaged_tensor(tensor: &Tensor, stream: &mut Stream) -> Result<(Option<Value>, &'static str)> {
    let shaped = |dims: Vec<usize>| Ok::<_, Error>(Tensor::zeros(dims, tensor.dtype(), tensor.device())?);
    let (changed, what) = match stream.random_range(0..7) {
        0 => return Ok((None, "is missing")),
        1 => (shaped(tensor.dims().iter().map(|n| n + 1).collect())?, "is larger"),
        2 => (shaped(with_rows(tensor, stream.random_range(0..50)))?, "has other rows"),
        3 => {
            let other = if tensor.dtype() == DType::F32 { DType::F64 } else { DType::F32 };
            (tensor.to_dtype(other)?, "has another dtype")
        }
        4 => return Ok((Some(Value::Words(vec![1, 2, 3])), "is no tensor")),
        5 => ((tensor.zeros_like()? + f64::from_bits(odd_word(stream, 1)))?, "is one number everywhere"),
        _ => {
            let mut numbers = host::to_f64s(&tensor.contiguous()?)?;
            let at = stream.random_range(0..numbers.len().max(1));
            numbers.iter_mut().skip(at).take(1).for_each(|x| *x = f64::from_bits(odd_word(stream, 1)));
            (Tensor::from_vec(numbers, tensor.dims(), tensor.device())?.to_dtype(tensor.dtype())?, "has an odd number")
        }
    };
    Ok((Some(Value::Tensor(changed.into())), what))
}

fn with_rows(tensor: &Tensor, n: usize) -> Vec<usize> {
    let mut dims = tensor.dims().to_vec();
    dims.iter_mut().take(1).for_each(|rows| *rows = n);
    dims
}
