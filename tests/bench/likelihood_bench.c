/*
 * How fast gradients are, one thread: of networks as a share of the rate of a large sgemm, of K
 * linear models at once as a ratio to K alone, of sparse rows as a ratio to dense ones. The best of
 * many passes, so that the load of a machine counts less.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/rng.h>
#include <vx_likelihood/model.h>
#include <vx_linalg/blas.h>
#include <vx_linalg/gemm.h>

enum { BATCH = 64, FEATURES = 784, CLASSES = 10, COLUMNS = 100, SQUARE = 384, PASSES = 200 };

typedef struct bench {
    float *x, *y, *theta, *gradient;
    uint32_t *labels;
    vx_batch batch;
} bench;

static double now_s(void)
{
    vx_clock clock = vx_clock_system();

    return (double)vx_clock_monotonic_ns(&clock) / (double)VX_NS_PER_S;
}

static float *numbers(size_t n)
{
    float *v = vx_aligned_calloc(n, sizeof(float));
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, n);

    if (v == NULL)
        exit(71);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)vx_rng_normal(&rng);
    return v;
}

/* Flops a second of a large product. */
static double sgemm_rate(void)
{
    float *a = numbers(SQUARE * SQUARE), *b = numbers(SQUARE * SQUARE),
          *c = numbers(SQUARE * SQUARE);
    double best = HUGE_VAL;

    for (int p = 0; p < PASSES; p++) {
        double began = now_s();

        if (vx_gemm_f32(false, true, 1, (vx_cmatf){ a, SQUARE, SQUARE, SQUARE },
                        (vx_cmatf){ b, SQUARE, SQUARE, SQUARE }, 0,
                        (vx_matf){ c, SQUARE, SQUARE, SQUARE }) != VX_OK)
            exit(70);
        best = fmin(best, now_s() - began);
    }
    vx_free(a);
    vx_free(b);
    vx_free(c);
    return 2.0 * SQUARE * SQUARE * SQUARE / best;
}

/* Seconds of a gradient. */
static double time_of(bench *b, const vx_model_spec *spec)
{
    vx_model *model = NULL;
    double best = HUGE_VAL, nll = 0;
    vx_error err = { 0 };
    size_t d = 0;

    if (vx_model_create(spec, &model, &err) != VX_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(70);
    }
    d = vx_model_dimension(model);
    b->theta = numbers(d);
    b->gradient = numbers(d);
    vx_model_initialise(model, 1, (vx_vecf){ b->theta, d });
    for (int p = 0; p < PASSES; p++) {
        double began = now_s();

        if (vx_model_nll_gradient(model, (vx_cvecf){ b->theta, d }, &b->batch,
                                  (vx_vecf){ b->gradient, d }, &nll) != VX_OK)
            exit(70);
        best = fmin(best, now_s() - began);
    }
    vx_free(b->theta);
    vx_free(b->gradient);
    vx_model_destroy(model);
    return best;
}

/* Of the products alone: 2 b in out forward and for the weights, and for the input but the first.
 */
static double flops_of(const vx_model_spec *spec)
{
    double flops = 0;
    size_t in = spec->features;

    for (size_t l = 0; l <= spec->widths_count; l++) {
        size_t out = l < spec->widths_count ? spec->widths[l] : spec->outputs_data;

        flops += 2.0 * BATCH * (double)in * (double)out * (l == 0 ? 2 : 3);
        in = out;
    }
    return flops;
}

static void networks(bench *b, double rate)
{
    static const char *const names[] = { "relu", "tanh", "gelu" };
    static const size_t widths[][3] = { { 128 }, { 512, 512 }, { 1024, 1024, 1024 } };

    for (size_t w = 0; w < 3; w++)
        for (int activation = 0; activation < 3; activation++) {
            const vx_model_spec spec = { .family = "mlp",
                                         .features = FEATURES,
                                         .outputs_data = CLASSES,
                                         .widths = widths[w],
                                         .widths_count = w + 1,
                                         .activation = (vx_activation)activation,
                                         .batch_max = BATCH };
            double seconds = time_of(b, &spec);

            printf("mlp %zu x %4zu %s  %8.3f ms  %5.1f%% of sgemm\n", w + 1, widths[w][0],
                   names[activation], seconds * 1e3, 100 * flops_of(&spec) / seconds / rate);
        }
}

static void columns(bench *b)
{
    static const struct {
        vx_likelihood likelihood;
        const char *name;
    } cases[] = {
        { VX_LIKELIHOOD_GAUSSIAN, "gaussian" },
        { VX_LIKELIHOOD_BERNOULLI, "bernoulli" },
        { VX_LIKELIHOOD_POISSON, "poisson" },
        { VX_LIKELIHOOD_NEGATIVE_BINOMIAL, "negative_binomial" },
    };

    for (size_t c = 0; c < 4; c++) {
        vx_model_spec spec = { .family = "linear",
                               .features = FEATURES,
                               .outputs_data = 1,
                               .likelihood = cases[c].likelihood,
                               .variance = 1,
                               .dispersion = 1,
                               .batch_max = BATCH };
        double one = 0, many = 0;

        b->batch.targets = (vx_cmatf){ b->y, BATCH, 1, 1 };
        one = time_of(b, &spec);
        spec.columns = COLUMNS;
        b->batch.targets = (vx_cmatf){ b->y, BATCH, COLUMNS, COLUMNS };
        many = time_of(b, &spec);
        printf("%d linear models at once, %-17s %8.3f ms, one %8.3f ms: %5.1f times one\n",
               (int)COLUMNS, cases[c].name, many * 1e3, one * 1e3, many / one);
    }
}

/* Rows with one number in 20. */
static void sparse(bench *b)
{
    enum { NNZ = FEATURES / 20 };
    static float values[BATCH * NNZ];
    static uint32_t places[BATCH * NNZ];
    static size_t begin[BATCH + 1];
    const vx_csr csr = { values, places, begin, BATCH, FEATURES };
    const vx_model_spec spec = {
        .family = "linear", .features = FEATURES, .outputs_data = CLASSES, .batch_max = BATCH
    };
    double dense = time_of(b, &spec);

    for (size_t i = 0; i < BATCH * NNZ; i++) {
        values[i] = b->x[i];
        places[i] = (uint32_t)(i % NNZ * 20 + i / NNZ % 20);
    }
    for (size_t i = 0; i <= BATCH; i++)
        begin[i] = i * NNZ;
    b->batch.sparse = &csr;
    printf("linear, 1 in 20 features: sparse is %.2f of dense\n", time_of(b, &spec) / dense);
    b->batch.sparse = NULL;
}

int main(void)
{
    bench b = { .x = numbers((size_t)BATCH * FEATURES), .y = numbers((size_t)BATCH * COLUMNS) };
    double rate = 0;

    vx_blas_set_threads(1);
    b.labels = vx_calloc(BATCH, sizeof(*b.labels));
    if (b.labels == NULL)
        return 71;
    for (uint32_t i = 0; i < BATCH; i++)
        b.labels[i] = i % CLASSES;
    for (size_t i = 0; i < (size_t)BATCH * COLUMNS; i++)
        b.y[i] = b.y[i] > 0 ? 1.0f : 0.0f;
    b.batch = (vx_batch){ .features = { b.x, BATCH, FEATURES, FEATURES }, .labels = b.labels };
    rate = sgemm_rate();
    printf("sgemm of %d: %.1f Gflop/s, %s\n", (int)SQUARE, rate / 1e9, vx_blas_core());
    networks(&b, rate);
    columns(&b);
    sparse(&b);
    vx_free(b.x);
    vx_free(b.y);
    vx_free(b.labels);
    return 0;
}
