use super::{
    Attestation, Bundle, Checked, PublicKey, SigningKey, VerifyError, WriteError,
    check::{contents, manifest, signature},
};
use std::path::Path;

/// A report that is as the holder of a key signed it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// The key, which was given.
    pub key: PublicKey,
    /// What was signed.
    pub checked: Checked,
}

impl Bundle {
    /// Writes the report as [`write`](Self::write) does, and signs it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_signed(
        &self,
        directory: &Path,
        approved_by: Option<&str>,
        key: &SigningKey,
    ) -> Result<Attestation, WriteError> {
        let public = key.public_key().to_string();
        self.write_with(directory, approved_by, Some((&public, &|bytes| key.sign(bytes))))
    }
}

/// Verifies that a directory is the report that the holder of this key signed, to the last byte. The key has to come from
/// elsewhere: one that lies beside the report proves nothing.
///
/// ```
/// use evenkeel::drill::report::{Calls, Criteria, Journal, Measured, Plan, Scope, SigningKey, VerifyError, verify};
/// use evenkeel::drill::Scenario;
///
/// let dir = tempfile::tempdir()?;
/// let place = dir.path().join("report");
/// let plan = Plan::new(
///     Scenario::builtin("fastly-2021").unwrap(),
///     7,
///     Scope::simulation("nothing at all"),
///     Criteria::new().lost_writes(0),
/// );
/// let bundle = Journal::begin(plan)?.finish(Measured::new(Calls::new().figures("the call succeeded")));
/// let key = SigningKey::parse(&[7; 32])?; // a file's bytes
/// bundle.write_signed(&place, Some("anna"), &key)?;
///
/// let verified = verify(&place, &key.public_key())?;
/// assert_eq!(verified.checked.attestation.approved_by.as_deref(), Some("anna"));
///
/// let page = place.join("report.html");
/// std::fs::write(&page, std::fs::read_to_string(&page)?.replacen("aborted", "passed", 1))?;
/// assert!(matches!(verify(&place, &key.public_key()), Err(VerifyError::Altered { file }) if file == "report.html"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first thing that is wrong: what was altered, removed, added, reordered or cut, and who did not sign.
pub fn verify(directory: &Path, key: &PublicKey) -> Result<Verified, VerifyError> {
    let (manifest, bytes) = manifest(directory)?;
    let Some(named) = &manifest.key else {
        return Err(VerifyError::Unsigned);
    };
    // Only a signature tells whether the name is right; a wrong one explains why none is.
    let is_named = *named == key.to_string();
    if !key.has_signed(&bytes, &signature(directory)?) {
        return Err(if is_named {
            VerifyError::BadSignature
        } else {
            VerifyError::OtherKey
        });
    }
    let checked = contents(directory, &manifest, &bytes)?;
    if !is_named {
        return Err(VerifyError::Contradiction(
            "the manifest names a key that did not sign it",
        ));
    }
    Ok(Verified { key: *key, checked })
}
