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
    vx_aggregator *aggregator; /* of the kind that is timed now: two would have two memories */
    vx_parallel *parallel;
    float *sums; /* one a part: what was read must be used */
    double read_s, alone_s, measured_s;
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
    b->present = vx_calloc(b->n, sizeof(bool));
    b->sums = vx_calloc(parts_of(b), sizeof(float));
    return b->rows != NULL && b->present != NULL && b->sums != NULL;
}

/* Where the update goes: into the memory of a rule that has one. */
static bool take_update(bench *b, vx_vecf *ret_update)
{
    *ret_update = vx_aggregator_memory(b->aggregator);
    if (ret_update->at != NULL)
        return true;
    if (b->update == NULL)
        b->update = vx_aligned_calloc(b->d, sizeof(float));
    *ret_update = (vx_vecf){ b->update, b->d };
    return b->update != NULL;
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

static vx_status time_once(bench *b, vx_vecf update, double *least_s, vx_error *err)
{
    double began = now_s(), took_s;
    vx_status status = vx_aggregator_run(b->aggregator, (vx_cmatf){ b->rows, b->n, b->d, b->d },
                                         b->present, update, NULL, err);

    took_s = now_s() - began;
    *least_s = took_s < *least_s ? took_s : *least_s;
    return status;
}

/* PASSES readings, each followed by the rule; the least of each. */
static vx_status time_rule(bench *b, const vx_aggregate_options *options, double *ret_least_s,
                           vx_error *err)
{
    vx_vecf update = { NULL, 0 };
    vx_status status = vx_aggregator_create(options, b->n, b->d, &b->aggregator, err);

    *ret_least_s = 1e300;
    if (status == VX_OK && !take_update(b, &update))
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for an update of %zu", b->d);
    for (int pass = 0; pass < PASSES && status == VX_OK; pass++) {
        double read_s = time_read(b);

        b->read_s = read_s < b->read_s ? read_s : b->read_s;
        status = time_once(b, update, ret_least_s, err);
    }
    b->aggregator = vx_aggregator_destroy(b->aggregator);
    return status;
}

static void print(const bench *b, const vx_aggregate_options *options, bool json)
{
    double bytes = (double)b->n * (double)b->d * (double)sizeof(float);

    if (json)
        (void)printf("{\"format\":1,\"rule\":\"%s\",\"rows\":%zu,\"dimension\":%zu,\"threads\":%u,"
                     "\"seconds\":%.6g,\"measured_seconds\":%.6g,\"read_seconds\":%.6g}\n",
                     options->rule, b->n, b->d, options->threads, b->alone_s, b->measured_s,
                     b->read_s);
    else
        (void)printf("%s on (%zu, %zu) float32, %u threads\n"
                     "  one reading of the rows   %8.4f s  %.1f GB/s\n"
                     "  the update alone          %8.4f s  %.2f readings\n"
                     "  with the report of rows   %8.4f s  %.2f readings\n",
                     options->rule, b->n, b->d, options->threads, b->read_s,
                     bytes / b->read_s * 1e-9, b->alone_s, b->alone_s / b->read_s, b->measured_s,
                     b->measured_s / b->read_s);
}

static vx_status measure(bench *b, const vx_aggregate_options *options, vx_error *err)
{
    vx_aggregate_options alone = *options, measured = *options;
    vx_status status;

    alone.measure = false;
    measured.measure = true;
    b->read_s = 1e300;
    for (size_t i = 0; i < b->n; i++)
        b->present[i] = true;
    vx_parallel_run(b->parallel, parts_of(b), fill_part, b);
    status = time_rule(b, &alone, &b->alone_s, err);
    return status == VX_OK ? time_rule(b, &measured, &b->measured_s, err) : status;
}

static vx_status create(bench *b, const vx_aggregate_options *options, vx_error *err)
{
    vx_status status = vx_aggregator_create(options, b->n, b->d, &b->aggregator, err);

    b->aggregator = vx_aggregator_destroy(b->aggregator); /* it says what does not fit */
    if (status != VX_OK)
        return status;
    status = vx_parallel_create(options->threads, &b->parallel);
    if (status == VX_OK && !reserve(b))
        status = VX_ERR_NOMEM;
    return status == VX_OK ? VX_OK
                           : vx_fail(err, status, "no memory for %zu rows of %zu", b->n, b->d);
}

vx_status vx_ctl_aggregate_bench(const char *shape, const vx_aggregate_options *options, bool json,
                                 vx_error *err)
{
    bench b = { 0 };
    vx_status status;

    if (!parse_shape(shape, &b))
        return vx_fail(err, VX_ERR_CONFIG,
                       "--bench: expected NxD such as 15x1000000, found '%.64s'", shape);
    status = create(&b, options, err);
    if (status == VX_OK)
        status = measure(&b, options, err);
    if (status == VX_OK)
        print(&b, options, json);
    vx_parallel_destroy(b.parallel);
    vx_free(b.rows);
    vx_free(b.update);
    vx_free(b.present);
    vx_free(b.sums);
    return status;
}
