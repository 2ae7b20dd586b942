/* Calls every kernel of kernels.tome with good arguments, and prints what comes out, for tests/native.rs to compare. */
#include "kernels.h"
#include "values.h"

#define N 40
#define D 6

static void second_moment(void)
{
    double x[N * D], y[N], w[D], out[D];
    int64_t x_shape[] = {N, D}, y_shape[] = {N}, w_shape[] = {D}, out_shape[1];
    fill(x, N * D, 0), fill(y, N, 5), fill(w, D, 2);
    CALL(kernels_second_moment_sizes(x_shape, y_shape, w_shape, out_shape, ERROR));
    if (out_shape[0] != D) exit(1);
    CALL(kernels_second_moment(x, x_shape, NULL, y, y_shape, NULL, w, w_shape, NULL, out, out_shape, NULL, ERROR));
    show("second_moment", out, D);

    /* The same with columns first, y backwards and every third element of the result. */
    double turned[D * N], back[N], wide[3 * D] = {0};
    for (int i = 0; i < N; i++) {
        back[N - 1 - i] = y[i];
        for (int j = 0; j < D; j++) turned[j * N + i] = x[i * D + j];
    }
    int64_t turned_strides[] = {1, N}, back_strides[] = {-1}, wide_strides[] = {3};
    CALL(kernels_second_moment(turned, x_shape, turned_strides, back + N - 1, y_shape, back_strides, w, w_shape, NULL,
                               wide, out_shape, wide_strides, ERROR));
    for (int j = 0; j < D; j++)
        if (wide[3 * j] != out[j] || wide[3 * j + 1] != 0) exit(1);

    /* One thread gives the same bits. */
    double again[D];
    kernels_threads(1);
    CALL(kernels_second_moment(x, x_shape, NULL, y, y_shape, NULL, w, w_shape, NULL, again, out_shape, NULL, ERROR));
    if (memcmp(out, again, sizeof out) != 0) exit(1);
    kernels_threads(0);
}

static void products(void)
{
    enum { A = 33, K = 20, B = 9 };
    float a[A * K], b[K * B], out[A * B];
    double shown[A * B];
    int64_t a_shape[] = {A, K}, b_shape[] = {K, B}, out_shape[] = {A, B};
    for (int i = 0; i < A * K; i++) a[i] = (float)value(i);
    for (int i = 0; i < K * B; i++) b[i] = (float)value(i + 3);
    CALL(kernels_products(a, a_shape, NULL, b, b_shape, NULL, out, out_shape, NULL, ERROR));
    for (int i = 0; i < A * B; i++) shown[i] = out[i];
    show("products", shown, A * B);
}

static void summary(void)
{
    double x[N], mean, scaled[N];
    int64_t shape[] = {N}, order[N];
    fill(x, N, 0);
    CALL(kernels_summary(x, shape, NULL, 0.5, &mean, scaled, shape, NULL, order, shape, NULL, ERROR));
    show("summary", &mean, 1);
    show("summary", scaled, N);
    show_integers("summary", order, N);
}

static void sizes_that_are_found(void)
{
    double x[N], *out = NULL;
    int64_t shape[] = {N}, out_shape[] = {7}, asked[] = {7};
    fill(x, N, 0);
    CALL(kernels_positive_sizes(shape, asked, ERROR));
    if (asked[0] != -1) exit(1);
    CALL(kernels_positive(x, shape, NULL, &out, out_shape, ERROR));
    show("positive", out, out_shape[0]);
    kernels_free(out);
    for (int i = 0; i < N; i++) x[i] = -1;
    CALL(kernels_positive(x, shape, NULL, &out, out_shape, ERROR));
    if (out_shape[0] != 0 || out == NULL) exit(1);
    kernels_free(out);
    kernels_free(NULL);
}

static void scalars(void)
{
    int64_t result[2];
    CALL(kernels_quotient(17, -5, &result[0], ERROR));
    CALL(kernels_collatz(27, &result[1], NULL, 0));
    show_integers("quotient", &result[0], 1);
    show_integers("collatz", &result[1], 1);
}

static void small_types(void)
{
    /* Bits of the halves 1, 2, -0.5, 65504. */
    uint8_t mask[] = {1, 0, 0, 1}, equal[4];
    uint16_t x[] = {0x3c00, 0x4000, 0xb800, 0x7bff}, out[4];
    int64_t shape[] = {4}, shown[8];
    CALL(kernels_chosen(mask, shape, NULL, x, shape, NULL, 200, equal, shape, NULL, out, shape, NULL, ERROR));
    for (int i = 0; i < 4; i++) shown[i] = equal[i], shown[4 + i] = out[i];
    show_integers("chosen", shown, 4);
    show_integers("chosen", shown + 4, 4);
}

static void in_place(void)
{
    double x[N];
    int64_t shape[] = {N}, pair[] = {N - 1};
    fill(x, N, 0);
    CALL(kernels_double(x, shape, NULL, x, shape, NULL, ERROR));
    show("double", x, N);
    /* Results that overlap their input by all but one element. */
    fill(x, N, 0);
    CALL(kernels_double(x, pair, NULL, x + 1, pair, NULL, ERROR));
    for (int i = 1; i < N; i++)
        if (x[i] != 2 * value(i - 1)) exit(1);
}

static void nothing_at_all(void)
{
    double out[2] = {5, 5};
    int64_t none[] = {0, 2}, rows[] = {0}, d[] = {2};
    CALL(kernels_products(NULL, none, NULL, (float[]){1, 2, 3, 4, 5, 6}, (int64_t[]){2, 3}, NULL, NULL, (int64_t[]){0, 3},
                          NULL, ERROR));
    double w[] = {1, 1};
    CALL(kernels_second_moment(NULL, none, NULL, NULL, rows, NULL, w, d, NULL, out, d, NULL, ERROR));
    if (out[0] == out[0]) exit(1); /* the mean of nothing is no number */
}

int main(void)
{
    second_moment();
    products();
    summary();
    sizes_that_are_found();
    scalars();
    small_types();
    in_place();
    nothing_at_all();
    return 0;
}
