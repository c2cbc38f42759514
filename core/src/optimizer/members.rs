//! Optimizers inside an optimizer: a list that can be saved whatever its length, and that gives back who was in it.

use std::ops::RangeInclusive;

use crate::{
    Error, Result,
    optimizer::{Optimizer, Spec, registry},
    persist::{Fields, Persist},
    rng::Key,
    space::Space,
};

/// Bytes of all specs together, at most: a state that names more is damaged.
const MOST_TEXT: usize = 1 << 20;

/// The optimizers that an ensemble is made of.
///
/// Each is built from a spec and a key, which are part of the state: a list of another length, or of other optimizers, is built anew before
/// their states are restored. So members may be born, die and be replaced at any step.
///
/// ```
/// use moths_core::{Key, Space, Spec, optimizer::Members};
///
/// let space = Space::real(3)?;
/// let members = Members::new("inner", &space, 1..=8);
/// assert!(members.is_empty());
/// # Ok::<(), moths_core::Error>(())
/// ```
pub struct Members {
    /// The setting that they stand in, for errors.
    setting: &'static str,
    space: Space,
    sizes: RangeInclusive<usize>,
    list: Vec<Member>,
}

/// One of [`Members`].
pub struct Member {
    spec: Spec,
    key: Key,
    /// The optimizer itself.
    pub optimizer: Box<dyn Optimizer>,
}

impl Member {
    /// What it was built from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }
}

impl Members {
    /// None yet. `setting` names where their specs come from; there will be so many of them as `sizes` allows.
    pub fn new(setting: &'static str, space: &Space, sizes: RangeInclusive<usize>) -> Self {
        Self { setting, space: space.clone(), sizes, list: vec![] }
    }

    /// A member more.
    ///
    /// # Errors
    /// As [`registry::build`]; there are then as many as before.
    pub fn push(&mut self, spec: Spec, key: Key) -> Result<()> {
        let member = self.build(spec, key)?;
        self.list.push(member);
        Ok(())
    }

    /// Another optimizer in the place of member `i`.
    ///
    /// # Errors
    /// As [`registry::build`], and [`Error::Invalid`] where there is no such member; nothing has then changed.
    pub fn replace(&mut self, i: usize, spec: Spec, key: Key) -> Result<()> {
        let member = self.build(spec, key)?;
        let len = self.list.len();
        *self.list.get_mut(i).ok_or_else(|| Error::invalid("member", i, format!("an index below {len}")))? = member;
        Ok(())
    }

    /// Member `i` leaves, and those behind it move up; nothing happens where there is none.
    pub fn remove(&mut self, i: usize) -> Option<Member> {
        (i < self.list.len()).then(|| self.list.remove(i))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.list.iter()
    }

    /// The members in order, to be stepped.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Member> {
        self.list.iter_mut()
    }

    fn build(&self, spec: Spec, key: Key) -> Result<Member> {
        let optimizer = registry::build_part(self.setting, &spec, &self.space, key)?;
        Ok(Member { spec, key, optimizer })
    }

    /// Who is in the list, as text.
    fn roll(&self) -> Result<String> {
        let roll: Vec<_> = self.list.iter().map(|member| (&member.spec, member.key.to_bits().to_string())).collect();
        serde_json::to_string(&roll).map_err(|e| Error::invalid(self.setting, "the specs of its members", e.to_string()))
    }

    /// Those that a roll names; whoever is there already stays.
    fn call(&mut self, roll: &str, fields: &dyn Fields) -> Result<()> {
        let named: Vec<(Spec, String)> =
            serde_json::from_str(roll).map_err(|e| fields.refusal(format!("names no optimizers: {e}")))?;
        if !self.sizes.contains(&named.len()) {
            let (least, most) = (self.sizes.start(), self.sizes.end());
            return Err(fields.refusal(format!("names {} optimizers, but there are {least} to {most}", named.len())));
        }
        let mut there: Vec<Option<Member>> = std::mem::take(&mut self.list).into_iter().map(Some).collect();
        there.resize_with(named.len(), || None);
        for ((spec, bits), member) in named.into_iter().zip(there) {
            let key =
                bits.parse().map(Key::from_bits).map_err(|_| fields.refusal(format!("names a member with the key `{bits}`")))?;
            let same = member.filter(|member| member.spec == spec && member.key == key);
            let member = match same {
                Some(member) => member,
                None => self.build(spec, key).map_err(|e| fields.refusal(e.to_string()))?,
            };
            self.list.push(member);
        }
        Ok(())
    }
}

impl std::ops::Index<usize> for Members {
    type Output = Member;

    fn index(&self, i: usize) -> &Member {
        &self.list[i]
    }
}

impl std::ops::IndexMut<usize> for Members {
    fn index_mut(&mut self, i: usize) -> &mut Member {
        &mut self.list[i]
    }
}

impl Persist for Members {
    fn visit(&mut self, fields: &mut dyn Fields) -> Result<()> {
        let roll = self.roll()?;
        fields.enter("roll");
        let mut words = packed(&roll);
        let called = fields.words(&mut words, 1..=MOST_TEXT / 8).and_then(|()| {
            let restored = unpacked(&words).ok_or_else(|| fields.refusal("is no text".into()))?;
            if restored == roll { Ok(()) } else { self.call(&restored, fields) }
        });
        fields.leave();
        called?;
        for (i, member) in self.list.iter_mut().enumerate() {
            fields.field(&i.to_string(), &mut member.optimizer)?;
        }
        Ok(())
    }
}

/// Text as words: its length in bytes, then eight bytes a word.
fn packed(text: &str) -> Vec<u64> {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    std::iter::once(text.len() as u64).chain(text.as_bytes().chunks(8).map(word)).collect()
}

fn unpacked(words: &[u64]) -> Option<String> {
    let (len, rest) = words.split_first()?;
    let bytes: Vec<u8> = rest.iter().flat_map(|word| word.to_le_bytes()).collect();
    let len = usize::try_from(*len).ok().filter(|len| len.div_ceil(8) == rest.len())?;
    String::from_utf8(bytes[..len].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back() {
        for text in ["", "a", "pso", "exactly8", "nine char", "größer ⌊√d⌋"] {
            assert_eq!(unpacked(&packed(text)).as_deref(), Some(text));
        }
        assert_eq!(unpacked(&[]), None);
        assert_eq!(unpacked(&[9, 1]), None);
        assert_eq!(unpacked(&[2, 0xFFFF]), None);
    }
}
