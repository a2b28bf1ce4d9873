//! Where and when it was measured.

use std::{fs, process::Command};

/// For example `2026-11-21, Xeon 8488C, 2 cores, Linux, rustc 1.95.0`.
pub(crate) fn described() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown CPU", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rustc = said("rustc", &["--version"]);
    let rustc = rustc.split(" (").next().unwrap_or_default();
    let date = said("date", &["-u", "+%F"]);
    format!("{date}, {model}, {cores} cores, {}, {rustc}", said("uname", &["-s"]))
}

fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(
        |_| format!("({program} not found)"),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    )
}
