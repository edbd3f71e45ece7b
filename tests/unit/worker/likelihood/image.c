#include "image.h"

#include <vx_test/check.h>

#include <string.h>

#include <vx_base/rng.h>
#include <vx_likelihood/gradcheck.h>

void image_fill(image_data *data, const vx_model_spec *spec, size_t rows, uint64_t seed)
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0);

    assert_true(rows <= IMAGE_ROWS_MAX && spec->features <= IMAGE_NUMBERS_MAX);
    for (size_t i = 0; i < rows * spec->features; i++)
        data->features[i] = (float)vx_rng_normal(&rng);
    for (size_t i = 0; i < rows; i++) {
        data->labels[i] = (uint32_t)vx_rng_below(&rng, spec->outputs_data);
        data->weights[i] = (float)(0.5 + vx_rng_uniform(&rng));
    }
    data->batch = (vx_batch){ .features = { data->features, rows, spec->features, spec->features },
                              .labels = data->labels,
                              .weights = data->weights,
                              .training = true,
                              .seed = seed,
                              .round = 5,
                              .slot = 1 };
}

void image_check_slopes(const vx_model_spec *spec, size_t rows, size_t coordinates)
{
    static image_data data;
    const vx_gradcheck_options how = {
        .seed = 7, .points = 2, .coordinates = coordinates, .scale = 0.1
    };
    vx_gradcheck_result result;
    vx_error err = { 0 };

    image_fill(&data, spec, rows, 13);
    vx_assert_ok(vx_gradcheck(spec, &data.batch, &how, &result, &err), &err);
    assert_true(result.checked > 0);
    if (result.worst < 1e-6 && result.float_worst < 1e-5)
        return;
    fail_msg("%s activation %d pool %d dropout %g layer_norm %d residual %d: %s[%zu] is %.17g, "
             "differences say %.17g; float is off by %g",
             spec->family, (int)spec->activation, (int)spec->pool, spec->dropout, spec->layer_norm,
             spec->residual, result.tensor, result.coordinate, result.analytic, result.numeric,
             result.float_worst);
}

void image_expect_refused(const vx_model_spec *spec, vx_status status, const char *text)
{
    vx_model *model = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_model_create(spec, &model, &err), status, NULL);
    if (strstr(err.message, text) == NULL)
        fail_msg("expected '%s' in: %s", text, err.message);
}
