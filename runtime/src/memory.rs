//! The memory of a call: planned before it, and kept for the next one.
//!
//! In: a layout and the values of its sizes. Out: offsets in one arena, and the arena.
//! Always holds: buffers whose lives do not overlap share memory; what is asked for is compared with what there is first.
#![allow(unsafe_code)]

use super::execute::Failure;
use super::layout::{self, Role};
use crate::size::SizeEnv;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Mutex;

/// Buffers begin at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// So many bytes are taken without a look at what is free.
const SMALL: u64 = 1 << 24;

/// Memory of a call, planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Elements per buffer.
    pub(super) elements: Vec<usize>,
    /// Byte offset in the arena per scratch buffer.
    pub(super) offsets: Vec<usize>,
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of the results.
    pub results: usize,
}

impl Plan {
    /// Bytes of scratch and results.
    pub fn bytes(&self) -> u64 {
        (self.arena as u64).saturating_add(self.results as u64)
    }
}

/// Plans the memory of a call at given sizes; `allowed` is a limit that was set.
pub fn plan(layout: &layout::Layout, sizes: &SizeEnv, allowed: Option<u64>) -> Result<Plan, Failure> {
    let mut elements = Vec::new();
    let (mut results, mut needed) = (0u64, 0u64);
    for buffer in &layout.buffers {
        // What depends on a size that only running tells gets its memory then.
        let known = if layout.is_found(&buffer.elements) { Some(0) } else { buffer.elements.eval(sizes) };
        let count = known.ok_or(Failure::Unbound)?.max(0) as u64;
        let bytes = count.saturating_mul(buffer.dtype.size() as u64);
        match buffer.role {
            Role::Output(_) => results = results.saturating_add(bytes),
            Role::Scratch => needed = needed.saturating_add(bytes),
            Role::Input(_) => {}
        }
        elements.push(usize::try_from(count).unwrap_or(usize::MAX));
    }
    let sum = needed.saturating_add(results);
    if sum > u64::MAX / 4 {
        return Err(Failure::Memory { needed: sum, limit: memory_limit(allowed) });
    }
    let (offsets, arena) = place(layout, &elements);
    let total = (arena as u64).saturating_add(results);
    admit(allowed, total, 0)?;
    Ok(Plan { elements, offsets, arena, results: results as usize })
}

/// Whether the system would hand out so much memory at once; asked only for what is large.
fn is_available(bytes: u64) -> bool {
    let large = bytes > 1 << 30;
    !large || usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

/// Offsets in the arena, first fit in the order in which buffers begin to live.
fn place(layout: &layout::Layout, elements: &[usize]) -> (Vec<usize>, usize) {
    let lives = &layout.lives;
    let mut offsets = vec![0; layout.buffers.len()];
    let mut order: Vec<usize> =
        (0..layout.buffers.len()).filter(|&b| layout.buffers[b].role == Role::Scratch).collect();
    order.sort_by_key(|&b| lives.get(b).copied().flatten().map_or(0, |(first, _)| first));
    // What is alive: offset, bytes and end of life, by offset.
    let mut alive: Vec<(usize, usize, usize)> = Vec::new();
    let mut arena = 0;
    for b in order {
        let Some((first, last)) = lives.get(b).copied().flatten() else { continue };
        let bytes = elements[b].saturating_mul(layout.buffers[b].dtype.size()).next_multiple_of(ALIGNMENT);
        alive.retain(|(.., end)| *end >= first);
        let (mut at, mut position) = (0, 0);
        for &(offset, size, _) in &alive {
            if at + bytes <= offset {
                break;
            }
            at = at.max(offset + size);
            position += 1;
        }
        offsets[b] = at;
        arena = arena.max(at + bytes);
        alive.insert(position, (at, bytes, last));
    }
    (offsets, arena)
}

/// Bytes that may be used: nine tenths of what the machine, or the container, has free, as far as they tell, and no more than
/// was allowed.
pub fn memory_limit(allowed: Option<u64>) -> u64 {
    (free() / 10 * 9).min(allowed.unwrap_or(u64::MAX))
}

/// Whether `needed` more bytes may be used beside `held` that count towards what was allowed.
///
/// # Errors
/// [`Failure::Memory`] with both numbers.
pub fn admit(allowed: Option<u64>, needed: u64, held: u64) -> Result<(), Failure> {
    let all = needed.saturating_add(held);
    if let Some(limit) = allowed.filter(|&limit| all > limit) {
        return Err(Failure::Memory { needed: all, limit });
    }
    // Asking the system takes longer than many a kernel, so it is asked only for what is not small.
    if needed <= SMALL {
        return Ok(());
    }
    // What is held is no longer free.
    let limit = memory_limit(None);
    if needed > limit || !is_available(needed) { Err(Failure::Memory { needed, limit }) } else { Ok(()) }
}

/// Bytes that the machine has free, and the group of processes that this one belongs to; without bound where neither says.
fn free() -> u64 {
    let machine = machine_free().unwrap_or(u64::MAX / 2);
    group_free().map_or(machine, |group| group.min(machine))
}

fn machine_free() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// What a container may still use. Files that are cached count as used, but can be dropped.
fn group_free() -> Option<u64> {
    let number =
        |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let (most, used) = (number("memory.max")?, number("memory.current")?);
    let stat = std::fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok());
    Some(most.saturating_sub(used.saturating_sub(cached.unwrap_or(0))))
}

/// A number of bytes as a person reads it.
pub fn show_bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0);
    format!("{value:.decimals$} {}", UNITS.get(unit).copied().unwrap_or("bytes"))
}

/// A number of bytes as a person writes it: `4GB`, `512 MiB`, `1.5e9`.
///
/// # Errors
/// What is wrong with the text.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no number of bytes: write 4GB, 512MiB, or 1000000");
    let text = text.trim();
    let end = text.len() - text.chars().rev().take_while(|c| c.is_ascii_alphabetic()).count();
    let (number, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" | "k" => f64::from(1u32 << 10),
        "mib" | "m" => f64::from(1u32 << 20),
        "gib" | "g" => f64::from(1u32 << 30),
        "tib" | "t" => f64::from(1u32 << 30) * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    if (1.0..=u64::MAX as f64).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Scratch memory of earlier calls, kept for the next ones: fresh pages cost more than many a layout.
#[derive(Default)]
pub struct Arenas(Mutex<Vec<Arena>>);

impl Arenas {
    /// An arena of at least so many bytes, whose content is unspecified; `None` if there is no room.
    pub(super) fn take(&self, bytes: usize) -> Option<Arena> {
        let kept = self.0.lock().ok().and_then(|mut arenas| {
            let at = arenas.iter().position(|arena| arena.bytes >= bytes)?;
            Some(arenas.swap_remove(at))
        });
        kept.or_else(|| Arena::new(bytes))
    }

    pub(super) fn give_back(&self, arena: Arena) {
        if let Ok(mut arenas) = self.0.lock() {
            arenas.retain(|other| other.bytes > arena.bytes);
            arenas.push(arena);
        }
    }
}

/// Scratch memory, aligned to cache lines.
#[derive(Debug)]
pub struct Arena {
    start: NonNull<u8>,
    /// How many bytes there are.
    pub bytes: usize,
}

// SAFETY: an arena is the only owner of its memory.
unsafe impl Send for Arena {}

impl Arena {
    /// So many bytes; `None` if there is no room.
    pub fn new(bytes: usize) -> Option<Arena> {
        let layout = Arena::layout(bytes)?;
        // Zeroed pages come from the system untouched, so what is never used costs nothing.
        // SAFETY: the layout has at least one byte.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Arena { start, bytes })
    }

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes.max(1), ALIGNMENT).ok()
    }

    /// The address of a byte; null for one that lies outside.
    pub fn at(&mut self, offset: usize) -> *mut u8 {
        if offset > self.bytes {
            return std::ptr::null_mut();
        }
        // SAFETY: the byte lies inside, or right behind the last one.
        unsafe { self.start.as_ptr().add(offset) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let Some(layout) = Arena::layout(self.bytes) {
            // SAFETY: the memory was allocated with this layout.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_usual_units() {
        for (text, bytes) in [
            ("4GB", 4_000_000_000),
            ("512MiB", 512 << 20),
            ("1.5 kb", 1500),
            ("1e6", 1_000_000),
            ("2g", 2 << 30),
            ("1TiB", 1 << 40),
            ("7 bytes", 7),
        ] {
            assert_eq!(read_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "4 elephants", "-1", "0", "nan", "inf GB", "1e40", "é", "4GB!"] {
            let said = read_bytes(text).expect_err(text);
            assert!(said.contains("512MiB"), "{said}");
        }
        assert_eq!(show_bytes(1536), "1.5 KiB");
    }

    #[test]
    fn a_limit_counts_what_is_held() {
        assert!(admit(Some(1000), 600, 400).is_ok());
        let refused = admit(Some(1000), 600, 401).expect_err("too much");
        assert!(matches!(refused, Failure::Memory { needed: 1001, limit: 1000 }), "{refused:?}");
        assert!(admit(None, 1 << 20, u64::MAX).is_ok());
        assert!(admit(None, 1 << 55, 0).is_err());
        assert!(admit(Some(u64::MAX), 1 << 55, 0).is_err());
    }
}
