// The loops of benches/scalar_loops.tome in C, for gcc -O3 -march=native.
//
// In: --quick for a rough run. Out: one JSON object for each figure on standard output.
// Always holds: the loops compute what those of scalar_loops.tome compute, on the same numbers.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOP __attribute__((noinline))

LOOP static int64_t sum_to(int64_t n) {
    int64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += i;
    return s;
}

LOOP static double harmonic(int64_t n) {
    double s = 0.0;
    for (int64_t i = 1; i < n; i++) s += 1.0 / (double)i;
    return s;
}

LOOP static int64_t residues(int64_t n) {
    int64_t s = 0;
    for (int64_t i = 0; i < n; i++) s += i * i % 7;
    return s;
}

LOOP static double logistic(int64_t n, double r) {
    double x = 0.5;
    for (int64_t i = 0; i < n; i++) x = r * x * (1.0 - x);
    return x;
}

LOOP static int64_t fibonacci(int64_t n) {
    int64_t a = 0, b = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t next = (a + b) % 1000000007;
        a = b;
        b = next;
    }
    return a;
}

LOOP static int64_t collatz(int64_t limit) {
    int64_t longest = 0;
    for (int64_t start = 1; start < limit; start++) {
        int64_t n = start, steps = 0;
        while (n != 1) {
            if (n % 2 == 0) n = n / 2;
            else n = 3 * n + 1;
            steps++;
        }
        if (steps > longest) longest = steps;
    }
    return longest;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

LOOP static int64_t edit_distance(const int64_t *a, int64_t n, const int64_t *b, int64_t m) {
    int64_t *D = calloc((n + 1) * (m + 1), sizeof *D), w = m + 1;
    for (int64_t i = 0; i <= n; i++) D[i * w] = i;
    for (int64_t j = 0; j <= m; j++) D[j] = j;
    for (int64_t i = 1; i <= n; i++)
        for (int64_t j = 1; j <= m; j++) {
            int64_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            D[i * w + j] = least(least(D[(i - 1) * w + j] + 1, D[i * w + j - 1] + 1), D[(i - 1) * w + j - 1] + cost);
        }
    int64_t result = D[n * w + m];
    free(D);
    return result;
}

static double smaller(double a, double b) { return a < b ? a : b; }

LOOP static double time_warp(const double *x, int64_t n, const double *y, int64_t m) {
    int64_t w = m + 1;
    double *D = malloc((n + 1) * w * sizeof *D);
    for (int64_t k = 0; k < (n + 1) * w; k++) D[k] = INFINITY;
    D[0] = 0.0;
    for (int64_t i = 1; i <= n; i++)
        for (int64_t j = 1; j <= m; j++)
            D[i * w + j] = fabs(x[i - 1] - y[j - 1])
                + smaller(smaller(D[(i - 1) * w + j], D[i * w + j - 1]), D[(i - 1) * w + j - 1]);
    double result = D[n * w + m];
    free(D);
    return result;
}

LOOP static int64_t subsequence(const int64_t *a, int64_t n, const int64_t *b, int64_t m) {
    int64_t *L = calloc((n + 1) * (m + 1), sizeof *L), w = m + 1;
    for (int64_t i = 1; i <= n; i++)
        for (int64_t j = 1; j <= m; j++) {
            if (a[i - 1] == b[j - 1]) L[i * w + j] = L[(i - 1) * w + j - 1] + 1;
            else L[i * w + j] = L[(i - 1) * w + j] > L[i * w + j - 1] ? L[(i - 1) * w + j] : L[i * w + j - 1];
        }
    int64_t result = L[n * w + m];
    free(L);
    return result;
}

LOOP static int64_t sieve(int64_t n) {
    bool *prime = malloc(n);
    memset(prime, true, n);
    prime[0] = prime[1] = false;
    for (int64_t i = 2; i * i < n; i++)
        if (prime[i])
            for (int64_t j = i * i; j < n; j += i) prime[j] = false;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += prime[i];
    free(prime);
    return count;
}

LOOP static double smoothed(const double *x, int64_t n) {
    double *y = calloc(n, sizeof *y), s = 0.0;
    for (int64_t i = 0; i < n; i++) {
        s = 0.9 * s + x[i];
        y[i] = s;
    }
    // Another pass, so that none of the writes can be left out.
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += y[i];
    free(y);
    return sum;
}

static int64_t *letters(int64_t count, int64_t factor) {
    int64_t *made = malloc(count * sizeof *made);
    for (int64_t k = 0; k < count; k++) made[k] = (k * k * factor + k) % 5;
    return made;
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

// Runs `call` several times and prints the figure.
#define MEASURE(NAME, N, CALL)                                                                                  \
    do {                                                                                                        \
        double times[16], check = (double)(CALL), started = now();                                              \
        int rounds = 0;                                                                                         \
        while (rounds < 16 && (rounds < 3 || now() - started < patience)) {                                     \
            double start = now();                                                                               \
            volatile double result = (double)(CALL);                                                            \
            (void)result;                                                                                       \
            times[rounds++] = now() - start;                                                                    \
        }                                                                                                       \
        qsort(times, rounds, sizeof *times, ascending);                                                         \
        printf("{\"peer\": \"gcc\", \"group\": \"scalar loops\", \"name\": \"%s\", \"n\": %lld, \"dtype\": "    \
               "\"f64\", \"median_s\": %e, \"min_s\": %e, \"check\": %.17g}\n",                                 \
               NAME, (long long)(N), times[rounds / 2], times[0], fabs(check));                                 \
    } while (0)

int main(int count, char **words) {
    bool quick = false;
    for (int k = 1; k < count; k++) quick |= strcmp(words[k], "--quick") == 0;
    int64_t scale = quick ? 10 : 1;
    double patience = quick ? 0.05 : 0.4;
    // Read through volatile variables, so that nothing is known of them when compiling.
    volatile int64_t sizes[] = {1000000000 / scale, 100000000 / scale, 10000000 / scale, 1000000 / scale, 3000, 2000};
    volatile double rate = 3.7;
    int64_t n = sizes[4] / (quick ? 3 : 1), m = sizes[5] / (quick ? 3 : 1);
    int64_t *a = letters(n, 3), *b = letters(m, 7);
    double *x = spread(n, -3.0, 3.0), *y = spread(m, -2.0, 4.0), *z = spread(sizes[2], -1.0, 1.0);
    MEASURE("sum to n", sizes[0], sum_to(sizes[0]));
    MEASURE("harmonic sum", sizes[2], harmonic(sizes[2]));
    MEASURE("sum of i² mod 7", sizes[1], residues(sizes[1]));
    MEASURE("logistic map", sizes[2], logistic(sizes[2], rate));
    MEASURE("Fibonacci mod p", sizes[2], fibonacci(sizes[2]));
    MEASURE("Collatz", sizes[3], collatz(sizes[3]));
    MEASURE("edit distance", n, edit_distance(a, n, b, m));
    MEASURE("time warping", n, time_warp(x, n, y, m));
    MEASURE("common subsequence", n, subsequence(a, n, b, m));
    MEASURE("sieve", sizes[2], sieve(sizes[2]));
    MEASURE("exponential smoothing", sizes[2], smoothed(z, sizes[2]));
    return 0;
}
