//! The page in Chromium: axe without a violation, nothing loaded from outside, a narrow screen, and a print.

use super::{demanding, figures, key, plan, played, scenario};
use evenkeel::drill::report::{Breaches, Gap, Measured};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// Chromium, and where npm's packages are.
fn found() -> Option<(PathBuf, PathBuf)> {
    let path = env::var_os("PATH")?;
    let chromium = env::split_paths(&path)
        .flat_map(|dir| ["chromium", "chromium-browser", "google-chrome"].map(|name| dir.join(name)))
        .find(|file| file.is_file())?;
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/node_modules");
    let there = ["puppeteer-core", "axe-core"]
        .iter()
        .all(|package| packages.join(package).is_dir());
    there.then_some((chromium, packages))
}

/// For the reader of the test's output, and for `./test`, which collects these lines.
fn say(what: &str) {
    println!("chromium: {what}");
    if let Some(log) = env::var_os("EVENKEEL_SERVERS_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "chromium: {what}");
    }
}

#[tokio::test]
async fn the_page_is_sound_in_a_browser() {
    let Some((chromium, packages)) = found() else {
        say("the report was not looked at: Chromium, puppeteer-core or axe-core is missing");
        assert_ne!(env::var("EVENKEEL_SERVERS").as_deref(), Ok("required"));
        return;
    };
    let long = "long".repeat(500);
    let mut measured = Measured::new(figures(2, 1));
    measured.plain = Some(figures(60, 20));
    measured.breaches = Some(Breaches::new("only in the EU", "a proxy").endpoint("virginia", true, 0));
    measured.gaps.push(Gap::not_tested("<b>bold</b>", &*long));
    let mut short = scenario("<script>x</script>");
    for phase in &mut short.phases {
        phase.duration = Duration::from_millis(20);
    }
    let bundle = played(plan(short, demanding().breaches(0)), measured).await;
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).unwrap();
    let place = out.join("drill");
    bundle.write_signed(&place, Some(&long), &key()).unwrap();
    let output = tokio::process::Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/page.cjs"))
        .arg(place.join("report.html"))
        .env("CHROMIUM", chromium)
        .env("PACKAGES", packages)
        .env("OUT", &out)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), output)
        .await
        .expect("the browser is done within a minute")
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    say("the report of a drill, without a violation");
}
