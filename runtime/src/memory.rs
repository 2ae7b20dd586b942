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
pub(crate) const SMALL: u64 = 1 << 24;

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
    // Asking the system takes longer than many a kernel, so it is asked only for what is not small.
    if total > SMALL || allowed.is_some_and(|allowed| total > allowed) {
        let limit = memory_limit(allowed);
        if total > limit || !is_available(total) {
            return Err(Failure::Memory { needed: total, limit });
        }
    }
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
    let mut placed: Vec<(usize, usize, usize, usize)> = Vec::new();
    let mut order: Vec<usize> =
        (0..layout.buffers.len()).filter(|&b| layout.buffers[b].role == Role::Scratch).collect();
    order.sort_by_key(|&b| lives.get(b).copied().flatten().map_or(0, |(first, _)| first));
    let mut arena = 0;
    for b in order {
        let Some((first, last)) = lives.get(b).copied().flatten() else { continue };
        let bytes = elements[b].saturating_mul(layout.buffers[b].dtype.size()).next_multiple_of(ALIGNMENT);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, _, from, to)| *from <= last && first <= *to)
            .map(|(offset, bytes, ..)| (*offset, *bytes))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (offset, size) in taken {
            if at + bytes <= offset {
                break;
            }
            at = at.max(offset + size);
        }
        offsets[b] = at;
        arena = arena.max(at + bytes);
        placed.push((at, bytes, first, last));
    }
    (offsets, arena)
}

/// Bytes that a call may use: nine tenths of the machine's free memory, as far as it tells, and no more than was allowed.
pub fn memory_limit(allowed: Option<u64>) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
    kib.map_or(u64::MAX / 2, |kib| kib * 1024 / 10 * 9).min(allowed.unwrap_or(u64::MAX))
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
