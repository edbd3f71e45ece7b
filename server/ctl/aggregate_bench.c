#include "aggregate_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>
#include <vx_linalg/parallel.h>

enum { PASSES = 5, PART = 1 << 16, LANES = 8 };

typedef struct bench {
    size_t n, d;
    float *rows, *update;
    bool *present;
    vx_aggregator *aggregator;
    vx_parallel *parallel;
    float *sums; /* one a part: what was read must be used */
} bench;

static double now_s(void)
{
    vx_clock clock = vx_clock_system();

    return (double)vx_clock_monotonic_ns(&clock) / (double)VX_NS_PER_S;
}

static bool parse_shape(const char *shape, bench *b)
{
    char *end = NULL;

    b->n = strtoul(shape, &end, 10);
    if (end == shape || *end != 'x' || b->n == 0 || b->n > VX_WORKERS_MAX)
        return false;
    shape = end + 1;
    b->d = strtoull(shape, &end, 10);
    return end != shape && *end == '\0' && b->d > 0 && b->d <= VX_DIMENSION_MAX;
}

static size_t parts_of(const bench *b)
{
    return (b->n * b->d + PART - 1) / PART;
}

static bool reserve(bench *b)
{
    b->rows = vx_aligned_calloc(b->n * b->d, sizeof(float));
    b->update = vx_aligned_calloc(b->d, sizeof(float));
    b->present = vx_calloc(b->n, sizeof(bool));
    b->sums = vx_calloc(parts_of(b), sizeof(float));
    return b->rows != NULL && b->update != NULL && b->present != NULL && b->sums != NULL;
}

static void fill_part(void *context, size_t part, unsigned thread)
{
    bench *b = context;
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, part);
    size_t end = (part + 1) * PART < b->n * b->d ? (part + 1) * PART : b->n * b->d;

    (void)thread;
    for (size_t i = part * PART; i < end; i++)
        b->rows[i] = (float)((int32_t)vx_rng_u32(&rng)) * 0x1p-31f + 0.1f;
}

/* Sums in lanes that a compiler turns into vectors: as fast as memory. */
static void read_part(void *context, size_t part, unsigned thread)
{
    bench *b = context;
    float lane[LANES] = { 0.0f };
    const float *at = b->rows + part * PART;
    size_t left = b->n * b->d - part * PART, count = left < PART ? left : PART;

    (void)thread;
    for (size_t k = 0; k + LANES <= count; k += LANES) {
        for (size_t l = 0; l < LANES; l++)
            lane[l] += at[k + l];
    }
    b->sums[part] = lane[0] + lane[1] + lane[2] + lane[3] + lane[4] + lane[5] + lane[6] + lane[7];
}

static double time_read(bench *b)
{
    double began = now_s();

    vx_parallel_run(b->parallel, parts_of(b), read_part, b);
    return now_s() - began;
}

static vx_status time_rule(bench *b, double *ret_s, vx_error *err)
{
    double began = now_s();
    vx_status status = vx_aggregator_run(b->aggregator, (vx_cmatf){ b->rows, b->n, b->d, b->d },
                                         b->present, (vx_vecf){ b->update, b->d }, NULL, err);

    *ret_s = now_s() - began;
    return status;
}

static void print(const bench *b, const vx_aggregate_options *options, bool json, double rule_s,
                  double read_s)
{
    double bytes = (double)b->n * (double)b->d * (double)sizeof(float);

    if (json)
        (void)printf("{\"format\":1,\"rule\":\"%s\",\"rows\":%zu,\"dimension\":%zu,\"threads\":%u,"
                     "\"seconds\":%.6g,\"read_seconds\":%.6g,\"ratio\":%.4g}\n",
                     options->rule, b->n, b->d, options->threads, rule_s, read_s, rule_s / read_s);
    else
        (void)printf("%s on (%zu, %zu) float32, %u threads: %.4f s; one reading of the rows %.4f s "
                     "(%.1f GB/s): %.2f times that\n",
                     options->rule, b->n, b->d, options->threads, rule_s, read_s,
                     bytes / read_s * 1e-9, rule_s / read_s);
}

static vx_status measure(bench *b, const vx_aggregate_options *options, bool json, vx_error *err)
{
    double least_rule = 1e300, least_read = 1e300;

    for (size_t i = 0; i < b->n; i++)
        b->present[i] = true;
    vx_parallel_run(b->parallel, parts_of(b), fill_part, b);
    for (int pass = 0; pass < PASSES; pass++) {
        double rule_s = 0.0, read_s = time_read(b);
        vx_status status = time_rule(b, &rule_s, err);

        if (status != VX_OK)
            return status;
        least_rule = rule_s < least_rule ? rule_s : least_rule;
        least_read = read_s < least_read ? read_s : least_read;
    }
    print(b, options, json, least_rule, least_read);
    return VX_OK;
}

vx_status vx_ctl_aggregate_bench(const char *shape, const vx_aggregate_options *options, bool json,
                                 vx_error *err)
{
    bench b = { 0 };
    vx_status status = VX_OK;

    if (!parse_shape(shape, &b))
        return vx_fail(err, VX_ERR_CONFIG,
                       "--bench: expected NxD such as 15x1000000, found '%.64s'", shape);
    status = vx_aggregator_create(options, b.n, b.d, &b.aggregator, err);
    if (status != VX_OK)
        goto out;
    status = vx_parallel_create(options->threads, &b.parallel);
    if (status == VX_OK && !reserve(&b))
        status = VX_ERR_NOMEM;
    status = status == VX_OK ? measure(&b, options, json, err)
                             : vx_fail(err, status, "no memory for %zu rows of %zu", b.n, b.d);
out:
    vx_aggregator_destroy(b.aggregator);
    vx_parallel_destroy(b.parallel);
    vx_free(b.rows);
    vx_free(b.update);
    vx_free(b.present);
    vx_free(b.sums);
    return status;
}
