//! Interleaves the contenders, so that a disturbance of the machine does not fall on one of them alone.

use std::io;

use crate::row::Contender;

/// Calls `measure` for each of `contenders` in each of `rounds` rounds, after a round that does not count. The samples of
/// each are in the order of the rounds.
///
/// # Errors
///
/// The first error of `measure`; the rounds end there, since samples of some contenders only compare nothing.
pub(crate) fn interleaved(
    contenders: &[Contender],
    rounds: usize,
    mut measure: impl FnMut(Contender) -> io::Result<f64>,
) -> io::Result<Vec<(Contender, Vec<f64>)>> {
    for &contender in contenders {
        measure(contender)?;
    }
    let mut samples: Vec<_> = contenders
        .iter()
        .map(|contender| (*contender, Vec::new()))
        .collect();
    for round in 0..rounds {
        for place in order(contenders.len(), round) {
            let (contender, values) = &mut samples[place];
            values.push(measure(*contender)?);
        }
    }
    Ok(samples)
}

/// Who comes when in a round: rotated, so that everybody comes first in turn, and turned round in every other one, so
/// that nobody always follows the same predecessor.
fn order(contenders: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..contenders)
        .map(|place| (place + round) % contenders)
        .collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENDERS: &[Contender] = &[
        Contender::Ours,
        Contender::PythonExecutor,
        Contender::PythonPool,
    ];

    #[test]
    fn every_contender_is_measured_once_per_round_after_one_that_does_not_count() {
        let mut calls = 0;
        let samples = interleaved(CONTENDERS, 4, |_| {
            calls += 1;
            Ok(f64::from(calls))
        })
        .unwrap();
        assert!(samples.iter().map(|(own, _)| own).eq(CONTENDERS));
        for (_, values) in samples {
            assert_eq!(values.len(), 4);
            for (round, value) in values.iter().enumerate() {
                let first = 3 * (round + 1) + 1;
                assert!((first..first + 3).contains(&(*value as usize)));
            }
        }
    }

    #[test]
    fn an_error_ends_the_rounds() {
        let mut calls = 0;
        let outcome = interleaved(CONTENDERS, 3, |_| {
            calls += 1;
            Err(io::Error::other("no such figure"))
        });
        assert_eq!(outcome.unwrap_err().to_string(), "no such figure");
        assert_eq!(calls, 1);
    }

    #[test]
    fn everybody_comes_first_and_has_several_predecessors() {
        for contender in 0..3 {
            assert!((0..6).any(|round| order(3, round)[0] == contender));
            let mut predecessors: Vec<_> = (0..6)
                .filter_map(|round| {
                    let order = order(3, round);
                    let place = order.iter().position(|other| *other == contender)?;
                    Some(order[place.checked_sub(1)?])
                })
                .collect();
            predecessors.sort_unstable();
            predecessors.dedup();
            assert_eq!(predecessors.len(), 2);
        }
    }
}
