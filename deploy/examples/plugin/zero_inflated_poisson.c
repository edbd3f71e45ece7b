/*
 * A likelihood of one's own for Vexil: zero-inflated Poisson regression. A count is 0 with
 * probability s = 1 / (1 + exp(-a)), whatever the features, else Poisson with mean m = exp(w'x +
 * b):
 *
 *     l(0) = -log(s + (1 - s) exp(-m)),  l(y) = -log(1 - s) + m - y log m + log y!
 *
 * theta = w (features), b, a. Options: "inflation=0.2" is the first s; 0.1 without. Build:
 *
 *     cc -O2 -fPIC -shared zero_inflated_poisson.c -o zero_inflated_poisson.so -lm
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vexil/model.h>

VEXIL_MODEL_EXPORT extern const uint32_t vexil_model_abi;
VEXIL_MODEL_EXPORT const vexil_model_table *vexil_model_entry(void);

typedef struct model {
    size_t features;
    double inflation;         /* first a */
    double *theta, *gradient; /* (features + 2) work memory: all sums are in double */
} model;

static int read_inflation(const char *options, double *ret_share)
{
    char *end = NULL;

    *ret_share = 0.1;
    if (options[0] == '\0')
        return 0;
    if (strncmp(options, "inflation=", 10) != 0)
        return 1;
    *ret_share = strtod(options + 10, &end);
    return end == options + 10 || *end != '\0' || !(*ret_share > 0 && *ret_share < 1);
}

static void destroy(void *self)
{
    model *own = self;

    free(own->theta);
    free(own->gradient);
    free(own);
}

static int create(const vexil_model_data *data, const char *options, void **ret_self, char *message,
                  size_t size)
{
    model *own = NULL;
    double share = 0;

    if (data->classes || data->outputs != 1) {
        snprintf(message, size, "expected a target of one count");
        return 1;
    }
    if (read_inflation(options, &share) != 0) {
        snprintf(message, size, "expected options inflation=0..1, found '%s'", options);
        return 1;
    }
    own = calloc(1, sizeof(*own));
    if (own == NULL)
        return 1;
    own->features = data->features;
    own->inflation = log(share / (1 - share));
    own->theta = calloc(data->features + 2, sizeof(double));
    own->gradient = calloc(data->features + 2, sizeof(double));
    if (own->theta == NULL || own->gradient == NULL) {
        snprintf(message, size, "out of memory");
        destroy(own);
        return 1;
    }
    *ret_self = own;
    return 0;
}

static size_t dimension(const void *self)
{
    return ((const model *)self)->features + 2;
}

static size_t tensor_count(const void *self)
{
    (void)self;
    return 3;
}

static int tensor_at(const void *self, size_t index, vexil_model_tensor *ret_tensor)
{
    static const char *const names[] = { "weight", "bias", "inflation" };

    if (index > 2)
        return 1;
    snprintf(ret_tensor->name, sizeof(ret_tensor->name), "%s", names[index]);
    ret_tensor->rank = 1;
    ret_tensor->shape[0] = index == 0 ? ((const model *)self)->features : 1;
    ret_tensor->is_weight = index == 0;
    return 0;
}

/* The same for every seed: the loss has one valley. */
static void initialise(const void *self, uint64_t seed, float *ret_theta)
{
    const model *own = self;

    (void)seed;
    memset(ret_theta, 0, (own->features + 1) * sizeof(*ret_theta));
    ret_theta[own->features + 1] = (float)own->inflation;
}

static double linear_predictor(const model *own, const double *theta, const float *x)
{
    double z = theta[own->features];

    for (size_t k = 0; k < own->features; k++)
        z += theta[k] * (double)x[k];
    return z;
}

/* log(1 + exp(x)) */
static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* nll of a count at z = log m, and its derivatives in z and a. */
static double nll_of(double z, double a, double y, double *ret_z, double *ret_a)
{
    double m = exp(z);
    double share = 1 / (1 + exp(-a));
    int sign = 0;

    if (y > 0) {
        *ret_z = m - y;
        *ret_a = share;
        return softplus(a) + m - y * z + lgamma_r(y + 1, &sign);
    }
    /* s + (1 - s) exp(-m) = (exp(a) + exp(-m)) / (1 + exp(a)); p: it was the second */
    {
        double p = 1 / (1 + exp(a + m));

        *ret_z = p * m;
        *ret_a = share - (1 - p);
        return softplus(a) - (a + softplus(-m - a));
    }
}

/* own->gradient is overwritten. */
static double value_of(model *own, const double *theta, const vexil_model_batch *batch)
{
    size_t n = own->features;
    double total = 0, nll = 0;

    memset(own->gradient, 0, (n + 2) * sizeof(double));
    for (size_t i = 0; i < batch->rows; i++)
        total += batch->weights != NULL ? (double)batch->weights[i] : 1;
    for (size_t i = 0; i < batch->rows; i++) {
        const float *x = batch->features + i * batch->features_ld;
        double share = (batch->weights != NULL ? (double)batch->weights[i] : 1) / total;
        double by_z = 0, by_a = 0;

        if (!(share > 0))
            continue;
        nll += share * nll_of(linear_predictor(own, theta, x), theta[n + 1],
                              (double)batch->targets[i * batch->targets_ld], &by_z, &by_a);
        for (size_t k = 0; k < n; k++)
            own->gradient[k] += share * by_z * (double)x[k];
        own->gradient[n] += share * by_z;
        own->gradient[n + 1] += share * by_a;
    }
    return nll;
}

static void widen(model *own, const float *theta)
{
    for (size_t k = 0; k < own->features + 2; k++)
        own->theta[k] = (double)theta[k];
}

static int gradient(void *self, const float *theta, const vexil_model_batch *batch,
                    float *ret_gradient, double *ret_nll)
{
    model *own = self;

    widen(own, theta);
    *ret_nll = value_of(own, own->theta, batch);
    for (size_t k = 0; ret_gradient != NULL && k < own->features + 2; k++)
        ret_gradient[k] = (float)own->gradient[k];
    return 0;
}

static int gradient64(void *self, const double *theta, const vexil_model_batch *batch,
                      double *ret_gradient, double *ret_nll)
{
    model *own = self;

    *ret_nll = value_of(own, theta, batch);
    if (ret_gradient != NULL)
        memcpy(ret_gradient, own->gradient, (own->features + 2) * sizeof(double));
    return 0;
}

static size_t outputs(const void *self)
{
    (void)self;
    return 1;
}

/* The mean of the law: (1 - s) m. */
static int predict(void *self, const float *theta, const vexil_model_batch *batch,
                   float *ret_outputs, size_t outputs_ld)
{
    model *own = self;

    widen(own, theta);
    for (size_t i = 0; i < batch->rows; i++) {
        const float *x = batch->features + i * batch->features_ld;

        ret_outputs[i * outputs_ld] = (float)(exp(linear_predictor(own, own->theta, x)) /
                                              (1 + exp(own->theta[own->features + 1])));
    }
    return 0;
}

VEXIL_MODEL_EXPORT const uint32_t vexil_model_abi = VEXIL_MODEL_ABI;

VEXIL_MODEL_EXPORT const vexil_model_table *vexil_model_entry(void)
{
    static const vexil_model_table table = {
        .size = sizeof(vexil_model_table),
        .name = "zero_inflated_poisson",
        .about = "counts with more zeros than a Poisson law has",
        .create = create,
        .destroy = destroy,
        .dimension = dimension,
        .tensor_count = tensor_count,
        .tensor_at = tensor_at,
        .initialise = initialise,
        .gradient = gradient,
        .gradient64 = gradient64,
        .outputs = outputs,
        .predict = predict,
    };

    return &table;
}
