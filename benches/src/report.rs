//! The two forms of output: a table to read, and JSON lines to compare by program.

use std::fmt;

use serde::Serialize;

use crate::contender::ContenderName;
use crate::rounds::Samples;
use crate::statistics::{Summary, ratio};
use crate::work::Work;

/// What a table is about, and how its figures are to be read.
pub trait Subject: Copy + fmt::Display {
    /// The unit of the figures.
    fn unit(self) -> &'static str;

    /// What is measured, in a line.
    fn description(self) -> &'static str;

    /// Which of two figures is the better one.
    fn better(self) -> Better {
        Better::Less
    }

    /// The figure that ours is meant to beat.
    fn goal(self) -> Option<f64> {
        None
    }
}

impl Subject for Work {
    fn unit(self) -> &'static str {
        Work::unit(self)
    }

    fn description(self) -> &'static str {
        Work::description(self)
    }
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The smaller: time, memory.
    Less,
    /// The larger: speed.
    More,
}

impl Better {
    /// How many times better `ours` is than `theirs`: above 1, ours is ahead.
    ///
    /// `None` where the quotient says nothing: the divisor is not a positive number.
    pub fn ratio(self, theirs: f64, ours: f64) -> Option<f64> {
        match self {
            Self::Less => ratio(theirs, ours),
            Self::More => ratio(ours, theirs),
        }
    }
}

/// One contender's figures in one work; as JSON, one object with these fields in this order.
#[derive(Clone, Debug, Serialize)]
pub struct Line<W = Work, C = ContenderName> {
    /// What was measured.
    pub work: W,
    /// Who was measured.
    pub contender: C,
    /// The unit of the three figures.
    pub unit: &'static str,
    /// The median of all rounds.
    pub median: f64,
    /// The smallest round.
    pub min: f64,
    /// The largest round.
    pub max: f64,
    /// The median over our median, or ours over it where more is better: above 1, ours is ahead. `null` where the
    /// divisor is zero.
    pub ratio: Option<f64>,
    /// The figure that ours is meant to beat; no such field where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<f64>,
}

/// The figures of all contenders in one work.
///
/// # Panics
///
/// If a contender has no samples, or none are ours.
pub fn lines(work: Work, samples: &[Samples]) -> Vec<Line> {
    let samples: Vec<_> = samples
        .iter()
        .map(|own| (own.contender, own.values.as_slice()))
        .collect();
    lines_of(work, ContenderName::Ours, &samples)
}

/// The figures of all contenders in any kind of work; `ours` is the one that the ratios relate to.
///
/// # Panics
///
/// If a contender has no samples, or none are ours.
pub fn lines_of<W: Subject, C: Copy + PartialEq>(
    work: W,
    ours: C,
    samples: &[(C, &[f64])],
) -> Vec<Line<W, C>> {
    let summaries: Vec<_> = samples
        .iter()
        .map(|&(contender, values)| (contender, Summary::of(values).expect("at least one round")))
        .collect();
    let (_, ours) = summaries
        .iter()
        .find(|(contender, _)| *contender == ours)
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
            ratio: work.better().ratio(summary.median, ours.median),
            goal: work.goal(),
        })
        .collect()
}

/// Displays the lines of one work as a table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, W = Work, C = ContenderName>(pub &'a [Line<W, C>]);

impl<W: Subject, C: fmt::Display> fmt::Display for Table<'_, W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return Ok(());
        };
        let (work, unit) = (first.work, first.unit);
        let (reading, bound) = match work.better() {
            Better::Less => ("", "under"),
            Better::More => (", more is better; ratio above 1: ours is ahead", "above"),
        };
        writeln!(f, "{work}: {} ({unit}{reading})", work.description())?;
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
                line.contender,
                figure(line.median),
                figure(line.min),
                figure(line.max),
            )?;
        }
        if let Some(goal) = first.goal {
            writeln!(f, "  {:<20}{:>12}", "goal", format!("{bound} {goal}"))?;
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

    #[derive(Clone, Copy, Debug, Serialize)]
    struct Speed;

    impl fmt::Display for Speed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.pad("speed")
        }
    }

    impl Subject for Speed {
        fn unit(self) -> &'static str {
            "GB/s"
        }

        fn description(self) -> &'static str {
            "bytes through a pipe"
        }

        fn better(self) -> Better {
            Better::More
        }

        fn goal(self) -> Option<f64> {
            Some(3.5)
        }
    }

    #[test]
    fn a_ratio_above_one_is_ours_ahead_whichever_is_better() {
        assert_eq!(Better::Less.ratio(30.0, 10.0), Some(3.0));
        assert_eq!(Better::More.ratio(10.0, 30.0), Some(3.0));
        assert_eq!(Better::More.ratio(10.0, 5.0), Some(0.5));
        assert_eq!(Better::More.ratio(0.0, 5.0), None);
    }

    #[test]
    fn where_more_is_better_the_table_says_so_and_names_the_goal() {
        let lines = lines_of(Speed, 'o', &[('p', &[0.5]), ('o', &[2.0, 1.0, 3.0])]);
        assert_eq!(
            serde_json::to_string(&lines[0]).unwrap(),
            r#"{"work":null,"contender":"p","unit":"GB/s","median":0.5,"min":0.5,"max":0.5,"ratio":4.0,"goal":3.5}"#
        );
        let table = Table(&lines).to_string();
        let rows: Vec<_> = table.lines().collect();
        assert!(rows[0].starts_with("speed: bytes through a pipe (GB/s, more is better; "));
        assert!(rows[2].trim_end().ends_with("4.00"), "{table}");
        assert!(rows[3].trim_end().ends_with("1.00"), "{table}");
        assert_eq!(
            rows[4].split_whitespace().collect::<Vec<_>>(),
            ["goal", "above", "3.5"]
        );
        assert_eq!(rows.len(), 5);
    }
}
