/*
 * Seconds of one gradient (forward and backward) of the models that people use, beside those of its
 * products alone by the same BLAS, in one thread. CPU time, the least of several readings: other
 * programs on the machine disturb it little.
 *
 *     network_bench            a table of all models at batches of 64 and 25
 *     network_bench blocks     what it costs to add a gradient from blocks of its batch
 *     network_bench -          one reading for each line MODEL BATCH of standard input
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_base/sum.h>
#include <vx_likelihood/model.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/gemm.h>

#define SECONDS    0.1 /* of a reading */
#define READINGS   7
#define PRODUCTS   16
#define SQUARE     1024
#define NUMBERS    (40u << 20) /* room for the operands of any product below */
#define FEATURES   784
#define CLASSES    10
#define BATCH_MAX  256
#define WARMUP     3
#define COUNTS     4 /* numbers of blocks */
#define GIGA       1e9
#define MICRO      1e6
#define MODELS_ALL (sizeof(models) / sizeof(models[0]))

typedef struct product {
    bool transpose_a, transpose_b;
    size_t m, n, k, times;
} product;

typedef struct network {
    const char *name, *family;
    size_t widths[2], widths_count;
} network;

static const network models[] = { { "linear", "linear", { 0 }, 0 },
                                  { "mlp-128", "mlp", { 128 }, 1 },
                                  { "mlp-512-512", "mlp", { 512, 512 }, 2 },
                                  { "cnn_mnist", "cnn_mnist", { 0 }, 0 } };

typedef struct bench {
    vx_model *model;
    float *theta, *gradient, *features;
    uint32_t *labels;
    size_t dimension, batch;
} bench;

static double now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "network_bench: %s\n", what);
    exit(1);
}

static bench begin(const network *net, size_t batch)
{
    vx_model_spec spec = { .family = net->family,
                           .features = FEATURES,
                           .outputs_data = CLASSES,
                           .image = { 1, 28, 28 },
                           .widths = net->widths,
                           .widths_count = net->widths_count,
                           .batch_max = batch };
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);
    bench b = { .batch = batch };

    must(vx_model_create(&spec, &b.model, NULL) == VX_OK, "no model");
    b.dimension = vx_model_dimension(b.model);
    b.theta = vx_aligned_calloc(b.dimension, sizeof(float));
    b.gradient = vx_aligned_calloc(b.dimension, sizeof(float));
    b.features = vx_aligned_calloc(batch * FEATURES, sizeof(float));
    b.labels = vx_calloc(batch, sizeof(uint32_t));
    must(b.theta != NULL && b.gradient != NULL && b.features != NULL && b.labels != NULL,
         "no memory");
    vx_model_initialise(b.model, 1, (vx_vecf){ b.theta, b.dimension });
    for (size_t i = 0; i < batch * FEATURES; i++)
        b.features[i] = (float)vx_rng_uniform(&rng);
    for (size_t i = 0; i < batch; i++)
        b.labels[i] = (uint32_t)vx_rng_below(&rng, CLASSES);
    return b;
}

static void end(bench *b)
{
    vx_model_destroy(b->model);
    vx_free(b->theta);
    vx_free(b->gradient);
    vx_free(b->features);
    vx_free(b->labels);
}

static void step(const bench *b)
{
    vx_batch batch = { .features = { b->features, b->batch, FEATURES, FEATURES },
                       .labels = b->labels,
                       .training = true };
    double nll = 0.0;

    must(vx_model_nll_gradient(b->model, (vx_cvecf){ b->theta, b->dimension }, &batch,
                               (vx_vecf){ b->gradient, b->dimension }, &nll) == VX_OK,
         "no gradient");
}

/* Seconds of one step: one reading. */
static double read_step(const bench *b)
{
    double start = 0.0;
    size_t count = 0;

    for (size_t i = 0; i < WARMUP; i++)
        step(b);
    start = now();
    while (now() - start < SECONDS) {
        step(b);
        count++;
    }
    return (now() - start) / (double)count;
}

static void add_product(product *list, size_t *count, product one)
{
    must(*count < PRODUCTS, "too many products");
    list[(*count)++] = one;
}

/* The three products of a linear layer; without that of the deltas below when it is the first. */
static void add_dense(product *list, size_t *count, size_t b, size_t in, size_t out, bool first)
{
    add_product(list, count, (product){ false, true, b, out, in, 1 });
    add_product(list, count, (product){ true, false, out, in, b, 1 });
    if (!first)
        add_product(list, count, (product){ false, false, b, in, out, 1 });
}

/* Those of a convolution, a column of the image at a time. */
static void add_conv(product *list, size_t *count, size_t b, size_t edge, size_t patch,
                     size_t units, bool first)
{
    add_product(list, count, (product){ false, true, b * edge, units, patch, edge });
    add_product(list, count, (product){ true, false, units, patch, b * edge, edge });
    if (!first)
        add_product(list, count, (product){ false, false, b * edge, patch, units, edge });
}

static size_t list_products(const network *net, size_t b, product *list)
{
    size_t count = 0;
    size_t in = FEATURES;

    if (strcmp(net->name, "cnn_mnist") == 0) {
        add_conv(list, &count, b, 24, 25, 20, true);
        add_conv(list, &count, b, 8, 500, 50, false);
        add_dense(list, &count, b, 800, 500, false);
        add_dense(list, &count, b, 500, CLASSES, false);
        return count;
    }
    for (size_t l = 0; l < net->widths_count; l++) {
        add_dense(list, &count, b, in, net->widths[l], l == 0);
        in = net->widths[l];
    }
    add_dense(list, &count, b, in, CLASSES, net->widths_count == 0);
    return count;
}

static void multiply(const product *p, float *memory)
{
    vx_cmatf a = { memory, p->transpose_a ? p->k : p->m, p->transpose_a ? p->m : p->k,
                   p->transpose_a ? p->m : p->k };
    vx_cmatf b = { memory + p->m * p->k, p->transpose_b ? p->n : p->k, p->transpose_b ? p->k : p->n,
                   p->transpose_b ? p->k : p->n };
    vx_matf c = { memory + p->m * p->k + p->k * p->n, p->m, p->n, p->n };

    must(vx_gemm_f32(p->transpose_a, p->transpose_b, 1.0f, a, b, 0.0f, c) == VX_OK, "no product");
}

/* Seconds of all products of a list, once. */
static double read_products(const product *list, size_t count, float *memory)
{
    double start = now();
    size_t rounds = 0;

    while (now() - start < SECONDS) {
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < list[i].times; k++)
                multiply(&list[i], memory);
        rounds++;
    }
    return (now() - start) / (double)rounds;
}

static double flops(const product *list, size_t count)
{
    double sum = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += 2.0 * (double)(list[i].m * list[i].n * list[i].k * list[i].times);
    return sum;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void measure(const network *net, size_t batch, float *memory)
{
    static const product square = { false, false, SQUARE, SQUARE, SQUARE, 1 };
    product list[PRODUCTS];
    size_t count = list_products(net, batch, list);
    bench b = begin(net, batch);
    double own = 1e9, products = 1e9, peak = 1e9;

    for (size_t i = 0; i < READINGS; i++) {
        own = least(own, read_step(&b));
        products = least(products, read_products(list, count, memory));
        peak = least(peak, read_products(&square, 1, memory));
    }
    printf("%-12s %5zu %9.1f %10.0f %9.1f %8.1f %8.1f %6.2f %6.2f\n", net->name, batch, own * MICRO,
           (double)batch / own, flops(list, count) / own / GIGA,
           flops(list, count) / products / GIGA, flops(&square, 1) / peak / GIGA, products / own,
           flops(list, count) / own * peak / flops(&square, 1));
    end(&b);
}

/* A step from blocks, as a worker that is alone takes it. */
typedef struct block_bench {
    bench own;
    size_t blocks, at;
    float *places[VX_SUM_PLACES_MAX];
} block_bench;

static void merge(void *context, size_t offset, size_t count)
{
    const block_bench *b = context;

    vx_sum_merge_f32(b->places, b->blocks, b->at, offset, count);
}

static void step_blocks(block_bench *b)
{
    const bench *own = &b->own;
    double totals[1] = { (double)own->batch };
    vx_flow flow = { merge, b };

    for (b->at = 0; b->at < b->blocks; b->at++) {
        size_t from = b->at * own->batch / b->blocks;
        size_t rows = (b->at + 1) * own->batch / b->blocks - from;
        float *place = b->places[vx_sum_place(b->blocks, b->at)];
        vx_batch batch = { .features = { own->features + from * FEATURES, rows, FEATURES,
                                         FEATURES },
                           .labels = own->labels + from,
                           .training = true,
                           .totals = totals,
                           .flow = &flow };
        double nll = 0.0;

        must(vx_model_nll_gradient(own->model, (vx_cvecf){ own->theta, own->dimension }, &batch,
                                   (vx_vecf){ place, own->dimension }, &nll) == VX_OK,
             "no gradient");
    }
}

static double read_blocks(block_bench *b)
{
    double start = 0.0;
    size_t count = 0;

    for (size_t i = 0; i < WARMUP; i++)
        step_blocks(b);
    start = now();
    while (now() - start < SECONDS) {
        step_blocks(b);
        count++;
    }
    return (now() - start) / (double)count;
}

static void measure_blocks(const network *net, size_t batch)
{
    static const size_t counts[COUNTS] = { 1, 2, 4, 8 };
    double best[COUNTS] = { 1e9, 1e9, 1e9, 1e9 };
    block_bench b = { .own = begin(net, batch) };

    for (size_t i = 0; i < VX_SUM_PLACES_MAX; i++) {
        b.places[i] = vx_aligned_calloc(b.own.dimension, sizeof(float));
        must(b.places[i] != NULL, "no memory");
    }
    for (size_t i = 0; i < READINGS; i++)
        for (size_t k = 0; k < COUNTS; k++) {
            b.blocks = counts[k];
            best[k] = least(best[k], read_blocks(&b));
        }
    printf("%-12s %5zu %9.1f %8.2f %8.2f %8.2f\n", net->name, batch, best[0] * MICRO,
           best[1] / best[0], best[2] / best[0], best[3] / best[0]);
    for (size_t i = 0; i < VX_SUM_PLACES_MAX; i++)
        vx_free(b.places[i]);
    end(&b.own);
}

static void tell_blocks(void)
{
    static const size_t batches[] = { 64, BATCH_MAX };

    printf("us of a gradient from one block; times that from more\n");
    printf("%-12s %5s %9s %8s %8s %8s\n", "model", "batch", "1", "2", "4", "8");
    for (size_t k = 0; k < sizeof(batches) / sizeof(batches[0]); k++)
        for (size_t i = 0; i < MODELS_ALL; i++)
            measure_blocks(&models[i], batches[k]);
}

static void answer_lines(void)
{
    char name[32];
    size_t batch = 0;

    while (scanf("%31s %zu", name, &batch) == 2) {
        size_t i = 0;
        bench b;

        while (i < MODELS_ALL && strcmp(models[i].name, name) != 0)
            i++;
        must(i < MODELS_ALL && batch >= 1 && batch <= BATCH_MAX, "expected MODEL BATCH");
        b = begin(&models[i], batch);
        printf("%.9f\n", read_step(&b));
        fflush(stdout);
        end(&b);
    }
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 64, 25 };
    float *memory = NULL;

    vx_blas_set_threads(1);
    if (argc == 2 && strcmp(argv[1], "-") == 0) {
        answer_lines();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "blocks") == 0) {
        tell_blocks();
        return 0;
    }
    memory = vx_aligned_calloc(NUMBERS, sizeof(float));
    must(memory != NULL, "no memory");
    for (size_t i = 0; i < NUMBERS; i++)
        memory[i] = (float)(i % 7) - 3.0f;
    printf("BLAS %s; GFLOP/s: of the gradient, of its products alone, of a square of %d\n",
           vx_blas_core(), SQUARE);
    printf("%-12s %5s %9s %10s %9s %8s %8s %6s %6s\n", "model", "batch", "us", "samples/s",
           "gradient", "products", "square", "share", "peak");
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < MODELS_ALL; i++)
            measure(&models[i], batches[k], memory);
    vx_free(memory);
    return 0;
}
