#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_likelihood/model64.h>

#include "batch.h"

/* What holds for every family, likelihood and loss. In double: rounding is out of the way. */

#define ROWS  13
#define D_MAX 512

static const size_t widths[] = { 6, 5 };

static const struct {
    vx_likelihood likelihood;
    vx_loss_spec loss;
} heads[] = {
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_NLL } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_SMOOTHING, .epsilon = 0.1 } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_FOCAL, .gamma = 2 } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_POWER, .exponent = 0.5 } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_MIXCE, .eta = 0.5 } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_UNLIKELIHOOD } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_DISTILLATION, .mix = 0.5, .temperature = 2 } },
    { VX_LIKELIHOOD_CATEGORICAL, { .kind = VX_LOSS_NCE, .noise = 4 } },
    { VX_LIKELIHOOD_GAUSSIAN, { .kind = VX_LOSS_NLL } },
    { VX_LIKELIHOOD_BERNOULLI, { .kind = VX_LOSS_NLL } },
    { VX_LIKELIHOOD_POISSON, { .kind = VX_LOSS_NLL } },
    { VX_LIKELIHOOD_NEGATIVE_BINOMIAL, { .kind = VX_LOSS_NLL } },
};
#define HEADS (sizeof(heads) / sizeof(heads[0]))

static vx_model_spec spec_of(const char *family, size_t head)
{
    return (vx_model_spec){ .family = family,
                            .features = 5,
                            .outputs_data = 3,
                            .widths = widths,
                            .widths_count = 2,
                            .activation = VX_ACTIVATION_GELU,
                            .likelihood = heads[head].likelihood,
                            .loss = heads[head].loss,
                            .variance = 0.6,
                            .dispersion = 0.5,
                            .batch_max = 2 * ROWS };
}

typedef struct outcome {
    double gradient[D_MAX], weight;
    vx_model_value value;
} outcome;

static outcome outcome_of(const vx_model_spec *spec, const vx_batch *batch)
{
    size_t rows = batch->sparse != NULL ? batch->sparse->rows : batch->features.rows;
    vx_rng rng = vx_rng_stream(2, VX_RNG_TEST, 0, 0);
    vx_model64 *model = NULL;
    double theta[D_MAX];
    outcome result = { 0 };
    vx_error err = { 0 };
    size_t d = 0;

    vx_assert_ok(vx_model_create64(spec, &model, &err), &err);
    d = vx_model_dimension64(model);
    assert_true(d <= D_MAX);
    for (size_t i = 0; i < d; i++)
        theta[i] = 0.4 * vx_rng_normal(&rng);
    vx_assert_ok(vx_model_loss_gradient64(model, (vx_cvec){ theta, d }, batch,
                                          (vx_vec){ result.gradient, d }, &result.value),
                 NULL);
    vx_model_destroy64(model);
    for (size_t i = 0; i < rows; i++)
        result.weight += batch->weights != NULL ? (double)batch->weights[i] : 1;
    return result;
}

static void expect_same(const outcome *a, const outcome *b)
{
    vx_assert_close(a->value.loss, b->value.loss, 1e-12, 1e-12);
    vx_assert_close(a->value.nll, b->value.nll, 1e-12, 1e-12);
    for (size_t i = 0; i < D_MAX; i++)
        vx_assert_close(a->gradient[i], b->gradient[i], 1e-10, 1e-12);
}

/* l2 is the same in each part, so it is in the mean of them. */
static void check_shards(const char *family, size_t head, bool weighted)
{
    static const size_t from[] = { 0, 4, 5, ROWS };
    vx_model_spec spec = spec_of(family, head);
    batch_data *data =
        batch_create(&spec, (batch_options){ .rows = ROWS, .weighted = weighted }, head);
    uint32_t numbers[ROWS];
    outcome whole, sum = { 0 };

    for (uint32_t i = 0; i < ROWS; i++)
        numbers[i] = 100 + i;
    spec.l2 = 0.2;
    data->batch.observations = numbers;
    whole = outcome_of(&spec, &data->batch);
    for (size_t s = 0; s < 3; s++) {
        vx_batch batch = batch_part(&spec, data, from[s], from[s + 1] - from[s]);
        outcome part;

        batch.observations = numbers + from[s];
        part = outcome_of(&spec, &batch);
        sum.value.loss += part.value.loss * part.weight / whole.weight;
        sum.value.nll += part.value.nll * part.weight / whole.weight;
        for (size_t i = 0; i < D_MAX; i++)
            sum.gradient[i] += part.gradient[i] * part.weight / whole.weight;
    }
    expect_same(&sum, &whole);
    batch_free(data);
}

static void gradients_of_shards_sum_to_the_pooled_one(void **state)
{
    (void)state;
    for (size_t head = 0; head < HEADS; head++)
        for (int weighted = 0; weighted < 2; weighted++) {
            check_shards("linear", head, weighted);
            check_shards("mlp", head, weighted);
        }
}

/* Observation 3 twice at the end; weights 2 for it and 0 for observation 0 say the same. */
static void check_weights(const char *family, size_t head)
{
    vx_model_spec spec = spec_of(family, head);
    batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, head);
    uint32_t numbers[ROWS] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 3 };
    float weights[ROWS] = { 0, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1 };
    vx_batch twice, weighted;
    outcome a, b;

    memcpy(data->features + 12 * 5, data->features + 3 * 5, 5 * sizeof(float));
    memcpy(data->targets + 12 * 3, data->targets + 3 * 3, 3 * sizeof(float));
    memcpy(data->teacher + 12 * 3, data->teacher + 3 * 3, 3 * sizeof(float));
    data->labels[12] = data->labels[3];
    data->batch.observations = numbers;
    twice = batch_part(&spec, data, 1, 12);
    twice.observations = numbers + 1;
    a = outcome_of(&spec, &twice);
    data->labels[0] = 7; /* no class: it is not looked at */
    data->targets[0] = (float)nan("");
    weighted = batch_part(&spec, data, 0, 12);
    weighted.weights = weights;
    b = outcome_of(&spec, &weighted);
    expect_same(&a, &b);
    batch_free(data);
}

static void weights_0_and_2_are_an_observation_left_out_and_doubled(void **state)
{
    (void)state;
    for (size_t head = 0; head < HEADS; head++) {
        check_weights("linear", head);
        check_weights("mlp", head);
    }
}

static void sparse_features_give_what_dense_ones_give(void **state)
{
    (void)state;
    for (size_t head = 0; head < HEADS; head++)
        for (int mlp = 0; mlp < 2; mlp++) {
            vx_model_spec spec = spec_of(mlp ? "mlp" : "linear", head);
            batch_data *data =
                batch_create(&spec, (batch_options){ .rows = ROWS, .sparse = true }, head);
            outcome sparse = outcome_of(&spec, &data->batch), dense;

            data->batch.sparse = NULL;
            data->batch.features = (vx_cmatf){ data->features, ROWS, 5, 5 };
            dense = outcome_of(&spec, &data->batch);
            expect_same(&sparse, &dense);
            batch_free(data);
        }
}

/* An observation without any feature, and a part of a larger matrix. */
static void rows_of_a_sparse_matrix_may_be_empty(void **state)
{
    const float values[] = { 9, 2, -1 };
    const uint32_t columns[] = { 4, 0, 3 };
    const size_t begin[] = { 1, 1, 3 };
    const float dense[2 * 5] = { 0, 0, 0, 0, 0, 2, 0, 0, -1, 0 };
    const uint32_t labels[] = { 1, 2 };
    const vx_csr csr = { values, columns, begin, 2, 5 };
    vx_model_spec spec = spec_of("linear", 0);
    outcome a = outcome_of(&spec, &(vx_batch){ .sparse = &csr, .labels = labels });
    outcome b = outcome_of(&spec, &(vx_batch){ .features = { dense, 2, 5, 5 }, .labels = labels });
    (void)state;

    expect_same(&a, &b);
}

/* A batch of one column: its labels, targets, weights and teacher. */
static void take_column(const batch_data *data, size_t column, size_t columns, size_t outputs,
                        batch_data *ret_alone)
{
    for (size_t i = 0; i < ROWS; i++) {
        ret_alone->labels[i] = data->labels[i * columns + column];
        ret_alone->weights[i] *= data->column_weights[i * columns + column];
        for (size_t o = 0; o < outputs; o++) {
            ret_alone->targets[i * outputs + o] =
                data->targets[(i * columns + column) * outputs + o];
            ret_alone->teacher[i * outputs + o] =
                data->teacher[(i * columns + column) * outputs + o];
        }
    }
}

/* theta of K columns: the weights of all of them, then the biases. */
static void copy_column(double *all, double *alone, size_t column, size_t columns, size_t outputs,
                        bool back)
{
    for (size_t i = 0; i < outputs * 6; i++) {
        bool bias = i >= outputs * 5;
        size_t place = bias ? columns * outputs * 5 + column * outputs + i - outputs * 5
                            : column * outputs * 5 + i;

        if (back)
            alone[i] = all[place];
        else
            all[place] = alone[i];
    }
}

#define COLUMNS 4
#define STEPS   20

static void train(const vx_model_spec *spec, const vx_batch *batch, double *ret_theta)
{
    vx_model64 *model = NULL;
    double gradient[D_MAX];
    vx_model_value value;
    size_t d = 0;

    vx_assert_ok(vx_model_create64(spec, &model, NULL), NULL);
    d = vx_model_dimension64(model);
    memset(ret_theta, 0, d * sizeof(double));
    for (int k = 0; k < STEPS; k++) {
        vx_assert_ok(vx_model_loss_gradient64(model, (vx_cvec){ ret_theta, d }, batch,
                                              (vx_vec){ gradient, d }, &value),
                     NULL);
        for (size_t i = 0; i < d; i++)
            ret_theta[i] -= 0.01 * gradient[i];
    }
    vx_model_destroy64(model);
}

static void check_columns(size_t head)
{
    vx_model_spec spec = spec_of("linear", head);
    vx_model_spec many = spec;
    batch_options options = { .rows = ROWS, .weighted = true, .column_weighted = true };
    batch_data *data = NULL;
    double all[D_MAX];

    spec.l2 = many.l2 = 0.1;
    many.columns = COLUMNS;
    data = batch_create(&many, options, head);
    train(&many, &data->batch, all);
    for (size_t k = 0; k < COLUMNS; k++) {
        batch_data *alone = batch_create(&many, options, head);
        double expected[D_MAX], found[D_MAX];

        take_column(data, k, COLUMNS, 3, alone);
        alone->batch.column_weights = (vx_cmatf){ 0 };
        alone->batch.targets = (vx_cmatf){ alone->targets, ROWS, 3, 3 };
        alone->batch.teacher = (vx_cmatf){ alone->teacher, ROWS, 3, 3 };
        train(&spec, &alone->batch, expected);
        copy_column(all, found, k, COLUMNS, 3, true);
        for (size_t i = 0; i < 3 * 6; i++)
            vx_assert_close(found[i], expected[i], 1e-10, 1e-12);
        batch_free(alone);
    }
    batch_free(data);
}

static void a_column_is_what_it_is_when_trained_alone(void **state)
{
    (void)state;
    for (size_t head = 0; head < HEADS; head++)
        if (heads[head].loss.kind != VX_LOSS_NCE)
            check_columns(head);
}

static void evaluations_of_columns_are_told_apart(void **state)
{
    vx_model_spec many = spec_of("linear", 0);
    batch_options options = { .rows = ROWS, .weighted = true, .column_weighted = true };
    vx_model64 *model = NULL;
    vx_evaluation columns[COLUMNS] = { { 0 } }, all = { 0 }, sum = { 0 };
    batch_data *data = NULL;
    double theta[D_MAX];
    (void)state;

    many.columns = COLUMNS;
    data = batch_create(&many, options, 1);
    train(&many, &data->batch, theta);
    vx_assert_ok(vx_model_create64(&many, &model, NULL), NULL);
    {
        vx_cvec at = { theta, vx_model_dimension64(model) };

        vx_assert_ok(vx_model_evaluate_columns64(model, at, &data->batch, columns), NULL);
        vx_assert_ok(vx_model_evaluate64(model, at, &data->batch, &all), NULL);
    }
    for (size_t k = 0; k < COLUMNS; k++) {
        double weight = 0;

        for (size_t i = 0; i < ROWS; i++)
            weight += (double)data->weights[i] * (double)data->column_weights[i * COLUMNS + k];
        vx_assert_close(columns[k].weight_sum, weight, 1e-12, 0);
        assert_int_equal(columns[k].count, ROWS);
        assert_true(columns[k].nll_sum > 0);
        assert_true(k == 0 || columns[k].nll_sum != columns[0].nll_sum);
        sum.nll_sum += columns[k].nll_sum;
        sum.correct += columns[k].correct;
    }
    vx_assert_close(all.nll_sum, sum.nll_sum, 1e-12, 0);
    assert_int_equal(all.correct, sum.correct);
    assert_int_equal(all.count, COLUMNS * ROWS);
    vx_model_destroy64(model);
    batch_free(data);
}

static void a_gradient_takes_no_memory(void **state)
{
    (void)state;
    for (size_t head = 0; head < HEADS; head++) {
        vx_model_spec spec = spec_of("mlp", head);
        batch_data *data = batch_create(&spec, (batch_options){ .rows = ROWS }, head);
        float theta[D_MAX], gradient[D_MAX];
        vx_evaluation sums = { 0 };
        vx_model *model = NULL;
        uint64_t before = 0;
        double nll = 0;
        size_t d = 0;

        vx_assert_ok(vx_model_create(&spec, &model, NULL), NULL);
        d = vx_model_dimension(model);
        vx_model_initialise(model, 1, (vx_vecf){ theta, d });
        before = vx_alloc_count();
        vx_assert_ok(vx_model_nll_gradient(model, (vx_cvecf){ theta, d }, &data->batch,
                                           (vx_vecf){ gradient, d }, &nll),
                     NULL);
        vx_assert_ok(vx_model_evaluate(model, (vx_cvecf){ theta, d }, &data->batch, &sums), NULL);
        assert_int_equal(vx_alloc_count(), before);
        vx_model_destroy(model);
        batch_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_shards_sum_to_the_pooled_one),
        cmocka_unit_test(weights_0_and_2_are_an_observation_left_out_and_doubled),
        cmocka_unit_test(sparse_features_give_what_dense_ones_give),
        cmocka_unit_test(rows_of_a_sparse_matrix_may_be_empty),
        cmocka_unit_test(a_column_is_what_it_is_when_trained_alone),
        cmocka_unit_test(evaluations_of_columns_are_told_apart),
        cmocka_unit_test(a_gradient_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
