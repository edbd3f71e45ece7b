/*
 * Seconds of every rule, alone and behind nnm, on (n, d) gradients in float, and how often G could
 * have been read in that time by the same threads. The limit stands beside: 4 readings for rules
 * that need products only, 5 for coordinate rules without the report's products ("unmeasured").
 *
 *     aggregate_bench [workers] [parameters] [byzantine] [threads] [passes]
 *
 * Without arguments: (10, 1e6), (20, 1e6) and (15, 11e6), with 1 and 2 threads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/parallel.h>

enum { READ_PARTS = 4096 / sizeof(uint64_t) };

typedef struct bench {
    float *gradients, *update;
    bool *present;
    size_t n, d, f;
    unsigned threads, passes;
    double read_s, mean_s; /* of one reading of G, the best so far, and of the rule mean */
    uint64_t checksum;     /* so that the reading is not left out */
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
    b->present = vx_calloc(b->n, sizeof(bool));
    if (b->gradients == NULL || b->update == NULL || b->present == NULL)
        return false;
    for (size_t i = 0; i < b->n * b->d; i++)
        b->gradients[i] = (float)vx_rng_uniform(&rng) - 0.4f;
    for (size_t i = 0; i < b->n; i++)
        b->present[i] = true;
    return true;
}

static void clear(bench *b)
{
    vx_free(b->gradients);
    vx_free(b->update);
    vx_free(b->present);
}

/* All bytes of G once, eight sums that do not wait for each other. */
typedef struct reading {
    const float *at;
    size_t count;
    uint64_t sums[READ_PARTS];
} reading;

static void read_part(void *context, size_t part, unsigned thread)
{
    typedef uint64_t four __attribute__((vector_size(32)));
    reading *r = context;
    size_t width = r->count / READ_PARTS / 64 * 64;
    const char *at = (const char *)(r->at + part * width);
    four sum[4];

    (void)thread;
    memset(sum, 0, sizeof(sum));
    for (size_t k = 0; k + sizeof(sum) <= width * sizeof(float); k += sizeof(sum)) {
        four v[4];

        memcpy(v, at + k, sizeof(v));
        for (size_t i = 0; i < 4; i++)
            sum[i] += v[i];
    }
    sum[0] += sum[1] + sum[2] + sum[3];
    r->sums[part] = sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

static double time_reading(bench *b, unsigned passes)
{
    vx_parallel *parallel = NULL;
    reading *r = vx_calloc(1, sizeof(*r));
    double best = 1e30;
    uint64_t sum = 0;

    if (r == NULL || vx_parallel_create(b->threads, &parallel) != VX_OK) {
        vx_free(r);
        return best;
    }
    r->at = b->gradients;
    r->count = b->n * b->d;
    for (unsigned pass = 0; pass < passes; pass++) {
        double start = now_s(), seconds;

        vx_parallel_run(parallel, READ_PARTS, read_part, r);
        seconds = now_s() - start;
        best = seconds < best ? seconds : best;
        sum += r->sums[pass % READ_PARTS];
    }
    b->checksum ^= sum;
    vx_parallel_destroy(parallel);
    vx_free(r);
    return best;
}

static double time_rule(bench *b, const vx_rule_info *info, bool mixed, bool measure)
{
    static const char *const chain[] = { "nnm" };
    vx_aggregate_options options = vx_aggregate_options_default();
    vx_aggregator *aggregator = NULL;
    double best = 1e30;
    vx_error err;

    options.rule = info->name;
    options.byzantine = b->f;
    options.threads = b->threads;
    options.pre = chain;
    options.pre_count = mixed ? 1 : 0;
    options.measure = measure;
    if (vx_aggregator_create(&options, b->n, b->d, &aggregator, &err) != VX_OK) {
        printf("%-26s %s\n", info->name, err.message);
        return best;
    }
    for (unsigned pass = 0; pass < b->passes; pass++) {
        double start = now_s(), seconds;

        if (vx_aggregator_run(aggregator, (vx_cmatf){ b->gradients, b->n, b->d, b->d }, b->present,
                              (vx_vecf){ b->update, b->d }, NULL, &err) != VX_OK)
            printf("%s: %s\n", info->name, err.message);
        seconds = now_s() - start;
        best = seconds < best ? seconds : best;
    }
    vx_aggregator_destroy(aggregator);
    return best;
}

/* The reading is repeated beside each rule: the machine may be slower now and then. */
static void print(bench *b, const char *before, const char *name, double seconds, const char *limit)
{
    char text[64];
    double read = time_reading(b, 2);

    b->read_s = read < b->read_s ? read : b->read_s;
    snprintf(text, sizeof(text), "%s%s", before, name);
    printf("%-26s %9.4f s  %6.2f readings%s  %6.2f means\n", text, seconds, seconds / b->read_s,
           limit, seconds / b->mean_s);
}

static void time_all(bench *b)
{
    printf("n = %zu, d = %zu, f = %zu, %u thread%s\n", b->n, b->d, b->f, b->threads,
           b->threads > 1 ? "s" : "");
    b->read_s = time_reading(b, b->passes);
    printf("%-26s %9.4f s  %5.1f GB/s\n", "read", b->read_s,
           (double)(b->n * b->d) * sizeof(float) / b->read_s / 1e9);
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_rule_info info = vx_rule_at(i);
        double seconds;

        if (!info.gram)
            print(b, "unmeasured ", info.name, time_rule(b, &info, false, false), " (limit 5)");
        seconds = time_rule(b, &info, false, true);
        b->mean_s = i == 0 ? seconds : b->mean_s; /* the registry begins with it */
        print(b, "", info.name, seconds, info.gram ? " (limit 4)" : "          ");
        print(b, "nnm + ", info.name, time_rule(b, &info, true, true),
              info.gram ? " (limit 4)" : "          ");
    }
    printf("%-26s %9.4f s, the best of all; bits %llx\n", "read", b->read_s,
           (unsigned long long)b->checksum);
}

static int run(bench b, unsigned threads_from)
{
    if (!fill(&b)) {
        fprintf(stderr, "no memory for (%zu, %zu) gradients\n", b.n, b.d);
        clear(&b);
        return 1;
    }
    for (unsigned most = b.threads, threads = threads_from; threads <= most; threads++) {
        b.threads = threads;
        time_all(&b);
    }
    clear(&b);
    return 0;
}

int main(int count, char **arguments)
{
    static const size_t shapes[][3] = { { 10, 1000000, 2 },
                                        { 20, 1000000, 4 },
                                        { 15, 11000000, 3 } };
    unsigned threads = (unsigned)argument(count, arguments, 4, 2);
    unsigned passes = (unsigned)argument(count, arguments, 5, 3);
    int failed = 0;

    vx_blas_set_threads(1);
    if (count > 2)
        return run((bench){ .n = argument(count, arguments, 1, 15),
                            .d = argument(count, arguments, 2, 11000000),
                            .f = argument(count, arguments, 3, 3),
                            .threads = threads,
                            .passes = passes },
                   threads);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        failed |= run((bench){ .n = shapes[i][0],
                               .d = shapes[i][1],
                               .f = shapes[i][2],
                               .threads = 2,
                               .passes = passes },
                      1);
    return failed;
}
