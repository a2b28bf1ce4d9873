use super::{
    WriteId,
    stamp::{self, Stamp, StampKind},
};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

/// Makes the [stamps](Stamp) of one client.
///
/// Who the writer is, the operating system draws, and never a seed: clients that share a seed would take each other's
/// writes for their own.
pub(crate) struct Writer {
    id: u64,
    /// The number of the first write. The others are counted from there, so no two are equal.
    first: u128,
    drawn: AtomicU64,
    /// The time of the last stamp. The next stamp is later, also if the wall clock was set back.
    last: AtomicU64,
    wall: Wall,
}

/// The wall clock.
type Wall = Box<dyn Fn() -> SystemTime + Send + Sync>;

impl Writer {
    /// A writer that differs from all others, with this wall clock.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn from_os(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Result<Self, String> {
        let mut entropy = [0; 15];
        getrandom::fill(&mut entropy).map_err(|error| error.to_string())?;
        Ok(Self::new(entropy, wall))
    }

    /// A writer with this entropy and this wall clock. Equal entropy gives equal writers.
    pub(crate) fn new(entropy: [u8; 15], wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let entropy = entropy.iter().fold(0, |sum, &byte| sum << 8 | u128::from(byte));
        Self {
            id: (entropy >> 72) as u64,
            first: entropy & stamp::WRITE,
            drawn: AtomicU64::new(0),
            last: AtomicU64::new(0),
            wall: Box::new(wall),
        }
    }

    /// The id of a write of this key and this many bytes, if they are known: the stamp is bound to both or to none. An
    /// id that the caller chose is hashed into the stamp, unless it has a stamp already: that one is taken, with the
    /// checksum of this body.
    pub(crate) fn write_id(&self, chosen: Option<&WriteId>, key: &str, size: Option<u64>, crc: Option<u64>) -> WriteId {
        if let Some(stamp) = chosen.and_then(WriteId::stamp) {
            return Stamp { crc, ..stamp }.into();
        }
        let stamp = Stamp {
            at: self.at(),
            writer: self.id,
            write: chosen.map_or_else(|| self.draw(), |id| stamp::hash(id.as_str())),
            over: 0,
            bind: size.map_or(0, |size| stamp::bind(key, size)),
            crc,
            kind: StampKind::VALUE,
            hashed: chosen.is_some(),
        };
        stamp.into()
    }

    /// A name of 32 hex digits that nobody else has.
    pub(crate) fn name(&self) -> WriteId {
        WriteId::new(format!("{:012x}{:020x}", self.id, self.draw()))
    }

    fn draw(&self) -> u128 {
        (self.first + u128::from(self.drawn.fetch_add(1, Relaxed))) & stamp::WRITE
    }

    fn at(&self) -> u64 {
        let wall = stamp::micros((self.wall)());
        let next = |last| wall.max(stamp::after(last));
        let last = self.last.fetch_update(Relaxed, Relaxed, |last| Some(next(last)));
        next(last.unwrap_or_else(|last| last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;
    use std::{
        sync::{Arc, Mutex},
        time::{Duration, UNIX_EPOCH},
    };

    fn at(micros: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(micros)
    }

    fn stamp(writer: &Writer) -> Stamp {
        writer.write_id(None, "k", Some(1), None).stamp().unwrap()
    }

    #[test]
    fn time_never_goes_back_though_the_wall_clock_does() {
        let wall = Arc::new(Mutex::new(at(1000)));
        let reads = wall.clone();
        let writer = Writer::new([7; 15], move || *reads.lock().unwrap());
        let mut stamps = Vec::new();
        for micros in [1000, 1000, 400, 1001, 2000, 0, u64::MAX >> 1, 5] {
            *wall.lock().unwrap() = at(micros);
            stamps.push(stamp(&writer));
        }
        let end = (1 << 56) - 1;
        let times: Vec<_> = stamps.iter().map(|stamp| stamp.at).collect();
        assert_eq!(times, [1000, 1001, 1002, 1003, 2000, 2001, end, end]);
        assert!(
            stamps.is_sorted() && stamps[6] < stamps[7],
            "the write decides at the end of time"
        );
    }

    #[test]
    fn a_clock_before_1970_begins_at_zero() {
        let writer = Writer::new([7; 15], || UNIX_EPOCH - Duration::from_secs(9));
        assert_eq!([stamp(&writer).at, stamp(&writer).at], [1, 2]);
    }

    #[test]
    fn no_two_stamps_of_many_threads_are_equal() {
        let writer = Writer::new([0xff; 15], || at(5));
        let mut all: Vec<Stamp> = std::thread::scope(|scope| {
            let many = || scope.spawn(|| (0..500).map(|_| stamp(&writer)).collect::<Vec<_>>());
            let threads: Vec<_> = (0..4).map(|_| many()).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert!(all.windows(2).all(|two| two[0].at < two[1].at));
        all.sort_unstable_by_key(|stamp| stamp.write);
        assert!(all.windows(2).all(|two| two[0].write < two[1].write));
    }

    #[test]
    fn two_writers_have_nothing_in_common() {
        let [one, other] = [(); 2].map(|()| Writer::from_os(clock::wall).unwrap());
        let (first, second) = (stamp(&one), stamp(&other));
        assert!(first.writer != second.writer && first.write != second.write);
        assert_ne!(one.name(), other.name());
        assert_ne!(one.name(), one.name());
        assert_eq!(one.name().as_str().len(), 32);
    }

    #[test]
    fn an_id_of_the_callers_is_hashed_and_a_stamp_is_kept() {
        let [one, other] = [1, 2].map(|byte| Writer::new([byte; 15], move || at(byte.into())));
        let chosen = WriteId::new("order-42");
        let [first, second] = [&one, &other].map(|writer| writer.write_id(Some(&chosen), "orders/42", Some(5), None));
        let stamp = first.stamp().unwrap();
        assert!(stamp.is_hashed() && stamp.fits("orders/42", 5));
        assert_ne!(first, second);
        assert!(first.names_same_write(&second));
        let unbound = one.write_id(Some(&chosen), "orders/42", None, None);
        assert!(unbound.stamp().unwrap().bind == 0 && unbound.names_same_write(&second));
        assert_eq!(other.write_id(Some(&first), "elsewhere", Some(9), None), first);
        let copied = WriteId::new(format!("{first}.abcdefgh", first = first.as_str()));
        assert_eq!(other.write_id(Some(&copied), "orders/42", None, None), first);
    }
}
