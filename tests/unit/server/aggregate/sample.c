#include "sample.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/rng.h>

sample sample_make(uint32_t seed, size_t n, size_t d, double common)
{
    sample s = { vx_calloc(n * d, sizeof(float)), n, d, { false } };

    assert_non_null(s.at);
    assert_true(n <= SAMPLE_ROWS_MAX);
    for (size_t i = 0; i < n; i++) {
        vx_rng shared = vx_rng_stream(seed, VX_RNG_TEST, 1000, 0);
        vx_rng own = vx_rng_stream(seed, VX_RNG_TEST, (uint32_t)i, 0);

        s.present[i] = true;
        for (size_t k = 0; k < d; k++)
            s.at[i * d + k] = (float)(common * vx_rng_normal(&shared) + vx_rng_normal(&own));
    }
    return s;
}

void sample_free(sample *s)
{
    vx_free(s->at);
    s->at = NULL;
}

float *sample_row(const sample *s, size_t i)
{
    return s->at + i * s->d;
}

void sample_set_row(sample *s, size_t i, float value)
{
    for (size_t k = 0; k < s->d; k++)
        sample_row(s, i)[k] = value;
}

void sample_copy_row(sample *s, size_t to, size_t from)
{
    memmove(sample_row(s, to), sample_row(s, from), s->d * sizeof(float));
}

void sample_scale(sample *s, double factor)
{
    for (size_t i = 0; i < s->n * s->d; i++)
        s->at[i] = (float)((double)s->at[i] * factor);
}

vx_cmatf sample_view(const sample *s)
{
    return (vx_cmatf){ s->at, s->n, s->d, s->d };
}

vx_mat sample_present(const sample *s)
{
    vx_mat x = { vx_calloc(s->n * s->d, sizeof(double)), 0, s->d, s->d };

    assert_non_null(x.at);
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; s->present[i] && k < s->d; k++)
            x.at[x.rows * s->d + k] = (double)s->at[i * s->d + k];
        x.rows += s->present[i] ? 1 : 0;
    }
    return x;
}

vx_mat sample_gram(const sample *s)
{
    vx_mat gram = { vx_calloc(s->n * s->n, sizeof(double)), s->n, s->n, s->n };

    assert_non_null(gram.at);
    for (size_t i = 0; i < s->n; i++) {
        for (size_t j = 0; j < s->n; j++) {
            for (size_t k = 0; k < s->d; k++)
                gram.at[i * s->n + j] += (double)s->at[i * s->d + k] * (double)s->at[j * s->d + k];
        }
    }
    return gram;
}

vx_aggregator *sample_run(const sample *s, const vx_aggregate_options *options, float *ret_update,
                          vx_aggregate_report *ret_report)
{
    vx_aggregator *aggregator = NULL;
    vx_error err;

    vx_assert_ok(vx_aggregator_create(options, s->n, s->d, &aggregator, &err), &err);
    vx_assert_ok(vx_aggregator_run(aggregator, sample_view(s), s->present,
                                   (vx_vecf){ ret_update, s->d }, ret_report, &err),
                 &err);
    return aggregator;
}

vx_aggregate_options sample_options(const char *rule, size_t byzantine, bool nnm)
{
    static const char *const chain[] = { "nnm" };
    vx_aggregate_options options = vx_aggregate_options_default();

    options.rule = rule;
    options.byzantine = byzantine;
    options.pre = chain;
    options.pre_count = nnm ? 1 : 0;
    options.geometric_iterations = 20000;
    options.geometric_tolerance = 1e-13;
    return options;
}

double sample_error(const float *a, const double *b, size_t count)
{
    double apart = 0.0, size = 0.0;

    for (size_t i = 0; i < count; i++) {
        apart += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return apart > 0.0 ? sqrt(apart / size) : 0.0;
}
