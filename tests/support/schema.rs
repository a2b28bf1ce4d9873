//! As much of JSON Schema as our own schemas use. A word that this does not know fails the test that meets it.

#![allow(dead_code)] // not every user of it asks for all

use serde_json::Value;
use std::{fs, path::Path};

/// A schema of docs.
pub(crate) fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Fails unless `value` is as the schema says, and has no property that the schema does not name.
pub(crate) fn validate(schema: &Value, value: &Value) {
    let mut wrong = Vec::new();
    check(schema, schema, value, "", &mut wrong);
    assert!(wrong.is_empty(), "{}\nin {value:#}", wrong.join("\n"));
}

/// What is wrong with `value`.
pub(crate) fn wrong(schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(schema, schema, value, "", &mut wrong);
    wrong
}

use schema as schema_beside;

fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    for (word, says) in schema.as_object().unwrap() {
        let mut must = |holds: bool| {
            if !holds {
                wrong.push(format!("{at}: {value} against {word} {says}"));
            }
        };
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => match says.as_str().unwrap().strip_prefix("#/") {
                Some(name) => check(root, root.pointer(&format!("/{name}")).unwrap(), value, at, wrong),
                None => {
                    let other = schema_beside(says.as_str().unwrap());
                    check(&other, &other, value, at, wrong);
                }
            },
            "anyOf" => {
                let any = says.as_array().unwrap().iter();
                let mut tries = any.map(|one| {
                    let mut wrong = Vec::new();
                    check(root, one, value, at, &mut wrong);
                    wrong
                });
                let first = tries.next().unwrap();
                if !first.is_empty() && !tries.any(|wrong| wrong.is_empty()) {
                    wrong.extend(first);
                }
            }
            "const" => must(value == says),
            "enum" => must(says.as_array().unwrap().contains(value)),
            "type" => must(match says {
                Value::String(one) => is(one, value),
                all => all
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| is(one.as_str().unwrap(), value)),
            }),
            "minimum" => must(value.as_f64().is_none_or(|value| value >= says.as_f64().unwrap())),
            "maximum" => must(value.as_f64().is_none_or(|value| value <= says.as_f64().unwrap())),
            "pattern" => {
                assert_eq!(says, "^[0-9a-f]{16}$", "the one pattern that this knows");
                let text = value.as_str().unwrap_or_default();
                must(text.len() == 16 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
            }
            "required" => must(value.as_object().is_none_or(|object| {
                says.as_array()
                    .unwrap()
                    .iter()
                    .all(|name| object.contains_key(name.as_str().unwrap()))
            })),
            "properties" => {
                let known = says.as_object().unwrap();
                for (name, value) in value.as_object().into_iter().flatten() {
                    match known.get(name) {
                        Some(schema) => check(root, schema, value, &format!("{at}/{name}"), wrong),
                        // A reader may meet more, from a later version. Ours writes what it says.
                        None => wrong.push(format!("{at}/{name} is not in the schema")),
                    }
                }
            }
            "additionalProperties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    check(root, says, value, &format!("{at}/{name}"), wrong);
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, says, value, &format!("{at}/{index}"), wrong);
                }
            }
            "minItems" => must(
                value
                    .as_array()
                    .is_none_or(|all| all.len() as u64 >= says.as_u64().unwrap()),
            ),
            "maxItems" => must(
                value
                    .as_array()
                    .is_none_or(|all| all.len() as u64 <= says.as_u64().unwrap()),
            ),
            "minProperties" => must(
                value
                    .as_object()
                    .is_none_or(|all| all.len() as u64 >= says.as_u64().unwrap()),
            ),
            "maxProperties" => must(
                value
                    .as_object()
                    .is_none_or(|all| all.len() as u64 <= says.as_u64().unwrap()),
            ),
            other => panic!("the validator does not know `{other}`"),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type of JSON: {other}"),
    }
}
