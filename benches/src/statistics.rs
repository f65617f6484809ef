//! Median, minimum and maximum of a contender's samples.

/// What is reported of a contender's samples, in the unit of the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The middle sample; of an even number of samples, the mean of the two middle ones.
    pub median: f64,
    /// The smallest sample.
    pub min: f64,
    /// The largest sample.
    pub max: f64,
}

impl Summary {
    /// Summarises `samples`, in any order; `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let upper = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[upper]
        } else {
            f64::midpoint(sorted[upper - 1], sorted[upper])
        };
        Some(Self { median, min, max })
    }
}

/// How many times as much as `ours` the median `theirs` is: above 1, ours is ahead.
///
/// `None` where the quotient says nothing: ours is not a positive number.
pub fn ratio(theirs: f64, ours: f64) -> Option<f64> {
    (ours > 0.0).then(|| theirs / ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_odd_number_is_the_middle_sample() {
        let summary = Summary::of(&[9.0, 1.0, 4.0]).unwrap();
        assert_eq!(
            summary,
            Summary {
                median: 4.0,
                min: 1.0,
                max: 9.0
            }
        );
    }

    #[test]
    fn median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let summary = Summary::of(&[8.0, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(
            summary,
            Summary {
                median: 3.0,
                min: 1.0,
                max: 8.0
            }
        );
    }

    #[test]
    fn one_sample_is_its_own_summary() {
        let summary = Summary::of(&[7.5]).unwrap();
        assert_eq!(
            summary,
            Summary {
                median: 7.5,
                min: 7.5,
                max: 7.5
            }
        );
    }

    #[test]
    fn no_samples_have_no_summary() {
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn ratio_is_above_one_when_ours_takes_less() {
        assert_eq!(ratio(30.0, 10.0), Some(3.0));
        assert_eq!(ratio(5.0, 10.0), Some(0.5));
    }

    #[test]
    fn ratio_to_nothing_is_no_number() {
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(1.0, f64::NAN), None);
    }
}
