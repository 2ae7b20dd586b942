/* Numbers that tests/native.rs makes by the same formulas, and how results are printed. */
#ifndef VALUES_H
#define VALUES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline double value(int64_t i) { return (double)(i * 7 % 11) / 4.0 - 1.25; }

static inline void fill(double *x, int64_t count, int64_t from)
{
    for (int64_t i = 0; i < count; i++) x[i] = value(i + from);
}

static inline void show(const char *name, const double *x, int64_t count)
{
    printf("%s", name);
    for (int64_t i = 0; i < count; i++) printf(" %.17g", x[i]);
    printf("\n");
}

static inline void show_integers(const char *name, const int64_t *x, int64_t count)
{
    printf("%s", name);
    for (int64_t i = 0; i < count; i++) printf(" %" PRId64, x[i]);
    printf("\n");
}

static char text[4096];

#define ERROR text, (int64_t)sizeof text

/* A call that has to succeed. */
#define CALL(call)                                                                                                     \
    do {                                                                                                               \
        int32_t status_ = (call);                                                                                      \
        if (status_ != MICROTOME_OK) {                                                                                 \
            fprintf(stderr, "line %d: status %d: %s\n", __LINE__, (int)status_, text);                                 \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A call that has to fail with a status, and say something. */
#define FAILS(call, wanted, part)                                                                                      \
    do {                                                                                                               \
        int32_t status_ = (call);                                                                                      \
        if (status_ != (wanted) || strstr(text, (part)) == NULL) {                                                     \
            fprintf(stderr, "line %d: status %d, expected %d and \"%s\": %s\n", __LINE__, (int)status_, (int)(wanted), \
                    (part), text);                                                                                     \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
