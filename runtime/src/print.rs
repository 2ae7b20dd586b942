//! Arrays as text, laid out as NumPy's `str` lays them out.
//!
//! In: an [`Array`]. Out: a string without a final newline; a scalar comes out as Python writes it, so that it reads
//! back as the same number. Always holds: the text of an array of rank one or more is NumPy 2.4's with the default
//! print options, but for `true` and `false`.
//!
//! The rules are those of `numpy/_core/arrayprint.py`: eight digits after the point, scientific notation for a range
//! that would not fit otherwise, lines of 75 characters, and the first and last three of each axis beyond 1000 elements.

use crate::array::Array;
use crate::rounding::{bf16_from_f64, f16_from_f64};
use half::{bf16, f16};
use ndarray::{ArrayD, ArrayViewD, Axis};
use std::ops::Div;

/// Most digits after the point.
const PRECISION: usize = 8;
/// Arrays of more elements than this are summarised.
const THRESHOLD: usize = 1000;
/// How many entries a summarised axis shows at either end.
const EDGE_ITEMS: usize = 3;
/// Characters to a line, with the brackets.
const LINE_WIDTH: usize = 75;

/// The text of an array, as NumPy's `str` has it.
pub fn format_array(a: &Array) -> String {
    match a {
        // As in NumPy, a row of `true` alone still leaves room for `false`.
        Array::Bool(a) => format_typed(a, |v| v.to_string(), |_| Box::new(|v| format!("{v:>5}"))),
        Array::I64(a) => format_typed(a, |v| v.to_string(), aligned),
        Array::F16(a) => format_typed(a, format_float, |shown| FloatColumn::new(shown).words()),
        Array::BF16(a) => format_typed(a, format_float, |shown| FloatColumn::new(shown).words()),
        Array::F32(a) => format_typed(a, format_float, |shown| FloatColumn::new(shown).words()),
        Array::F64(a) => format_typed(a, format_float, |shown| FloatColumn::new(shown).words()),
    }
}

/// The text of an array, then its type: `[1. 2.]  f64[2]`.
pub fn format_with_type(a: &Array) -> String {
    format!("{}  {}", format_array(a), format_type(a))
}

/// The type of an array as a program writes it: `f64[3, 2]`, or `f64` for a scalar.
pub fn format_type(a: &Array) -> String {
    let sizes: Vec<String> = a.shape().iter().map(usize::to_string).collect();
    match sizes.is_empty() {
        true => a.dtype().name().to_string(),
        false => format!("{}[{}]", a.dtype(), sizes.join(", ")),
    }
}

/// A floating-point number in the fewest digits that read back as the same number of its type, in the form of Python's
/// `repr`, or of NumPy's where a type has fewer digits: `2.0`, `0.1`, `1e-05`, `1e+16`, `inf`, `nan`.
pub fn format_float<F: Float>(x: F) -> String {
    let wide: f64 = x.into();
    if !wide.is_finite() {
        return non_finite(wide).to_string();
    }
    let decimal = Decimal::shortest(x);
    if wide == 0.0 || (wide.abs() >= 1e-4 && x.magnitude() < F::SCALAR_LARGE) {
        let (whole, fraction) = decimal.positional();
        let fraction = if fraction.is_empty() { "0" } else { &fraction };
        return format!("{whole}.{fraction}");
    }
    let point = if decimal.fraction.is_empty() { "" } else { "." };
    format!("{}{point}{}e{}", decimal.whole, decimal.fraction, signed(decimal.exponent, 2))
}

/// The floating-point types: comparison and quotient in the type itself, decimal digits from the standard library.
pub trait Float: Copy + PartialOrd + Into<f64> + Div<Output = Self> {
    /// Magnitudes in an array from here on are written in scientific notation.
    const LARGE: Self;
    /// The same for a number by itself.
    const SCALAR_LARGE: Self;
    /// Magnitudes below are written in scientific notation.
    const SMALL: Self;
    /// Ranges of magnitudes wider than this are written in scientific notation.
    const RANGE: Self;
    /// The magnitude.
    #[must_use]
    fn magnitude(self) -> Self;
    /// The fewest digits that read back as the same number, in scientific notation.
    fn shortest(self) -> String;
    /// The nearest number to a decimal one.
    fn read(text: &str) -> Option<Self>;
}

impl Float for f64 {
    const LARGE: f64 = 1e8;
    const SCALAR_LARGE: f64 = 1e16;
    const SMALL: f64 = 1e-4;
    const RANGE: f64 = 1000.0;
    fn magnitude(self) -> f64 {
        self.abs()
    }
    fn shortest(self) -> String {
        format!("{self:e}")
    }
    fn read(text: &str) -> Option<f64> {
        text.parse().ok()
    }
}

impl Float for f32 {
    const LARGE: f32 = 1e6;
    const SCALAR_LARGE: f32 = Self::LARGE;
    const SMALL: f32 = 1e-4;
    const RANGE: f32 = 1000.0;
    fn magnitude(self) -> f32 {
        self.abs()
    }
    fn shortest(self) -> String {
        format!("{self:e}")
    }
    fn read(text: &str) -> Option<f32> {
        text.parse().ok()
    }
}

macro_rules! half_float {
    ($ty:ident, $from_f64:path) => {
        impl Float for $ty {
            const LARGE: $ty = $ty::from_f32_const(1e3);
            const SCALAR_LARGE: $ty = Self::LARGE;
            const SMALL: $ty = $ty::from_f32_const(1e-4);
            const RANGE: $ty = $ty::from_f32_const(1e3);
            fn magnitude(self) -> $ty {
                $ty::from_bits(self.to_bits() & 0x7fff)
            }
            fn shortest(self) -> String {
                // Five digits are enough for eleven bits. Of two equally near at a power of two only the farther from
                // zero may read back, so a tie is tried upwards too.
                let wide = f64::from(self);
                let with = |digits: usize, x: f64| format!("{x:.digits$e}");
                let candidates = (0..5).flat_map(|digits| [wide, wide * (1.0 + 1e-12)].map(|x| with(digits, x)));
                candidates.into_iter().find(|text| Self::read(text) == Some(self)).unwrap_or_else(|| with(5, wide))
            }
            fn read(text: &str) -> Option<$ty> {
                text.parse().ok().map($from_f64)
            }
        }
    };
}

half_float!(f16, f16_from_f64);
// NumPy has no bfloat16: it is written by the rules of binary16.
half_float!(bf16, bf16_from_f64);

/// A finite number in decimal: `whole.fraction × 10^exponent`, with one digit in `whole` after its sign and no zeros at
/// the end of `fraction`.
struct Decimal {
    whole: String,
    fraction: String,
    exponent: i32,
}

impl Decimal {
    /// The fewest digits that read back as the same number; of two such numbers equally near, the even one, as in
    /// Python and NumPy.
    fn shortest<F: Float>(x: F) -> Decimal {
        let shortest = Decimal::from_text(&x.shortest());
        let nearest = format!("{:.1$e}", x.into(), shortest.fraction.len());
        if F::read(&nearest) == Some(x) { Decimal::from_text(&nearest) } else { shortest }
    }

    /// The fewest digits, but at most [`PRECISION`] after the point, correctly rounded.
    fn rounded<F: Float>(x: F) -> Decimal {
        let shortest = Decimal::shortest(x);
        if shortest.fraction.len() <= PRECISION {
            shortest
        } else {
            Decimal::from_text(&format!("{:.PRECISION$e}", x.into()))
        }
    }

    fn from_text(text: &str) -> Decimal {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Decimal {
            whole: whole.to_string(),
            fraction: fraction.trim_end_matches('0').to_string(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// The parts before and after the point, without an exponent.
    fn positional(&self) -> (String, String) {
        let sign = if self.whole.starts_with('-') { "-" } else { "" };
        let digits = format!("{}{}", self.whole.trim_start_matches('-'), self.fraction);
        if self.exponent < 0 {
            let zeros = "0".repeat(self.exponent.unsigned_abs() as usize - 1);
            return (format!("{sign}0"), format!("{zeros}{digits}"));
        }
        let places = self.exponent as usize + 1;
        let (before, after) = digits.split_at(places.min(digits.len()));
        (format!("{sign}{before:0<places$}"), after.to_string())
    }
}

/// The parts of a number before and after the point, at most [`PRECISION`] digits after it and no zeros at the end.
fn positional_parts<F: Float>(x: F) -> (String, String) {
    let (whole, fraction) = Decimal::shortest(x).positional();
    if fraction.trim_end_matches('0').len() <= PRECISION {
        return (whole, fraction.trim_end_matches('0').to_string());
    }
    let text = format!("{:.PRECISION$}", x.into());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (whole.to_string(), fraction.trim_end_matches('0').to_string())
}

fn non_finite(x: f64) -> &'static str {
    match (x.is_nan(), x < 0.0) {
        (true, _) => "nan",
        (false, true) => "-inf",
        (false, false) => "inf",
    }
}

/// An exponent with its sign and at least `digits` digits.
fn signed(exponent: i32, digits: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:0>digits$}", exponent.unsigned_abs())
}

/// How all the numbers of one array are written, so that their points line up.
#[derive(Clone, Copy, Debug, Default)]
struct FloatColumn {
    /// Digits of the exponent; none in positional notation.
    exponent_digits: Option<usize>,
    /// Digits after the point in scientific notation.
    fraction_digits: usize,
    /// Characters before the point.
    left: usize,
    /// Characters after it, with the exponent.
    right: usize,
}

impl FloatColumn {
    /// The form for the numbers that will be shown.
    fn new<F: Float>(shown: &[F]) -> FloatColumn {
        let (finite, others): (Vec<F>, Vec<F>) = shown.iter().partition(|&&x| x.into().is_finite());
        let mut column = match (finite.is_empty(), needs_exponent(&finite)) {
            (true, _) => FloatColumn::default(),
            (false, true) => FloatColumn::scientific(&finite),
            (false, false) => FloatColumn::positional(&finite),
        };
        let widest = others.iter().map(|&x| non_finite(x.into()).len()).max();
        if let Some(widest) = widest {
            // NumPy makes room for `nan` and `inf` whenever either occurs, and both have three letters.
            column.left = column.left.max(widest.saturating_sub(column.right + 1));
        }
        column
    }

    fn scientific<F: Float>(finite: &[F]) -> FloatColumn {
        let (mut exponent_digits, mut fraction_digits, mut left) = (2, 0, 0);
        for decimal in finite.iter().map(|&x| Decimal::rounded(x)) {
            exponent_digits = exponent_digits.max(signed(decimal.exponent, 2).len() - 1);
            fraction_digits = fraction_digits.max(decimal.fraction.len());
            left = left.max(decimal.whole.len());
        }
        let right = exponent_digits + 2 + fraction_digits;
        FloatColumn { exponent_digits: Some(exponent_digits), fraction_digits, left, right }
    }

    fn positional<F: Float>(finite: &[F]) -> FloatColumn {
        let mut column = FloatColumn::default();
        for (whole, fraction) in finite.iter().map(|&x| positional_parts(x)) {
            column.left = column.left.max(whole.len());
            column.right = column.right.max(fraction.len());
        }
        column
    }

    fn word<F: Float>(self, x: F) -> String {
        let FloatColumn { left, right, fraction_digits, .. } = self;
        let wide: f64 = x.into();
        if !wide.is_finite() {
            return format!("{:>1$}", non_finite(wide), left + right + 1);
        }
        let Some(exponent_digits) = self.exponent_digits else {
            let (whole, fraction) = positional_parts(x);
            return format!("{whole:>left$}.{fraction:<right$}");
        };
        let mut decimal = Decimal::shortest(x);
        if decimal.fraction.len() != fraction_digits {
            // A number whose shortest form is shorter is filled up with the digits of its exact value.
            decimal = Decimal::from_text(&format!("{:.fraction_digits$e}", x.into()));
        }
        let Decimal { whole, fraction, exponent } = decimal;
        format!("{whole:>left$}.{fraction:0<fraction_digits$}e{}", signed(exponent, exponent_digits))
    }

    fn words<F: Float + 'static>(self) -> Box<dyn Fn(F) -> String> {
        Box::new(move |x| self.word(x))
    }
}

/// Whether NumPy turns to scientific notation for these numbers; quotients and comparisons are in their own type.
fn needs_exponent<F: Float>(finite: &[F]) -> bool {
    let magnitudes = || finite.iter().map(|x| x.magnitude()).filter(|&x| x.into() != 0.0);
    let largest = magnitudes().reduce(|a, b| if b > a { b } else { a });
    let smallest = magnitudes().reduce(|a, b| if b < a { b } else { a });
    match (largest, smallest) {
        (Some(largest), Some(smallest)) => largest >= F::LARGE || smallest < F::SMALL || largest / smallest > F::RANGE,
        _ => false,
    }
}

/// Integers to the right of a column.
fn aligned(shown: &[i64]) -> Box<dyn Fn(i64) -> String> {
    let width = shown.iter().map(|v| v.to_string().len()).max().unwrap_or(0);
    Box::new(move |v| format!("{v:>width$}"))
}

/// Lays out an array, given how a scalar is written and how, from the elements that will be shown, every one is.
fn format_typed<T: Copy>(
    array: &ArrayD<T>,
    scalar: fn(T) -> String,
    column: impl Fn(&[T]) -> Box<dyn Fn(T) -> String>,
) -> String {
    let Some(&first) = array.first() else {
        return "[]".to_string();
    };
    if array.ndim() == 0 {
        return scalar(first);
    }
    let summarise = array.len() > THRESHOLD;
    let mut shown = Vec::new();
    collect_shown(array.view(), summarise, &mut shown);
    let layout = Layout { summarise, word: &*column(&shown) };
    layout.block(array.view(), 1, LINE_WIDTH)
}

/// Which entries of an axis are shown; `None` stands for the dots.
fn shown_entries(len: usize, summarise: bool) -> Vec<Option<usize>> {
    if !summarise || len <= 2 * EDGE_ITEMS {
        return (0..len).map(Some).collect();
    }
    let (first, last) = (0..EDGE_ITEMS, len - EDGE_ITEMS..len);
    first.map(Some).chain([None]).chain(last.map(Some)).collect()
}

fn collect_shown<T: Copy>(view: ArrayViewD<'_, T>, summarise: bool, into: &mut Vec<T>) {
    if view.ndim() == 0 || !summarise {
        into.extend(view.iter().copied());
        return;
    }
    for entry in shown_entries(view.len_of(Axis(0)), summarise).into_iter().flatten() {
        collect_shown(view.index_axis(Axis(0), entry), summarise, into);
    }
}

/// What stays the same while the axes of one array are laid out.
struct Layout<'a, T> {
    summarise: bool,
    word: &'a dyn Fn(T) -> String,
}

impl<T: Copy> Layout<'_, T> {
    /// An array of rank one or more in brackets; lines after the first are indented by `indent`, and no line is longer
    /// than `width` if it can be broken.
    fn block(&self, view: ArrayViewD<'_, T>, indent: usize, width: usize) -> String {
        if view.ndim() == 1 {
            return self.row(view, indent, width.saturating_sub(1));
        }
        let blocks = shown_entries(view.len_of(Axis(0)), self.summarise).into_iter().map(|entry| match entry {
            Some(entry) => self.block(view.index_axis(Axis(0), entry), indent + 1, width.saturating_sub(1)),
            None => "...".to_string(),
        });
        let separator = format!("{}{}", "\n".repeat(view.ndim() - 1), " ".repeat(indent));
        format!("[{}]", blocks.collect::<Vec<String>>().join(&separator))
    }

    /// The last axis: words with a space between, broken where the next would not fit.
    fn row(&self, view: ArrayViewD<'_, T>, indent: usize, width: usize) -> String {
        let margin = " ".repeat(indent);
        let mut text = String::from("[");
        let mut line_width = indent;
        for (position, entry) in shown_entries(view.len(), self.summarise).into_iter().enumerate() {
            let word = match entry.and_then(|entry| view.get([entry].as_slice())) {
                Some(&element) => (self.word)(element),
                None => "...".to_string(),
            };
            let space = usize::from(position > 0);
            // A word too long for any line stays where it is.
            if line_width + space + word.len() > width && line_width + space > indent {
                text.truncate(text.trim_end().len());
                text.push('\n');
                text.push_str(&margin);
                line_width = indent;
            } else if space == 1 {
                text.push(' ');
                line_width += 1;
            }
            line_width += word.len();
            text.push_str(&word);
        }
        text.push(']');
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use ndarray::IxDyn;

    /// Cases made by NumPy; `make.py` beside the file says how they are written.
    const CASES: &str = include_str!("../../tests/data/print/cases.txt");

    fn parse_elements(text: &str, count: usize) -> Vec<f64> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["range", start, step] => {
                let (start, step): (f64, f64) = (start.parse().unwrap(), step.parse().unwrap());
                (0..count).map(|i| start + step * i as f64).collect()
            }
            words => words.iter().map(|word| word.parse().unwrap()).collect(),
        }
    }

    fn parse_case(header: &str) -> Array {
        let (kind, elements) = header.split_once('|').unwrap();
        let (dtype, sizes) = kind.trim().split_once(' ').unwrap();
        let shape: Vec<usize> = sizes.split(',').map(|size| size.parse().unwrap()).collect();
        let values = parse_elements(elements, shape.iter().product());
        let shape = IxDyn(&shape);
        match dtype {
            "f64" => Array::F64(ArrayD::from_shape_vec(shape, values).unwrap()),
            "f32" => Array::F32(ArrayD::from_shape_vec(shape, values.iter().map(|&v| v as f32).collect()).unwrap()),
            "f16" => {
                Array::F16(ArrayD::from_shape_vec(shape, values.iter().map(|&v| f16_from_f64(v)).collect()).unwrap())
            }
            "i64" => Array::I64(ArrayD::from_shape_vec(shape, values.iter().map(|&v| v as i64).collect()).unwrap()),
            "bool" => Array::Bool(ArrayD::from_shape_vec(shape, values.iter().map(|&v| v != 0.0).collect()).unwrap()),
            other => panic!("unknown type {other}"),
        }
    }

    #[test]
    fn arrays_print_as_numpy_prints_them() {
        let mut count = 0;
        for case in CASES.split("@ ").skip(1) {
            let (header, expected) = case.split_once('\n').unwrap();
            assert_eq!(format_array(&parse_case(header)), expected.trim_end_matches('\n'), "{header}");
            count += 1;
        }
        assert!(count > 50, "only {count} cases were read");
    }

    #[test]
    fn scalars_print_as_python_prints_them() {
        let cases = [
            (2.0, "2.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (5e-324, "5e-324"),
            (123.456, "123.456"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(format_array(&Array::from(value)), expected);
        }
        assert_eq!(format_array(&Array::from(0.1f32)), "0.1");
        for (value, expected) in
            [(999_999f32, "999999.0"), (1e6, "1e+06"), (123_456_789.0, "1.2345679e+08"), (1e-4, "1e-04"), (0.0, "0.0")]
        {
            assert_eq!(format_array(&Array::from(value)), expected);
        }
        assert_eq!(format_array(&Array::from(i64::MIN)), "-9223372036854775808");
        assert_eq!(format_array(&Array::from(true)), "true");
    }

    #[test]
    fn types_follow_the_text() {
        assert_eq!(format_with_type(&Array::from(ndarray::arr1(&[1.0, 2.0]))), "[1. 2.]  f64[2]");
        assert_eq!(format_with_type(&Array::from(7i64)), "7  i64");
        assert_eq!(format_type(&Array::from(ndarray::Array2::<f32>::zeros((3, 2)))), "f32[3, 2]");
    }
}
