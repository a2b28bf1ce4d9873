//! The public surface: every name that a user of the crate can write, in `tests/house/surface.txt`. A change of it is seen in review.
//!
//! ```text
//! EVENKEEL_WRITE=1 cargo test -p evenkeel-house-tests surface   # writes the list anew
//! ```
//!
//! It is read from the source, with all features on: items in public modules, what these re-export, variants, fields, and the public
//! methods of types, those too that a macro of ours writes. Not listed: the traits that a type implements.

use crate::source::{Public, Source};
use std::{collections::BTreeSet, env, fs, path::Path};

const LIST: &str = "surface.txt";

#[test]
fn the_public_surface_matches_the_list() {
    let surface: BTreeSet<String> = Source::read().surface().into_iter().map(|Public(line)| line).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    if env::var_os("EVENKEEL_WRITE").is_some() {
        let lines: Vec<&str> = surface.iter().map(String::as_str).collect();
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        return;
    }
    let listed = fs::read_to_string(&file).unwrap();
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let new: Vec<_> = surface.difference(&listed).map(|line| format!("+ {line}")).collect();
    let gone: Vec<_> = listed.difference(&surface).map(|line| format!("- {line}")).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the public surface has changed; if that is meant, EVENKEEL_WRITE=1 writes the list anew, and CHANGELOG says so:\n{}",
        [gone, new].concat().join("\n")
    );
}
