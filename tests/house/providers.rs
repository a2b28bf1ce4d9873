//! `docs/PROVIDERS.md`: each row of its tables has a run that compares it (see `tests/support/tried.rs`).

use std::{fs, path::Path};

/// Every Rust source below this folder, in one text.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_of_the_providers_page_has_its_run() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(tests.join("../docs/PROVIDERS.md")).unwrap();
    let mut all = String::new();
    sources(&tests, &mut all);
    // However rustfmt breaks the call.
    let all: String = all.split_whitespace().collect();
    let mut table = "";
    let mut rows = 0;
    for row in page.lines() {
        table = match row {
            "## Objects" => "objects",
            "## Uploads, copies, URLs" => "uploads",
            "## Keys" => "keys",
            row if row.starts_with("## ") => "",
            _ => table,
        };
        if !row.starts_with("| `") {
            continue;
        }
        rows += 1;
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [adapter, server] = [cells[0], cells[1]].map(|cell| cell.split_whitespace().collect::<String>());
        let compares = format!("tried::{table}(\"{adapter}\",");
        let is_compared = all.contains(&compares) && all.contains(&format!("\"{server}\""));
        assert!(
            is_compared,
            "no test compares the row of {adapter} at {server} ({table})"
        );
    }
    assert!(rows > 25, "the page has lost its tables");
}
