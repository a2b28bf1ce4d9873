//! `docs/PROVIDERS.md` says which operation was tried at which server. Each run of a conformance suite compares its row with what
//! passed, so that the tables cannot say more, or less, than a test does.

#![allow(dead_code)] // each test binary compares the rows it has servers for

use evenkeel::{
    provider::ObjectProvider,
    testing::{kv, objects, uploads},
};

const PAGE: &str = include_str!("../../docs/PROVIDERS.md");

/// A column, and the checks it stands for.
type Operation = (&'static str, &'static [&'static str]);

/// One of the page's tables.
struct Table {
    operations: &'static [Operation],
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
};

const UPLOADS: Table = Table {
    operations: &[
        (
            "parts",
            &[
                "an_upload_is_assembled_in_the_order_of_the_numbers",
                "a_part_that_is_sent_again_replaces_the_earlier_one",
                "nothing_is_visible_before_the_completion",
                "attributes_and_write_id_come_back",
                "a_completion_replaces_what_is_there",
                "a_completion_that_is_sent_twice_changes_nothing",
                "a_part_of_another_upload_completes_nothing",
            ],
        ),
        (
            "create, if match",
            &[
                "a_completed_create_never_overwrites",
                "a_completion_with_if_match_needs_the_current_tag",
            ],
        ),
        ("give up", &["an_aborted_upload_is_gone"]),
        ("list uploads", &["uploads_under_way_are_listed"]),
        (
            "copy",
            &[
                "a_copy_has_the_bytes_and_its_own_attributes",
                "a_copy_of_what_is_absent_is_not_found",
            ],
        ),
        ("copy as create", &["a_copied_create_never_overwrites"]),
        ("copy of one state", &["a_copy_of_another_state_is_refused"]),
        (PRESIGN, &[]),
    ],
};

/// No check of a suite stands for it, as the suites use no URLs: the adapter says whether it can.
const PRESIGN: &str = "presign";

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
};

/// Compares the row of this adapter at this server.
pub(crate) fn objects(adapter: &str, server: &str, report: &objects::Report) {
    OBJECTS.compare(adapter, server, &report.passed);
}

/// Compares the row of this adapter at this server.
pub(crate) fn keys(adapter: &str, server: &str, report: &kv::Report) {
    KEYS.compare(adapter, server, &report.passed);
}

/// Compares the row of this adapter at this server.
pub(crate) fn uploads(adapter: &str, server: &str, report: &uploads::Report, store: &impl ObjectProvider) {
    let mut passed = report.passed.clone();
    passed.extend(store.capabilities().presign.then_some(PRESIGN));
    UPLOADS.compare(adapter, server, &passed);
}

/// The page has all tables, and their columns stand for checks that exist. That each row has a run that compares it is
/// for the house tests to say.
pub(crate) fn every_column_is_checked() {
    for (table, checks) in [
        (&OBJECTS, names(objects::CHECKS)),
        (&KEYS, names(kv::CHECKS)),
        (&UPLOADS, names(uploads::CHECKS)),
    ] {
        for check in table.operations.iter().flat_map(|(_, checks)| *checks) {
            assert!(checks.contains(check), "there is no check {check}");
        }
        assert!(!table.lines().is_empty());
    }
}

fn names<C>(checks: &[(&'static str, C)]) -> Vec<&'static str> {
    checks.iter().map(|(name, _)| *name).collect()
}

impl Table {
    fn compare(&self, adapter: &str, server: &str, passed: &[&str]) {
        let mut expected = vec![adapter, server];
        expected.extend(self.operations.iter().map(|operation| cell(operation, passed)));
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

fn cell((name, checks): &Operation, passed: &[&str]) -> &'static str {
    let checks = match *checks {
        [] => std::slice::from_ref(name),
        checks => checks,
    };
    match checks.iter().filter(|check| passed.contains(check)).count() {
        0 => "–",
        all if all == checks.len() => "✓",
        _ => "partly",
    }
}
