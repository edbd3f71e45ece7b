#include <vx_likelihood/gradcheck.h>

#include <math.h>
#include <stdio.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_likelihood/model64.h>

/* Compiled once. */

#define STEP     2e-3
#define SCALE    0.3
#define WIDTHS   5
#define ENOUGH   1e-7 /* an error for which no narrower one is tried after the first three */
#define NARROW   16.0 /* from one width to the next */
#define AT_LEAST 1e-3 /* of the largest entry: what an entry counts as in its own error */

typedef struct check {
    const vx_batch *batch;
    vx_model *model;
    vx_model64 *model64;
    size_t d;
    double *theta, *analytic, *scratch;
    float *theta32, *gradient32;
} check;

static vx_status loss_at(const check *c, double *ret_loss)
{
    vx_model_value value = { 0 };
    vx_status status = vx_model_loss_gradient64(c->model64, (vx_cvec){ c->theta, c->d }, c->batch,
                                                (vx_vec){ c->scratch, c->d }, &value);

    *ret_loss = value.loss;
    return status;
}

static vx_status difference(const check *c, size_t i, double h, double *ret_slope)
{
    static const double places[] = { 1.0, -1.0, 2.0, -2.0 };
    double middle = c->theta[i];
    double f[4];

    for (size_t k = 0; k < 4; k++) {
        vx_status status = VX_OK;

        c->theta[i] = middle + places[k] * h;
        status = loss_at(c, &f[k]);
        c->theta[i] = middle;
        if (status != VX_OK)
            return status;
    }
    *ret_slope = (8.0 * (f[0] - f[1]) - (f[2] - f[3])) / (12.0 * h);
    return VX_OK;
}

static double largest_of(const double *v, size_t n)
{
    double largest = 0.0;

    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(v[i]));
    return largest;
}

static vx_status check_coordinate(const check *c, size_t point, size_t i, double step,
                                  vx_gradcheck_result *result)
{
    double analytic = c->analytic[i];
    double floor_of = AT_LEAST * largest_of(c->analytic, c->d);
    double best = HUGE_VAL;
    double best_numeric = 0.0;
    double h = step;

    for (size_t w = 0; w < WIDTHS && (w < 3 || best > ENOUGH); w++, h /= NARROW) {
        double numeric = 0.0;
        double size = 0.0;
        double error = 0.0;
        vx_status status = difference(c, i, h, &numeric);

        if (status != VX_OK)
            return status;
        size = fmax(fmax(fabs(analytic), fabs(numeric)), floor_of);
        error = size > 0.0 ? fabs(analytic - numeric) / size : 0.0;
        if (error < best) {
            best = error;
            best_numeric = numeric;
        }
    }
    result->checked++;
    if (best >= result->worst) {
        result->worst = best;
        result->analytic = analytic;
        result->numeric = best_numeric;
        result->point = point;
        result->coordinate = i;
    }
    return VX_OK;
}

/* The float gradient at the same theta, which is one of floats. */
static vx_status check_float(const check *c, vx_gradcheck_result *result)
{
    double largest = largest_of(c->analytic, c->d);
    vx_model_value value;
    vx_status status = vx_model_loss_gradient(c->model, (vx_cvecf){ c->theta32, c->d }, c->batch,
                                              (vx_vecf){ c->gradient32, c->d }, &value);

    for (size_t i = 0; status == VX_OK && largest > 0.0 && i < c->d; i++)
        result->float_worst =
            fmax(result->float_worst, fabs((double)c->gradient32[i] - c->analytic[i]) / largest);
    return status;
}

static vx_status check_point(const check *c, const vx_gradcheck_options *options, size_t point,
                             vx_gradcheck_result *result)
{
    vx_rng rng = vx_rng_stream(options->seed, VX_RNG_TEST, (uint32_t)point, 0);
    double scale = options->scale > 0.0 ? options->scale : SCALE;
    double step = options->step > 0.0 ? options->step : STEP;
    size_t range = options->range > 0 ? options->range : c->d;
    bool all = options->coordinates == 0 || options->coordinates >= range;
    size_t count = all ? range : options->coordinates;
    vx_model_value value;
    vx_status status = VX_OK;

    vx_model_initialise64(c->model64, options->seed, (vx_vec){ c->theta, c->d });
    for (size_t i = 0; i < c->d; i++) {
        c->theta32[i] = (float)(c->theta[i] + scale * vx_rng_normal(&rng));
        c->theta[i] = (double)c->theta32[i];
    }
    status = vx_model_loss_gradient64(c->model64, (vx_cvec){ c->theta, c->d }, c->batch,
                                      (vx_vec){ c->analytic, c->d }, &value);
    if (status == VX_OK)
        status = check_float(c, result);
    for (size_t k = 0; status == VX_OK && k < count; k++)
        status = check_coordinate(c, point, options->first + (all ? k : vx_rng_below(&rng, range)),
                                  step, result);
    return status;
}

static void name_tensor(const check *c, vx_gradcheck_result *result)
{
    for (size_t t = 0; t < vx_model_tensor_count(c->model); t++) {
        vx_model_tensor tensor = vx_model_tensor_at(c->model, t);

        if (tensor.offset <= result->coordinate)
            snprintf(result->tensor, sizeof(result->tensor), "%s", tensor.name);
    }
}

static vx_status take_memory(check *c, vx_error *err)
{
    c->d = vx_model_dimension(c->model);
    c->theta = vx_calloc(c->d, sizeof(double));
    c->analytic = vx_calloc(c->d, sizeof(double));
    c->scratch = vx_calloc(c->d, sizeof(double));
    c->theta32 = vx_calloc(c->d, sizeof(float));
    c->gradient32 = vx_calloc(c->d, sizeof(float));
    if (c->theta == NULL || c->analytic == NULL || c->scratch == NULL || c->theta32 == NULL ||
        c->gradient32 == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", c->d);
    return VX_OK;
}

vx_status vx_gradcheck(const vx_model_spec *spec, const vx_batch *batch,
                       const vx_gradcheck_options *options, vx_gradcheck_result *ret_result,
                       vx_error *err)
{
    check c = { .batch = batch };
    vx_gradcheck_result result = { 0 };
    vx_status status = vx_model_create(spec, &c.model, err);

    if (status == VX_OK)
        status = vx_model_create64(spec, &c.model64, err);
    if (status == VX_OK)
        status = take_memory(&c, err);
    if (status != VX_OK)
        goto out;
    for (size_t p = 0; status == VX_OK && p < options->points; p++)
        status = check_point(&c, options, p, &result);
    if (status != VX_OK) {
        vx_fail(err, status, "the gradient cannot be checked: %s", vx_status_text(status));
        goto out;
    }
    name_tensor(&c, &result);
    *ret_result = result;
out:
    vx_model_destroy(c.model);
    vx_model_destroy64(c.model64);
    vx_free(c.theta);
    vx_free(c.analytic);
    vx_free(c.scratch);
    vx_free(c.theta32);
    vx_free(c.gradient32);
    return status;
}
