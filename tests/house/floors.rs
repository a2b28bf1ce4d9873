//! The floors of the house: a module uses what lies below it, never above.
//!
//! `FLOORS` is the plan, from the top. Each top-level module of `src` stands on one floor. The test reads every file of `src`,
//! resolves each path that begins with `crate`, `super` or `self` to the module that defines what it names (through re-exports),
//! and fails on a path that goes up, or to another module of the same floor. Within a floor's module, its parts must not use each
//! other in a circle, nor within a part its files. What only tests and doc comments name does not count.

#![allow(clippy::unwrap_used)] // it is all test code

mod providers;
mod source;
mod surface;

use source::{Source, Use};
use std::collections::{BTreeMap, BTreeSet};

/// From the top. Modules in one row are on one floor, and do not use each other.
const FLOORS: &[&[&str]] = &[
    &["guide"],
    &["backfill", "drill", "testing"],
    &["client"],
    &["replicate"],
    &["call"],
    &["ops"],
    &["stack", "provider"],
    &["endpoint"],
    &["credentials"],
    &["telemetry"],
    &["model"],
];

/// The floor of a top-level module, counted from below.
fn floor(module: &str) -> Option<usize> {
    let row = FLOORS.iter().position(|row| row.contains(&module))?;
    Some(FLOORS.len() - row)
}

fn top(path: &[String]) -> &str {
    path.first().map_or("", String::as_str)
}

#[test]
fn no_module_uses_a_higher_module() {
    let source = Source::read();
    let mut wrong = BTreeSet::new();
    for Use {
        file,
        from,
        to,
        line,
        path,
    } in source.uses()
    {
        let (from, to) = (top(&from), top(&to));
        // `lib.rs` names all, and whoever wants its few words of its own may.
        if from.is_empty() || to.is_empty() || from == to {
            continue;
        }
        match (floor(from), floor(to)) {
            (Some(mine), Some(other)) if mine > other => {}
            (Some(_), Some(_)) => {
                wrong.insert(format!("{from} → {to}: {file}:{line} uses {path}"));
            }
            (None, _) => {
                wrong.insert(format!("`{from}` stands on no floor"));
            }
            (_, None) => {
                wrong.insert(format!("`{to}` stands on no floor"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{}",
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
}

/// The parts of one top-level module, its own file among them.
#[test]
fn no_module_has_circular_parts() {
    let circles = circles(&arrows(part));
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

/// Where files still use each other in a circle.
const CIRCULAR: &[&str] = &["client::object", "model::request::object", "model::request::upload"];

/// The files of one part. A part's head may name its files, and its files what the head defines.
#[test]
fn no_part_has_circular_files() {
    let mut circles = circles(&arrows(<[String]>::to_vec));
    circles.retain(|arrow| !CIRCULAR.iter().any(|known| arrow.starts_with(known)));
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

type Arrows = BTreeMap<Vec<String>, BTreeMap<Vec<String>, String>>;

/// Who uses whom within one top-level module, with one line of the source for each. `node`: what a module counts as.
fn arrows(node: impl Fn(&[String]) -> Vec<String>) -> Arrows {
    let mut arrows = Arrows::new();
    for Use {
        file,
        from,
        to,
        line,
        path,
    } in Source::read().uses()
    {
        let (of_one, from, to) = (top(&from) == top(&to), node(&from), node(&to));
        if of_one && from != to {
            arrows
                .entry(from)
                .or_default()
                .entry(to)
                .or_insert(format!("{file}:{line} uses {path}"));
        }
    }
    arrows
}

fn part(path: &[String]) -> Vec<String> {
    path.iter().take(2).cloned().collect()
}

/// Every arrow that lies on some circle.
fn circles(arrows: &Arrows) -> Vec<String> {
    let reaches = |from: &Vec<String>, wanted: &Vec<String>| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = next.pop() {
            if at == *wanted {
                return true;
            }
            if seen.insert(at.clone()) {
                next.extend(arrows.get(&at).into_iter().flat_map(|to| to.keys().cloned()));
            }
        }
        false
    };
    let mut found = Vec::new();
    for (from, all) in arrows {
        for (to, why) in all {
            if reaches(to, from) {
                found.push(format!("{} → {}: {why}", from.join("::"), to.join("::")));
            }
        }
    }
    found
}
