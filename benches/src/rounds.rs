//! Interleaves the contenders, so that a disturbance of the machine does not fall on one of them alone.

use std::io;

use crate::contender::ContenderName;

/// The samples of one contender, one per round.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Whose they are.
    pub contender: ContenderName,
    /// In the order of the rounds.
    pub values: Vec<f64>,
}

/// Calls `measure` for every contender in each of `rounds` rounds, after a round that does not count if `warm_up` says so.
///
/// # Errors
///
/// The first error of `measure`; the rounds end there, since samples of some contenders only compare nothing.
pub fn interleaved(
    rounds: usize,
    warm_up: bool,
    mut measure: impl FnMut(ContenderName) -> io::Result<f64>,
) -> io::Result<Vec<Samples>> {
    if warm_up {
        for contender in order(0) {
            measure(contender)?;
        }
    }
    let mut samples = ContenderName::ALL.map(|contender| Samples {
        contender,
        values: Vec::new(),
    });
    for round in 0..rounds {
        for contender in order(round) {
            let value = measure(contender)?;
            for own in samples.iter_mut().filter(|own| own.contender == contender) {
                own.values.push(value);
            }
        }
    }
    Ok(samples.into())
}

/// Who comes when in a round: rotated, so that everybody comes first in turn, and turned round in every other one, so
/// that nobody always finds the heap as the same predecessor left it.
fn order(round: usize) -> [ContenderName; ContenderName::ALL.len()] {
    let mut order = ContenderName::ALL;
    order.rotate_left(round % ContenderName::ALL.len());
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_is_measured_once_per_round() {
        let mut calls = 0;
        let samples = interleaved(3, true, |_| {
            calls += 1;
            Ok(f64::from(calls))
        })
        .unwrap();

        let contenders = ContenderName::ALL.len();
        assert_eq!(samples.len(), contenders);
        for own in &samples {
            assert_eq!(own.values.len(), 3);
            for (round, value) in own.values.iter().enumerate() {
                // The warm-up round came first and is not among the samples.
                let first = contenders * (round + 1) + 1;
                assert!((first..first + contenders).contains(&(*value as usize)));
            }
        }
    }

    #[test]
    fn without_a_warm_up_the_first_round_counts() {
        let mut calls = 0;
        interleaved(2, false, |_| {
            calls += 1;
            Ok(0.0)
        })
        .unwrap();
        assert_eq!(calls, 2 * ContenderName::ALL.len());
    }

    #[test]
    fn an_error_ends_the_rounds() {
        let mut calls = 0;
        let outcome = interleaved(3, true, |_| {
            calls += 1;
            Err(io::Error::other("no such figure"))
        });
        assert_eq!(outcome.unwrap_err().to_string(), "no such figure");
        assert_eq!(calls, 1);
    }

    #[test]
    fn everybody_comes_first_and_has_several_predecessors() {
        let rounds = 2 * ContenderName::ALL.len();
        for contender in ContenderName::ALL {
            assert!((0..rounds).any(|round| order(round)[0] == contender));
            let mut predecessors: Vec<_> = (0..rounds)
                .filter_map(|round| {
                    let order = order(round);
                    let place = order.iter().position(|other| *other == contender)?;
                    Some(order[place.checked_sub(1)?].as_str())
                })
                .collect();
            predecessors.sort_unstable();
            predecessors.dedup();
            assert!(
                predecessors.len() > 1,
                "{contender} always follows {predecessors:?}"
            );
        }
    }
}
