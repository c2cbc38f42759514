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
    /// Is that setting a list, a member each?
    listed: bool,
    space: Space,
    sizes: RangeInclusive<usize>,
    allowed: Box<dyn Fn(&Spec) -> bool + Send>,
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
        Self { setting, listed: false, space: space.clone(), sizes, allowed: Box::new(|_| true), list: vec![] }
    }

    /// The setting is a list that names every member in its place: errors name `members.2.rate`.
    pub fn listed(self) -> Self {
        Self { listed: true, ..self }
    }

    /// Nobody else than whom these specs name is ever taken from a saved state.
    pub fn restricted_to(self, allowed: impl Fn(&Spec) -> bool + Send + 'static) -> Self {
        Self { allowed: Box::new(allowed), ..self }
    }

    /// A member more.
    ///
    /// # Errors
    /// As [`registry::build`], and [`Error::Invalid`] where there are as many as there may be; nothing has then changed.
    pub fn push(&mut self, spec: Spec, key: Key) -> Result<()> {
        if self.list.len() >= *self.sizes.end() {
            return Err(Error::invalid("members", self.list.len() + 1, format!("{} at most", self.sizes.end())));
        }
        let member = self.build(self.list.len(), spec, key)?;
        self.list.push(member);
        Ok(())
    }

    /// Another optimizer in the place of member `i`.
    ///
    /// # Errors
    /// As [`registry::build`], and [`Error::Invalid`] where there is no such member; nothing has then changed.
    pub fn replace(&mut self, i: usize, spec: Spec, key: Key) -> Result<()> {
        let member = self.build(i, spec, key)?;
        let len = self.list.len();
        *self.list.get_mut(i).ok_or_else(|| Error::invalid("member", i, format!("an index below {len}")))? = member;
        Ok(())
    }

    /// Member `i` leaves, and those behind it move up. `None`, and nothing happens, where there is none, or there must be as many.
    pub fn remove(&mut self, i: usize) -> Option<Member> {
        (i < self.list.len() && self.list.len() > *self.sizes.start()).then(|| self.list.remove(i))
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

    fn build(&self, i: usize, spec: Spec, key: Key) -> Result<Member> {
        let optimizer = match self.listed {
            true => registry::build_part(&format!("{}.{i}", self.setting), &spec, &self.space, key)?,
            false => registry::build_part(self.setting, &spec, &self.space, key)?,
        };
        Ok(Member { spec, key, optimizer })
    }

    /// Who is in the list, as text.
    fn roll(&self) -> Result<String> {
        let specs: Vec<&Spec> = self.list.iter().map(|member| &member.spec).collect();
        let roll =
            serde_json::to_string(&specs).map_err(|e| Error::invalid(self.setting, "the specs of its members", e.to_string()))?;
        if roll.len() > MOST_TEXT {
            return Err(Error::invalid(self.setting, format!("{} bytes of specs", roll.len()), format!("{MOST_TEXT} at most")));
        }
        Ok(roll)
    }

    /// Those whom a roll names.
    fn named(&self, roll: &str, fields: &dyn Fields) -> Result<Vec<Spec>> {
        let named: Vec<Spec> = serde_json::from_str(roll).map_err(|e| fields.refusal(format!("names no optimizers: {e}")))?;
        if !self.sizes.contains(&named.len()) {
            let (least, most) = (self.sizes.start(), self.sizes.end());
            return Err(fields.refusal(format!("names {} optimizers, but there are {least} to {most}", named.len())));
        }
        match named.iter().find(|spec| !(self.allowed)(spec)) {
            Some(stranger) => Err(fields.refusal(format!("names {stranger}, which is none of its optimizers"))),
            None => Ok(named),
        }
    }

    /// Member `i` is to be this one: built anew unless it is there, with the key that was saved.
    fn seat(&mut self, i: usize, spec: Spec, fields: &mut dyn Fields) -> Result<()> {
        let there = self.list.get(i).map(|member| (member.spec == spec, member.key));
        // Where keys are kept as they are, who is built anew has another than it had: it must not repeat its numbers.
        let key = match there {
            Some((true, key)) => key,
            Some((false, key)) => key.fold(u64::MAX),
            // It is another than that of whoever is there, whose members would all have the same otherwise.
            None => self.list.first().map_or(Key::new(0), |first| first.key.fold(u64::MAX)).fold(i as u64),
        };
        let mut bits = vec![key.to_bits()];
        fields.enter("key");
        let visited = fields.clock(&mut bits);
        fields.leave();
        visited?;
        let key = Key::from_bits(bits[0]);
        if there != Some((true, key)) {
            let member = self.build(i, spec, key).map_err(|e| fields.refusal(e.to_string()))?;
            match self.list.get_mut(i) {
                Some(place) => *place = member,
                None => self.list.push(member),
            }
        }
        fields.field("optimizer", &mut self.list[i].optimizer)
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
        let named = fields.words(&mut words, 1..=1 + MOST_TEXT / 8).and_then(|()| {
            let restored = unpacked(&words).ok_or_else(|| fields.refusal("is no text".into()))?;
            match restored == roll {
                true => Ok(self.list.iter().map(|member| member.spec.clone()).collect()),
                false => self.named(&restored, fields),
            }
        });
        fields.leave();
        let named: Vec<Spec> = named?;
        self.list.truncate(named.len());
        for (i, spec) in named.into_iter().enumerate() {
            fields.enter(&i.to_string());
            let seated = self.seat(i, spec, fields);
            fields.leave();
            seated?;
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
