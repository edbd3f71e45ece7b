#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/limits.h>
#include <vx_data/shard.h>

#include <string.h>

#define COUNT_MAX 100
#define BATCH_MAX 64

static vx_sampler *sampler_of(uint64_t seed, uint32_t slot, size_t count, size_t batch)
{
    vx_sampler *sampler = NULL;

    vx_assert_ok(vx_sampler_create(seed, slot, count, batch, &sampler), NULL);
    return sampler;
}

static void every_position_is_used_once_a_data_epoch(void **state)
{
    static const size_t sizes[][2] = { { 100, 10 }, { 97, 10 }, { 5, 64 }, { 1, 3 }, { 64, 64 } };
    (void)state;

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t count = sizes[s][0], batch = sizes[s][1];
        vx_sampler *sampler = sampler_of(1, 2, count, batch);
        size_t used[COUNT_MAX] = { 0 };
        uint32_t positions[BATCH_MAX];

        for (uint64_t round = 0; round < 500; round++) {
            vx_sampler_draw(sampler, round, positions);
            for (size_t b = 0; b < batch; b++) {
                uint64_t epoch = (round * batch + b) / count;

                assert_true(positions[b] < count);
                assert_int_equal(used[positions[b]], epoch); /* once in each one before */
                used[positions[b]]++;
            }
        }
        vx_sampler_destroy(sampler);
    }
}

static void a_draw_does_not_depend_on_the_draws_before(void **state)
{
    static const uint64_t order[] = { 17, 3, 3, 40, 0, 9, 1000000, 10, 9, 17 };
    vx_sampler *used = sampler_of(4, 1, 97, 20);
    (void)state;

    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        vx_sampler *fresh = sampler_of(4, 1, 97, 20);
        uint32_t a[20], b[20];

        vx_sampler_draw(used, order[k], a);
        vx_sampler_draw(fresh, order[k], b);
        assert_memory_equal(a, b, sizeof(a));
        vx_sampler_destroy(fresh);
    }
    vx_sampler_destroy(used);
}

static void seed_slot_and_data_epoch_give_other_orders(void **state)
{
    vx_sampler *samplers[] = { sampler_of(1, 1, 60, 60), sampler_of(2, 1, 60, 60),
                               sampler_of(1, 2, 60, 60) };
    uint32_t first[60], other[60];
    (void)state;

    vx_sampler_draw(samplers[0], 0, first);
    for (size_t k = 0; k < 3; k++) {
        vx_sampler_draw(samplers[k], k == 0 ? 1 : 0, other);
        assert_memory_not_equal(first, other, sizeof(first));
        vx_sampler_destroy(samplers[k]);
    }
}

static void positions_are_spread_evenly_over_a_data_epoch(void **state)
{
    enum { EPOCHS = 2000, COUNT = 10 };
    vx_sampler *sampler = sampler_of(3, 0, COUNT, COUNT);
    size_t first[COUNT] = { 0 };
    (void)state;

    for (uint64_t round = 0; round < EPOCHS; round++) {
        uint32_t positions[COUNT];

        vx_sampler_draw(sampler, round, positions);
        first[positions[0]]++;
    }
    for (size_t i = 0; i < COUNT; i++) /* 200 expected; five standard deviations are 67 */
        assert_in_range(first[i], 133, 267);
    vx_sampler_destroy(sampler);
}

static void drawing_allocates_nothing(void **state)
{
    vx_sampler *sampler = sampler_of(1, 0, 50, 20);
    uint32_t positions[20];
    uint64_t before = vx_alloc_count();
    (void)state;

    for (uint64_t round = 0; round < 20; round++)
        vx_sampler_draw(sampler, round, positions);
    assert_int_equal(vx_alloc_count(), before);
    vx_sampler_destroy(sampler);
}

static void a_round_number_that_no_job_reaches_does_not_stop_the_process(void **state)
{
    static const uint64_t rounds[] = { VX_ROUNDS_MAX - 1, VX_ROUNDS_MAX, UINT64_MAX };
    vx_sampler *sampler = sampler_of(1, 0, 2, 40);
    uint32_t positions[40];
    (void)state;

    for (size_t k = 0; k < 3; k++) {
        vx_sampler_draw(sampler, rounds[k], positions);
        for (size_t b = 0; b < 40; b++)
            assert_true(positions[b] < 2);
    }
    vx_sampler_destroy(sampler);
}

static void create_survives_the_failure_of_every_allocation(void **state)
{
    vx_sampler *sampler = NULL;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_sampler_create(1, 0, 10, 3, &sampler);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && sampler == NULL));
    }
    assert_int_equal(k, 3);
    vx_sampler_destroy(sampler);
    assert_null(vx_sampler_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_position_is_used_once_a_data_epoch),
        cmocka_unit_test(a_draw_does_not_depend_on_the_draws_before),
        cmocka_unit_test(seed_slot_and_data_epoch_give_other_orders),
        cmocka_unit_test(positions_are_spread_evenly_over_a_data_epoch),
        cmocka_unit_test(drawing_allocates_nothing),
        cmocka_unit_test(a_round_number_that_no_job_reaches_does_not_stop_the_process),
        cmocka_unit_test(create_survives_the_failure_of_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
