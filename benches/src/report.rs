//! The two forms of output: a table to read, and JSON lines to compare by program.

use std::fmt;

use serde::Serialize;

use crate::contender::ContenderName;
use crate::rounds::Samples;
use crate::statistics::{Summary, ratio};
use crate::work::Work;

/// One contender's figures in one work; as JSON, one object with these fields in this order.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What was measured.
    pub work: Work,
    /// Who was measured.
    pub contender: ContenderName,
    /// The unit of the three figures.
    pub unit: &'static str,
    /// The median of all rounds.
    pub median: f64,
    /// The smallest round.
    pub min: f64,
    /// The largest round.
    pub max: f64,
    /// The median over our median: above 1, ours is ahead. `null` where ours is zero.
    pub ratio: Option<f64>,
}

/// The figures of all contenders in one work.
///
/// # Panics
///
/// If a contender has no samples, or none are ours.
pub fn lines(work: Work, samples: &[Samples]) -> Vec<Line> {
    let summaries: Vec<_> = samples
        .iter()
        .map(|own| {
            (
                own.contender,
                Summary::of(&own.values).expect("at least one round"),
            )
        })
        .collect();
    let (_, ours) = summaries
        .iter()
        .find(|(contender, _)| *contender == ContenderName::Ours)
        .expect("ours is always measured");
    summaries
        .iter()
        .map(|(contender, summary)| Line {
            work,
            contender: *contender,
            unit: work.unit(),
            median: summary.median,
            min: summary.min,
            max: summary.max,
            ratio: ratio(summary.median, ours.median),
        })
        .collect()
}

/// Displays the lines of one work as a table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Line]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Line { work, unit, .. }) = self.0.first() {
            writeln!(f, "{work}: {} ({unit})", work.description())?;
        }
        writeln!(
            f,
            "  {:<20}{:>12}{:>12}{:>12}{:>9}",
            "contender", "median", "min", "max", "ratio"
        )?;
        for line in self.0 {
            let ratio = line
                .ratio
                .map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
            writeln!(
                f,
                "  {:<20}{:>12}{:>12}{:>12}{ratio:>9}",
                line.contender.as_str(),
                figure(line.median),
                figure(line.min),
                figure(line.max),
            )?;
        }
        Ok(())
    }
}

/// Digits that a reader can use: more would only show noise.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 1_000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_contenders() -> Vec<Line> {
        let ours = Samples {
            contender: ContenderName::Ours,
            values: vec![2.0, 4.0, 3.0],
        };
        let rayon = Samples {
            contender: ContenderName::Rayon,
            values: vec![4500.0, 15.0, 9.0],
        };
        lines(Work::Throughput, &[ours, rayon])
    }

    #[test]
    fn a_line_is_one_object_with_the_documented_fields() {
        let json = serde_json::to_string(&two_contenders()[1]).unwrap();
        let expected = r#"{"work":"throughput","contender":"rayon","unit":"ns/call","median":15.0,"min":9.0,"max":4500.0,"ratio":5.0}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn the_table_names_work_unit_and_contenders() {
        let table = Table(&two_contenders()).to_string();
        let rows: Vec<_> = table
            .lines()
            .map(|row| row.split_whitespace().collect::<Vec<_>>())
            .collect();
        assert_eq!(rows[0].first(), Some(&"throughput:"));
        assert_eq!(rows[0].last(), Some(&"(ns/call)"));
        assert_eq!(rows[1], ["contender", "median", "min", "max", "ratio"]);
        assert_eq!(rows[2], ["ours", "3.000", "2.000", "4.000", "1.00"]);
        assert_eq!(rows[3], ["rayon", "15.0", "9.000", "4500", "5.00"]);
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn an_unknown_ratio_is_a_dash_and_null() {
        let samples = ContenderName::ALL.map(|contender| Samples {
            contender,
            values: vec![0.0],
        });
        let lines = lines(Work::IdleCpu, &samples);
        assert!(
            serde_json::to_string(&lines[0])
                .unwrap()
                .ends_with(r#""ratio":null}"#)
        );
        assert!(Table(&lines).to_string().trim_end().ends_with('-'));
    }
}
