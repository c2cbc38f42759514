//! The end of what a program prints: programs that print gigabytes take no more memory than others.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread::Builder,
    time::Duration,
};

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 14;
/// Somebody who is out of the group may hold the other end for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who looks at all that comes.
pub(super) trait Listener: Send + 'static {
    /// The next bytes.
    fn hear(&mut self, bytes: &[u8]);
}

/// Nobody does.
impl Listener for () {
    fn hear(&mut self, _: &[u8]) {}
}

impl<L: Listener> Listener for Option<L> {
    fn hear(&mut self, bytes: &[u8]) {
        self.iter_mut().for_each(|listener| listener.hear(bytes));
    }
}

/// The last bytes of a stream, which is read as it comes.
pub(super) struct Tail {
    bytes: Arc<Mutex<Vec<u8>>>,
    most: usize,
    /// Says that the stream has ended.
    ended: Receiver<()>,
}

impl Tail {
    /// Of at most so many bytes.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn of(mut stream: impl Read + Send + 'static, most: usize, mut listener: impl Listener) -> io::Result<Self> {
        let bytes = Arc::new(Mutex::new(vec![]));
        let (held, (sender, ended)) = (bytes.clone(), channel());
        let read = move || {
            let mut buffer = vec![0; BUFFER];
            while let Some(read) = part(&mut stream, &mut buffer) {
                listener.hear(read);
                add(&mut held.lock().unwrap_or_else(PoisonError::into_inner), read, most);
            }
            let _ = sender.send(()); // nobody may wait for it any more
        };
        Builder::new().name("moths-tail".into()).spawn(read)?;
        Ok(Self { bytes, most, ended })
    }

    /// Waits until the stream has ended, and a moment at most.
    pub(super) fn wait(&self) {
        let _ = self.ended.recv_timeout(PATIENCE); // either way
    }

    /// What has come, when the stream has ended, or a moment later.
    pub(super) fn take(self) -> Vec<u8> {
        self.wait();
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = bytes.len().saturating_sub(self.most);
        bytes.split_off(surplus)
    }
}

/// The next bytes, until there are none.
fn part<'a>(stream: &mut impl Read, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return None,
            Ok(read) => return Some(&buffer[..read]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Twice as much is kept, so that each byte is moved once.
fn add(bytes: &mut Vec<u8>, read: &[u8], most: usize) {
    bytes.extend_from_slice(read);
    if bytes.len() > 2 * most {
        bytes.drain(..bytes.len() - most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() -> io::Result<()> {
        let long: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(Tail::of(io::Cursor::new(long.clone()), 1000, ())?.take(), long[99_000..]);
        assert_eq!(Tail::of(&b"short"[..], 1000, ())?.take(), b"short");
        Ok(())
    }
}
