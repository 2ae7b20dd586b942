/* Adam's two moments of a linear model, from C: the gradient of the mean cost, and the mean of the squared gradients
 * of single examples.
 *
 *     microtome build moment.tome --fn gradient --fn second_moment -o libmoment.a
 *     cc -O2 moment.c libmoment.a -lpthread -ldl -lm -o moment
 *     ./moment
 */
#include "moment.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXAMPLES = 1000, FEATURES = 4 };

/* Ends the program with the library's text, if a call has failed. */
static void check(int32_t status, const char *text)
{
    if (status != MICROTOME_OK) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
}

int main(void)
{
    /* The features lie in columns, as Fortran and R have them: strides say so. */
    static double x[FEATURES][EXAMPLES], y[EXAMPLES];
    for (int i = 0; i < EXAMPLES; i++) {
        for (int j = 0; j < FEATURES; j++) x[j][i] = (double)((i * (j + 3) + j) % 17) / 8.0 - 1.0;
        y[i] = 2.0 * x[0][i] - x[1][i] + 0.5;
    }
    const double w[FEATURES] = {0.5, 0.5, 0.0, 0.0};

    const int64_t x_shape[] = {EXAMPLES, FEATURES}, x_strides[] = {1, EXAMPLES};
    const int64_t y_shape[] = {EXAMPLES}, w_shape[] = {FEATURES};
    char text[1024];

    /* Sizes are found from the arguments. Here they are known; a program that does not know them asks. */
    int64_t out_shape[1];
    check(moment_second_moment_sizes(x_shape, y_shape, w_shape, out_shape, text, sizeof text), text);
    double *first = malloc((size_t)out_shape[0] * sizeof *first);
    double *second = malloc((size_t)out_shape[0] * sizeof *second);
    if (first == NULL || second == NULL) return 1;

    check(moment_gradient(&x[0][0], x_shape, x_strides, y, y_shape, NULL, w, w_shape, NULL,
                          first, out_shape, NULL, text, sizeof text), text);
    check(moment_second_moment(&x[0][0], x_shape, x_strides, y, y_shape, NULL, w, w_shape, NULL,
                               second, out_shape, NULL, text, sizeof text), text);
    for (int j = 0; j < FEATURES; j++) printf("w[%d]  gradient %8.4f  second moment %8.4f\n", j, first[j], second[j]);

    /* What is wrong comes back as a status and a text. */
    const int64_t too_few[] = {EXAMPLES - 1};
    int32_t status = moment_gradient(&x[0][0], x_shape, x_strides, y, too_few, NULL, w, w_shape, NULL,
                                     first, out_shape, NULL, text, sizeof text);
    printf("status %d: %s\n", (int)status, text);

    free(first);
    free(second);
    return 0;
}
