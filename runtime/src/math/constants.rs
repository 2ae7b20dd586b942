//! In: a reduced argument. Out: [`Constants`], every number and polynomial in which the `f64` and `f32` kernels differ.
//! Always: the polynomials are minimax fits of our own (Remez exchange in 160-bit arithmetic, coefficients then rounded
//! to the type, the leading ones first and the others fitted again), their error well below half a rounding unit of the
//! function they serve; the ranges they are fitted on are those of the reductions in the kernels.
#![allow(clippy::approx_constant)] // first parts of sums, beside the second parts they belong to

/// The constants and polynomials of a floating-point type. Pairs and triples are sums of ever smaller parts.
pub(super) trait Constants: Sized {
    /// Half of the rounding unit: below it, odd functions equal their argument.
    const NEGLIGIBLE: Self;
    /// Bounds outside of which `exp` is 0 or infinite.
    const EXP_RANGE: (Self, Self);
    /// Where `expm1` has become −1.
    const EXPM1_LOW: Self;
    /// Where `tanh` has become 1.
    const TANH_HIGH: Self;
    /// Where `sinh` and `cosh` overflow.
    const SINH_HIGH: Self;
    /// Where `erf` has become 1.
    const ERF_HIGH: Self;
    /// Largest argument the three-part reduction of the trigonometric functions takes.
    const TRIG_HIGH: Self;
    /// Above it, or below its reciprocal, numbers are scaled before they are squared.
    const SQUARE_HIGH: Self;
    /// The factor of that scaling and its reciprocal, powers of two.
    const SQUARE_SCALE: (Self, Self);
    /// log2(e).
    const LOG2_E: (Self, Self);
    /// log10(e).
    const LOG10_E: (Self, Self);
    /// log10(2).
    const LOG10_2: (Self, Self);
    /// ln(2).
    const LN_2: (Self, Self);
    /// π.
    const PI: (Self, Self);
    /// π/2 in three parts.
    const HALF_PI: (Self, Self, Self);
    /// 2/π.
    const TWO_OVER_PI: Self;

    /// (e^r − 1 − r)/r² on |r| ≤ ln(2)/2.
    fn poly_exp(r: Self) -> Self;
    /// (sinh √z/√z − 1)/z on √z ≤ ln(2)/2.
    fn poly_sinh(z: Self) -> Self;
    /// (cosh √z − 1 − z/2)/z² on √z ≤ ln(2)/2.
    fn poly_cosh(z: Self) -> Self;
    /// 2(atanh √z/√z − 1)/z on √z ≤ 3 − √8.
    fn poly_log(z: Self) -> Self;
    /// (sin √z/√z − 1)/z on √z ≤ π/4.
    fn poly_sin(z: Self) -> Self;
    /// (cos √z − 1 + z/2)/z² on √z ≤ π/4.
    fn poly_cos(z: Self) -> Self;
    /// (asin √z/√z − 1)/z on √z ≤ 1/2.
    fn poly_asin(z: Self) -> Self;
    /// (atan √z/√z − 1)/z on √z ≤ 1.
    fn poly_atan(z: Self) -> Self;
    /// erf √z/√z − 1 on √z ≤ 0.9.
    fn poly_erf(z: Self) -> Self;
    /// ln erfc(1 + t) on 0.9 ≤ 1 + t ≤ `ERF_HIGH`.
    fn poly_ln_erfc(t: Self) -> Self;
}

/// Estrin's scheme in fused operations, lowest coefficient first: pairs a + b·x, then pairs of those in x², and so on.
/// Its chain of dependent operations is short, which is what a loop over long kernels is limited by.
macro_rules! polynomial {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $($c:expr),+) => {{
        let x = $x;
        polynomial!(@ x; []; $($c),+)
    }};
    (@ $x:ident; [$($done:expr),*]; $a:expr, $b:expr, $($rest:expr),+) => {
        polynomial!(@ $x; [$($done,)* $b.mul_add($x, $a)]; $($rest),+)
    };
    (@ $x:ident; [$($done:expr),*]; $a:expr, $b:expr) => { polynomial!($x * $x; $($done,)* $b.mul_add($x, $a)) };
    (@ $x:ident; [$($done:expr),*]; $a:expr) => { polynomial!($x * $x; $($done,)* $a) };
}

impl Constants for f64 {
    const NEGLIGIBLE: f64 = f64::EPSILON / 4.0;
    const EXP_RANGE: (f64, f64) = (-746.0, 710.0);
    const EXPM1_LOW: f64 = -40.0;
    const TANH_HIGH: f64 = 20.0;
    const SINH_HIGH: f64 = 710.6;
    const ERF_HIGH: f64 = 5.95;
    const TRIG_HIGH: f64 = 1_073_741_824.0;
    const SQUARE_HIGH: f64 = 1e150;
    const SQUARE_SCALE: (f64, f64) = (f64::from_bits((1023 - 600) << 52), f64::from_bits((1023 + 600) << 52));
    const LOG2_E: (f64, f64) = (1.4426950408889634, 2.0355273740931033e-17);
    const LOG10_E: (f64, f64) = (0.4342944819032518, 1.098319650216765e-17);
    const LOG10_2: (f64, f64) = (0.3010299956639812, -2.8037281277851704e-18);
    const LN_2: (f64, f64) = (0.6931471805599453, 2.3190468138462996e-17);
    const PI: (f64, f64) = (3.141592653589793, 1.2246467991473532e-16);
    const HALF_PI: (f64, f64, f64) = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33);
    const TWO_OVER_PI: f64 = 0.6366197723675814;

    #[inline(always)]
    fn poly_exp(r: f64) -> f64 {
        polynomial!(r;
            0.5000000000000006_f64, 0.16666666666666685_f64, 0.04166666666657362_f64, 0.008333333333314392_f64,
            0.0013888888932380794_f64, 0.0001984126990338508_f64, 2.4801504442960915e-5_f64, 2.7557227682811486e-6_f64,
            2.7626327782570316e-7_f64, 2.5114549305927296e-8_f64
        )
    }

    #[inline(always)]
    fn poly_sinh(z: f64) -> f64 {
        polynomial!(z;
            0.16666666666666677_f64, 0.008333333333321383_f64, 0.00019841269886831085_f64, 2.7557243431081064e-6_f64,
            2.5109329908000687e-8_f64
        )
    }

    #[inline(always)]
    fn poly_cosh(z: f64) -> f64 {
        polynomial!(z;
            0.041666666666666685_f64, 0.001388888888887328_f64, 2.4801587349218685e-5_f64, 2.7557251799559284e-7_f64,
            2.0921777763795125e-9_f64
        )
    }

    #[inline(always)]
    fn poly_log(z: f64) -> f64 {
        polynomial!(z;
            0.6666666666666734_f64, 0.39999999999416574_f64, 0.2857142874205406_f64, 0.22222198601453597_f64,
            0.18183563082224793_f64, 0.1531407789084323_f64, 0.14795712853010917_f64
        )
    }

    #[inline(always)]
    fn poly_sin(z: f64) -> f64 {
        polynomial!(z;
            -0.16666666666666632_f64, 0.008333333333322455_f64, -0.00019841269829813652_f64, 2.755731368772808e-6_f64,
            -2.505075674654986e-8_f64, 1.5896683977517446e-10_f64
        )
    }

    #[inline(always)]
    fn poly_cos(z: f64) -> f64 {
        polynomial!(z;
            0.0416666666666666_f64, -0.0013888888888874441_f64, 2.480158728963647e-5_f64, -2.755731438752468e-7_f64,
            2.0875727062604264e-9_f64, -1.1359802258003172e-11_f64
        )
    }

    #[inline(always)]
    fn poly_asin(z: f64) -> f64 {
        polynomial!(z;
            0.16666666666665383_f64, 0.0750000000034292_f64, 0.04464285682357557_f64, 0.03038195932767011_f64,
            0.02237175360490094_f64, 0.01735976992645426_f64, 0.013884609717056833_f64, 0.012173207849823706_f64,
            0.006511153392329518_f64, 0.019573106274394195_f64, -0.01629284703246595_f64, 0.031958141750686044_f64
        )
    }

    #[inline(always)]
    fn poly_atan(z: f64) -> f64 {
        polynomial!(z;
            -0.33333333333333093_f64, 0.19999999999955462_f64, -0.14285714282803177_f64, 0.11111111013661543_f64,
            -0.09090907119138444_f64, 0.07692281182012008_f64, -0.06666414935097266_f64, 0.05880592082774528_f64,
            -0.052538032542827434_f64, 0.04723285966565929_f64, -0.04221702952121537_f64, 0.036693397335494156_f64,
            -0.02998578281635112_f64, 0.0220861197735084_f64, -0.013996761250546509_f64, 0.007265366523272693_f64,
            -0.0029208371788604103_f64, 0.0008442012747722256_f64, -0.00015499855994953874_f64,
            1.3514614176327888e-5_f64
        )
    }

    #[inline(always)]
    fn poly_erf(z: f64) -> f64 {
        polynomial!(z;
            0.1283791670955126_f64, -0.37612638903184115_f64, 0.11283791670972639_f64, -0.026866170648464926_f64,
            0.0052239776583555_f64, -0.0008548328932214562_f64, 0.00012055401859408909_f64, -1.4927227147513782e-5_f64,
            1.6484678744585727e-6_f64, -1.6554230207294115e-7_f64, 1.5530804360193408e-8_f64, -1.1884505768763924e-9_f64
        )
    }

    #[inline(always)]
    fn poly_ln_erfc(t: f64) -> f64 {
        polynomial!(t;
            -1.8496055099332482_f64, -2.6389675142347913_f64, -0.843107256358487_f64, -0.041561098046535155_f64,
            0.010033825434619816_f64, -0.001977903021875206_f64, 0.00023732469384860554_f64, 2.627049487247707e-5_f64,
            -2.714159415116781e-5_f64, 9.57851524238841e-6_f64, -2.0205697879143797e-6_f64, 1.0484658568919193e-7_f64,
            1.2541168463322905e-7_f64, -6.743399865229148e-8_f64, 2.1270950902904094e-8_f64, -4.7927818055690375e-9_f64,
            7.842171701771213e-10_f64, -8.908451813844786e-11_f64, 6.2890759748305126e-12_f64,
            -2.0745230639433762e-13_f64
        )
    }
}

impl Constants for f32 {
    const NEGLIGIBLE: f32 = f32::EPSILON / 4.0;
    const EXP_RANGE: (f32, f32) = (-104.5, 89.0);
    const EXPM1_LOW: f32 = -18.0;
    const TANH_HIGH: f32 = 10.0;
    const SINH_HIGH: f32 = 89.6;
    const ERF_HIGH: f32 = 4.0;
    const TRIG_HIGH: f32 = 20_000.0;
    const SQUARE_HIGH: f32 = 1e18;
    const SQUARE_SCALE: (f32, f32) = (f32::from_bits((127 - 90) << 23), f32::from_bits((127 + 90) << 23));
    const LOG2_E: (f32, f32) = (1.442695, 1.925963e-8);
    const LOG10_E: (f32, f32) = (0.4342945, -1.010305e-8);
    const LOG10_2: (f32, f32) = (0.30103, -1.4320989e-8);
    const LN_2: (f32, f32) = (0.6931472, -1.9046542e-9);
    const PI: (f32, f32) = (3.1415927, -8.742278e-8);
    const HALF_PI: (f32, f32, f32) = (1.5707964, -4.371139e-8, -1.7151245e-15);
    const TWO_OVER_PI: f32 = 0.63661975;

    #[inline(always)]
    fn poly_exp(r: f32) -> f32 {
        polynomial!(r;
            0.5_f32, 0.16666543_f32, 0.04166628_f32, 0.008366584_f32, 0.0013946459_f32
        )
    }

    #[inline(always)]
    fn poly_sinh(z: f32) -> f32 {
        polynomial!(z;
            0.16666543_f32, 0.008366538_f32
        )
    }

    #[inline(always)]
    fn poly_cosh(z: f32) -> f32 {
        polynomial!(z;
            0.04166646_f32, 0.0013935427_f32
        )
    }

    #[inline(always)]
    fn poly_log(z: f32) -> f32 {
        polynomial!(z;
            0.66666776_f32, 0.3997758_f32, 0.29870978_f32
        )
    }

    #[inline(always)]
    fn poly_sin(z: f32) -> f32 {
        polynomial!(z;
            -0.16666655_f32, 0.00833219_f32, -0.00019518405_f32
        )
    }

    #[inline(always)]
    fn poly_cos(z: f32) -> f32 {
        polynomial!(z;
            0.041666646_f32, -0.0013887301_f32, 2.4430652e-5_f32
        )
    }

    #[inline(always)]
    fn poly_asin(z: f32) -> f32 {
        polynomial!(z;
            0.16666754_f32, 0.07495252_f32, 0.045476038_f32, 0.02415212_f32, 0.04221175_f32
        )
    }

    #[inline(always)]
    fn poly_atan(z: f32) -> f32 {
        polynomial!(z;
            -0.33333167_f32, 0.19994147_f32, -0.14214285_f32, 0.10679224_f32, -0.07581161_f32, 0.04356023_f32,
            -0.016585208_f32, 0.0029755798_f32
        )
    }

    #[inline(always)]
    fn poly_erf(z: f32) -> f32 {
        polynomial!(z;
            0.12837915_f32, -0.37612504_f32, 0.11281908_f32, -0.026769552_f32, 0.0049969973_f32, -0.00060082256_f32
        )
    }

    #[inline(always)]
    fn poly_ln_erfc(t: f32) -> f32 {
        polynomial!(t;
            -1.8496056_f32, -2.6389675_f32, -0.84310734_f32, -0.041561678_f32, 0.010041572_f32, -0.0020058097_f32,
            0.00028593614_f32, -2.0909567e-5_f32
        )
    }
}

/// ((atanh √z/√z − 1)/z − 1/3)/z on √z ≤ 3 − √8, for a logarithm in double-double arithmetic.
#[inline(always)]
pub(super) fn poly_log_tail(z: f64) -> f64 {
    polynomial!(z;
        0.19999999999999993_f64, 0.14285714285720477_f64, 0.11111111109181596_f64, 0.09090909393036965_f64,
        0.07692280845852523_f64, 0.06668080455810989_f64, 0.05838753496315721_f64, 0.05985032600484145_f64
    )
}

/// (atanh √z/√z − 1)/z to 45 bits, for a logarithm that serves `f32`.
#[inline(always)]
pub(super) fn poly_log_for_f32(z: f64) -> f64 {
    polynomial!(z;
        0.333333333379007_f64, 0.19999997809978_f64, 0.1428605473873784_f64, 0.11088085745742421_f64,
        0.09792223014171492_f64
    )
}

/// (e^r − 1 − r)/r² to 34 bits, for an exponential that serves `f32`.
#[inline(always)]
pub(super) fn poly_exp_for_f32(r: f64) -> f64 {
    polynomial!(r;
        0.5000000077894939_f64, 0.1666666686012113_f64, 0.041666269965687015_f64, 0.008333264511056666_f64,
        0.001394607203157728_f64, 0.00019918295349413004_f64
    )
}
