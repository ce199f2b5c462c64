use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::duration;
use crate::random::Random;

/// The time that an export takes to complete, as a distribution.
///
/// ```
/// use std::time::Duration;
/// use export_sim::Completion;
///
/// assert_eq!("2s".parse(), Ok(Completion::Fixed(Duration::from_secs(2))));
/// assert_eq!(
///     "500ms..3s".parse(),
///     Ok(Completion::Uniform(Duration::from_millis(500), Duration::from_secs(3)))
/// );
/// assert_eq!("~1m".parse(), Ok(Completion::Exponential(Duration::from_secs(60))));
/// assert!("soon".parse::<Completion>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// The same duration for each export.
    Fixed(Duration),
    /// Uniformly distributed between the two durations.
    Uniform(Duration, Duration),
    /// Exponentially distributed with this mean, cut off at ten times the mean: most exports are quick, a few are
    /// very slow.
    Exponential(Duration),
}

impl Completion {
    pub(crate) fn draw(self, random: &mut Random) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Uniform(from, to) => from + to.saturating_sub(from).mul_f64(random.fraction()),
            Self::Exponential(mean) => {
                let times = -(1.0 - random.fraction()).ln();
                let seconds = mean.as_secs_f64() * times.min(10.0);
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        }
    }
}

impl Default for Completion {
    fn default() -> Self {
        Self::Fixed(Duration::ZERO)
    }
}

/// The text is not a valid [`Completion`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseCompletionError(String);

/// Parses `2s` (fixed), `1s..5s` (uniform) or `~2s` (exponential).
impl FromStr for Completion {
    type Err = ParseCompletionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |text: &str| duration::parse(text).map_err(ParseCompletionError);
        if let Some(mean) = text.strip_prefix('~') {
            return Ok(Self::Exponential(parse(mean)?));
        }
        let Some((from, to)) = text.split_once("..") else { return Ok(Self::Fixed(parse(text)?)) };
        let (from, to) = (parse(from)?, parse(to)?);
        if from > to {
            return Err(ParseCompletionError(format!(
                "invalid range `{text}`: the start is after the end"
            )));
        }
        Ok(Self::Uniform(from, to))
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => f.write_str(&duration::format(*time)),
            Self::Uniform(from, to) => {
                write!(f, "{}..{}", duration::format(*from), duration::format(*to))
            }
            Self::Exponential(mean) => write!(f, "~{}", duration::format(*mean)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_the_configured_mean() {
        let mean = |completion: Completion| {
            let mut random = Random::new(3);
            (0..10_000).map(|_| completion.draw(&mut random)).sum::<Duration>() / 10_000
        };
        let second = Duration::from_secs(1);
        assert_eq!(mean(Completion::Fixed(second)), second);
        let uniform = mean(Completion::Uniform(second, 3 * second));
        assert!(uniform.abs_diff(2 * second) < second / 20, "{uniform:?}");
        let exponential = mean(Completion::Exponential(second));
        assert!(exponential.abs_diff(second) < second / 20, "{exponential:?}");
    }

    #[test]
    fn display_round_trips() {
        for text in ["2s", "500ms", "1s..5s", "~2s"] {
            let completion: Completion = text.parse().unwrap();
            assert_eq!(completion.to_string(), text);
        }
    }
}
