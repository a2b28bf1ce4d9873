//! `docs/PROVIDERS.md` says which operation was tried at which server. Each run of a conformance suite compares its row with what
//! passed, so that the tables cannot say more, or less, than a test does.

#![allow(dead_code)] // each test binary compares the rows it has servers for

use evenkeel::testing::{kv, objects};

const PAGE: &str = include_str!("../../docs/PROVIDERS.md");

/// A column, and the checks it stands for.
type Operation = (&'static str, &'static [&'static str]);

/// One of the page's tables.
struct Table {
    operations: &'static [Operation],
    /// Adapter and server.
    rows: &'static [(&'static str, &'static str)],
}

const OBJECTS: Table = Table {
    operations: &[
        (
            "get, head, put",
            &[
                "a_put_is_read_back",
                "an_empty_body_is_kept",
                "a_large_body_is_kept",
                "what_is_absent_is_not_found",
                "head_and_get_agree",
                "odd_keys_are_kept_apart",
                "tags_change_with_the_bytes",
            ],
        ),
        (
            "ranges",
            &[
                "ranges_are_exact",
                "a_suffix_longer_than_the_object_is_all_of_it",
                "a_range_outside_is_refused",
            ],
        ),
        (
            "if changed",
            &[
                "an_unchanged_object_is_not_sent_again",
                "a_changed_object_is_sent_again",
            ],
        ),
        (
            "create",
            &["a_create_never_overwrites", "a_deleted_key_can_be_created_again"],
        ),
        ("creates race", &["racing_creates_have_one_winner"]),
        ("overwrite", &["an_overwrite_replaces"]),
        (
            "if match",
            &["if_match_needs_the_current_tag", "if_match_on_an_absent_key_is_refused"],
        ),
        ("if matches race", &["racing_if_matches_lose_no_update"]),
        (
            "attributes",
            &[
                "attributes_round_trip",
                "an_overwrite_replaces_the_attributes_too",
                "bad_attributes_store_nothing",
                "a_write_id_comes_back_apart",
            ],
        ),
        (
            "delete",
            &["a_delete_removes_and_may_be_repeated", "what_was_deleted_is_not_listed"],
        ),
        (
            "list",
            &[
                "a_listing_has_the_prefix_and_is_sorted",
                "a_listing_starts_after",
                "pages_add_up",
                "a_delimiter_folds",
                "folded_pages_add_up",
                "odd_keys_are_listed_as_they_are",
                "an_empty_listing_is_empty",
            ],
        ),
    ],
    rows: &[
        ("`Memory`", "itself"),
        ("`S3`", "our own server"),
        ("`S3`", "moto 5.2"),
        ("`AzureBlob`", "Azurite 3.37, by SAS"),
        ("`AzureBlob`", "Azurite 3.37, by shared key"),
        ("`AzureBlob`", "Azurite 3.37, by token, TLS"),
        ("`Gcs`", "our own server"),
        ("`GenericStore`", "its `InMemory`"),
        ("`GenericStore`", "its `LocalFileSystem`"),
        ("`GenericStore`", "its `AmazonS3`, moto 5.2"),
        ("`GenericStore`", "its `AmazonS3`, our own server"),
    ],
};

const KEYS: Table = Table {
    operations: &[
        (
            "get, put",
            &[
                "a_put_is_read_back",
                "an_empty_value_is_kept",
                "any_bytes_are_kept",
                "a_large_value_is_kept",
                "a_put_replaces",
                "every_write_has_its_own_version",
                "odd_keys_are_kept_apart",
            ],
        ),
        (
            "put if absent",
            &[
                "a_create_never_overwrites",
                "a_repeated_create_recognises_itself",
                "a_deleted_key_can_be_created_again",
            ],
        ),
        ("creates race", &["racing_creates_have_one_winner"]),
        (
            "compare and set",
            &[
                "a_compare_and_set_needs_the_current_version",
                "a_compare_and_set_on_an_absent_key_is_refused",
                "a_value_that_came_back_is_another_one",
                "a_repeated_compare_and_set_recognises_itself",
            ],
        ),
        ("increments race", &["racing_increments_add_up"]),
        (
            "delete, delete if",
            &[
                "a_delete_removes_and_may_be_repeated",
                "a_delete_with_a_version_needs_the_current_one",
            ],
        ),
        (
            "time to live",
            &[
                "what_has_expired_is_absent",
                "what_has_expired_can_be_created_again",
                "a_put_without_a_time_to_live_stays",
            ],
        ),
        ("get many", &["each_key_has_its_answer"]),
        ("put many", &["each_value_is_stored"]),
        (
            "scan",
            &[
                "a_scan_has_the_prefix_and_is_sorted",
                "a_scan_has_its_bounds",
                "pages_add_up",
                "what_was_deleted_is_not_there",
                "a_scan_of_nothing_is_empty",
            ],
        ),
        ("limits", &["the_limits_are_as_said"]),
    ],
    rows: &[
        ("`MemoryTable`", "itself"),
        ("`Redis`", "redis-server 7.0"),
        ("`Redis`", "redis-server 7.0, TLS"),
        ("`Redis`", "a cluster of three"),
        ("`DynamoDb`, flat", "moto 5.2"),
        ("`DynamoDb`, sorted", "moto 5.2"),
        ("`DynamoDb`, flat", "dynoxide 3.2"),
        ("`DynamoDb`, sorted", "dynoxide 3.2"),
        ("`Cosmos`", "the SDK's emulator"),
        ("`Bigtable`", "bttest, Google's emulator"),
    ],
};

/// Compares the row of this adapter at this server.
pub(crate) fn objects(adapter: &str, server: &str, report: &objects::Report) {
    OBJECTS.compare(adapter, server, &report.passed);
}

/// Compares the row of this adapter at this server.
pub(crate) fn keys(adapter: &str, server: &str, report: &kv::Report) {
    KEYS.compare(adapter, server, &report.passed);
}

/// The tables have the columns and the rows that the tests compare, and no others; the columns stand for checks that exist.
pub(crate) fn every_row_is_compared() {
    for (table, checks) in [(&OBJECTS, names(objects::CHECKS)), (&KEYS, names(kv::CHECKS))] {
        for check in table.operations.iter().flat_map(|(_, checks)| *checks) {
            assert!(checks.contains(check), "there is no check {check}");
        }
        let there: Vec<_> = table.lines().iter().map(|cells| (cells[0], cells[1])).collect();
        assert_eq!(there, table.rows);
    }
}

fn names<C>(checks: &[(&'static str, C)]) -> Vec<&'static str> {
    checks.iter().map(|(name, _)| *name).collect()
}

impl Table {
    fn compare(&self, adapter: &str, server: &str, passed: &[&str]) {
        let mut expected = vec![adapter, server];
        expected.extend(self.operations.iter().map(|(_, checks)| cell(checks, passed)));
        let lines = self.lines();
        assert!(
            lines.contains(&expected),
            "docs/PROVIDERS.md should have this line:\n| {} |",
            expected.join(" | ")
        );
    }

    /// The cells of the page's lines below this table's head.
    fn lines(&self) -> Vec<Vec<&'static str>> {
        let mut head = String::from("| adapter | tried at |");
        for (name, _) in self.operations {
            head += &format!(" {name} |");
        }
        let mut lines = PAGE.lines().skip_while(|line| *line != head).skip(2);
        let table: Vec<_> = lines.by_ref().take_while(|line| line.starts_with('|')).collect();
        assert!(
            !table.is_empty(),
            "docs/PROVIDERS.md has no table with this head:\n{head}"
        );
        table
            .iter()
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect()
    }
}

fn cell(checks: &[&str], passed: &[&str]) -> &'static str {
    match checks.iter().filter(|check| passed.contains(check)).count() {
        0 => "–",
        all if all == checks.len() => "✓",
        _ => "partly",
    }
}
