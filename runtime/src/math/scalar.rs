//! In: one number. Out: [`Scalar`], the functions of the platform's mathematical library, for both types.
//! Always: nothing here is vectorised. These are the kernels of machines without FMA, and what the vector kernels call
//! for the few elements their own formulas do not cover.

/// The functions of `std` and `libm`, so that generic code can name them.
pub(super) trait Scalar: Sized {
    fn exp(self) -> Self;
    fn exp_m1(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn log2(self) -> Self;
    fn log10(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn asin(self) -> Self;
    fn acos(self) -> Self;
    fn atan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn atan2(self, x: Self) -> Self;
    fn hypot(self, y: Self) -> Self;
    fn erf(self) -> Self;
}

macro_rules! scalar {
    ($t:ident, $erf:path, $($unary:ident)*; $($binary:ident)*) => {
        impl Scalar for $t {
            $(
                #[inline]
                fn $unary(self) -> $t {
                    $t::$unary(self)
                }
            )*
            $(
                #[inline]
                fn $binary(self, other: $t) -> $t {
                    $t::$binary(self, other)
                }
            )*
            #[inline]
            fn erf(self) -> $t {
                $erf(self)
            }
        }
    };
}

scalar!(f64, libm::erf, exp exp_m1 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh; atan2 hypot);
scalar!(f32, libm::erff, exp exp_m1 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh; atan2 hypot);
