//! Transport-wide feedback: which packets arrived and when, by a number that runs over all streams of a transport
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

use arrayvec::ArrayVec;

use crate::media::Ssrc;
use crate::packet::feedback::FeedbackError;

/// One feedback packet, read where it lies. It was checked as a whole: its iterator never ends early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Feedback<'a> {
    /// The first number it tells of.
    pub base: u16,
    /// How many it tells of, at most [`STATUSES_MAX`].
    pub statuses: u16,
    /// Counts the feedback packets of a transport, modulo 256.
    pub count: u8,
    /// Microseconds on the receiver's clock, whose zero is anywhere: a multiple of 64 ms that wraps every 12.4 days and may
    /// be negative.
    pub reference_us: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Reads what follows the two SSRCs of a feedback packet, without its padding.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, FeedbackError> {
        let Some(([b0, b1, s0, s1, r0, r1, r2, count], rest)) = body.split_first_chunk::<8>()
        else {
            return Err(FeedbackError::Truncated("transport-wide feedback"));
        };
        let statuses = u16::from_be_bytes([*s0, *s1]);
        if statuses > STATUSES_MAX {
            return Err(FeedbackError::TooMany("statuses of transport-wide feedback"));
        }
        let (chunks, deltas) = split(rest, usize::from(statuses))?;
        // Shifting there and back spreads the sign of 24 bits.
        let reference = i32::from_be_bytes([*r0, *r1, *r2, 0]) >> 8;
        Ok(Self {
            base: u16::from_be_bytes([*b0, *b1]),
            statuses,
            count: *count,
            reference_us: i64::from(reference) * REFERENCE_US,
            chunks,
            deltas,
        })
    }

    /// Each number in order, with its arrival in microseconds on the clock of [`Self::reference_us`]; `None` for a packet
    /// that has not arrived.
    #[must_use]
    pub const fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            next: self.base,
            left: self.statuses,
            chunk: Chunk::EMPTY,
            chunks: self.chunks,
            deltas: self.deltas,
            clock_us: self.reference_us,
        }
    }
}

/// Where the chunks for `statuses` end and the deltas begin; `Err` where either is cut short.
fn split(rest: &[u8], statuses: usize) -> Result<(&[u8], &[u8]), FeedbackError> {
    let mut left = statuses;
    let mut after = rest;
    let mut announced = 0;
    while left > 0 {
        let Some((bytes, behind)) = after.split_first_chunk() else {
            return Err(FeedbackError::Truncated("chunks of transport-wide feedback"));
        };
        let mut chunk = Chunk::of(*bytes);
        let told = chunk.length().min(left);
        announced += chunk.announced(told)?;
        left -= told;
        after = behind;
        if told == 0 {
            return Err(FeedbackError::Malformed("empty run of transport-wide feedback"));
        }
    }
    if after.len() < announced {
        return Err(FeedbackError::Truncated("deltas of transport-wide feedback"));
    }
    let (chunks, deltas) = rest.split_at_checked(rest.len() - after.len()).unwrap_or_default();
    Ok((chunks, deltas))
}

/// What a feedback packet says about each number.
#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    next: u16,
    left: u16,
    chunk: Chunk,
    chunks: &'a [u8],
    deltas: &'a [u8],
    clock_us: i64,
}

impl Iterator for Arrivals<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let symbol = match self.chunk.pop() {
            Some(symbol) => symbol,
            None => {
                let (bytes, rest) = self.chunks.split_first_chunk()?;
                self.chunks = rest;
                self.chunk = Chunk::of(*bytes);
                self.chunk.pop()?
            }
        };
        let delta = match symbol {
            Symbol::Lost => None,
            Symbol::Small => {
                let (byte, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                Some(i64::from(*byte))
            }
            Symbol::Large => {
                let (bytes, rest) = self.deltas.split_first_chunk()?;
                self.deltas = rest;
                Some(i64::from(i16::from_be_bytes(*bytes)))
            }
        };
        let number = self.next;
        self.next = number.wrapping_add(1);
        let arrival = delta.map(|delta| {
            self.clock_us += delta * DELTA_US;
            self.clock_us
        });
        Some((number, arrival))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

/// What is said about one number, with the size of the delta that says when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Symbol {
    Lost,
    /// One byte, 0 to 63.75 ms after the one before.
    Small,
    /// Two bytes, −8.192 to 8.19175 s.
    Large,
}

/// A packet status chunk that is being read from its front.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Chunk {
    Run {
        bits: u16,
        left: u16,
    },
    /// One bit a symbol, the next in bit 13.
    Bits {
        bits: u16,
        left: u8,
    },
    /// Two bits a symbol, the next in bits 13 and 12.
    Pairs {
        bits: u16,
        left: u8,
    },
}

impl Chunk {
    const EMPTY: Self = Self::Run { bits: 0, left: 0 };

    fn of(bytes: [u8; 2]) -> Self {
        let word = u16::from_be_bytes(bytes);
        match word >> 14 {
            0b10 => Self::Bits { bits: word, left: 14 },
            0b11 => Self::Pairs { bits: word, left: 7 },
            _ => Self::Run { bits: word >> 13 & 0b11, left: word & RUN_MAX },
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Run { left, .. } => usize::from(left),
            Self::Bits { left, .. } | Self::Pairs { left, .. } => usize::from(left),
        }
    }

    /// Bytes of deltas that the first `count` symbols announce.
    fn announced(&mut self, count: usize) -> Result<usize, FeedbackError> {
        let mut length = 0;
        if let Self::Run { bits, .. } = *self {
            return Ok(count * Symbol::of(bits)?.delta_length());
        }
        for _ in 0..count {
            length += self.take()?.map_or(0, Symbol::delta_length);
        }
        Ok(length)
    }

    /// The next symbol of a chunk that was checked.
    fn pop(&mut self) -> Option<Symbol> {
        self.take().ok().flatten()
    }

    fn take(&mut self) -> Result<Option<Symbol>, FeedbackError> {
        let symbol = match self {
            Self::Run { left: 0, .. }
            | Self::Bits { left: 0, .. }
            | Self::Pairs { left: 0, .. } => {
                return Ok(None);
            }
            Self::Run { bits, left } => {
                *left -= 1;
                *bits
            }
            Self::Bits { bits, left } => {
                let symbol = *bits >> 13 & 1;
                (*bits, *left) = (*bits << 1, *left - 1);
                symbol
            }
            Self::Pairs { bits, left } => {
                let symbol = *bits >> 12 & 0b11;
                (*bits, *left) = (*bits << 2, *left - 1);
                symbol
            }
        };
        Symbol::of(symbol).map(Some)
    }
}

impl Symbol {
    fn of(bits: u16) -> Result<Self, FeedbackError> {
        match bits {
            0 => Ok(Self::Lost),
            1 => Ok(Self::Small),
            2 => Ok(Self::Large),
            _ => Err(FeedbackError::Malformed("reserved symbol of transport-wide feedback")),
        }
    }

    const fn bits(self) -> u16 {
        match self {
            Self::Lost => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    const fn delta_length(self) -> usize {
        match self {
            Self::Lost => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }
}

/// Appends one feedback packet about `arrivals` to `out`, and returns how many of them it tells of.
///
/// `arrivals` are consecutive numbers, each with its arrival in microseconds on any clock from 0 on, or `None` for a packet
/// that has not arrived; `count` is the running number of feedback packets. The packet stays below [`LENGTH_MAX`] bytes: it
/// ends before the first number that does not fit, or whose arrival is too far (8 s) from the one before; the caller begins
/// another with what is left. Where nothing among the numbers arrived, their count is returned but no packet appended:
/// it would tell the sender nothing that the next does not.
///
/// Arrivals are rounded down to 250 µs; the error does not add up.
pub fn write(
    out: &mut Vec<u8>,
    sender: Ssrc,
    media: Ssrc,
    count: u8,
    arrivals: impl Iterator<Item = (u16, Option<i64>)>,
) -> usize {
    let mut arrivals = arrivals.peekable();
    let base = arrivals.peek().map_or(0, |(number, _)| *number);
    let start = out.len();
    // Length, base, number of statuses and reference time come when they are known.
    out.extend([VERSION | FORMAT, PACKET_TYPE, 0, 0]);
    out.extend(sender.0.to_be_bytes());
    out.extend(media.0.to_be_bytes());
    out.extend([0; 8]);
    let mut encoder = Encoder::new(out);
    while let Some((_, arrival)) = arrivals.peek() {
        if !encoder.push(*arrival) {
            break;
        }
        arrivals.next();
    }
    let statuses = encoder.statuses;
    match encoder.finish() {
        Some(reference) => finish(out, start, base, statuses, reference, count),
        None => out.truncate(start),
    }
    usize::from(statuses)
}

/// Pads the packet that begins at `start` and writes what was left open.
fn finish(out: &mut Vec<u8>, start: usize, base: u16, statuses: u16, reference: i64, count: u8) {
    let unpadded = out.len() - start;
    let padding = unpadded.next_multiple_of(4) - unpadded;
    out.resize(out.len() + padding, 0);
    if let (Ok(count @ 1..), Some(last)) = (u8::try_from(padding), out.last_mut()) {
        *last = count;
    }
    let words = u16::try_from((out.len() - start) / 4 - 1).unwrap_or(u16::MAX);
    let [.., r0, r1, r2] = reference.to_be_bytes();
    let [b0, b1] = base.to_be_bytes();
    let [s0, s1] = statuses.to_be_bytes();
    let [w0, w1] = words.to_be_bytes();
    if let Some([first, _, at_w0, at_w1, _, _, _, _, _, _, _, _, open @ ..]) =
        out.get_mut(start..).and_then(|packet| packet.first_chunk_mut::<20>())
    {
        if padding > 0 {
            *first |= PADDING_BIT;
        }
        (*at_w0, *at_w1) = (w0, w1);
        *open = [b0, b1, s0, s1, r0, r1, r2, count];
    }
}

/// Appends chunks to `out` and keeps the deltas, which follow them.
struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    deltas: ArrayVec<u8, DELTAS_MAX>,
    chunks: usize,
    pending: Pending,
    statuses: u16,
    clock: Option<Clock>,
}

/// In units of 250 µs, once something arrived.
struct Clock {
    /// In units of 64 ms.
    reference: i64,
    last: i64,
}

impl<'a> Encoder<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        let pending = Pending::Run { symbol: Symbol::Lost, length: 0 };
        Self { out, deltas: ArrayVec::new(), chunks: 0, pending, statuses: 0, clock: None }
    }

    /// Adds the status of the next number; false where the packet has to end before it.
    fn push(&mut self, arrival_us: Option<i64>) -> bool {
        // Two chunks more than now are the most that a status and the end may cost.
        let left = LENGTH_MAX.saturating_sub(20 + 3 + (self.chunks + 2) * 2 + self.deltas.len());
        if left < 2 || self.deltas.remaining_capacity() < 2 || self.statuses >= STATUSES_MAX {
            return false;
        }
        let symbol = match arrival_us {
            None => Symbol::Lost,
            Some(arrival_us) => match self.delta(arrival_us.div_euclid(DELTA_US)) {
                Some(symbol) => symbol,
                None => return false,
            },
        };
        self.statuses += 1;
        if let Some(chunk) = self.pending.push(symbol) {
            self.chunks += 1;
            self.out.extend(chunk.to_be_bytes());
        }
        true
    }

    /// Writes the delta of an arrival at `ticks` of 250 µs; `None` where it does not fit.
    fn delta(&mut self, ticks: i64) -> Option<Symbol> {
        let clock = self.clock.get_or_insert_with(|| {
            let reference = ticks.div_euclid(REFERENCE_US / DELTA_US);
            Clock { reference, last: reference * (REFERENCE_US / DELTA_US) }
        });
        let delta = i16::try_from(ticks - clock.last).ok()?;
        clock.last = ticks;
        if let Ok(small) = u8::try_from(delta) {
            self.deltas.try_push(small).ok()?;
            return Some(Symbol::Small);
        }
        self.deltas.try_extend_from_slice(&delta.to_be_bytes()).ok()?;
        Some(Symbol::Large)
    }

    /// Writes what is pending and the deltas; returns the reference time, unless nothing arrived.
    fn finish(mut self) -> Option<i64> {
        while let Some(chunk) = self.pending.flush(true) {
            self.out.extend(chunk.to_be_bytes());
        }
        self.out.extend(&self.deltas);
        self.clock.map(|clock| clock.reference)
    }
}

/// Statuses that are in no chunk yet.
enum Pending {
    /// All alike.
    Run { symbol: Symbol, length: u16 },
    /// Not all alike; at most 14, and at most 7 where one of them is large.
    Mixed(ArrayVec<Symbol, 14>),
}

impl Pending {
    /// Adds a status; returns a chunk where one became complete.
    fn push(&mut self, next: Symbol) -> Option<u16> {
        match self {
            Self::Run { symbol, length }
                if *length == 0 || (*symbol == next && *length < RUN_MAX) =>
            {
                (*symbol, *length) = (next, *length + 1);
                None
            }
            Self::Run { symbol, length } => {
                let (symbol, length) = (*symbol, *length);
                let room = if symbol == Symbol::Large || next == Symbol::Large { 7 } else { 14 };
                if symbol == next || usize::from(length) >= room {
                    *self = Self::Run { symbol: next, length: 1 };
                    return Some(run(symbol, length));
                }
                let mut mixed: ArrayVec<Symbol, 14> =
                    std::iter::repeat_n(symbol, usize::from(length)).collect();
                mixed.push(next);
                *self = Self::Mixed(mixed);
                None
            }
            Self::Mixed(mixed) => {
                if vector_room(mixed, next) > mixed.len() {
                    mixed.push(next);
                    return None;
                }
                let chunk = self.flush(false);
                // What did not fit the chunk is at most 6 statuses, so there is room for one more without another.
                let _ = self.push(next);
                chunk
            }
        }
    }

    /// Takes out the next chunk. Only the last of all may have more room than statuses.
    fn flush(&mut self, last: bool) -> Option<u16> {
        match self {
            Self::Run { length: 0, .. } => None,
            Self::Run { symbol, length } => {
                let chunk = run(*symbol, *length);
                *length = 0;
                Some(chunk)
            }
            Self::Mixed(mixed) => {
                let narrow = mixed.is_full() || (last && mixed.len() > 7);
                let wide = !narrow || mixed.contains(&Symbol::Large);
                let taken = if wide { mixed.len().min(7) } else { mixed.len() };
                let chunk = if wide { pairs(mixed.iter().take(taken)) } else { bits(mixed) };
                let rest: ArrayVec<Symbol, 14> = mixed.iter().skip(taken).copied().collect();
                let mut pending = Self::Run { symbol: Symbol::Lost, length: 0 };
                for symbol in rest {
                    let _ = pending.push(symbol);
                }
                *self = pending;
                Some(chunk)
            }
        }
    }
}

/// How many statuses one chunk takes that has `mixed` and `next`.
fn vector_room(mixed: &[Symbol], next: Symbol) -> usize {
    if next == Symbol::Large || mixed.contains(&Symbol::Large) { 7 } else { 14 }
}

fn run(symbol: Symbol, length: u16) -> u16 {
    symbol.bits() << 13 | length & RUN_MAX
}

fn bits(symbols: &[Symbol]) -> u16 {
    let word = symbols.iter().fold(0, |word, symbol| word << 1 | symbol.bits());
    0b10 << 14 | word << 14_usize.saturating_sub(symbols.len())
}

fn pairs<'a>(symbols: impl ExactSizeIterator<Item = &'a Symbol>) -> u16 {
    let unused = 7_usize.saturating_sub(symbols.len());
    let word = symbols.fold(0, |word, symbol| word << 2 | symbol.bits());
    0b11 << 14 | word << (2 * unused)
}

/// Half of all numbers: with more, none could be told from its double. It also bounds the time to read one packet.
pub const STATUSES_MAX: u16 = 1 << 15;
/// Bytes of a feedback packet that [`write()`] makes, at most: with SRTCP and UDP below every MTU.
pub const LENGTH_MAX: usize = 1200;
/// More deltas do not fit such a packet.
const DELTAS_MAX: usize = LENGTH_MAX;
/// 64 ms (section 3.1).
const REFERENCE_US: i64 = 64_000;
/// 250 µs (section 3.1.5).
const DELTA_US: i64 = 250;
/// 13 bits (section 3.1.3).
const RUN_MAX: u16 = (1 << 13) - 1;
const VERSION: u8 = 2 << 6;
const PADDING_BIT: u8 = 0x20;
/// Section 3.1.
pub(super) const FORMAT: u8 = 15;
/// Transport layer feedback (RFC 4585, section 6.1).
const PACKET_TYPE: u8 = 205;

#[cfg(test)]
#[path = "twcc_tests.rs"]
mod tests;
