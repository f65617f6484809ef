//! A quick run of `compare`, from the outside: the program runs every work over every contender and prints what it promises.
//!
//! Nothing here looks at how large a figure is: that is for a quiet machine to tell.

use std::process::{Command, Output};

use serde_json::Value;

const WORKS: [(&str, &str); 6] = [
    ("throughput", "ns/call"),
    ("multi_producer", "ns/call"),
    ("round_trip", "ns/call"),
    ("cold_wake", "ns/call"),
    ("memory", "bytes/call"),
    ("idle_cpu", "ms/s"),
];
const CONTENDERS: [&str; 5] = ["ours", "rayon", "crossbeam-channel", "executors", "tokio"];
const FIELDS: [&str; 7] = ["work", "contender", "unit", "median", "min", "max", "ratio"];

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(arguments)
        .output()
        .expect("running compare")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "resident memory is read from Linux's /proc"
)]
fn a_quick_run_prints_a_json_line_per_work_and_contender() {
    let output = compare(&["--quick", "--json", "--rounds", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("mean nothing"));

    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    assert_eq!(lines.len(), WORKS.len() * CONTENDERS.len());
    let expected = WORKS
        .iter()
        .flat_map(|work| CONTENDERS.map(|contender| (work, contender)));
    for (line, ((work, unit), contender)) in lines.iter().zip(expected) {
        let fields = line.as_object().expect("an object per line");
        assert_eq!(fields.len(), FIELDS.len(), "{line}");
        assert!(
            FIELDS.iter().all(|field| fields.contains_key(*field)),
            "{line}"
        );
        assert_eq!(
            (&fields["work"], &fields["contender"]),
            (&Value::from(*work), &Value::from(contender))
        );
        assert_eq!(fields["unit"], *unit);
        let figures = ["min", "median", "max"].map(|field| fields[field].as_f64().expect(field));
        assert!(figures.is_sorted(), "{line}");
        assert!(
            fields["ratio"].is_number() || fields["ratio"].is_null(),
            "{line}"
        );
        if contender == "ours" && fields["ratio"].is_number() {
            assert_eq!(fields["ratio"], 1.0);
        }
    }
}

#[test]
fn the_works_asked_for_are_measured_and_no_others() {
    let output = compare(&["round_trip", "--quick", "--rounds", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(
        table.starts_with("A quick run: these figures mean nothing."),
        "{table}"
    );
    assert!(table.contains("\nround_trip: "), "{table}");
    assert!(!table.contains("throughput"), "{table}");
    for contender in CONTENDERS {
        assert!(table.contains(&format!("\n  {contender} ")), "{table}");
    }
}

#[test]
fn an_unknown_work_is_refused_with_the_list_of_works() {
    let output = compare(&["thruput"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("'thruput'"), "{complaint}");
    for (work, _) in WORKS {
        assert!(complaint.contains(work), "{complaint}");
    }
}

#[test]
fn no_rounds_are_refused() {
    let output = compare(&["--rounds", "0"]);
    assert_eq!(output.status.code(), Some(2));
}
