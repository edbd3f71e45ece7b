#include <vx_test/check.h>

#include <math.h>
#include <string.h>

#include <vx_base/rng.h>
#include <vx_likelihood/head.h>

#include "minimise.h"

/* Where losses lead when nothing constrains the outputs: one row of logits z for data whose classes
 * have the probabilities P. The loss is that of an observation of each class with weight P. */

#define CLASSES 5
static const double law[CLASSES] = { .5, .25, .15, .07, .03 };
static const float teacher_logits[CLASSES] = { 0.2f, 1.5f, -0.7f, 0.4f, 2.1f };

typedef struct problem {
    vx_head *head;
    float teacher[CLASSES * CLASSES];
} problem;

static double loss_at(void *context, const double *x, double *ret_gradient)
{
    problem *own = context;
    const uint32_t labels[CLASSES] = { 0, 1, 2, 3, 4 };
    float weights[CLASSES];
    double z[CLASSES * CLASSES];
    vx_batch batch = { .labels = labels,
                       .weights = weights,
                       .teacher = { own->teacher, CLASSES, CLASSES, CLASSES } };
    double loss = 0;

    for (size_t i = 0; i < CLASSES; i++) {
        weights[i] = (float)law[i];
        memcpy(z + i * CLASSES, x, CLASSES * sizeof(*x));
    }
    loss = vx_head_gradient64(own->head, (vx_mat){ z, CLASSES, CLASSES, CLASSES }, &batch).loss;
    for (size_t k = 0; k < CLASSES; k++) {
        ret_gradient[k] = 0;
        for (size_t i = 0; i < CLASSES; i++)
            ret_gradient[k] += z[i * CLASSES + k];
    }
    return loss;
}

static void softmax(const double *z, double temperature, double *ret_q)
{
    double sum = 0;

    for (size_t k = 0; k < CLASSES; k++)
        sum += ret_q[k] = exp(z[k] / temperature);
    for (size_t k = 0; k < CLASSES; k++)
        ret_q[k] /= sum;
}

/* softmax(z / temperature) at the optimum. */
static double find(vx_loss_spec loss, double temperature, double *ret_q)
{
    const vx_model_spec spec = { .outputs_data = CLASSES, .loss = loss };
    double z[CLASSES] = { 0 }, left = 0;
    problem own;
    vx_error err = { 0 };

    vx_assert_ok(vx_head_create(&spec, &own.head, &err), &err);
    for (size_t i = 0; i < CLASSES; i++)
        memcpy(own.teacher + i * CLASSES, teacher_logits, sizeof(teacher_logits));
    left = minimise(loss_at, &own, z, CLASSES, 1e-12, 3000);
    vx_head_destroy(own.head);
    softmax(z, temperature, ret_q);
    return left;
}

static void the_nll_leads_to_the_law_of_the_data(void **state)
{
    double q[CLASSES];
    (void)state;

    assert_true(find((vx_loss_spec){ .kind = VX_LOSS_NLL }, 1, q) < 1e-10);
    for (size_t k = 0; k < CLASSES; k++)
        vx_assert_close(q[k], law[k], 0, 1e-7);
}

static void smoothing_leads_to_the_smoothed_law(void **state)
{
    double q[CLASSES];
    (void)state;

    assert_true(find((vx_loss_spec){ .kind = VX_LOSS_SMOOTHING, .epsilon = 0.1 }, 1, q) < 1e-10);
    for (size_t k = 0; k < CLASSES; k++)
        vx_assert_close(q[k], 0.9 * law[k] + 0.1 / CLASSES, 0, 1e-7);
}

/* q_i = eta P_i / (mu - (1 - eta) P_i), mu so that they sum to 1; the numbers are those of an
 * independent computation. */
static void mixce_leads_to_its_closed_form(void **state)
{
    static const double etas[] = { .5, .2 };
    static const double known[2][CLASSES] = { { .57659, .22378, .12324, .05396, .02244 },
                                              { .73786, .14902, .07220, .02920, .01173 } };
    (void)state;

    for (size_t e = 0; e < 2; e++) {
        double q[CLASSES], low = (1 - etas[e]) * law[0], high = 2;

        assert_true(find((vx_loss_spec){ .kind = VX_LOSS_MIXCE, .eta = etas[e] }, 1, q) < 1e-9);
        for (int k = 0; k < 200; k++) {
            double mu = (low + high) / 2, sum = 0;

            for (size_t i = 0; i < CLASSES; i++)
                sum += etas[e] * law[i] / (mu - (1 - etas[e]) * law[i]);
            if (sum > 1)
                low = mu;
            else
                high = mu;
        }
        for (size_t i = 0; i < CLASSES; i++) {
            vx_assert_close(q[i], known[e][i], 0, 6e-6);
            vx_assert_close(q[i], etas[e] * law[i] / (high - (1 - etas[e]) * law[i]), 0, 1e-7);
        }
    }
}

static void mixce_without_the_nll_puts_all_on_the_mode(void **state)
{
    double q[CLASSES];
    (void)state;

    find((vx_loss_spec){ .kind = VX_LOSS_MIXCE, .eta = 0 }, 1, q);
    assert_true(q[0] > 0.9999);
}

static void distillation_leads_to_the_mixed_target(void **state)
{
    static const double mixes[] = { 0, 0.3, 1 };
    double teacher[CLASSES], p[CLASSES], q[CLASSES];
    (void)state;

    for (size_t k = 0; k < CLASSES; k++)
        teacher[k] = (double)teacher_logits[k];
    softmax(teacher, 1, p);
    for (size_t m = 0; m < 3; m++) {
        vx_loss_spec loss = { .kind = VX_LOSS_DISTILLATION, .mix = mixes[m], .temperature = 1 };

        assert_true(find(loss, 1, q) < 1e-10);
        for (size_t k = 0; k < CLASSES; k++)
            vx_assert_close(q[k], (1 - mixes[m]) * law[k] + mixes[m] * p[k], 0, 1e-7);
    }
    softmax(teacher, 4, p);
    assert_true(find((vx_loss_spec){ .kind = VX_LOSS_DISTILLATION, .mix = 1, .temperature = 4 }, 4,
                     q) < 1e-10);
    for (size_t k = 0; k < CLASSES; k++)
        vx_assert_close(q[k], p[k], 0, 1e-7);
}

/* l T (q_T - p_T) tends to l (z - mean z - t + mean t) / classes. */
static void a_hot_teacher_pulls_by_the_difference_of_centred_logits(void **state)
{
    const vx_model_spec spec = {
        .outputs_data = CLASSES,
        .loss = { .kind = VX_LOSS_DISTILLATION, .mix = 1, .temperature = 1e5 },
    };
    const double z[CLASSES] = { 1, -2, 0.5, 3, 0 };
    double row[CLASSES], mean = 0, teacher_mean = 0;
    const uint32_t label = 2;
    const vx_batch batch = { .labels = &label, .teacher = { teacher_logits, 1, CLASSES, CLASSES } };
    vx_head *head = NULL;
    (void)state;

    memcpy(row, z, sizeof(z));
    for (size_t k = 0; k < CLASSES; k++) {
        mean += z[k] / CLASSES;
        teacher_mean += (double)teacher_logits[k] / CLASSES;
    }
    vx_assert_ok(vx_head_create(&spec, &head, NULL), NULL);
    vx_head_gradient64(head, (vx_mat){ row, 1, CLASSES, CLASSES }, &batch);
    vx_head_destroy(head);
    for (size_t k = 0; k < CLASSES; k++)
        vx_assert_close(row[k], (z[k] - mean - (double)teacher_logits[k] + teacher_mean) / CLASSES,
                        0, 1e-4);
}

#define NOISE 3
#define DRAWS 40000

/*
 * The expectation of the gradient of an observation is -P_c (1 - s_c) + k N_c s_c, s_c =
 * sigma(z_c - log(k N_c)): 0 at z = log P, normalised or not. DRAWS observations come as near as
 * chance lets them: 5 deviations, each term is at most 1 + k.
 */
static void noise_contrastive_estimation_is_right_on_average(void **state)
{
    static const double noise[CLASSES] = { .1, .2, .3, .2, .2 };
    const vx_model_spec spec = {
        .outputs_data = CLASSES, .loss = { .kind = VX_LOSS_NCE, .noise = NOISE, .noise_law = noise }
    };
    vx_head *head = NULL;
    (void)state;

    vx_assert_ok(vx_head_create(&spec, &head, NULL), NULL);
    for (int shift = 0; shift < 2; shift++) {
        vx_rng rng = vx_rng_stream(9, VX_RNG_TEST, 0, 0);
        double mean[CLASSES] = { 0 };

        for (uint32_t i = 0; i < DRAWS; i++) {
            double z[CLASSES], u = vx_rng_uniform(&rng);
            uint32_t label = 0;
            vx_batch batch = { .labels = &label, .observations = &i, .seed = 4, .round = 1 };

            for (double up_to = law[0]; label + 1 < CLASSES && u > up_to; up_to += law[label])
                label++;
            for (size_t k = 0; k < CLASSES; k++)
                z[k] = log(law[k]) + shift * (0.3 * (double)k - 0.5);
            vx_head_gradient64(head, (vx_mat){ z, 1, CLASSES, CLASSES }, &batch);
            for (size_t k = 0; k < CLASSES; k++)
                mean[k] += z[k] / DRAWS;
        }
        for (size_t k = 0; k < CLASSES; k++) {
            double z = log(law[k]) + shift * (0.3 * (double)k - 0.5);
            double s = 1 / (1 + exp(log(NOISE * noise[k]) - z));

            vx_assert_close(mean[k], -law[k] * (1 - s) + NOISE * noise[k] * s, 0,
                            5 * (1 + NOISE) / sqrt(DRAWS) / 4);
            if (shift == 0)
                vx_assert_close(-law[k] * (1 - s) + NOISE * noise[k] * s, 0, 0, 1e-15);
        }
    }
    vx_head_destroy(head);
}

/* The draws are those of seed, slot, round and observation, in a batch of any size. */
static void noise_is_a_pure_function_of_its_key(void **state)
{
    const vx_model_spec spec = { .outputs_data = CLASSES,
                                 .loss = { .kind = VX_LOSS_NCE, .noise = 20 } };
    const uint32_t labels[2] = { 1, 1 }, numbers[2] = { 5, 1u << 31 };
    vx_head *head = NULL;
    double together[2 * CLASSES] = { 0 };
    vx_batch batch = {
        .labels = labels, .observations = numbers, .seed = 1, .round = 7, .slot = 2
    };
    (void)state;

    vx_assert_ok(vx_head_create(&spec, &head, NULL), NULL);
    vx_head_gradient64(head, (vx_mat){ together, 2, CLASSES, CLASSES }, &batch);
    assert_memory_not_equal(together, together + CLASSES, CLASSES * sizeof(double));
    for (size_t i = 0; i < 2; i++) {
        double alone[CLASSES] = { 0 };

        batch.observations = numbers + i;
        vx_head_gradient64(head, (vx_mat){ alone, 1, CLASSES, CLASSES }, &batch);
        for (size_t k = 0; k < CLASSES; k++)
            vx_assert_close(alone[k], 2 * together[i * CLASSES + k], 1e-15, 0);
    }
    vx_head_destroy(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nll_leads_to_the_law_of_the_data),
        cmocka_unit_test(smoothing_leads_to_the_smoothed_law),
        cmocka_unit_test(mixce_leads_to_its_closed_form),
        cmocka_unit_test(mixce_without_the_nll_puts_all_on_the_mode),
        cmocka_unit_test(distillation_leads_to_the_mixed_target),
        cmocka_unit_test(a_hot_teacher_pulls_by_the_difference_of_centred_logits),
        cmocka_unit_test(noise_contrastive_estimation_is_right_on_average),
        cmocka_unit_test(noise_is_a_pure_function_of_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
