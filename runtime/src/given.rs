//! Memory that is handed out to callers in C, who give it back.
//!
//! In: a number of bytes, or an address. Out: an address, or nothing.
//! Always holds: how many bytes there are stands in front of them, so that an address is all that comes back.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};

/// Bytes begin at multiples of this many, and so many in front of them belong to us.
const HEAD: usize = 64;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}

/// So many zeros; `None` if there is no room.
pub fn allocate(bytes: usize) -> Option<*mut u8> {
    let layout = layout(bytes)?;
    // SAFETY: the size is not zero; the head has room for the number.
    unsafe {
        let start = alloc_zeroed(layout);
        if start.is_null() {
            return None;
        }
        start.cast::<usize>().write(bytes);
        Some(start.add(HEAD))
    }
}

/// Gives back what was handed out.
///
/// # Safety
/// The address is null, or one that [`allocate`] gave and that was not given back.
pub unsafe fn free(memory: *mut u8) {
    if memory.is_null() {
        return;
    }
    // SAFETY: the head is in front of what was handed out, and has its size.
    unsafe {
        let start = memory.sub(HEAD);
        if let Some(layout) = layout(start.cast::<usize>().read()) {
            dealloc(start, layout);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn memory_comes_and_goes() {
        for bytes in [0, 1, 63, 4096] {
            let memory = allocate(bytes).unwrap();
            assert!(memory.addr().is_multiple_of(HEAD));
            // SAFETY: so many bytes are there, and given back once.
            unsafe {
                memory.write_bytes(7, bytes);
                free(memory);
            }
        }
        assert!(allocate(usize::MAX).is_none());
        // SAFETY: null may be given back.
        unsafe { free(std::ptr::null_mut()) };
    }
}
