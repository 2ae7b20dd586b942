//! Memory: how much a call may use, and scratch memory that is kept between calls.
//!
//! In: what a call needs, and what is allowed. Out: arenas, or a refusal with both numbers.
//! Always holds: what is refused has not been allocated.

use super::execute::Failure;
use std::sync::Mutex;

/// Buffers begin at multiples of this many bytes.
pub(super) const ALIGNMENT: usize = 64;

/// Up to so many bytes the machine is not asked whether it has them: to ask takes longer than a small kernel.
const SMALL: u64 = 32 << 20;

/// How much memory what runs may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Nine tenths of what the machine has free at the time.
    #[default]
    Machine,
    /// So many bytes, for all arrays that a program holds, or for a call of a function beyond its arguments.
    Bytes(u64),
}

impl MemoryLimit {
    /// Whether `needed` more bytes may be used beside `held` that are in use already.
    ///
    /// # Errors
    /// [`Failure::Memory`] with both numbers.
    pub fn admit(self, needed: u64, held: u64) -> Result<(), Failure> {
        let allowed = match self {
            MemoryLimit::Machine if needed <= SMALL => return Ok(()),
            // What is held is no longer free.
            MemoryLimit::Machine => (needed, free() / 10 * 9),
            MemoryLimit::Bytes(limit) => (needed.saturating_add(held), limit),
        };
        let (needed_in_all, limit) = allowed;
        if needed_in_all > limit {
            return Err(Failure::Memory { needed: needed_in_all, limit });
        }
        if is_available(needed) { Ok(()) } else { Err(Failure::Memory { needed, limit: free().min(limit) }) }
    }

    /// The bytes that may be used now.
    pub fn bytes(self) -> u64 {
        match self {
            MemoryLimit::Machine => free() / 10 * 9,
            MemoryLimit::Bytes(limit) => limit,
        }
    }
}

/// Whether the system would hand out so much memory at once; asked only for what is large.
fn is_available(bytes: u64) -> bool {
    let large = bytes > 1 << 30;
    !large || usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
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

/// Scratch memory of earlier calls, kept for the next ones: fresh pages cost more than many a kernel.
#[derive(Default)]
pub struct Arenas(Mutex<Vec<Arena>>);

impl Arenas {
    /// An arena of at least so many bytes; what it holds is unspecified.
    pub(super) fn take(&self, bytes: usize) -> Arena {
        let kept = self.0.lock().ok().and_then(|mut arenas| {
            let at = arenas.iter().position(|arena| arena.bytes >= bytes)?;
            Some(arenas.swap_remove(at))
        });
        kept.unwrap_or_else(|| Arena::new(bytes))
    }

    pub(super) fn give_back(&self, arena: Arena) {
        if let Ok(mut arenas) = self.0.lock() {
            arenas.retain(|other| other.bytes > arena.bytes);
            arenas.push(arena);
        }
    }
}

/// Scratch memory, aligned to cache lines.
pub(super) struct Arena {
    memory: Vec<u8>,
    start: usize,
    pub(super) bytes: usize,
}

impl Arena {
    pub(super) fn new(bytes: usize) -> Arena {
        // Zeroed pages come from the system untouched, so what is never used costs nothing.
        let memory = vec![0u8; bytes + ALIGNMENT];
        let address = memory.as_ptr().addr();
        Arena { start: address.next_multiple_of(ALIGNMENT) - address, memory, bytes }
    }

    pub(super) fn at(&mut self, offset: usize) -> *mut u8 {
        // `start + offset` lies inside: the plan's offsets are below the arena's size.
        self.memory.get_mut(self.start + offset..).map_or(std::ptr::null_mut(), <[u8]>::as_mut_ptr)
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
        let limit = MemoryLimit::Bytes(1000);
        assert!(limit.admit(600, 400).is_ok());
        let refused = limit.admit(600, 401).expect_err("too much");
        assert!(matches!(refused, Failure::Memory { needed: 1001, limit: 1000 }), "{refused:?}");
        assert!(MemoryLimit::Machine.admit(1 << 20, u64::MAX).is_ok());
        assert!(MemoryLimit::Machine.admit(1 << 55, 0).is_err());
        assert!(MemoryLimit::Bytes(u64::MAX).admit(1 << 55, 0).is_err());
    }
}
