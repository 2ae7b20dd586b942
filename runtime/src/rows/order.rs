//! Rows in order: sorting, searching, compaction.
//!
//! In: rows of numbers or truth values. Out: the same in order, or positions.
//! Always holds: NaN comes after every number, -0 and 0 are equal, and what is equal keeps its order.

use super::{Elements, ElementsMut, Row};
use std::cmp::Ordering;

/// The row in ascending order.
pub fn sort(row: &mut Row<'_>) {
    match (row.operands, &mut row.result) {
        ([Elements::Bool(x)], ElementsMut::Bool(y)) => sorted(x, y),
        ([Elements::I64(x)], ElementsMut::I64(y)) => sorted(x, y),
        ([Elements::F32(x)], ElementsMut::F32(y)) => sorted(x, y),
        ([Elements::F64(x)], ElementsMut::F64(y)) => sorted(x, y),
        _ => {}
    }
}

/// The positions of the row's elements in ascending order.
pub fn argsort(row: &mut Row<'_>) {
    let ([x], ElementsMut::I64(y)) = (row.operands, &mut row.result) else { return };
    match x {
        Elements::Bool(x) => order(x, y),
        Elements::I64(x) => order(x, y),
        Elements::F32(x) => order(x, y),
        Elements::F64(x) => order(x, y),
    }
}

/// The positions of the row's true elements in order, then zeros.
pub fn compact(row: &mut Row<'_>) {
    let ([Elements::Bool(mask)], ElementsMut::I64(y)) = (row.operands, &mut row.result) else { return };
    let positions = (0..).zip(mask.iter()).filter(|(_, holds)| **holds);
    for (place, (position, _)) in y.iter_mut().zip(positions) {
        *place = position;
    }
}

/// Whether each element differs from the one before it.
pub fn run_starts(row: &mut Row<'_>) {
    let ([x], ElementsMut::Bool(y)) = (row.operands, &mut row.result) else { return };
    match x {
        Elements::Bool(x) => starts(x, y),
        Elements::I64(x) => starts(x, y),
        Elements::F32(x) => starts(x, y),
        Elements::F64(x) => starts(x, y),
    }
}

/// For each of the second operand the number of elements of the first, which is sorted, that are smaller.
pub fn searchsorted_left(row: &mut Row<'_>) {
    search(row, |order| order == Ordering::Less);
}

/// For each of the second operand the number of elements of the first, which is sorted, that are not greater.
pub fn searchsorted_right(row: &mut Row<'_>) {
    search(row, |order| order != Ordering::Greater);
}

/// Elements that have an order: that of their keys.
trait Ordered: Copy + Default {
    /// Whole numbers, which compare faster than floats.
    type Key: Ord + Copy;
    /// Equal for equal elements: one for all NaN, one for -0 and 0.
    fn key(self) -> Self::Key;
    /// An element with that key.
    fn with_key(key: Self::Key) -> Self;
}

macro_rules! ordered {
    (whole: $($whole:ty),*; float: $($float:ty => $key:ty),*) => {
        $(impl Ordered for $whole {
            type Key = $whole;
            fn key(self) -> $whole {
                self
            }
            fn with_key(key: $whole) -> $whole {
                key
            }
        })*
        $(impl Ordered for $float {
            type Key = $key;
            fn key(self) -> $key {
                match self {
                    _ if self.is_nan() => <$key>::MAX,
                    _ if self == 0.0 => 0,
                    // The bits of a negative float but for its sign, turned over, grow with the number.
                    _ => {
                        let bits = self.to_bits() as $key;
                        bits ^ ((bits >> (<$key>::BITS - 1)) & <$key>::MAX)
                    }
                }
            }
            fn with_key(key: $key) -> $float {
                let bits = key ^ ((key >> (<$key>::BITS - 1)) & <$key>::MAX);
                if key == <$key>::MAX { <$float>::NAN } else { <$float>::from_bits(bits as _) }
            }
        })*
    };
}

ordered!(whole: bool, i64; float: f32 => i32, f64 => i64);

fn sorted<T: Ordered>(x: &[T], y: &mut [T]) {
    let mut keys: Vec<T::Key> = x.iter().map(|element| element.key()).collect();
    keys.sort_unstable();
    for (place, key) in y.iter_mut().zip(&keys) {
        *place = T::with_key(*key);
    }
    // -0 and 0 have one key: zeros are taken as they come.
    let zero = T::default().key();
    let (first, last) = (keys.partition_point(|key| *key < zero), keys.partition_point(|key| *key <= zero));
    let zeros = x.iter().filter(|element| element.key() == zero);
    for (place, element) in y.iter_mut().take(last).skip(first).zip(zeros) {
        *place = *element;
    }
}

fn order<T: Ordered>(x: &[T], y: &mut [i64]) {
    let mut pairs: Vec<(T::Key, i64)> = x.iter().map(|element| element.key()).zip(0..).collect();
    pairs.sort_unstable();
    for (place, (_, position)) in y.iter_mut().zip(pairs) {
        *place = position;
    }
}

fn starts<T: Ordered>(x: &[T], y: &mut [bool]) {
    let mut before = None;
    for (start, element) in y.iter_mut().zip(x) {
        let key = Some(element.key());
        *start = before != key;
        before = key;
    }
}

/// `before` says for an element's order against the value whether it comes before the place of the value.
fn search(row: &mut Row<'_>, before: fn(Ordering) -> bool) {
    fn places<T: Ordered>(sorted: &[T], values: &[T], y: &mut [i64], before: fn(Ordering) -> bool) {
        for (place, value) in y.iter_mut().zip(values) {
            let key = value.key();
            *place = sorted.partition_point(|element| before(element.key().cmp(&key))) as i64;
        }
    }
    let ElementsMut::I64(y) = &mut row.result else { return };
    match row.operands {
        [Elements::Bool(sorted), Elements::Bool(values)] => places(sorted, values, y, before),
        [Elements::I64(sorted), Elements::I64(values)] => places(sorted, values, y, before),
        [Elements::F32(sorted), Elements::F32(values)] => places(sorted, values, y, before),
        [Elements::F64(sorted), Elements::F64(values)] => places(sorted, values, y, before),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_numbers() {
        let tiny = f64::from_bits(1);
        let numbers =
            [f64::NEG_INFINITY, f64::MIN, -1.5, -1.0, -tiny, 0.0, tiny, 1.0, f64::MAX, f64::INFINITY, f64::NAN];
        for pair in numbers.windows(2) {
            assert!(pair[0].key() < pair[1].key(), "{pair:?}");
            assert!((pair[0] as f32).key() <= (pair[1] as f32).key(), "{pair:?}");
        }
        for number in numbers {
            assert!(f64::with_key(number.key()) == number || number.is_nan(), "{number}");
            let single = number as f32;
            assert!(f32::with_key(single.key()) == single || single.is_nan(), "{single}");
        }
        assert_eq!((-0.0f64).key(), 0.0f64.key());
        assert_eq!((-f64::NAN).key(), f64::NAN.key());
    }

    #[test]
    fn zeros_keep_their_signs_and_their_order() {
        let x = [0.0, -1.0, -0.0, 2.0, 0.0, -0.0];
        let mut y = [0.0f64; 6];
        sorted(&x, &mut y);
        assert_eq!(y.map(f64::to_bits), [-1.0, 0.0, -0.0, 0.0, -0.0, 2.0].map(f64::to_bits));
        let mut positions = [0; 6];
        order(&x, &mut positions);
        assert_eq!(positions, [1, 0, 2, 4, 5, 3]);
    }
}
