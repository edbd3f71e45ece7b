#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_likelihood/model64.h>

#include "batch.h"

/* Parts of a batch, divided by the weights of the whole. In double: rounding is out of the way. */

#define ROWS    13
#define COLUMNS 3
#define D_MAX   1024
#define L2      0.2

static const size_t widths[] = { 6, 6 };
static const size_t from[] = { 0, 4, 5, ROWS };
#define PARTS (sizeof(from) / sizeof(from[0]) - 1)

static const struct {
    vx_model_spec spec;
    bool weighted, column_weighted, sparse;
} models[] = {
    { { .family = "mlp", .dropout = 0.3 }, false, false, false },
    { { .family = "mlp", .layer_norm = true, .residual = true }, true, false, false },
    { { .family = "mlp", .loss = { .kind = VX_LOSS_NCE, .noise = 4 } }, true, false, false },
    { { .family = "mlp", .loss = { .kind = VX_LOSS_DISTILLATION, .mix = 0.5, .temperature = 2 } },
      true,
      false,
      false },
    { { .family = "linear", .columns = COLUMNS }, true, true, false },
    { { .family = "linear", .columns = COLUMNS, .likelihood = VX_LIKELIHOOD_POISSON },
      false,
      true,
      true },
    { { .family = "linear", .likelihood = VX_LIKELIHOOD_GAUSSIAN }, true, false, true },
};
#define MODELS (sizeof(models) / sizeof(models[0]))

static vx_model_spec spec_of(size_t m)
{
    vx_model_spec spec = models[m].spec;

    spec.features = 5;
    spec.outputs_data = 3;
    spec.widths = widths;
    spec.widths_count = 2;
    spec.activation = VX_ACTIVATION_GELU;
    spec.variance = 0.6;
    spec.l2 = L2;
    spec.batch_max = ROWS;
    spec.sparse = models[m].sparse;
    return spec;
}

/* Rows first .. of sparse features, if there are any. */
static vx_csr sparse_rows(const vx_csr *all, size_t first, size_t count)
{
    return (vx_csr){ .rows = count,
                     .cols = all->cols,
                     .begin = all->begin != NULL ? all->begin + first : NULL,
                     .columns = all->columns,
                     .values = all->values };
}

/* Sums of the weights of each column, in the order of the rows. */
static void total(const vx_batch *batch, size_t columns, double *ret_totals)
{
    for (size_t k = 0; k < columns; k++) {
        ret_totals[k] = 0;
        for (size_t i = 0; i < ROWS; i++)
            ret_totals[k] += (batch->weights != NULL ? (double)batch->weights[i] : 1) *
                             (batch->column_weights.at != NULL
                                  ? (double)batch->column_weights.at[i * columns + k]
                                  : 1);
    }
}

typedef struct fixture {
    vx_model_spec spec;
    size_t d, columns;
    batch_data *data;
    vx_model64 *model;
    uint32_t numbers[ROWS];
    double totals[COLUMNS];
    double theta[D_MAX];
} fixture;

static fixture begin(size_t m)
{
    vx_rng rng = vx_rng_stream(2, VX_RNG_TEST, 0, m);
    fixture f = { .spec = spec_of(m) };
    vx_error err = { 0 };

    f.columns = f.spec.columns > 1 ? f.spec.columns : 1;
    f.data = batch_create(&f.spec,
                          (batch_options){ .rows = ROWS,
                                           .weighted = models[m].weighted,
                                           .column_weighted = models[m].column_weighted,
                                           .sparse = models[m].sparse },
                          m);
    vx_assert_ok(vx_model_create64(&f.spec, &f.model, &err), &err);
    f.d = vx_model_dimension64(f.model);
    assert_true(f.d <= D_MAX);
    for (size_t i = 0; i < f.d; i++)
        f.theta[i] = 0.4 * vx_rng_normal(&rng);
    for (uint32_t i = 0; i < ROWS; i++)
        f.numbers[i] = 100 + i;
    total(&f.data->batch, f.columns, f.totals);
    return f;
}

static void end(fixture *f)
{
    vx_model_destroy64(f->model);
    batch_free(f->data);
}

static vx_model_value gradient_of(const fixture *f, const vx_batch *batch, double *ret_gradient)
{
    vx_model_value value = { 0 };

    vx_assert_ok(vx_model_loss_gradient64(f->model, (vx_cvec){ f->theta, f->d }, batch,
                                          (vx_vec){ ret_gradient, f->d }, &value),
                 NULL);
    return value;
}

static void parts_of_a_batch_add_up_to_it(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++) {
        fixture f = begin(m);
        double whole[D_MAX], sum[D_MAX] = { 0 };
        vx_model_value value, parts = { 0 };

        f.data->batch.observations = f.numbers;
        value = gradient_of(&f, &f.data->batch, whole);
        for (size_t p = 0; p < PARTS; p++) {
            vx_batch part = batch_part(&f.spec, f.data, from[p], from[p + 1] - from[p]);
            vx_csr rows = sparse_rows(&f.data->csr, from[p], from[p + 1] - from[p]);
            double own[D_MAX];
            vx_model_value share;

            part.sparse = models[m].sparse ? &rows : NULL;
            part.observations = f.numbers + from[p];
            part.totals = f.totals;
            part.without_l2 = p != 1;
            share = gradient_of(&f, &part, own);
            parts.loss += share.loss;
            parts.nll += share.nll;
            for (size_t i = 0; i < f.d; i++)
                sum[i] += own[i];
        }
        vx_assert_close(parts.loss, value.loss, 1e-12, 0);
        vx_assert_close(parts.nll, value.nll, 1e-12, 0);
        for (size_t i = 0; i < f.d; i++)
            vx_assert_close(sum[i], whole[i], 1e-10, 1e-12);
        end(&f);
    }
}

static void a_batch_with_its_own_totals_is_a_whole_one(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++) {
        fixture f = begin(m);
        double plain[D_MAX], told[D_MAX];
        vx_model_value a = gradient_of(&f, &f.data->batch, plain), b;

        f.data->batch.totals = f.totals;
        b = gradient_of(&f, &f.data->batch, told);
        assert_memory_equal(told, plain, f.d * sizeof(*told));
        assert_memory_equal(&a, &b, sizeof(a));
        end(&f);
    }
}

static void a_part_of_weight_0_adds_the_l2_term_alone(void **state)
{
    fixture f = begin(1);
    vx_batch part = batch_part(&f.spec, f.data, 1, 1); /* the second weight is 0 */
    double own[D_MAX];
    vx_model_value value;

    (void)state;
    assert_true(f.data->weights[1] <= 0);
    part.totals = f.totals;
    value = gradient_of(&f, &part, own);
    vx_assert_close(value.nll, 0, 0, 0);
    for (size_t t = 0; t < vx_model_tensor_count64(f.model); t++) {
        vx_model_tensor tensor = vx_model_tensor_at64(f.model, t);

        vx_assert_close(own[tensor.offset], tensor.is_weight ? L2 * f.theta[tensor.offset] : 0,
                        1e-15, 0);
    }
    part.without_l2 = true;
    value = gradient_of(&f, &part, own);
    vx_assert_close(value.loss, 0, 0, 0);
    for (size_t i = 0; i < f.d; i++)
        vx_assert_close(own[i], 0, 0, 0);
    end(&f);
}

/* What was told, and the numbers as they were then. */
typedef struct listener {
    const double *gradient;
    double at_once[D_MAX];
    int told[D_MAX];
    size_t calls, last;
} listener;

static void listen(void *context, size_t offset, size_t count)
{
    listener *l = context;

    assert_true(offset + count <= D_MAX && count > 0);
    for (size_t i = offset; i < offset + count; i++) {
        l->told[i]++;
        l->at_once[i] = l->gradient[i];
    }
    assert_true(l->calls++ == 0 || offset + count == l->last);
    l->last = offset;
}

static void every_number_is_told_once_and_is_final(void **state)
{
    (void)state;
    for (size_t m = 0; m < MODELS; m++) {
        fixture f = begin(m);
        double gradient[D_MAX], untold[D_MAX];
        listener own = { .gradient = gradient };
        vx_flow flow = { listen, &own };
        bool linear = strcmp(f.spec.family, "linear") == 0;

        (void)gradient_of(&f, &f.data->batch, untold);
        f.data->batch.flow = &flow;
        (void)gradient_of(&f, &f.data->batch, gradient);
        for (size_t i = 0; i < f.d; i++)
            assert_int_equal(own.told[i], 1);
        assert_memory_equal(own.at_once, gradient, f.d * sizeof(*gradient));
        assert_memory_equal(untold, gradient, f.d * sizeof(*gradient));
        assert_int_equal(own.last, 0);
        assert_true(linear ? own.calls == 1 : own.calls >= 3); /* layers with parameters */
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_batch_add_up_to_it),
        cmocka_unit_test(a_batch_with_its_own_totals_is_a_whole_one),
        cmocka_unit_test(a_part_of_weight_0_adds_the_l2_term_alone),
        cmocka_unit_test(every_number_is_told_once_and_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
