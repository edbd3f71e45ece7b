/* Seconds of every rule on (n, d) gradients, and how often G could have been read in that time. */
#include <stdio.h>
#include <stdlib.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>
#include <vx_linalg/combine.h>
#include <vx_linalg/finite.h>
#include <vx_linalg/gram.h>

enum { PASSES = 3 };

typedef struct bench {
    float *gradients, *update;
    double *gram, *weights;
    bool *present;
    size_t n, d, f;
    double read_s; /* one reading of G */
} bench;

static double now_s(void)
{
    vx_clock clock = vx_clock_system();

    return (double)vx_clock_monotonic_ns(&clock) / (double)VX_NS_PER_S;
}

static size_t argument(int count, char **arguments, int index, size_t otherwise)
{
    return index < count ? strtoul(arguments[index], NULL, 10) : otherwise;
}

static bool fill(bench *b)
{
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);

    b->gradients = vx_aligned_calloc(b->n * b->d, sizeof(float));
    b->update = vx_aligned_calloc(b->d, sizeof(float));
    b->gram = vx_calloc(b->n * b->n, sizeof(double));
    b->weights = vx_calloc(b->n, sizeof(double));
    b->present = vx_calloc(b->n, sizeof(bool));
    if (b->gradients == NULL || b->update == NULL || b->gram == NULL || b->weights == NULL ||
        b->present == NULL)
        return false;
    for (size_t i = 0; i < b->n * b->d; i++)
        b->gradients[i] = (float)vx_rng_uniform(&rng) - 0.4f;
    for (size_t i = 0; i < b->n; i++) {
        b->present[i] = true;
        b->weights[i] = 1.0 / (double)b->n;
    }
    return true;
}

static vx_cmatf rows_of(const bench *b)
{
    return (vx_cmatf){ b->gradients, b->n, b->d, b->d };
}

static void print(const bench *b, const char *name, double seconds)
{
    printf("%-24s %9.4f s %7.2f readings\n", name, seconds, seconds / b->read_s);
}

static void time_kernels(bench *b)
{
    double read = 1e30, gram = 1e30, combine = 1e30;
    bool good = true;

    for (int pass = 0; pass < PASSES; pass++) {
        double start = now_s(), after;

        good = vx_all_finite_f32((vx_cvecf){ b->gradients, b->n * b->d }) && good;
        after = now_s();
        read = after - start < read ? after - start : read;
        good =
            vx_gram_f32(rows_of(b), b->present, (vx_mat){ b->gram, b->n, b->n, b->n }) == VX_OK &&
            good;
        start = now_s();
        gram = start - after < gram ? start - after : gram;
        good = vx_combine_f32(rows_of(b), (vx_cvec){ b->weights, b->n },
                              (vx_vecf){ b->update, b->d }) == VX_OK &&
               good;
        after = now_s();
        combine = after - start < combine ? after - start : combine;
    }
    b->read_s = read;
    print(b, good ? "read (finite check)" : "FAILED", read);
    print(b, "gram", gram);
    print(b, "combine", combine);
}

static void time_rule(bench *b, const char *rule, bool mixed)
{
    static const char *const chain[] = { "nnm" };
    vx_aggregate_options options = vx_aggregate_options_default();
    vx_aggregator *aggregator = NULL;
    double best = 1e30;
    char name[64];
    vx_error err;

    options.rule = rule;
    options.byzantine = b->f;
    options.pre = chain;
    options.pre_count = mixed ? 1 : 0;
    if (vx_aggregator_create(&options, b->n, b->d, &aggregator, &err) != VX_OK) {
        printf("%-24s %s\n", rule, err.message);
        return;
    }
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now_s(), seconds;

        if (vx_aggregator_run(aggregator, rows_of(b), b->present, (vx_vecf){ b->update, b->d },
                              NULL, &err) != VX_OK)
            printf("%s: %s\n", rule, err.message);
        seconds = now_s() - start;
        best = seconds < best ? seconds : best;
    }
    snprintf(name, sizeof(name), "%s%s", mixed ? "nnm + " : "", rule);
    print(b, name, best);
    vx_aggregator_destroy(aggregator);
}

int main(int count, char **arguments)
{
    bench b = { .n = argument(count, arguments, 1, 15),
                .d = argument(count, arguments, 2, 11000000),
                .f = argument(count, arguments, 3, 3) };

    if (!fill(&b)) {
        fprintf(stderr, "no memory for (%zu, %zu) gradients\n", b.n, b.d);
        return 1;
    }
    printf("n = %zu, d = %zu, f = %zu, one thread\n", b.n, b.d, b.f);
    time_kernels(&b);
    for (size_t i = 0; i < vx_rule_count(); i++) {
        time_rule(&b, vx_rule_at(i).name, false);
        time_rule(&b, vx_rule_at(i).name, true);
    }
    vx_free(b.gradients);
    vx_free(b.update);
    vx_free(b.gram);
    vx_free(b.weights);
    vx_free(b.present);
    return 0;
}
