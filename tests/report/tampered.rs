//! Whatever somebody does to a report, `verify` finds, and names.

use super::{bundle, key, public};
use evenkeel::drill::report::{BrokenChain, SigningKey, VerifyError, check, verify};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const FILES: [&str; 6] = [
    "report.json",
    "records.jsonl",
    "report.html",
    "attestation.json",
    "manifest.json",
    "manifest.sig",
];

/// A signed report, and where it is.
async fn signed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("report");
    bundle().await.write_signed(&place, Some("anna"), &key()).unwrap();
    (dir, place)
}

async fn unsigned() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("report");
    bundle().await.write(&place, Some("anna")).unwrap();
    (dir, place)
}

fn complaint(place: &Path) -> String {
    verify(place, &public()).unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_verified() {
    let (_dir, place) = signed().await;
    let verified = verify(&place, &public()).unwrap();
    assert_eq!(verified.key, public());
    assert_eq!(verified.checked.attestation.approved_by.as_deref(), Some("anna"));
    assert_eq!(verified.checked.report, bundle().await.report);
    let (_dir, place) = unsigned().await;
    assert_eq!(check(&place).unwrap().key, None);
    assert!(matches!(verify(&place, &public()), Err(VerifyError::Unsigned)));
}

/// Every byte of every file, in three ways. Of the long ones every few bytes, at changing places.
#[tokio::test(start_paused = true)]
async fn an_altered_byte_is_found_in_every_file() {
    for (is_signed, (_dir, place)) in [(true, signed().await), (false, unsigned().await)] {
        for file in FILES.iter().filter(|file| is_signed || **file != "manifest.sig") {
            let path = place.join(file);
            let whole = fs::read(&path).unwrap();
            let step = (whole.len() / 400).max(1) | 1;
            for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
                for other in [whole[at] ^ 1, b' ', 0xff] {
                    if other == whole[at] {
                        continue;
                    }
                    let mut changed = whole.clone();
                    changed[at] = other;
                    fs::write(&path, changed).unwrap();
                    let found = if is_signed {
                        verify(&place, &public()).is_err()
                    } else {
                        check(&place).is_err()
                    };
                    assert!(found, "byte {at} of {file} as {other}, signed: {is_signed}");
                }
            }
            for (what, changed) in [
                ("a byte more", [&whole[..], b"\n"].concat()),
                ("a byte less", whole[..whole.len() - 1].to_vec()),
                ("nothing left", Vec::new()),
            ] {
                fs::write(&path, changed).unwrap();
                let found = if is_signed {
                    verify(&place, &public()).is_err()
                } else {
                    check(&place).is_err()
                };
                assert!(found, "{what} in {file}, signed: {is_signed}");
            }
            fs::write(&path, whole).unwrap();
        }
        assert!(check(&place).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_altered_removed_reordered_or_cut_are_named() {
    let (_dir, place) = signed().await;
    let path = place.join("records.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let count = lines.len();
    assert!(count >= 6, "{whole}");
    let found = |lines: &[&str]| {
        fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        match verify(&place, &public()).unwrap_err() {
            VerifyError::Records(broken) => broken,
            other => panic!("{other}"),
        }
    };
    let of = count as u64;
    for n in 0..count {
        let altered = lines[n].replacen("\"kind\":\"", "\"kind\":\"x", 1);
        let mut changed = lines.clone();
        changed[n] = &altered;
        assert_eq!(found(&changed), BrokenChain::Altered { line: n as u64 + 1 });
        let mut changed = lines.clone();
        changed.remove(n);
        let expected = match n + 1 == count {
            true => BrokenChain::Cut { left: of - 1, of },
            false => BrokenChain::Removed { number: n as u64 + 1 },
        };
        assert_eq!(found(&changed), expected);
        if n > 0 {
            let mut changed = lines.clone();
            changed.swap(n - 1, n);
            assert_eq!(found(&changed), BrokenChain::Reordered { line: n as u64 });
        }
        assert_eq!(found(&lines[..n]), BrokenChain::Cut { left: n as u64, of });
    }
    assert_eq!(
        found(&[&lines[..], &lines[count - 1..]].concat()),
        BrokenChain::Added { of }
    );
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let torn = complaint(&place);
    assert!(torn.contains("the end was cut off"), "{torn}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_removed_added_or_replaced_is_named() {
    for file in FILES {
        let (_dir, place) = signed().await;
        fs::remove_file(place.join(file)).unwrap();
        let expected = match file {
            "manifest.json" => "this is no report of a drill: there is no manifest.json".to_owned(),
            _ => format!("{file} was removed"),
        };
        assert_eq!(complaint(&place), expected);
    }
    let (_dir, place) = signed().await;
    fs::write(place.join("report2.html"), "better").unwrap();
    assert_eq!(
        complaint(&place),
        "report2.html does not belong to the report: it was added"
    );
    fs::remove_file(place.join("report2.html")).unwrap();
    fs::create_dir(place.join("report\u{1b}[31m")).unwrap();
    assert_eq!(
        complaint(&place),
        "report[31m does not belong to the report: it was added"
    );
    fs::remove_dir(place.join("report\u{1b}[31m")).unwrap();
    assert!(verify(&place, &public()).is_ok());
    // A signature beside an unsigned report is a file too many.
    let (_dir, place) = unsigned().await;
    fs::write(place.join("manifest.sig"), [0; 64]).unwrap();
    assert!(matches!(check(&place), Err(VerifyError::Added { file }) if file == "manifest.sig"));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_link_to_the_same_bytes_is_no_file_of_the_report() {
    let (dir, place) = signed().await;
    for file in FILES {
        let (path, elsewhere) = (place.join(file), dir.path().join(file));
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert_eq!(complaint(&place), format!("{file} is no regular file"));
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_signed_by_another_key_is_refused() {
    let (_dir, place) = signed().await;
    let other = SigningKey::parse(&[8; 32]).unwrap();
    assert!(matches!(
        verify(&place, &other.public_key()),
        Err(VerifyError::OtherKey)
    ));
    // Another's report, which names our key and has their signature.
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("report");
    bundle().await.write_signed(&theirs, Some("anna"), &other).unwrap();
    assert!(matches!(verify(&theirs, &public()), Err(VerifyError::OtherKey)));
    let manifest = fs::read_to_string(theirs.join("manifest.json")).unwrap();
    let ours = manifest.replace(&other.public_key().to_string(), &public().to_string());
    fs::write(theirs.join("manifest.json"), ours).unwrap();
    assert!(matches!(verify(&theirs, &public()), Err(VerifyError::BadSignature)));
    // The signature of an older report of ours does not fit a newer one.
    let (_dir, older) = signed().await;
    let bytes = fs::read(older.join("manifest.sig")).unwrap();
    fs::write(theirs.join("manifest.sig"), bytes).unwrap();
    assert!(verify(&theirs, &public()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_truncated_signature_is_none() {
    let (_dir, place) = signed().await;
    let whole = fs::read(place.join("manifest.sig")).unwrap();
    assert_eq!(whole.len(), 64);
    for length in [0, 1, 32, 63] {
        fs::write(place.join("manifest.sig"), &whole[..length]).unwrap();
        assert!(
            matches!(verify(&place, &public()), Err(VerifyError::BadSignature)),
            "{length}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_of_a_later_version_is_not_judged() {
    let (_dir, place) = unsigned().await;
    let manifest = fs::read_to_string(place.join("manifest.json")).unwrap();
    fs::write(
        place.join("manifest.json"),
        manifest.replace("\"version\": 1", "\"version\": 2"),
    )
    .unwrap();
    assert!(matches!(check(&place), Err(VerifyError::Newer { found: 2 })));
}

/// Somebody with the signer's key, or no key at all, changes the verdict and makes all digests anew: what follows from
/// figures and criteria still does not follow.
#[tokio::test(start_paused = true)]
async fn a_verdict_that_does_not_follow_is_a_contradiction() {
    let missed = super::Measured::new(super::figures(10, 2));
    let plan = super::plan(super::scenario("one minute"), super::demanding());
    let mut bundle = super::played(plan, missed).await;
    assert_eq!(bundle.report.verdict, evenkeel::drill::report::Verdict::Failed);
    bundle.report.verdict = evenkeel::drill::report::Verdict::Passed;
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("report");
    bundle.write_signed(&place, None, &key()).unwrap();
    assert_eq!(
        complaint(&place),
        "the report contradicts itself: a verdict does not follow from criteria and figures"
    );
    // Criteria that were made easier afterwards.
    let place = dir.path().join("easier");
    bundle.report.verdict = evenkeel::drill::report::Verdict::Failed;
    bundle.report.plan.criteria = super::Criteria::new().availability(0.5);
    bundle.write_signed(&place, None, &key()).unwrap();
    assert_eq!(
        complaint(&place),
        "the report contradicts itself: the criteria are not those that were recorded before the start"
    );
}

#[test]
fn keys_are_read_as_people_keep_them_and_never_shown() {
    // openssl genpkey -algorithm ed25519, and openssl pkey -pubout
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";
    let from_pem = SigningKey::parse(private.as_bytes()).unwrap();
    assert_eq!(from_pem.public_key(), public());
    let hex = format!("{}\n", "07".repeat(32));
    assert_eq!(SigningKey::parse(hex.as_bytes()).unwrap().public_key(), public());
    let written = public().to_string();
    assert_eq!(
        evenkeel::drill::report::PublicKey::parse(&format!(" {written}\n")).unwrap(),
        public()
    );
    let shown = format!("{from_pem:?}");
    assert!(shown.contains(&written) && !shown.contains("0707"), "{shown}");
    for nonsense in [
        &b""[..],
        b"secret",
        &[7; 31],
        &[7; 33],
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        let error = SigningKey::parse(nonsense).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let wrong = evenkeel::drill::report::PublicKey::parse(private).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "this is a private key: keep it, and give the public one"
    );
    assert!(evenkeel::drill::report::PublicKey::parse("77").is_err());
}
