use crate::verdict::{
    Classify, Detail, Finding, Outcome, Sent, Standard, Verdict,
    table::{self, Symptom},
    words,
};
use azure_data_cosmos::CosmosError;

/// [`Classify`] for the Cosmos DB SDK's [`CosmosError`].
///
/// The SDK's errors have an HTTP status and a sub-status, also for failures of the SDK itself. [`table::STATUSES`]
/// judges the statuses, with these corrections:
///
/// | status | verdict | because |
/// |---|---|---|
/// | 404/1003 | caller | the database or the container does not exist |
/// | 404 with another sub-status | faulty | the region lags behind the session, or the like: not *absent* |
/// | 304, 404, 409, 412 without `x-ms-activity-id` | faulty | a gateway answered: Cosmos puts this header on every answer |
/// | 410 | faulty | partitions are moving, and the SDK gave up waiting |
/// | 429 | throttled | request units are used up; with `x-ms-retry-after-ms` |
/// | 449 | throttled | a concurrent write: nothing was done, try again |
/// | 401 | denied, names the credential | key, token or clock |
/// | 403/3, 403/1008 | faulty | the region does not take writes, or is leaving the account: a failover under way |
/// | any status that no server sent | unreachable, not sent, if *every* request of the operation provably never left; else faulty, maybe sent | the SDK may have asked several regions |
///
/// ```
/// use azure_data_cosmos::{CosmosError, CosmosStatus};
/// use evenkeel::{provider::CosmosVerdicts, verdict::{Classify, Verdict}};
///
/// let busy = CosmosError::builder().with_status(CosmosStatus::new(429.into())).build();
/// let outcome = CosmosVerdicts.classify(Err::<&(), _>(&busy));
/// assert_eq!(outcome.verdict, Verdict::Throttled);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CosmosVerdicts;

impl<T> Classify<T, CosmosError> for CosmosVerdicts {
    fn classify(&self, result: Result<&T, &CosmosError>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => finding(error).outcome,
        }
    }

    fn detail(&self, result: Result<&T, &CosmosError>) -> Detail {
        match result {
            Ok(_) => Detail::default(),
            Err(error) => finding(error).detail,
        }
    }
}

/// The sub-status for a database or container that does not exist.
const OWNER_NOT_FOUND: u16 = 1003;
/// Sub-statuses from here on are the SDK's own.
const FIRST_OF_THE_CLIENT: u16 = 20_000;
const DNS_FAILED: u16 = 20_012;
const RESPONSE_BODY_INVALID: u16 = 20_020;
const CREDENTIALS: [u16; 2] = [20_401, 20_402];

/// What an SDK's error means.
pub(crate) fn finding(error: &CosmosError) -> Finding {
    let status = u16::from(error.status().status_code());
    let sub = error.status().sub_status().map_or(0, |sub| sub.value());
    let mut finding = match error.response() {
        // Cosmos names every activity. An answer is believed of it alone.
        Some(response) if matches!(status, 304 | 404 | 409 | 412) && response.headers().activity_id.is_none() => {
            return Finding {
                detail: Detail {
                    message: Some("the refusal is not Cosmos DB's own: something in between answered".to_owned()),
                    ..Finding::symptom(Symptom::Nonsense).detail
                },
                ..Finding::symptom(Symptom::Nonsense)
            };
        }
        Some(_) => answered(status, sub),
        None if sub >= FIRST_OF_THE_CLIENT => unanswered(status, sub, nothing_was_sent(error)),
        None => answered(status, sub),
    };
    if sub != 0 {
        finding.detail.code = Some(format!("HTTP {status}/{sub}"));
    }
    if let Some(response) = error.response() {
        finding.outcome.retry_after = response.headers().retry_after_ms.map(std::time::Duration::from_millis);
        let id = response.headers().activity_id.as_ref();
        return finding.with_request_id(id.map(AsRef::as_ref).and_then(words::guid));
    }
    finding
}

fn answered(status: u16, sub: u16) -> Finding {
    let mut finding = Finding::refusal(status, None, None);
    let (verdict, phrase) = match (status, sub) {
        (401, _) => {
            finding.outcome = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
            return finding;
        }
        (404, OWNER_NOT_FOUND) => (Verdict::Caller, "no such database or container"),
        (404, 1..) => (Verdict::Faulty, "the region lags behind"),
        (403, 3 | 1008) => (Verdict::Faulty, "the region does not serve this account's writes"),
        (410, _) => (Verdict::Faulty, "the partition is moving"),
        (413, _) => (Verdict::Caller, "the item is too large"),
        (449, _) => (Verdict::Throttled, "another write was under way"),
        _ => {
            finding.outcome = table::for_status(status);
            return finding;
        }
    };
    finding.outcome = Outcome::new(verdict, Sent::Maybe);
    finding.detail.message = Some(phrase.to_owned());
    finding
}

/// What a failure without a server's answer means: a failure of the SDK itself, or of the way to the server.
fn unanswered(status: u16, sub: u16, unsent: bool) -> Finding {
    let symptom = match sub {
        _ if CREDENTIALS.contains(&sub) && unsent => Symptom::CredentialsNotLoaded,
        DNS_FAILED if unsent => Symptom::DnsFailed,
        _ if status == 503 && unsent => Symptom::ConnectFailed,
        RESPONSE_BODY_INVALID => Symptom::Nonsense,
        // What the SDK does not let pass.
        _ if status == 400 => Symptom::NotBuilt,
        _ if status == 408 => Symptom::AttemptTimeout,
        _ if status == 503 => Symptom::Reset,
        _ => Symptom::Unknown,
    };
    Finding::symptom(symptom)
}

/// Whether nothing was sent. The SDK repeats, and moves between regions. Its word counts only if it says *not sent* of
/// each request and has forgotten no request.
fn nothing_was_sent(error: &CosmosError) -> bool {
    error.diagnostics().is_some_and(|diagnostics| {
        let requests = diagnostics.requests();
        let all = !requests.is_empty() && requests.len() == diagnostics.request_count();
        all && requests
            .iter()
            .all(|request| request.request_sent().definitely_not_sent())
    })
}

impl<T> Classify<T, azure_data_cosmos::CosmosError> for Standard {
    fn classify(&self, result: Result<&T, &azure_data_cosmos::CosmosError>) -> Outcome {
        CosmosVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &azure_data_cosmos::CosmosError>) -> Detail {
        CosmosVerdicts.detail(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_data_cosmos::CosmosStatus;

    fn judged(status: u16, sub: u16) -> Outcome {
        let mut given = CosmosStatus::new(status.into());
        if sub != 0 {
            given = given.with_sub_status(sub);
        }
        finding(&CosmosError::builder().with_status(given).build()).outcome
    }

    #[test]
    fn cosmos_verdicts_match_the_documented_table() {
        use Verdict::*;
        for (status, sub, verdict) in [
            (404, 0, Absent),
            (404, 1003, Caller),
            (404, 1002, Faulty),
            (409, 0, Answer),
            (412, 0, Answer),
            (304, 0, Answer),
            (400, 0, Caller),
            (413, 0, Caller),
            (401, 0, Denied),
            (403, 0, Denied),
            (403, 3, Faulty),
            (403, 1008, Faulty),
            (408, 0, Faulty),
            (410, 1002, Faulty),
            (429, 3200, Throttled),
            (449, 0, Throttled),
            (500, 0, Faulty),
            (503, 0, Faulty),
        ] {
            assert_eq!(
                judged(status, sub),
                {
                    let outcome = Outcome::new(verdict, Sent::Maybe);
                    if status == 401 {
                        outcome.naming_the_credential()
                    } else {
                        outcome
                    }
                },
                "{status}/{sub}"
            );
        }
        // The SDK's own, without a record of its requests: no proof of anything.
        for (status, sub) in [
            (503, 20_003),
            (503, 20_010),
            (503, 20_011),
            (503, 20_012),
            (408, 20_008),
            (500, 20_020),
        ] {
            let judged = judged(status, sub);
            assert_eq!((judged.verdict, judged.sent), (Faulty, Sent::Maybe), "{status}/{sub}");
        }
        assert_eq!(judged(400, 20_021), Outcome::new(Caller, Sent::No));
    }
}
