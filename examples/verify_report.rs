//! Verify the report of a drill, as whoever was handed one: an auditor, or the colleague who takes over.
//!
//! ```text
//! cargo run --example verify_report --features attest -- DIRECTORY KEY-FILE
//! ```
//!
//! The key file holds the signer's *public* key, as PEM or as 64 hexadecimal digits. Get it from the signer by another way
//! than the report. Without a key file, the example tells only whether the files belong together.

use evenkeel::drill::report::{Checked, PublicKey, check, verify};
use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let result = match arguments.as_slice() {
        [directory] => check(Path::new(directory))
            .map(|checked| told(&checked, "nobody vouches for them: no key was given"))
            .map_err(|error| error.to_string()),
        [directory, key] => verified(Path::new(directory), Path::new(key)),
        _ => Err("give the report's directory, and a file with the signer's public key".to_owned()),
    };
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("NOT VERIFIED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn verified(directory: &Path, key: &Path) -> Result<String, String> {
    let text = fs::read_to_string(key).map_err(|error| format!("{} cannot be read: {error}", key.display()))?;
    let key = PublicKey::parse(&text).map_err(|error| error.to_string())?;
    let verified = verify(directory, &key).map_err(|error| error.to_string())?;
    Ok(told(&verified.checked, &format!("the holder of {key} signed them")))
}

fn told(checked: &Checked, who: &str) -> String {
    let report = &checked.report;
    format!(
        "The files belong together, and {who}.\nscenario: {:?}, seed {}\nverdict: {:?}\ncriteria: {}\nrecords: {}\napproved by: {:?}\nthis \
         report: {}",
        report.plan.scenario.name,
        report.plan.seed,
        report.verdict,
        report.criteria_digest,
        report.records.count,
        checked.attestation.approved_by.as_deref().unwrap_or("nobody was named"),
        checked.digest
    )
}
