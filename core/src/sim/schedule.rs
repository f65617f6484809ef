//! The choices that make a run what it is.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

/// The choices of one run, by which it can be replayed: at each moment at which more than one thing could happen next, which of them
/// did. 0 is what happens if nobody interferes: whoever is running goes on, or else the next one in turn.
///
/// Written as `SKIPPED:CHOICE` for each choice that is not 0, after how many that are.
///
/// ```
/// use concurrent_futures::sim::Schedule;
///
/// let schedule: Schedule = "14:2 0:1".parse()?;
/// assert_eq!(schedule.to_string(), "14:2 0:1");
/// assert!("14:x".parse::<Schedule>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schedule(pub(super) Vec<u16>);

impl Schedule {
    /// Without the zeros at the end, which say nothing.
    pub(super) fn new(mut choices: Vec<u16>) -> Self {
        while choices.pop_if(|choice| *choice == 0).is_some() {}
        Self(choices)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut skipped = 0;
        let mut separator = "";
        for &choice in &self.0 {
            if choice == 0 {
                skipped += 1;
            } else {
                write!(f, "{separator}{skipped}:{choice}")?;
                skipped = 0;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// A text that is not a [`Schedule`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    word: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not part of a schedule: two numbers with a colon between them, the second below 65,536, as a report prints them",
            self.word
        )
    }
}

impl core::error::Error for ScheduleError {}

/// More choices than any run makes.
const TOO_LONG: usize = 1 << 24;

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut choices = Vec::new();
        for word in text.split_whitespace() {
            let is_plain = |c: char| c.is_ascii_digit() || c == ':';
            let plain = Some(word).filter(|word| word.chars().all(is_plain));
            let parsed = plain.and_then(|word| word.split_once(':'));
            let parsed = parsed.and_then(|(skipped, choice)| {
                let skipped: usize = skipped.parse().ok()?;
                let choice: u16 = choice.parse().ok()?;
                (choices.len().saturating_add(skipped) < TOO_LONG).then_some((skipped, choice))
            });
            let Some((skipped, choice)) = parsed else {
                return Err(ScheduleError { word: word.into() });
            };
            choices.resize(choices.len() + skipped, 0);
            choices.push(choice);
        }
        Ok(Self::new(choices))
    }
}
