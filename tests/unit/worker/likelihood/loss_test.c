#include <vx_test/check.h>

#include <vx_likelihood/head.h>

#include <math.h>
#include <string.h>

static double loss_categorical(vx_matf logits, const uint32_t *labels, const float *weights)
{
    const vx_model_spec spec = { .outputs_data = logits.cols };
    const vx_batch batch = { .labels = labels, .weights = weights };
    vx_head *head = NULL;
    vx_model_value value;

    vx_assert_ok(vx_head_create(&spec, &head, NULL), NULL);
    value = vx_head_gradient(head, logits, &batch);
    vx_head_destroy(head);
    assert_true(value.loss == value.nll || isnan(value.loss));
    return value.nll;
}

/* Loss of one row whose logits become its derivative. */
static double loss_of(float *logits, size_t classes, uint32_t label)
{
    return loss_categorical((vx_matf){ logits, 1, classes, classes }, &label, NULL);
}

static void a_row_by_hand(void **state)
{
    float row[2] = { 0, logf(3) }; /* softmax 1/4, 3/4 */
    (void)state;

    vx_assert_close(loss_of(row, 2, 0), log(4), 1e-7, 0);
    vx_assert_close((double)row[0], -0.75, 1e-7, 0);
    vx_assert_close((double)row[1], 0.75, 1e-7, 0);
}

static void equal_logits_cost_the_logarithm_of_the_classes(void **state)
{
    (void)state;
    for (size_t classes = 1; classes <= 7; classes++) {
        float row[7] = { 2, 2, 2, 2, 2, 2, 2 };

        vx_assert_close(loss_of(row, classes, (uint32_t)classes - 1), log((double)classes), 1e-15,
                        0);
        for (size_t k = 0; k < classes; k++)
            vx_assert_close((double)row[k], 1.0 / (double)classes - (k + 1 == classes), 1e-7, 1e-7);
    }
}

static void weights_make_a_weighted_mean(void **state)
{
    float rows[3][2] = { { 0, logf(3) }, { 5, 5 }, { 0, 0 } };
    const uint32_t labels[3] = { 0, 1, 0 };
    const float weights[3] = { 3, 0, 1 };
    (void)state;

    /* (3 log 4 + 0 + 1 log 2) / 4 */
    vx_assert_close(loss_categorical((vx_matf){ rows[0], 3, 2, 2 }, labels, weights),
                    7 * log(2) / 4, 1e-7, 0);
    vx_assert_close((double)rows[0][0], -0.75 * 0.75, 1e-7, 0);
    vx_assert_close((double)rows[0][1], 0.75 * 0.75, 1e-7, 0);
    assert_true(rows[1][0] == 0 && rows[1][1] == 0);
    vx_assert_close((double)rows[2][0], -0.25 * 0.5, 1e-7, 0);
    vx_assert_close((double)rows[2][1], 0.25 * 0.5, 1e-7, 0);
}

static void without_weights_every_row_counts_the_same(void **state)
{
    float rows[2][2] = { { 0, logf(3) }, { 0, 0 } };
    const uint32_t labels[2] = { 1, 0 };
    (void)state;

    vx_assert_close(loss_categorical((vx_matf){ rows[0], 2, 2, 2 }, labels, NULL),
                    (log(4.0 / 3) + log(2)) / 2, 1e-7, 0);
    vx_assert_close((double)rows[0][1], -0.125, 1e-6, 0);
    vx_assert_close((double)rows[1][1], 0.25, 1e-7, 0);
}

static void a_row_of_weight_0_may_hold_anything(void **state)
{
    float rows[2][2] = { { (float)nan(""), (float)HUGE_VAL }, { 0, 0 } };
    const uint32_t labels[2] = { 0, 0 };
    const float weights[2] = { 0, 0.5f };
    (void)state;

    vx_assert_close(loss_categorical((vx_matf){ rows[0], 2, 2, 2 }, labels, weights), log(2), 1e-15,
                    0);
    assert_true(rows[0][0] == 0 && rows[0][1] == 0);
}

static void no_weight_at_all_is_no_loss(void **state)
{
    float rows[2][2] = { { 1, 2 }, { 3, 4 } };
    const uint32_t labels[2] = { 0, 1 };
    const float weights[2] = { 0, 0 };
    (void)state;

    vx_assert_close(loss_categorical((vx_matf){ rows[0], 2, 2, 2 }, labels, weights), 0, 0, 0);
    for (size_t i = 0; i < 4; i++)
        assert_true(rows[i / 2][i % 2] == 0);
}

static void extreme_logits_stay_finite_and_right(void **state)
{
    static const float sizes[] = { 1e4f, 1e30f, 3e38f };
    (void)state;

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        double size = (double)sizes[s];
        float right[3] = { sizes[s], -sizes[s], 0 };
        float wrong[3] = { sizes[s], -sizes[s], 0 };
        float middle[3] = { sizes[s], -sizes[s], 0 };

        vx_assert_close(loss_of(right, 3, 0), 0, 0, 0);
        assert_true(right[0] == 0 && right[1] == 0 && right[2] == 0);
        vx_assert_close(loss_of(wrong, 3, 1), 2 * size, 1e-15, 0);
        assert_true(wrong[0] == 1 && wrong[1] == -1 && wrong[2] == 0);
        vx_assert_close(loss_of(middle, 3, 2), size, 1e-15, 0);
        assert_true(middle[0] == 1 && middle[1] == 0 && middle[2] == -1);
    }
}

static void a_shift_of_all_logits_changes_no_bit(void **state)
{
    static const float shifts[] = { 1, -64, 1000 }; /* the sums are exact */
    const float plain[4] = { 0.5f, -1.25f, 3, 2.75f };
    float expected[4];
    double loss = 0;
    (void)state;

    memcpy(expected, plain, sizeof(plain));
    loss = loss_of(expected, 4, 3);
    for (size_t s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
        float row[4];

        for (size_t k = 0; k < 4; k++)
            row[k] = plain[k] + shifts[s];
        vx_assert_close(loss_of(row, 4, 3), loss, 0, 0);
        assert_memory_equal(row, expected, sizeof(row));
    }
}

static void a_certain_class_costs_nothing_and_pulls_no_more(void **state)
{
    float row[3] = { -40, 60, -50 };
    (void)state;

    vx_assert_close(loss_of(row, 3, 1), 0, 0, 1e-15);
    for (size_t k = 0; k < 3; k++)
        vx_assert_close((double)row[k], 0, 0, 1e-15);
}

static void the_derivative_of_a_row_sums_to_0(void **state)
{
    (void)state;
    for (uint32_t label = 0; label < 5; label++) {
        float row[5] = { 0.1f, -7, 3, 2.5f, 11 };
        double sum = 0;

        loss_of(row, 5, label);
        for (uint32_t k = 0; k < 5; k++) {
            assert_true((row[k] <= 0) == (k == label));
            sum += (double)row[k];
        }
        vx_assert_close(sum, 0, 0, 2e-7);
    }
}

static void only_the_columns_of_the_matrix_are_touched(void **state)
{
    float rows[2][4] = { { 0, 0, 7, 8 }, { 1, 1, 9, 10 } };
    const uint32_t labels[2] = { 1, 0 };
    (void)state;

    vx_assert_close(loss_categorical((vx_matf){ rows[0], 2, 2, 4 }, labels, NULL), log(2), 1e-15,
                    0);
    assert_true(rows[0][2] == 7 && rows[0][3] == 8 && rows[1][2] == 9 && rows[1][3] == 10);
    assert_true(rows[0][0] == 0.25f && rows[1][1] == 0.25f);
}

static void what_is_not_finite_is_not_hidden(void **state)
{
    static const double bad[] = { HUGE_VAL, -HUGE_VAL };
    (void)state;

    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
        float row[2] = { (float)bad[b], 1 };

        assert_true(!isfinite(loss_of(row, 2, b == 0 ? 1 : 0)));
    }
    for (size_t k = 0; k < 3; k++) {
        float row[3] = { 1, 2, 3 };

        row[k] = (float)nan("");
        assert_true(!isfinite(loss_of(row, 3, 0)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_by_hand),
        cmocka_unit_test(equal_logits_cost_the_logarithm_of_the_classes),
        cmocka_unit_test(weights_make_a_weighted_mean),
        cmocka_unit_test(without_weights_every_row_counts_the_same),
        cmocka_unit_test(a_row_of_weight_0_may_hold_anything),
        cmocka_unit_test(no_weight_at_all_is_no_loss),
        cmocka_unit_test(extreme_logits_stay_finite_and_right),
        cmocka_unit_test(a_shift_of_all_logits_changes_no_bit),
        cmocka_unit_test(a_certain_class_costs_nothing_and_pulls_no_more),
        cmocka_unit_test(the_derivative_of_a_row_sums_to_0),
        cmocka_unit_test(only_the_columns_of_the_matrix_are_touched),
        cmocka_unit_test(what_is_not_finite_is_not_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
