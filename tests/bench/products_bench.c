/*
 * Seconds of the products, of a weighted sum and of <x_i, v> over (n, d) float32 rows, beside the
 * time of reading the same bytes once with the same threads, for each processor path.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>
#include <vx_linalg/path.h>
#include <vx_linalg/products.h>

enum { PASSES_MAX = 1000, CHUNK = 1 << 15 };

typedef struct bench {
    float *rows, *sum;
    const float **row;
    double *k, *d, *weights;
    size_t n, columns, passes;
    vx_parallel *parallel;
    vx_products *products;
    volatile uint64_t seen; /* so that no reading is optimised away */
} bench;

typedef void step(bench *b);

static double now_s(void)
{
    vx_clock clock = vx_clock_system();

    return (double)vx_clock_monotonic_ns(&clock) / (double)VX_NS_PER_S;
}

static void read_part(void *context, size_t part, unsigned thread)
{
    bench *b = context;
    size_t words = b->n * b->columns / 2, from = part * CHUNK;
    size_t end = words - from < CHUNK ? words : from + CHUNK;
    const uint64_t *at = (const uint64_t *)(const void *)b->rows;
    uint64_t sum = 0;

    (void)thread;
    for (size_t i = from; i < end; i++)
        sum += at[i];
    if (sum == 42)
        b->seen = sum;
}

static void read_all(bench *b)
{
    vx_parallel_run(b->parallel, (b->n * b->columns / 2 + CHUNK - 1) / CHUNK, read_part, b);
}

static vx_rowset rows_of(const bench *b)
{
    return (vx_rowset){ b->row, NULL, b->n, b->columns };
}

static void multiply(bench *b)
{
    vx_products_run(b->products, rows_of(b), (vx_mat){ b->k, b->n, b->n, b->n },
                    (vx_mat){ b->d, b->n, b->n, b->n });
}

static void combine(bench *b)
{
    vx_combine(b->parallel, rows_of(b), b->weights, (vx_real){ b->sum, NULL, b->columns });
}

static void with_one(bench *b)
{
    vx_products_with(b->products, rows_of(b), (vx_real){ b->sum, NULL, b->columns }, b->k);
}

/* The least of all passes: other programs only add to it. */
static void time_steps(bench *b, step *const *steps, size_t count, double *ret_s)
{
    for (size_t i = 0; i < count; i++)
        ret_s[i] = 1e30;
    for (size_t pass = 0; pass < b->passes; pass++) {
        for (size_t i = 0; i < count; i++) {
            double start = now_s(), took;

            steps[i](b);
            took = now_s() - start;
            ret_s[i] = took < ret_s[i] ? took : ret_s[i];
        }
    }
}

static void report(bench *b, unsigned threads)
{
    static step *const steps[] = { read_all, multiply, combine, with_one };
    double pairs = (double)(b->n * (b->n + 1) / 2), s[4];

    time_steps(b, steps, 4, s);
    printf("%2u %3zu %9zu %-8s read %7.2f ms %5.1f GB/s  products %8.2f ms %5.2f x %5.1f GFMA/s  "
           "combine %7.2f ms %4.2f x  both %5.2f x  with %7.2f ms %4.2f x\n",
           threads, b->n, b->columns, vx_kernel_path_in_use(), 1e3 * s[0],
           4e-9 * (double)(b->n * b->columns) / s[0], 1e3 * s[1], s[1] / s[0],
           1e-9 * pairs * (double)b->columns / s[1], 1e3 * s[2], s[2] / s[0], (s[1] + s[2]) / s[0],
           1e3 * s[3], s[3] / s[0]);
    fflush(stdout);
}

static bool measure(bench *b, unsigned threads)
{
    bool good = vx_parallel_create(threads, &b->parallel) == VX_OK &&
                vx_products_create(b->parallel, b->n, &b->products) == VX_OK;

    for (size_t path = 0; good && path < vx_kernel_path_count(); path++) {
        if (vx_kernel_path_use(vx_kernel_path_name(path)))
            report(b, threads);
    }
    b->products = vx_products_destroy(b->products);
    b->parallel = vx_parallel_destroy(b->parallel);
    return good;
}

/* common > 0: a common part that many times the spread, which D is summed from differences for. */
static bool fill(bench *b, double common)
{
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);

    b->rows = vx_aligned_calloc(b->n * b->columns, sizeof(float));
    b->sum = vx_aligned_calloc(b->columns, sizeof(float));
    b->row = vx_calloc(b->n, sizeof(*b->row));
    b->k = vx_calloc(b->n * b->n, sizeof(double));
    b->d = vx_calloc(b->n * b->n, sizeof(double));
    b->weights = vx_calloc(b->n, sizeof(double));
    if (b->rows == NULL || b->sum == NULL || b->row == NULL || b->k == NULL || b->d == NULL ||
        b->weights == NULL)
        return false;
    for (size_t i = 0; i < b->n * b->columns; i++)
        b->rows[i] = (float)(vx_rng_uniform(&rng) - 0.4 + common);
    for (size_t i = 0; i < b->n; i++) {
        b->row[i] = b->rows + i * b->columns;
        b->weights[i] = 1.0 / (double)b->n;
    }
    return true;
}

static bool run(size_t n, size_t d, size_t passes, double common)
{
    bench b = { .n = n, .columns = d, .passes = passes };
    bool good = fill(&b, common);

    for (unsigned threads = 1; good && threads <= 2; threads++)
        good = measure(&b, threads);
    vx_free(b.rows);
    vx_free(b.sum);
    vx_free(b.row);
    vx_free(b.k);
    vx_free(b.d);
    vx_free(b.weights);
    return good;
}

static size_t argument(int count, char **arguments, int index, size_t otherwise)
{
    return index < count ? strtoul(arguments[index], NULL, 10) : otherwise;
}

int main(int count, char **arguments)
{
    size_t passes = argument(count, arguments, 1, 7), n = argument(count, arguments, 2, 0);
    size_t d = argument(count, arguments, 3, 0);
    double common = (double)argument(count, arguments, 4, 0);
    bool good;

    if (passes < 1 || passes > PASSES_MAX) {
        fprintf(stderr, "usage: %s [passes 1..%d] [rows columns [common part]]\n", arguments[0],
                PASSES_MAX);
        return 2;
    }
    printf("threads, rows, columns, path; x: times the reading of all rows once\n");
    if (n > 0)
        good = run(n, d, passes, common);
    else
        good = run(10, 1000000, passes, common) && run(20, 1000000, passes, common) &&
               run(15, 11000000, passes, common);
    return good ? 0 : 1;
}
