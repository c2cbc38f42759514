//! The losses that a program prints while it runs, as they come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{loss::LossFrom, tail::Listener};

/// More losses of a trial are not looked at.
const MOST: usize = 10_000;
/// A longer line has no loss.
const LINE: usize = 1 << 16;

/// What is minimised, in the order in which it was printed; NaN where that was no finite number.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Arc<Mutex<Vec<f64>>>);

impl Losses {
    pub(super) fn so_far(&self) -> MutexGuard<'_, Vec<f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds losses in a stream, line by line.
pub(super) struct Meter {
    from: LossFrom,
    /// -1 where a higher number is a better one.
    sign: f64,
    line: Vec<u8>,
    losses: Losses,
}

impl Meter {
    /// And the losses that it will find.
    pub(super) fn new(from: LossFrom, maximize: bool) -> (Self, Losses) {
        let losses = Losses::default();
        (Self { from, sign: if maximize { -1.0 } else { 1.0 }, line: vec![], losses: losses.clone() }, losses)
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() || line.len() >= LINE {
            return;
        }
        let found = self.from.on_line(&String::from_utf8_lossy(&line));
        let mut losses = self.losses.so_far();
        let room = MOST.saturating_sub(losses.len());
        losses.extend(found.iter().take(room).map(|x| if x.is_finite() { self.sign * x } else { f64::NAN }));
    }
}

impl Listener for Meter {
    /// A bar that is drawn again and again ends its lines by a carriage return.
    fn hear(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let whole = piece.ends_with(b"\n") || piece.ends_with(b"\r");
            let text = &piece[..piece.len() - usize::from(whole)];
            self.line.extend(text.iter().take(LINE.saturating_sub(self.line.len())));
            if whole {
                self.end_of_line();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(from: &str, maximize: bool, pieces: &[&str]) -> Vec<f64> {
        let from = if from.is_empty() { LossFrom::Last } else { from.parse().expect("a place") };
        let (mut meter, losses) = Meter::new(from, maximize);
        pieces.iter().for_each(|piece| meter.hear(piece.as_bytes()));
        let found = losses.so_far();
        found.clone()
    }

    #[test]
    fn losses_are_found_line_by_line_wherever_the_stream_is_cut() {
        let text = "start\nepoch 1 loss 0.5\n\u{1b}[32mepoch 2 loss 0.25\u{1b}[0m\r\nlast 7";
        for cut in 0..text.len() {
            if let Some((a, b)) = text.split_at_checked(cut) {
                assert_eq!(heard("", false, &[a, b]), [0.5, 0.25], "{cut}");
            }
        }
        assert_eq!(heard("loss ([0-9.]+)", true, &["loss 1 loss 2\n", "time 3\nloss 4\n"]), [-1.0, -2.0, -4.0]);
        assert_eq!(heard("json:v.loss", false, &["{\"v\":{\"loss\":1}}\n{}\nnoise 9\n{\"v\":{\"loss\":2}}\n"]), [1.0, 2.0]);
        let failed = heard("", false, &["loss nan\nloss 2\n"]);
        assert!(failed.len() == 2 && failed[0].is_nan() && failed[1] == 2.0);
        assert_eq!(heard("", false, &["1\n".repeat(MOST + 5).as_str()]).len(), MOST);
        assert_eq!(heard("", false, &["7".repeat(LINE).as_str(), "\n3\n"]), [3.0]);
    }
}
