#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_data/shard.h>

#include <math.h>
#include <string.h>

#define COUNT   10007 /* a prime: no run divides it */
#define CLASSES 10
#define SLOTS   7

static uint32_t labels[COUNT];

static int fill_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        labels[i] = (uint32_t)(i * 31 % CLASSES);
    return 0;
}

static vx_shard_targets of_labels(size_t count)
{
    return (vx_shard_targets){ .labels = labels, .count = count };
}

static size_t shard_of(const vx_shard_spec *spec, uint32_t slot, uint32_t **ret_indices)
{
    size_t count = 0;
    vx_error err = { 0 };

    vx_assert_ok(vx_shard_indices(spec, of_labels(COUNT), slot, ret_indices, &count, &err), &err);
    return count;
}

static const vx_shard_spec specs[] = {
    { .kind = VX_SHARD_IID, .seed = 3, .slots = SLOTS },
    { .kind = VX_SHARD_SORTED, .seed = 3, .slots = SLOTS },
    { .kind = VX_SHARD_DIRICHLET, .alpha = 1, .seed = 3, .slots = SLOTS },
    { .kind = VX_SHARD_DIRICHLET, .alpha = 1000, .seed = 3, .slots = SLOTS },
    { .kind = VX_SHARD_IID, .seed = 3, .slots = 1 },
    { .kind = VX_SHARD_DIRICHLET, .alpha = 0.5, .seed = 3, .slots = 1 },
};

static void the_shards_of_every_kind_partition_the_data(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(specs) / sizeof(specs[0]); s++) {
        uint8_t seen[COUNT] = { 0 };
        size_t total = 0;

        for (uint32_t slot = 0; slot < specs[s].slots; slot++) {
            uint32_t *indices = NULL;
            size_t count = shard_of(&specs[s], slot, &indices);

            for (size_t i = 0; i < count; i++) {
                assert_true(indices[i] < COUNT);
                assert_int_equal(seen[indices[i]]++, 0);
            }
            total += count;
            vx_free(indices);
        }
        assert_int_equal(total, COUNT);
    }
}

static void equal_runs_differ_by_at_most_one(void **state)
{
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            uint32_t *indices = NULL;

            assert_in_range(shard_of(&specs[s], slot, &indices), COUNT / SLOTS, COUNT / SLOTS + 1);
            vx_free(indices);
        }
    }
}

static void sorted_shards_follow_the_labels(void **state)
{
    uint32_t last = 0;
    (void)state;

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t *indices = NULL;
        size_t count = shard_of(&specs[1], slot, &indices);

        for (size_t i = 0; i < count; i++) {
            assert_true(labels[indices[i]] >= last);
            assert_true(i == 0 || labels[indices[i - 1]] < labels[indices[i]] ||
                        indices[i - 1] < indices[i]); /* stable */
            last = labels[indices[i]];
        }
        vx_free(indices);
    }
}

static void a_shard_is_a_function_of_its_spec(void **state)
{
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        vx_shard_spec other = specs[s];
        uint32_t *first = NULL, *again = NULL, *other_indices = NULL;
        size_t count = shard_of(&specs[s], 2, &first);
        size_t other_count = 0;

        assert_int_equal(shard_of(&specs[s], 2, &again), count);
        assert_memory_equal(first, again, count * sizeof(*first));
        other.seed++;
        other_count = shard_of(&other, 2, &other_indices);
        if (specs[s].kind != VX_SHARD_SORTED)
            assert_true(other_count != count ||
                        memcmp(first, other_indices, count * sizeof(*first)) != 0);
        vx_free(first);
        vx_free(again);
        vx_free(other_indices);
    }
}

/* Mean over classes of the largest share that one slot holds of the class. */
static double concentration(vx_shard_spec spec)
{
    double share[SLOTS][CLASSES] = { { 0 } };
    double total[CLASSES] = { 0 };
    double mean = 0;

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t *indices = NULL;
        size_t count = 0;
        vx_status status = vx_shard_indices(&spec, of_labels(COUNT), slot, &indices, &count, NULL);

        assert_true(status == VX_OK || status == VX_ERR_DATA); /* a slot may get nothing */
        for (size_t i = 0; i < count; i++) {
            share[slot][labels[indices[i]]]++;
            total[labels[indices[i]]]++;
        }
        vx_free(indices);
    }
    for (size_t c = 0; c < CLASSES; c++) {
        double most = 0;

        for (size_t slot = 0; slot < SLOTS; slot++)
            most = fmax(most, share[slot][c] / total[c]);
        mean += most / CLASSES;
    }
    return mean;
}

static void alpha_sets_how_concentrated_the_classes_are(void **state)
{
    vx_shard_spec spec = { .kind = VX_SHARD_DIRICHLET, .seed = 5, .slots = SLOTS };
    (void)state;

    spec.alpha = 1e6;
    assert_true(concentration(spec) < 1.0 / SLOTS + 0.005); /* as good as iid */
    spec.alpha = 1;
    assert_true(concentration(spec) > 0.25 && concentration(spec) < 0.6);
    spec.alpha = 0.01;
    assert_true(concentration(spec) > 0.9);
    spec.alpha = 1e-6; /* every draw underflows: one slot takes the class */
    assert_true(concentration(spec) > 0.9999);
}

/* Of Dirichlet(alpha 1_k) a share has mean 1/k and variance (1/k)(1 - 1/k) / (k alpha + 1). */
static void dirichlet_shares_have_their_mean_and_variance(void **state)
{
    enum { SEEDS = 400, ALPHA = 2 };
    double mean = 0, square = 0, k = SLOTS;
    (void)state;

    memset(labels, 0, sizeof(labels));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        vx_shard_spec spec = { .kind = VX_SHARD_DIRICHLET, .alpha = ALPHA, .slots = SLOTS };
        uint32_t *indices = NULL;
        double share = 0;

        spec.seed = seed;
        share = (double)shard_of(&spec, 4, &indices) / COUNT;
        mean += share / SEEDS;
        square += share * share / SEEDS;
        vx_free(indices);
    }
    vx_assert_close(mean, 1 / k, 0.12, 0);
    vx_assert_close(square - mean * mean, 1 / k * (1 - 1 / k) / (k * ALPHA + 1), 0.35, 0);
    fill_labels(NULL);
}

static void a_union_is_the_shards_one_after_the_other(void **state)
{
    static const uint32_t slots[] = { 1, 2, 6 };
    (void)state;

    for (size_t s = 0; s < 4; s++) {
        uint32_t *joined = NULL;
        size_t count = 0;
        size_t used = 0;

        vx_assert_ok(vx_shard_union(&specs[s], of_labels(COUNT), slots, 3, &joined, &count, NULL),
                     NULL);
        for (size_t k = 0; k < 3; k++) {
            uint32_t *indices = NULL;
            size_t size = shard_of(&specs[s], slots[k], &indices);

            assert_true(size <= count - used);
            assert_memory_equal(joined + used, indices, size * sizeof(*indices));
            used += size;
            vx_free(indices);
        }
        assert_int_equal(used, count);
        vx_free(joined);
    }
}

static void the_union_of_one_shard_is_that_shard(void **state)
{
    uint32_t *indices = NULL, *joined = NULL;
    size_t size = shard_of(&specs[0], 4, &indices);
    size_t count = 0;
    (void)state;

    vx_assert_ok(vx_shard_union(&specs[0], of_labels(COUNT), (const uint32_t[]){ 4 }, 1, &joined,
                                &count, NULL),
                 NULL);
    assert_int_equal(count, size);
    assert_memory_equal(joined, indices, size * sizeof(*indices));
    vx_free(joined);
    vx_free(indices);
}

/* Slots 0 and 2 of 5 get none of 3 observations. */
static void an_empty_shard_adds_nothing_to_a_union(void **state)
{
    vx_shard_spec spec = { .kind = VX_SHARD_IID, .slots = 5 };
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    (void)state;

    vx_assert_ok(vx_shard_union(&spec, of_labels(3), (const uint32_t[]){ 0, 1, 4 }, 3, &indices,
                                &count, &err),
                 &err);
    assert_int_equal(count, 2);
    vx_free(indices);
    indices = NULL;
    vx_assert_status(
        vx_shard_union(&spec, of_labels(3), (const uint32_t[]){ 0, 2 }, 2, &indices, &count, &err),
        VX_ERR_DATA, &err);
    assert_null(indices);
    vx_assert_status(
        vx_shard_union(&spec, of_labels(3), (const uint32_t[]){ 1, 5 }, 2, &indices, &count, &err),
        VX_ERR_DOMAIN, &err);
    assert_null(indices);
}

static void a_union_survives_the_failure_of_every_allocation(void **state)
{
    uint32_t *indices = NULL;
    size_t count = 0;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_shard_union(&specs[0], of_labels(COUNT), (const uint32_t[]){ 0, 1 }, 2,
                                &indices, &count, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && indices == NULL));
    }
    assert_int_equal(k, 6); /* two a shard, and the union */
    vx_free(indices);
}

static void a_slot_without_observations_is_an_error_that_says_what_to_change(void **state)
{
    vx_shard_spec spec = { .kind = VX_SHARD_IID, .slots = 5 };
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(vx_shard_indices(&spec, of_labels(3), 0, &indices, &count, &err), VX_ERR_DATA,
                     &err);
    assert_null(indices);
    assert_non_null(strstr(err.message, "slot 0 of 5"));
    assert_non_null(strstr(err.message, "fewer"));
}

static void values_outside_their_range_are_refused(void **state)
{
    const vx_shard_spec bad[] = {
        { .kind = VX_SHARD_IID, .slots = 0 },
        { .kind = VX_SHARD_IID, .slots = 1 },
        { .kind = VX_SHARD_DIRICHLET, .slots = 2, .alpha = 0 },
        { .kind = VX_SHARD_DIRICHLET, .slots = 2, .alpha = -1 },
        { .kind = VX_SHARD_DIRICHLET, .slots = 2, .alpha = nan("") },
        { .kind = VX_SHARD_DIRICHLET, .slots = 2, .alpha = HUGE_VAL },
        { .kind = VX_SHARD_DIRICHLET, .slots = 2, .alpha = 1.7e308 }, /* draws do not end */
    };
    (void)state;

    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        uint32_t *indices = NULL;
        size_t count = 0;
        vx_error err = { 0 };

        vx_assert_status(vx_shard_indices(&bad[k], of_labels(COUNT), 1, &indices, &count, &err),
                         VX_ERR_DOMAIN, &err);
        assert_null(indices);
        assert_true(err.message[0] != '\0');
    }
}

static void indices_survive_the_failure_of_every_allocation(void **state)
{
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        uint32_t *indices = NULL;
        size_t count = 0;
        int k = 0;

        for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
            int left = k;

            vx_alloc_set_hook(vx_test_fail_at_zero, &left);
            status = vx_shard_indices(&specs[s], of_labels(COUNT), 0, &indices, &count, NULL);
            vx_alloc_set_hook(NULL, NULL);
            assert_true(status == VX_OK || (status == VX_ERR_NOMEM && indices == NULL));
        }
        assert_true(k >= 2); /* one allocation at least, then the run that succeeds */
        vx_free(indices);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shards_of_every_kind_partition_the_data),
        cmocka_unit_test(equal_runs_differ_by_at_most_one),
        cmocka_unit_test(sorted_shards_follow_the_labels),
        cmocka_unit_test(a_shard_is_a_function_of_its_spec),
        cmocka_unit_test(alpha_sets_how_concentrated_the_classes_are),
        cmocka_unit_test(dirichlet_shares_have_their_mean_and_variance),
        cmocka_unit_test(a_union_is_the_shards_one_after_the_other),
        cmocka_unit_test(the_union_of_one_shard_is_that_shard),
        cmocka_unit_test(an_empty_shard_adds_nothing_to_a_union),
        cmocka_unit_test(a_union_survives_the_failure_of_every_allocation),
        cmocka_unit_test(a_slot_without_observations_is_an_error_that_says_what_to_change),
        cmocka_unit_test(values_outside_their_range_are_refused),
        cmocka_unit_test(indices_survive_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, fill_labels, NULL);
}
