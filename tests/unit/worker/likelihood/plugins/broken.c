/* Plugins that are wrong in one way each: which one is a definition of the compiler. */
#include <vexil/model.h>

#include <stdio.h>
#include <string.h>

extern const uint32_t vexil_model_abi;
const vexil_model_table *vexil_model_entry(void);

static int self_of;

static int create(const vexil_model_data *data, const char *options, void **ret_self, char *message,
                  size_t size)
{
    (void)data;
    if (strcmp(options, "no model") != 0)
        *ret_self = &self_of;
    if (strcmp(options, "refuse") == 0)
        snprintf(message, size, "line one\nof two");
    if (strcmp(options, "unended") == 0)
        memset(message, 'x', size);
    return strcmp(options, "refuse") == 0 || strcmp(options, "unended") == 0 ||
           strcmp(options, "silent") == 0;
}

static void destroy(void *self)
{
    (void)self;
}

static size_t dimension(const void *self)
{
    (void)self;
    return DIMENSION;
}

static size_t tensor_count(const void *self)
{
    (void)self;
    return TENSORS;
}

static int tensor_at(const void *self, size_t index, vexil_model_tensor *ret_tensor)
{
    (void)self;
    (void)index;
    memcpy(ret_tensor->name, TENSOR, strlen(TENSOR));
    ret_tensor->rank = RANK;
    for (size_t k = 0; k < RANK && k < 4; k++)
        ret_tensor->shape[k] = SHAPE;
    return 0;
}

static void initialise(const void *self, uint64_t seed, float *ret_theta)
{
    (void)self;
    (void)seed;
    ret_theta[0] = 0;
}

/* Fails at theta = 13. */
__attribute__((unused)) static int gradient(void *self, const float *theta,
                                            const vexil_model_batch *batch, float *ret_gradient,
                                            double *ret_nll)
{
    (void)self;
    (void)batch;
    if (ret_gradient != NULL)
        ret_gradient[0] = 2 * theta[0];
    *ret_nll = (double)(theta[0] * theta[0]);
    return theta[0] == 13;
}

__attribute__((unused)) static size_t outputs(const void *self)
{
    (void)self;
    return 1;
}

__attribute__((unused)) static int predict(void *self, const float *theta,
                                           const vexil_model_batch *batch, float *ret_outputs,
                                           size_t outputs_ld)
{
    (void)self;
    (void)theta;
    (void)batch;
    (void)ret_outputs;
    (void)outputs_ld;
    return 1;
}

#ifndef NO_ABI
VEXIL_MODEL_EXPORT const uint32_t vexil_model_abi = ABI;
#endif

static const vexil_model_table table = {
    .size = SIZE,
    .name = NAME,
    .create = create,
    .destroy = destroy,
    .dimension = dimension,
    .tensor_count = tensor_count,
    .tensor_at = tensor_at,
    .initialise = initialise,
    .gradient = GRADIENT,
    .outputs = OUTPUTS,
    .predict = PREDICT,
};

#ifndef NO_ENTRY
VEXIL_MODEL_EXPORT
#else
__attribute__((visibility("hidden")))
#endif
const vexil_model_table *vexil_model_entry(void)
{
    return TABLE ? &table : NULL;
}
