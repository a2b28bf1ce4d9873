//! Which slot a key has, and which node a slot has.

use redis::Value;
use std::{collections::BTreeMap, fmt, sync::Arc};

const SLOTS: u16 = 16_384;

/// The slot of a key: CRC16 (XMODEM) of the whole key, or of the part between the first `{` and the next `}`.
pub(super) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then_some(&rest[..close])
    });
    let crc = tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x1021,
        })
    });
    crc % SLOTS
}

/// A node's address. It is shown as `host:port`, and never in an error.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// The node in a redirect: `host:port`, or `:port` for the host of the redirecting node `by`.
    pub(super) fn told(text: &str, by: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = resolved(host, by)?;
        Some(Self::new(host, port.parse().ok()?))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The host that a node gives for itself. An empty host means the host at which the node was asked. `?` means that the
/// node does not know its host.
fn resolved<'h>(host: &'h str, asked: &'h Address) -> Option<&'h str> {
    match host {
        "" | "0.0.0.0" | "::" => Some(&asked.host),
        "?" => None,
        host => Some(host),
    }
}

/// The primary of each slot, as one node saw the cluster, corrected by redirects.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// By the first slot of a range: the range's last slot, and the primary.
    ranges: BTreeMap<u16, (u16, Address)>,
    moved: BTreeMap<u16, Address>,
}

impl Slots {
    /// The answer to CLUSTER SLOTS of the node at `asked`; `None` if it makes no sense.
    pub(super) fn read(answer: Value, asked: &Address) -> Option<Self> {
        let Value::Array(ranges) = answer else {
            return None;
        };
        let mut slots = Self::default();
        for range in ranges {
            let Value::Array(parts) = range else {
                return None;
            };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else {
                return None;
            };
            let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
            let host = match primary.first()? {
                Value::BulkString(host) => std::str::from_utf8(host).ok()?,
                Value::SimpleString(host) => host,
                Value::Nil => "",
                _ => return None,
            };
            let Some(Value::Int(port)) = primary.get(1) else {
                return None;
            };
            if first > last || last >= SLOTS {
                return None;
            }
            if let Some(host) = resolved(host, asked) {
                let address = Address::new(host, u16::try_from(*port).ok()?);
                slots.ranges.insert(first, (last, address));
            }
        }
        Some(slots)
    }

    pub(super) fn primary(&self, slot: u16) -> Option<&Address> {
        self.moved.get(&slot).or_else(|| {
            let (_, (last, address)) = self.ranges.range(..=slot).next_back()?;
            (slot <= *last).then_some(address)
        })
    }

    /// Notes that the earlier node of this slot names another node.
    pub(super) fn has_moved(&mut self, slot: u16, to: Address) {
        if slot < SLOTS {
            self.moved.insert(slot, to);
        }
    }

    /// Every primary, some more than once.
    pub(super) fn primaries(&self) -> impl Iterator<Item = &Address> {
        let ranges = self.ranges.values().map(|(_, address)| address);
        ranges.chain(self.moved.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node])
    }

    fn host(name: &str) -> Value {
        Value::BulkString(name.as_bytes().to_vec())
    }

    #[test]
    fn slots_follow_the_cluster_specification() {
        assert_eq!(slot(b"123456789"), 0x31c3 % SLOTS);
        // What CLUSTER KEYSLOT says.
        assert_eq!((slot(b""), slot(b"foo"), slot(b"somekey")), (0, 12_182, 11_058));
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        // Nothing between the braces, or no second one: the whole key counts.
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
        assert_ne!(slot(b"{bar"), slot(b"bar"));
    }

    #[test]
    fn a_slot_map_has_ranges_redirects_and_holes() {
        let asked = Address::new("seed", 1);
        let answer = Value::Array(vec![
            range(0, 99, host("a"), 7_000),
            range(200, 299, host(""), 7_001),
            range(300, 300, Value::Nil, 7_002),
            range(400, 400, host("?"), 7_003),
        ]);
        let mut slots = Slots::read(answer, &asked).unwrap();
        assert_eq!(slots.primary(99), Some(&Address::new("a", 7_000)));
        assert_eq!(slots.primary(100), None);
        assert_eq!(slots.primary(200), Some(&Address::new("seed", 7_001)));
        assert_eq!(slots.primary(300), Some(&Address::new("seed", 7_002)));
        assert_eq!(slots.primary(400), None);
        slots.has_moved(99, Address::new("b", 7_000));
        assert_eq!(slots.primary(99), Some(&Address::new("b", 7_000)));
        assert_eq!(slots.primary(98), Some(&Address::new("a", 7_000)));
    }

    #[test]
    fn a_malformed_slot_map_is_refused() {
        let asked = Address::new("seed", 1);
        for answer in [
            Value::Okay,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(5, 1, host("a"), 1)]),
            Value::Array(vec![range(0, 16_384, host("a"), 1)]),
            Value::Array(vec![range(0, 1, host("a"), 70_000)]),
        ] {
            assert!(Slots::read(answer.clone(), &asked).is_none(), "{answer:?}");
        }
    }

    #[test]
    fn redirects_name_an_address() {
        let by = Address::new("10.0.0.1", 7_000);
        assert_eq!(
            Address::told("10.0.0.2:7001", &by),
            Some(Address::new("10.0.0.2", 7_001))
        );
        assert_eq!(Address::told(":7001", &by), Some(Address::new("10.0.0.1", 7_001)));
        assert_eq!(
            Address::told("2001:db8::1:7001", &by),
            Some(Address::new("2001:db8::1", 7_001))
        );
        assert_eq!(Address::told("?:7001", &by), None);
        assert_eq!(Address::told("nowhere", &by), None);
    }
}
