//! In: arrays as raw pointers, and a kernel as a type. Out: the kernel applied to every element.
//! Always: an element's result depends on the element alone, not on its place or on the length: all elements go through
//! the same fused operations, and whether one is recomputed by the scalar library is decided by its own value.
//!
//! Where `out` is the input itself, results are gathered in a block on the stack before they are stored, so that the arguments are
//! still there when a few elements have to be recomputed.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::slice;

use super::real::Real;

/// A function of one number.
pub(super) trait Unary<T: Real> {
    /// Whether [`Unary::rare`] can be true at all.
    const HAS_RARE: bool = false;
    /// Whether the formula runs as two loops, [`Unary::first`] and [`Unary::second`]: a long one is a chain of operations
    /// longer than what a processor can overlap with the next iteration's.
    const STAGED: bool = false;
    /// The branch-free formula, for hardware with fused multiply-add.
    #[inline(always)]
    fn fast(x: T) -> T {
        Self::second(x, Self::first(x))
    }
    /// The first half of a staged formula.
    #[inline(always)]
    fn first(x: T) -> T {
        x
    }
    /// The second half of a staged formula.
    #[inline(always)]
    fn second(_: T, between: T) -> T {
        between
    }
    /// Whether [`Unary::fast`] does not hold at `x`.
    #[inline(always)]
    fn rare(_: T) -> bool {
        false
    }
    /// The scalar library's function.
    fn scalar(x: T) -> T;
}

/// A function of two numbers.
pub(super) trait Binary<T: Real> {
    /// Whether [`Binary::rare`] can be true at all.
    const HAS_RARE: bool = false;
    /// What the first half of the formula hands to the second.
    type Between: Copy;
    /// The branch-free formula, for hardware with fused multiply-add: its first half. The halves run as two loops.
    fn first(x: T, y: T) -> (Self::Between, Self::Between);
    /// The second half.
    fn second(x: T, y: T, between: (Self::Between, Self::Between)) -> T;
    /// Whether the formula does not hold at (`x`, `y`).
    #[inline(always)]
    fn rare(_: T, _: T) -> bool {
        false
    }
    /// The scalar library's function.
    fn scalar(x: T, y: T) -> T;
}

/// Elements per block: 2 KiB of `f64`.
const BLOCK: usize = 256;
/// The last block is filled up to a multiple of this, so that no element is left to the scalar tail of a vector loop.
const LANES: usize = 32;

/// The part of an array that starts at `at`, and below [`BLOCK`] elements a copy of it, filled up with ones.
///
/// # Safety
/// `x` points to `len` elements, and `at < len`.
#[inline(always)]
unsafe fn block<T: Real>(x: *const T, len: usize, at: usize, pad: &mut [MaybeUninit<T>; BLOCK]) -> &[T] {
    let n = (len - at).min(BLOCK);
    if n.is_multiple_of(LANES) {
        // SAFETY: the caller's promise; the block ends within the array.
        return unsafe { slice::from_raw_parts(x.add(at), n) };
    }
    let full = n.next_multiple_of(LANES);
    for lane in &mut pad[n..full] {
        lane.write(T::of(1.0));
    }
    // SAFETY: `n` elements are readable at `at`, `full` ≤ BLOCK fit the buffer, and with the fill all are initialised.
    unsafe {
        x.add(at).copy_to_nonoverlapping(pad.as_mut_ptr().cast(), n);
        slice::from_raw_parts(pad.as_ptr().cast(), full)
    }
}

/// Where the results of a block go: to their place, if the arguments are elsewhere and fill the block; else to `results`, to be
/// copied.
///
/// # Safety
/// `n` elements are writable at `place`, and nothing else refers to them while the result is used if it is `direct`.
#[inline(always)]
unsafe fn target<T>(
    place: *mut T,
    n: usize,
    direct: bool,
    results: &mut [MaybeUninit<T>; BLOCK],
) -> &mut [MaybeUninit<T>] {
    // SAFETY: the caller's promise.
    if direct { unsafe { slice::from_raw_parts_mut(place.cast(), n) } } else { results }
}

/// A block of results.
#[inline(always)]
fn unary_block<T: Real, F: Unary<T>>(results: &mut [MaybeUninit<T>], xs: &[T], between: &mut [MaybeUninit<T>; BLOCK]) {
    if F::STAGED {
        for (b, &x) in between.iter_mut().zip(xs) {
            b.write(F::first(x));
        }
        for ((r, b), &x) in results.iter_mut().zip(&*between).zip(xs) {
            // SAFETY: written in the loop before, which ran over the same elements.
            r.write(F::second(x, unsafe { b.assume_init() }));
        }
    } else {
        for (r, &x) in results.iter_mut().zip(xs) {
            r.write(F::fast(x));
        }
    }
    if F::HAS_RARE && xs.iter().fold(false, |any, &x| any | F::rare(x)) {
        for (r, &x) in results.iter_mut().zip(xs) {
            if F::rare(x) {
                r.write(F::scalar(x));
            }
        }
    }
}

/// `out[i] = f(x[i])` by the fast formula.
///
/// # Safety
/// `out` and `x` point to `len` elements each and are the same or do not overlap.
#[allow(dead_code, reason = "a target may need only one of the two forms")]
#[inline(always)]
pub(super) unsafe fn unary<T: Real, F: Unary<T>>(out: *mut T, x: *const T, len: usize) {
    let mut results = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut between = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut pad = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut at = 0;
    while at < len {
        let n = (len - at).min(BLOCK);
        // SAFETY: the caller's promise, and `at < len`.
        let xs = unsafe { block(x, len, at, &mut pad) };
        let direct = !std::ptr::eq(out, x) && xs.len() == n;
        // SAFETY: `n` elements from `at` on are within `out`, which does not overlap `x` where it is used.
        unary_block::<T, F>(unsafe { target(out.add(at), n, direct, &mut results) }, xs, &mut between);
        if !direct {
            // SAFETY: the first `n` results have been written, and `n` elements from `at` on are within `out`.
            unsafe { out.add(at).copy_from_nonoverlapping(results.as_ptr().cast(), n) };
        }
        at += n;
    }
}

/// What a formula of two numbers hands from its first loop to the second.
type Halves<B> = ([MaybeUninit<B>; BLOCK], [MaybeUninit<B>; BLOCK]);

/// A block of results.
#[inline(always)]
fn binary_block<T: Real, F: Binary<T>>(
    results: &mut [MaybeUninit<T>],
    (xs, ys): (&[T], &[T]),
    (high, low): &mut Halves<F::Between>,
) {
    for ((h, l), (&x, &y)) in high.iter_mut().zip(low.iter_mut()).zip(xs.iter().zip(ys)) {
        let between = F::first(x, y);
        h.write(between.0);
        l.write(between.1);
    }
    for ((r, (h, l)), (&x, &y)) in results.iter_mut().zip(high.iter().zip(low.iter())).zip(xs.iter().zip(ys)) {
        // SAFETY: written in the loop before, which ran over the same elements.
        r.write(F::second(x, y, unsafe { (h.assume_init(), l.assume_init()) }));
    }
    if F::HAS_RARE && xs.iter().zip(ys).fold(false, |any, (&x, &y)| any | F::rare(x, y)) {
        for (r, (&x, &y)) in results.iter_mut().zip(xs.iter().zip(ys)) {
            if F::rare(x, y) {
                r.write(F::scalar(x, y));
            }
        }
    }
}

/// `out[i] = f(x[i], y[i])` by the fast formula.
///
/// # Safety
/// As for [`unary`], for both inputs.
#[allow(dead_code, reason = "a target may need only one of the two forms")]
#[inline(always)]
pub(super) unsafe fn binary<T: Real, F: Binary<T>>(out: *mut T, x: *const T, y: *const T, len: usize) {
    let mut results = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut halves: Halves<F::Between> =
        ([const { MaybeUninit::uninit() }; BLOCK], [const { MaybeUninit::uninit() }; BLOCK]);
    let mut pad_x = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut pad_y = [const { MaybeUninit::<T>::uninit() }; BLOCK];
    let mut at = 0;
    while at < len {
        let n = (len - at).min(BLOCK);
        // SAFETY: the caller's promise, and `at < len`.
        let (xs, ys) = unsafe { (block(x, len, at, &mut pad_x), block(y, len, at, &mut pad_y)) };
        let direct = !std::ptr::eq(out, x) && !std::ptr::eq(out, y) && xs.len() == n;
        // SAFETY: `n` elements from `at` on are within `out`, which does not overlap the arguments where it is used.
        binary_block::<T, F>(unsafe { target(out.add(at), n, direct, &mut results) }, (xs, ys), &mut halves);
        if !direct {
            // SAFETY: the first `n` results have been written, and `n` elements from `at` on are within `out`.
            unsafe { out.add(at).copy_from_nonoverlapping(results.as_ptr().cast(), n) };
        }
        at += n;
    }
}

/// `out[i] = f(x[i])` by the scalar library.
///
/// # Safety
/// As for [`unary`].
#[allow(dead_code, reason = "a target may need only one of the two forms")]
#[inline(always)]
pub(super) unsafe fn unary_scalar<T: Real, F: Unary<T>>(out: *mut T, x: *const T, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`; the element is read before it is overwritten.
        unsafe { out.add(i).write(F::scalar(x.add(i).read())) };
    }
}

/// `out[i] = f(x[i], y[i])` by the scalar library.
///
/// # Safety
/// As for [`binary`].
#[allow(dead_code, reason = "a target may need only one of the two forms")]
#[inline(always)]
pub(super) unsafe fn binary_scalar<T: Real, F: Binary<T>>(out: *mut T, x: *const T, y: *const T, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`; the elements are read before they are overwritten.
        unsafe { out.add(i).write(F::scalar(x.add(i).read(), y.add(i).read())) };
    }
}
