// The windows and the stencil of benches/arrays.tome in C, for gcc -O3 -march=native.
//
// In: --quick for a rough run. Out: one JSON object for each figure on standard output.
// Always holds: the loops compute what those of arrays.tome compute, on the same numbers.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOP __attribute__((noinline))

LOOP static void correlated(const double *x, int64_t n, int64_t m, const double *k, int64_t a, int64_t b, double *out) {
    int64_t rows = n - a + 1, columns = m - b + 1;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            double sum = 0.0;
            for (int64_t p = 0; p < a; p++)
                for (int64_t q = 0; q < b; q++) sum += x[(i + p) * m + j + q] * k[p * b + q];
            out[i * columns + j] = sum;
        }
}

LOOP static void window_of_eleven(const double *x, int64_t n, int64_t m, const double *k, double *out) {
    int64_t columns = m - 10;
    for (int64_t i = 0; i < n - 10; i++)
        for (int64_t j = 0; j < columns; j++) {
            double sum = 0.0;
            for (int64_t p = 0; p < 11; p++)
                for (int64_t q = 0; q < 11; q++) sum += x[(i + p) * m + j + q] * k[p * 11 + q];
            out[i * columns + j] = sum;
        }
}

LOOP static void diffused(const double *restrict u, int64_t n, int64_t m, double *restrict out) {
    for (int64_t i = 1; i < n - 1; i++)
        for (int64_t j = 1; j < m - 1; j++) {
            double centre = u[i * m + j];
            double around = u[(i + 1) * m + j] + u[(i - 1) * m + j] + u[i * m + j + 1] + u[i * m + j - 1];
            out[(i - 1) * (m - 2) + j - 1] = centre + 0.1 * (around - 4.0 * centre);
        }
}

LOOP static void moving_mean(const double *x, int64_t n, double *out) {
    for (int64_t i = 0; i < n - 24; i++) {
        double sum = 0.0;
        for (int64_t k = 0; k < 25; k++) sum += x[i + k];
        out[i] = sum / 25.0;
    }
}

static double *spread(int64_t count, double low, double high) {
    double *made = malloc(count * sizeof *made);
    for (int64_t k = 1; k <= count; k++) {
        double unit = (double)(((uint64_t)k * 2654435761u) & 0xFFFFFFFFu) / 4294967296.0;
        made[k - 1] = low + (high - low) * unit;
    }
    return made;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

// Runs `call`, which fills `out`, several times and prints the figure.
#define MEASURE(NAME, N, LENGTH, CALL)                                                                          \
    do {                                                                                                        \
        double times[16], check = 0.0, started = now();                                                         \
        int rounds = 0;                                                                                         \
        CALL;                                                                                                   \
        for (int64_t k = 0; k < (LENGTH); k++) check += fabs(out[k]);                                           \
        while (rounds < 16 && (rounds < 3 || now() - started < patience)) {                                     \
            double start = now();                                                                               \
            CALL;                                                                                               \
            times[rounds++] = now() - start;                                                                    \
        }                                                                                                       \
        qsort(times, rounds, sizeof *times, ascending);                                                         \
        printf("{\"peer\": \"gcc\", \"group\": \"windows\", \"name\": \"%s\", \"n\": %lld, \"dtype\": "         \
               "\"f64\", \"median_s\": %e, \"min_s\": %e, \"check\": %.17g}\n",                                 \
               NAME, (long long)(N), times[rounds / 2], times[0], check);                                       \
    } while (0)

int main(int count, char **words) {
    bool quick = false;
    for (int k = 1; k < count; k++) quick |= strcmp(words[k], "--quick") == 0;
    double patience = quick ? 0.1 : 2.0;
    // Read through volatile variables, so that nothing is known of them when compiling.
    volatile int64_t sizes[] = {quick ? 128 : 512, 11, quick ? 256 : 2048, quick ? 100000 : 1000000};
    int64_t side = sizes[0], a = sizes[1], large = sizes[2], n = sizes[3];
    double *image = spread(side * side, 0.0, 1.0), *weights = spread(121, -1.0, 1.0);
    double *field = spread(large * large, 0.0, 1.0), *series = spread(n, -1.0, 1.0);
    double *out = malloc((large * large + n) * sizeof *out);
    int64_t inner = (side - 10) * (side - 10), between = (large - 2) * (large - 2);
    MEASURE("windows of 11 × 11", inner * 121, inner, window_of_eleven(image, side, side, weights, out));
    MEASURE("windows of a × b", inner * 121, inner, correlated(image, side, side, weights, a, a, out));
    MEASURE("stencil of 5 points", between * 5, between, diffused(field, large, large, out));
    MEASURE("moving mean of 25", (n - 24) * 25, n - 24, moving_mean(series, n, out));
    return 0;
}
