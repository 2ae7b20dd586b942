/* Calls kernels with everything that can be wrong: each time there is a status and a text, and nothing is written. */
#include "kernels.h"
#include "values.h"

#define N 8

static double x[N], w[2], out[N];
static int64_t n[] = {N}, two[] = {2}, matrix[] = {4, 2}, four[] = {4};

static void pointers(void)
{
    char *odd = (char *)x + 4;
    FAILS(kernels_double(NULL, n, NULL, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x` is a null pointer, and has 8 elements");
    FAILS(kernels_double(x, NULL, NULL, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x_shape` is a null pointer");
    FAILS(kernels_double(x, n, NULL, NULL, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`out` is a null pointer");
    FAILS(kernels_double(x, n, NULL, out, NULL, NULL, ERROR), MICROTOME_ARGUMENTS, "`out_shape` is a null pointer");
    FAILS(kernels_double((double *)odd, two, NULL, out, two, NULL, ERROR), MICROTOME_ARGUMENTS, "no multiple of 8, as a pointer to f64 is");
    FAILS(kernels_double(x, (int64_t *)odd, NULL, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x_shape` is no multiple of 8");
    FAILS(kernels_double(x, n, (int64_t *)odd, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x_strides` is no multiple of 8");
    FAILS(kernels_quotient(1, 1, NULL, ERROR), MICROTOME_ARGUMENTS, "`out` is a null pointer");
    FAILS(kernels_positive(x, n, NULL, NULL, two, ERROR), MICROTOME_ARGUMENTS, "`out` is a null pointer");
    double *given = x;
    FAILS(kernels_positive(x, n, NULL, &given, NULL, ERROR), MICROTOME_ARGUMENTS, "`out_shape` is a null pointer");
    FAILS(kernels_double_sizes(NULL, two, ERROR), MICROTOME_ARGUMENTS, "`x_shape` is a null pointer");
    FAILS(kernels_double_sizes(n, (int64_t *)odd, ERROR), MICROTOME_ARGUMENTS, "`out_shape` is no multiple of 8");
}

static void sizes(void)
{
    int64_t negative[] = {-1}, huge[] = {INT64_MAX}, three[] = {3};
    FAILS(kernels_double(x, negative, NULL, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "axis 0 of `x` has size -1");
    FAILS(kernels_double(x, huge, NULL, out, huge, NULL, ERROR), MICROTOME_ARGUMENTS, "more elements than there are addresses");
    FAILS(kernels_double(x, n, NULL, out, three, NULL, ERROR), MICROTOME_SIZES, "axis 0 of `out` (f64[n]) has size 3, but n is 8");
    FAILS(kernels_second_moment(x, matrix, NULL, out, three, NULL, w, two, NULL, out, two, NULL, ERROR), MICROTOME_SIZES,
          "axis 0 of `y` (f64[n]) has size 3, but n is 4\n  note: n = 4 comes from axis 0 of `x`");
    FAILS(kernels_second_moment_sizes(matrix, three, two, NULL, ERROR), MICROTOME_SIZES, "but n is 4");
    /* More than there is: the result's memory is the caller's, the kernel's own is refused. */
    int64_t vast[] = {(int64_t)1 << 45}, zero[] = {0};
    FAILS(kernels_double(x, vast, zero, out, vast, NULL, ERROR), MICROTOME_MEMORY, "are needed");
}

static void strides(void)
{
    int64_t wild[] = {INT64_MAX / 2}, zero[] = {0}, folded[] = {1, 1}, far_back[] = {-((int64_t)1 << 58)};
    FAILS(kernels_double(x, n, wild, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x_strides` lead out of memory");
    FAILS(kernels_double(x, n, far_back, out, n, NULL, ERROR), MICROTOME_ARGUMENTS, "`x_strides` lead out of memory");
    FAILS(kernels_double(x, n, NULL, out, n, zero, ERROR), MICROTOME_ARGUMENTS, "`out_strides` give two elements of a result one address");
    float a[4] = {0}, b[4] = {0}, c[4];
    int64_t square[] = {2, 2};
    FAILS(kernels_products(a, square, NULL, b, square, NULL, c, square, folded, ERROR), MICROTOME_ARGUMENTS, "one address");
    double mean;
    FAILS(kernels_summary(x, n, NULL, 1.0, &mean, out, n, NULL, (int64_t *)out, n, NULL, ERROR), MICROTOME_ARGUMENTS,
          "the results `out1` and `out2` share memory");
}

static void elements(void)
{
    uint8_t mask[] = {1, 0, 7, 1}, equal[4];
    uint16_t halves[4] = {0}, chosen[4];
    FAILS(kernels_chosen(mask, four, NULL, halves, four, NULL, 0, equal, four, NULL, chosen, four, NULL, ERROR),
          MICROTOME_ARGUMENTS, "element 2 of `mask` is 7");
}

static void the_program(void)
{
    int64_t k[] = {0, 1, 8, 9}, result;
    FAILS(kernels_picked(x, n, NULL, k, four, NULL, out, four, NULL, ERROR), MICROTOME_INDEX,
          "kernels.tome:15:");
    FAILS(kernels_picked(x, n, NULL, k, four, NULL, out, four, NULL, ERROR), MICROTOME_INDEX,
          "error[E0501]: the index 8 is outside axis 0 of size 8");
    FAILS(kernels_quotient(1, 0, &result, ERROR), MICROTOME_DIVISION, "an integer is divided by zero");
    FAILS(kernels_quotient(-1, 1, &result, ERROR), MICROTOME_ASSERTION, "a count is not negative");
    kernels_interrupt(1);
    FAILS(kernels_collatz(27, &result, ERROR), MICROTOME_INTERRUPTED, "asked to stop");
    kernels_interrupt(0);
    CALL(kernels_collatz(27, &result, ERROR));
}

static void texts(void)
{
    char small[10];
    memset(small, 'x', sizeof small);
    if (kernels_double(NULL, n, NULL, out, n, NULL, small, 8) != MICROTOME_ARGUMENTS) exit(1);
    if (strcmp(small, "kernels") != 0 || small[8] != 'x') exit(1);
    if (kernels_double(NULL, n, NULL, out, n, NULL, NULL, 100) != MICROTOME_ARGUMENTS) exit(1);
    if (kernels_double(NULL, n, NULL, out, n, NULL, small, -5) != MICROTOME_ARGUMENTS) exit(1);
}

int main(void)
{
    for (int i = 0; i < N; i++) out[i] = -7;
    pointers();
    sizes();
    strides();
    elements();
    the_program();
    texts();
    return 0;
}
