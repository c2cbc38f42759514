//! How far the laws go.

/// How many steps, problems and seeds a law spends on an optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What finds nearly everything, in the time that one waits for tests.
    #[default]
    Quick,
    /// What only shows after hundreds of steps, too: `MOTHS_LAWS=deep`.
    Deep,
}

impl Depth {
    /// What the environment says; quick where it says nothing.
    pub fn of_environment() -> Self {
        if std::env::var_os("MOTHS_LAWS").is_some_and(|depth| depth == "deep") { Self::Deep } else { Self::Quick }
    }

    /// One of two, by depth.
    pub(super) fn of<T>(self, quick: T, deep: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Deep => deep,
        }
    }

    /// After how many steps a law of bits looks at an optimizer.
    pub(super) fn stations(self) -> &'static [usize] {
        self.of(&[0, 1, 2, 3], &[0, 1, 2, 3, 5, 50, 300])
    }
}
