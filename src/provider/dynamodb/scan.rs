//! Scans are queries of the one partition.

use super::{
    DynamoDb,
    error::{confirmed, failed},
    item::{self, KEY, PARTITION},
};
use crate::{
    model::clock,
    provider::{
        ProviderError,
        aws::{Repeats, again},
    },
    request::kv::{Entry, Scan, ScanPage},
};
use aws_sdk_dynamodb::{operation::RequestId, types::AttributeValue};
use std::ops::Bound;

/// A condition's bound has at most as many bytes as a sort key.
const LONGEST: usize = 1024;

pub(super) async fn page(db: &DynamoDb, scan: Scan) -> Result<ScanPage, ProviderError> {
    let Some(partition) = &db.partition else {
        return Err(ProviderError::unsupported(
            "a flat table has no order: scans need a sorted table",
        ));
    };
    if scan.is_empty() || scan.limit == Some(0) {
        return Ok(ScanPage::default());
    }
    let (lower, upper) = bounds(&scan);
    let condition = match (&lower, &upper) {
        (None, None) => "#partition = :partition",
        (Some(_), None) => "#partition = :partition AND #key >= :lower",
        (None, Some(_)) => "#partition = :partition AND #key <= :upper",
        (Some(_), Some(_)) => "#partition = :partition AND #key BETWEEN :lower AND :upper",
    };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut query = db
        .client
        .query()
        .table_name(&*db.table)
        .key_condition_expression(condition)
        .expression_attribute_names("#partition", PARTITION)
        .expression_attribute_values(":partition", text(partition))
        .consistent_read(db.consistent(true))
        // One more for the key that `after` names.
        .set_limit(
            scan.limit
                .map(|limit| i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1)),
        );
    if let Some(lower) = &lower {
        query = query.expression_attribute_values(":lower", text(lower));
    }
    if let Some(upper) = &upper {
        query = query.expression_attribute_values(":upper", text(upper));
    }
    if lower.is_some() || upper.is_some() {
        query = query.expression_attribute_names("#key", KEY);
    }
    let ask = || query.clone().send();
    let answer = again(Repeats::Freely, ask).await.map_err(|error| failed(&error))?;
    confirmed(answer.request_id())?;
    let covered = match &answer.last_evaluated_key {
        None => None,
        Some(last) => Some(item::key(last).ok_or_else(nonsense)?.to_owned()),
    };
    collect(&scan, answer.items.unwrap_or_default(), covered)
}

/// The bounds of a query, both included, as `BETWEEN` has them. Surplus items are left out afterwards.
fn bounds(scan: &Scan) -> (Option<String>, Option<String>) {
    let lower = match scan.lower() {
        Bound::Unbounded | Bound::Excluded("") => None,
        // A shorter text is a lower bound, too.
        Bound::Included(lower) | Bound::Excluded(lower) => Some(lower[..lower.floor_char_boundary(LONGEST)].to_owned()),
    };
    let upper = scan.upper().filter(|upper| upper.len() <= LONGEST);
    (lower, upper.map(Into::into))
}

/// The entries of a page. `covered`: there may be more entries above this key.
fn collect(scan: &Scan, items: Vec<item::Item>, covered: Option<String>) -> Result<ScanPage, ProviderError> {
    let now = clock::wall();
    let mut page = ScanPage::default();
    for item in items {
        let key = item::key(&item).ok_or_else(nonsense)?.to_owned();
        if page.entries.last().is_some_and(|last| last.key >= key) {
            return Err(nonsense());
        }
        if !scan.contains(&key) {
            continue;
        }
        // Another program's item hides none of ours.
        let Ok(stored) = item::value(item) else {
            page.foreign += 1;
            continue;
        };
        let Some(value) = stored.alive(now) else {
            continue;
        };
        if scan.limit == Some(page.entries.len()) {
            page.next = page.entries.last().map(|entry| entry.key.clone());
            return Ok(page);
        }
        page.entries.push(Entry::new(key, value));
    }
    // Nothing above the upper bound is asked for.
    let beyond = |key: &String| scan.upper().is_some_and(|upper| **key >= *upper);
    page.next = covered.filter(|key| !beyond(key));
    Ok(page)
}

fn nonsense() -> ProviderError {
    ProviderError::faulty("the page is not sorted, or has no keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::primitives::Blob;

    fn items(keys: &[&str]) -> Vec<item::Item> {
        let item = |key: &&str| {
            item::Item::from([
                (KEY.to_owned(), AttributeValue::S((*key).to_owned())),
                ("value".to_owned(), AttributeValue::B(Blob::new("v"))),
            ])
        };
        keys.iter().map(item).collect()
    }

    fn keys(page: &ScanPage) -> Vec<&str> {
        page.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    #[test]
    fn scan_bounds_fit_a_query() {
        let scan = |scan: Scan| bounds(&scan);
        assert_eq!(scan(Scan::default()), (None, None));
        let prefix = Scan {
            prefix: "a/".into(),
            after: Some("a/7".into()),
            ..Scan::default()
        };
        assert_eq!(scan(prefix), (Some("a/7".into()), Some("a0".into())));
        let long = "é".repeat(600);
        let (lower, upper) = scan(Scan {
            from: Some(long.clone()),
            until: Some(format!("{long}é")),
            ..Scan::default()
        });
        assert_eq!((lower.unwrap().len(), upper), (1024, None));
    }

    #[test]
    fn foreign_items_are_skipped_and_counted() {
        let mut all = items(&["a", "b", "c"]);
        all[1].insert("value".to_owned(), AttributeValue::S("another program's".to_owned()));
        let page = collect(&Scan::default(), all, Some("c".into())).unwrap();
        assert_eq!(
            (keys(&page), page.foreign, page.next.as_deref()),
            (vec!["a", "c"], 1, Some("c"))
        );
    }

    #[test]
    fn a_page_names_its_last_key() {
        let two = Scan {
            after: Some("a".into()),
            limit: Some(2),
            ..Scan::default()
        };
        // The query's limit counts the key to start after.
        let page = collect(&two, items(&["a", "b", "c"]), Some("c".into())).unwrap();
        assert_eq!((keys(&page), page.next.as_deref()), (vec!["b", "c"], Some("c")));
        // It is gone: one more came than was asked for.
        let page = collect(&two, items(&["b", "c", "d"]), Some("d".into())).unwrap();
        assert_eq!((keys(&page), page.next.as_deref()), (vec!["b", "c"], Some("c")));
        let until = Scan {
            until: Some("c".into()),
            ..Scan::default()
        };
        let page = collect(&until, items(&["b", "c"]), Some("c".into())).unwrap();
        assert_eq!((keys(&page), page.next.as_deref()), (vec!["b"], None));
        assert!(collect(&until, items(&["b", "a"]), None).is_err());
    }
}
