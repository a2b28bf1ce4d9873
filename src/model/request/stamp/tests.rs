use super::*;
use crate::request::WriteId;

const VALUE: Stamp = Stamp {
    at: 1_763_000_000_123_456,
    writer: 0x0102_0304_0506,
    write: 0x07_0809_0a0b_0c0d_0e0f,
    over: 0,
    bind: 0xf_16fc_ff1b,
    crc: None,
    kind: StampKind::VALUE,
    hashed: false,
};

const FULL: Stamp = Stamp {
    over: 0xa_bcde_f012,
    crc: Some(0xae8b_1486_0a79_9888),
    kind: StampKind(9),
    hashed: true,
    ..VALUE
};

fn any(rng: &mut fastrand::Rng) -> Stamp {
    Stamp {
        at: rng.u64(..) & AT,
        writer: rng.u64(..) >> 16,
        write: rng.u128(..) & WRITE,
        over: rng.u64(..) & DIGEST,
        bind: rng.u64(..) & DIGEST,
        crc: rng.bool().then(|| rng.u64(..)),
        kind: StampKind(rng.u8(..16)),
        hashed: rng.bool(),
    }
}

/// The examples of `docs/STAMP.md`.
#[test]
fn the_format_is_that_of_its_page() {
    let page = include_str!("../../../../docs/STAMP.md");
    for stamp in [VALUE, FULL] {
        assert!(page.contains(&format!("`{stamp}`")), "the page lacks {stamp}");
    }
    assert_eq!(Stamp::parse(&VALUE.to_string()), Some(VALUE));
    assert!(VALUE.fits("orders/42", 5) && !VALUE.fits("orders/42", 6) && !VALUE.fits("orders/43", 5));
    assert!(Stamp { bind: 0, ..VALUE }.fits("anything", 7));
    assert_eq!(hash("order-42"), 0x3b_f8b1_57c4_238e_efe5);
    assert_eq!(VALUE.digest(), 48_104_487_857);
}

#[test]
fn every_stamp_comes_back_from_its_text() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..2000 {
        let stamp = any(&mut rng);
        let text = stamp.to_string();
        assert!(text.len() == Stamp::TEXT_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic()));
        let back = Stamp::parse(&text).unwrap();
        assert_eq!((back, back.crc), (stamp, stamp.crc));
        assert_eq!(WriteId::from(stamp).as_str(), text);
        assert!(WriteId::from(stamp).check().is_ok());
    }
}

#[test]
fn a_text_is_a_stamp_only_if_it_is_that_stamps_text() {
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..5000 {
        let mut text = any(&mut rng).to_string().into_bytes();
        let at = rng.usize(..text.len());
        match rng.u8(..4) {
            0 => text.truncate(at),
            1 => text.insert(at, rng.u8(..)),
            2 => text.push(rng.alphanumeric() as u8),
            _ => text[at] = rng.u8(..),
        }
        let text = String::from_utf8_lossy(&text);
        if let Some(stamp) = Stamp::parse(&text) {
            assert_eq!(stamp.to_string(), text);
        }
    }
    let full = FULL.to_string();
    for length in 0..full.len() {
        assert_eq!(Stamp::parse(&full[..length]), None);
    }
}

#[test]
fn other_texts_are_no_stamps() {
    let text = VALUE.to_string();
    for other in [
        "",
        "~1",
        "order-42",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcde.0123456789abcdef",
        &format!("{text}A"),
        &format!(" {text}"),
        &text.replace("~1", "~2"),
        &text.replace("~1", "A1"),
        &text.replace("~1A", "~1="),
        // The last bit of a CRC that is not there.
        &format!("{}B", &text[..54]),
        &format!("{}+", &text[..54]),
        &"w".repeat(55),
    ] {
        assert_eq!(Stamp::parse(other), None, "{other}");
    }
}

#[test]
fn equality_ignores_the_crc_and_nothing_else() {
    let other_crc = Stamp { crc: None, ..FULL };
    assert_eq!(FULL, other_crc);
    assert_eq!(FULL.cmp(&other_crc), Ordering::Equal);
    for other in [
        Stamp { at: 1, ..FULL },
        Stamp { writer: 1, ..FULL },
        Stamp { write: 1, ..FULL },
        Stamp { over: 1, ..FULL },
        Stamp { bind: 1, ..FULL },
        Stamp {
            kind: StampKind::WITNESS,
            ..FULL
        },
        Stamp { hashed: false, ..FULL },
    ] {
        assert_ne!(FULL, other);
        assert_ne!(FULL.cmp(&other), Ordering::Equal);
    }
}

#[test]
fn time_decides_then_the_writer_then_the_write() {
    let of = |at, writer, write, over| Stamp {
        at,
        writer,
        write,
        over,
        ..VALUE
    };
    let sorted = [of(1, 9, 9, 9), of(2, 1, 9, 9), of(2, 2, 1, 9), of(2, 2, 2, 1)];
    assert!(sorted.is_sorted_by(|one, other| one < other));
}

#[test]
fn ids_name_one_write_by_stamp_by_hash_or_by_text() {
    let id = |stamp: Stamp| WriteId::from(stamp);
    let chosen = Stamp {
        write: hash("order-42"),
        hashed: true,
        ..VALUE
    };
    let (text, old) = (
        WriteId::new("order-42"),
        WriteId::new("0123456789abcdef0123456789abcdef"),
    );
    let copy = id(VALUE).of_copy(&[1; 32], &[2; 32]).unwrap();
    let repeated = Stamp {
        at: 5,
        writer: 6,
        ..chosen
    };
    for (one, other, same) in [
        (id(VALUE), id(VALUE), true),
        (id(FULL), id(Stamp { crc: None, ..FULL }), true),
        (id(VALUE), id(Stamp { at: 5, ..VALUE }), false),
        (id(VALUE), copy.clone(), true),
        (id(chosen), id(repeated), true),
        (id(chosen), id(Stamp { bind: 5, ..repeated }), false),
        (id(chosen), id(Stamp { write: 5, ..repeated }), false),
        (
            id(chosen),
            id(Stamp {
                hashed: false,
                ..chosen
            }),
            false,
        ),
        (id(chosen), text.clone(), true),
        (id(chosen), WriteId::new("order-43"), false),
        (
            id(Stamp {
                hashed: false,
                ..chosen
            }),
            text.clone(),
            false,
        ),
        (text.clone(), text.clone(), true),
        (old.clone(), old.clone(), true),
        (text.clone(), old.clone(), false),
        (old.clone(), id(VALUE), false),
    ] {
        assert_eq!(one.names_same_write(&other), same, "{one:?} {other:?}");
        assert_eq!(other.names_same_write(&one), same, "{other:?} {one:?}");
    }
}

#[test]
fn content_is_proven_by_the_whole_stamp_where_it_fits() {
    let id = |stamp: Stamp| WriteId::from(stamp);
    let chosen = Stamp { hashed: true, ..VALUE };
    let proves = |one: &WriteId, other: &WriteId| one.proves_same_content(other, "orders/42", 5);
    assert!(proves(&id(VALUE), &id(VALUE)));
    assert!(proves(&id(VALUE), &id(VALUE).of_copy(&[1; 32], &[2; 32]).unwrap()));
    assert!(proves(&id(VALUE), &id(Stamp { crc: Some(1), ..VALUE })));
    assert!(!proves(
        &id(Stamp { crc: Some(2), ..VALUE }),
        &id(Stamp { crc: Some(1), ..VALUE })
    ));
    // The caller may have repeated it with other bytes.
    assert!(!proves(&id(chosen), &id(Stamp { at: 5, ..chosen })));
    assert!(proves(&WriteId::new("w"), &WriteId::new("w")) && !proves(&WriteId::new("w"), &id(VALUE)));
    assert!(!id(VALUE).proves_same_content(&id(VALUE), "orders/43", 5));
    assert!(!id(VALUE).proves_same_content(&id(VALUE), "orders/42", 6));
}

#[test]
fn the_id_of_a_copy_has_the_stamp_and_a_mark_of_the_copier() {
    let copy = WriteId::from(VALUE).of_copy(&[1; 32], &[2; 32]).unwrap();
    assert_eq!(copy.as_str().len(), WriteId::MAX_BYTES);
    assert_eq!(copy.stamp(), Some(VALUE));
    assert!(copy.is_of_copy_by(&[1; 32]) && !copy.is_of_copy_by(&[2; 32]));
    // A copy of the copy.
    let again = copy.of_copy(&[3; 32], &[2; 32]).unwrap();
    assert!(again.stamp() == Some(VALUE) && again.is_of_copy_by(&[3; 32]) && !again.is_of_copy_by(&[1; 32]));
    assert!(!WriteId::from(VALUE).is_of_copy_by(&[1; 32]));
    assert_eq!(WriteId::new("order-42").of_copy(&[1; 32], &[2; 32]), None);
    for mark in ["", "short", "abc.defg", "abcdefghi"] {
        assert_eq!(WriteId::new(format!("{VALUE}.{mark}")).stamp(), None, "{mark}");
    }
}
