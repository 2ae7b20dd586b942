//! Sizes that are found out while a kernel runs, and the memory of what depends on them.
//!
//! In: values of size variables, one after the other. Out: memory for the buffers whose sizes are then known.
//! Always holds: memory is kept until the call ends, so a loop that finds smaller sizes again allocates nothing.
#![allow(unsafe_code)]

use super::array::{Array, DType};
use super::execute::{Failure, Output};
use super::layout::{Layout, Role};
use super::memory::{Arena, admit, memory_limit};
use super::threads::{Context, INTERNAL};
use crate::size::SizeEnv;
use crate::symbols::symbol;

/// The memory of a call that is not planned before it.
pub struct Binder<'k> {
    layout: &'k Layout,
    /// Sizes found so far, with those that were known.
    pub sizes: SizeEnv,
    memory: Vec<Option<Arena>>,
    used: u64,
    /// The most bytes that have been in use.
    pub most: u64,
    /// A limit that was set.
    allowed: Option<u64>,
    /// Bytes that are in use beside these.
    held: u64,
    /// Why there was no room.
    pub refused: Option<Failure>,
}

impl<'k> Binder<'k> {
    pub fn new(layout: &'k Layout, sizes: &SizeEnv, allowed: Option<u64>, held: u64) -> Binder<'k> {
        let memory = layout.buffers.iter().map(|_| None).collect();
        Binder { layout, sizes: sizes.clone(), memory, used: 0, most: 0, allowed, held, refused: None }
    }

    /// Notes the value of the size in a slot; gives the addresses that change, by slot. `None` if there is no room.
    fn bind(&mut self, slot: usize, value: i64) -> Option<Vec<(usize, i64)>> {
        let name = self.layout.sizes.get(slot)?.clone();
        self.sizes.insert(name.clone(), value.max(0));
        let mut changed = vec![(slot, value.max(0))];
        for (id, buffer) in self.layout.buffers.iter().enumerate() {
            if !buffer.elements.vars().contains(&name) {
                continue;
            }
            let Some(elements) = buffer.elements.eval(&self.sizes) else { continue };
            let bytes = (elements.max(0) as u64).saturating_mul(buffer.dtype.size() as u64);
            let has = self.memory.get(id)?.as_ref().map_or(0, |arena| arena.bytes as u64);
            if self.memory.get(id)?.is_none() || has < bytes {
                // Room to grow, so that a size that rises by one each time is not moved each time.
                let wanted = if has == 0 { bytes } else { bytes.saturating_add(bytes / 2) };
                let total = self.used.saturating_add(wanted);
                if let Err(refused) = admit(self.allowed, total, self.held) {
                    self.refused = Some(refused);
                    return None;
                }
                let made = usize::try_from(wanted).ok().and_then(Arena::new);
                if made.is_none() {
                    self.refused = Some(Failure::Memory { needed: total, limit: memory_limit(self.allowed) });
                    return None;
                }
                self.most = self.most.max(total);
                self.used = total - has.min(total);
                *self.memory.get_mut(id)? = made;
            }
            let address = self.memory.get_mut(id)?.as_mut()?.at(0);
            changed.push((self.layout.sizes.len() + id, address.expose_provenance() as i64));
        }
        Some(changed)
    }

    /// Where the result of that position is.
    pub fn memory(&mut self, position: usize) -> Option<*mut u8> {
        let at = self.layout.buffers.iter().position(|buffer| buffer.role == Role::Output(position))?;
        Some(self.memory.get_mut(at)?.as_mut()?.at(0))
    }

    /// The result of that position, which has been written.
    pub fn result(&mut self, position: usize, shape: &[usize]) -> Array {
        let at = self.layout.buffers.iter().position(|buffer| buffer.role == Role::Output(position));
        let buffer = at.and_then(|at| self.layout.buffers.get(at));
        let dtype = buffer.map_or(DType::F64, |buffer| buffer.dtype);
        let count: usize = shape.iter().product();
        let mut output = Output::new(dtype, shape);
        let (to, room) = output.pointer();
        if let (Some(from), true) = (self.memory(position), room >= count) {
            // SAFETY: the memory was made for as many elements of this dtype, and the kernel has written them all; the
            // output has room for them.
            unsafe { std::ptr::copy_nonoverlapping(from, to, count * dtype.size()) };
        } else if count > 0 {
            // SAFETY: there is room for the elements; zero bytes are valid elements of every dtype.
            unsafe { std::ptr::write_bytes(to, 0, room.min(count) * dtype.size()) };
        }
        // SAFETY: every element has been written above.
        unsafe { output.finish() }
    }
}

/// Generated code has found out a size: notes it in the frame, with the addresses of what depends on it.
///
/// # Safety
/// The context is that of the run, the frame its frame.
#[unsafe(export_name = symbol!("bind_size"))]
pub unsafe extern "C" fn bind_size(context: *const Context<'_, '_>, frame: *mut i64, slot: i64, value: i64) -> i64 {
    // SAFETY: the caller's promise.
    let context = unsafe { &*context };
    let bound =
        context.binder.and_then(|binder| binder.try_borrow_mut().ok()?.bind(usize::try_from(slot).ok()?, value));
    let Some(changed) = bound else { return INTERNAL };
    for (slot, value) in changed {
        // SAFETY: the slot is one of the frame's: its sizes, then its buffers.
        unsafe { frame.add(slot).write(value) };
    }
    0
}
