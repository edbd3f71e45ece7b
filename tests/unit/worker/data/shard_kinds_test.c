#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/files.h>
#include <vx_data/shard.h>

#include "load.h"

#define COUNT   1009 /* a prime */
#define CLASSES 10
#define SLOTS   7

static uint32_t labels[COUNT];
static float values[COUNT][2]; /* the second column tells nothing */

static int setup(void **state)
{
    for (size_t i = 0; i < COUNT; i++) {
        labels[i] = (uint32_t)(i * 31 % CLASSES);
        values[i][0] = (float)(i * 37 % COUNT) - 500.0f; /* all different, both signs */
        values[i][1] = (float)(i % 3);
    }
    return folder_setup(state);
}

static const vx_shard_targets classes = { .labels = labels, .count = COUNT };
static const vx_shard_targets reals = { .values = &values[0][0], .stride = 2, .count = COUNT };

static size_t shard_of(vx_shard_spec spec, vx_shard_targets targets, uint32_t slot,
                       uint32_t **ret_indices)
{
    size_t count = 0;
    vx_error err = { 0 };

    vx_assert_ok(vx_shard_indices(&spec, targets, slot, ret_indices, &count, &err), &err);
    return count;
}

static void expect_partition(vx_shard_spec spec, vx_shard_targets targets)
{
    uint8_t seen[COUNT] = { 0 };
    size_t total = 0;

    for (uint32_t slot = 0; slot < spec.slots; slot++) {
        uint32_t *indices = NULL;
        size_t count = shard_of(spec, targets, slot, &indices);

        assert_in_range(count, COUNT / SLOTS - 1, COUNT / SLOTS + 2);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seen[indices[i]]++, 0);
        total += count;
        vx_free(indices);
    }
    assert_int_equal(total, COUNT);
}

static void every_observation_is_in_one_shard_whatever_the_gamma(void **state)
{
    static const double gammas[] = { 0, 0.1, 0.33, 0.5, 0.999, 1 };
    (void)state;

    for (size_t k = 0; k < 6; k++) {
        vx_shard_spec spec = {
            .kind = VX_SHARD_GAMMA_SIMILARITY, .gamma = gammas[k], .seed = 5, .slots = SLOTS
        };

        expect_partition(spec, classes);
        expect_partition(spec, reals);
    }
    expect_partition((vx_shard_spec){ .kind = VX_SHARD_SORTED, .slots = SLOTS }, reals);
    expect_partition((vx_shard_spec){ .kind = VX_SHARD_IID, .seed = 2, .slots = SLOTS }, reals);
}

static void expect_same(vx_shard_spec a, vx_shard_spec b, vx_shard_targets targets)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t *first = NULL, *second = NULL;
        size_t count = shard_of(a, targets, slot, &first);

        assert_int_equal(shard_of(b, targets, slot, &second), count);
        assert_memory_equal(first, second, count * sizeof(*first));
        vx_free(first);
        vx_free(second);
    }
}

static void gamma_goes_from_sorted_to_iid(void **state)
{
    vx_shard_spec gamma = { .kind = VX_SHARD_GAMMA_SIMILARITY, .seed = 3, .slots = SLOTS };
    vx_shard_spec sorted = { .kind = VX_SHARD_SORTED, .seed = 3, .slots = SLOTS };
    vx_shard_spec iid = { .kind = VX_SHARD_IID, .seed = 3, .slots = SLOTS };
    (void)state;

    expect_same(gamma, sorted, classes);
    expect_same(gamma, sorted, reals);
    gamma.gamma = 1;
    expect_same(gamma, iid, classes);
}

/* The share of a slot's observations that are of its commonest class, over slots. */
static double purity(double gamma)
{
    vx_shard_spec spec = {
        .kind = VX_SHARD_GAMMA_SIMILARITY, .gamma = gamma, .seed = 1, .slots = CLASSES
    };
    double sum = 0;

    for (uint32_t slot = 0; slot < CLASSES; slot++) {
        uint32_t *indices = NULL;
        size_t count = shard_of(spec, classes, slot, &indices), most = 0;
        size_t found[CLASSES] = { 0 };

        for (size_t i = 0; i < count; i++)
            found[labels[indices[i]]]++;
        for (size_t c = 0; c < CLASSES; c++)
            most = found[c] > most ? found[c] : most;
        sum += (double)most / (double)count / CLASSES;
        vx_free(indices);
    }
    return sum;
}

static void a_larger_gamma_makes_shards_more_alike(void **state)
{
    (void)state;
    assert_true(purity(0) > 0.95);
    assert_true(purity(0) > purity(0.3) && purity(0.3) > purity(0.6) && purity(0.6) > purity(1));
    assert_true(purity(1) < 0.25);
}

static void shards_of_real_targets_ascend(void **state)
{
    float last = -1e9f;
    (void)state;

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t *indices = NULL;
        size_t count = shard_of((vx_shard_spec){ .kind = VX_SHARD_SORTED, .slots = SLOTS }, reals,
                                slot, &indices);

        for (size_t i = 0; i < count; i++) {
            assert_true(values[indices[i]][0] > last);
            last = values[indices[i]][0];
        }
        vx_free(indices);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    vx_shard_spec spec = { .kind = VX_SHARD_DIRICHLET, .alpha = 1, .slots = SLOTS };
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(vx_shard_indices(&spec, reals, 0, &indices, &count, &err), VX_ERR_DOMAIN,
                     &err);
    assert_non_null(strstr(err.message, "needs classes"));
    spec.kind = VX_SHARD_GAMMA_SIMILARITY;
    for (int k = 0; k < 3; k++) {
        spec.gamma = (double[]){ -0.1, 1.1, (double)NAN }[k];
        vx_assert_status(vx_shard_indices(&spec, classes, 0, &indices, &count, &err), VX_ERR_DOMAIN,
                         &err);
        assert_non_null(strstr(err.message, "data.gamma"));
    }
    assert_null(indices);
}

/* Lists of three slots of ten observations. */
static void expect_lists(const char *const lists[3], vx_status expected, const char *text)
{
    const char *files[3] = { 0 };
    vx_shard_spec spec = { .kind = VX_SHARD_FILES, .slots = 3, .files = files };
    vx_shard_targets ten = { .labels = labels, .count = 10 };
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };

    for (size_t i = 0; i < 3; i++) {
        char name[8];

        snprintf(name, sizeof(name), "list%zu", i);
        files[i] = lists[i] != NULL ? put_text(name, lists[i]) : path_of("none");
    }
    for (uint32_t slot = 0; slot < 3; slot++) {
        vx_status status = vx_shard_indices(&spec, ten, slot, &indices, &count, &err);

        assert_int_equal(status, expected); /* whoever asks: all lists are read */
        assert_non_null(strstr(err.message, text));
        assert_null(indices);
    }
    vx_assert_status(vx_shard_union(&spec, ten, (uint32_t[]){ 0, 1 }, 2, &indices, &count, &err),
                     expected, &err);
}

static void lists_say_which_slot_has_what(void **state)
{
    const char *files[3] = { put_text("a", "7\n 0\t# remark\n\n#\n9\r\n"), put_text("b", "1"),
                             put_text("c", "2\n3\n") };
    vx_shard_spec spec = { .kind = VX_SHARD_FILES, .slots = 3, .files = files };
    vx_shard_targets ten = { .labels = labels, .count = 10 };
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    (void)state;

    assert_int_equal(shard_of(spec, ten, 0, &indices), 3);
    assert_true(indices[0] == 7 && indices[1] == 0 && indices[2] == 9);
    vx_free(indices);
    vx_assert_ok(vx_shard_union(&spec, ten, (uint32_t[]){ 1, 2 }, 2, &indices, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_true(indices[0] == 1 && indices[1] == 2 && indices[2] == 3);
    vx_free(indices);
    files[1] = put_text("b", "# nothing\n");
    vx_assert_status(vx_shard_indices(&spec, ten, 1, &indices, &count, &err), VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "its list of data.files has no number"));
    vx_assert_ok(vx_shard_union(&spec, ten, (uint32_t[]){ 1, 2 }, 2, &indices, &count, &err), &err);
    assert_int_equal(count, 2);
    vx_free(indices);
}

static int opened;

static int count_open(void *context, const char *path, int flags, mode_t mode)
{
    opened++;
    return vx_files_system()->open(context, path, flags, mode);
}

static void a_union_reads_each_list_once(void **state)
{
    const char *files[3] = { put_text("a", "7\n0"), put_text("b", "1"), put_text("c", "2\n3") };
    vx_shard_spec spec = { .kind = VX_SHARD_FILES, .slots = 3, .files = files };
    vx_files counting = *vx_files_system();
    uint32_t *indices = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    vx_status status = VX_OK;
    (void)state;

    counting.open = count_open;
    opened = 0;
    vx_files_install(&counting);
    status = vx_shard_union(&spec, (vx_shard_targets){ .labels = labels, .count = 10 },
                            (uint32_t[]){ 0, 1, 2 }, 3, &indices, &count, &err);
    vx_files_install(NULL);
    vx_assert_ok(status, &err);
    assert_int_equal(opened, 3);
    assert_int_equal(count, 5);
    assert_memory_equal(indices, ((uint32_t[]){ 7, 0, 1, 2, 3 }), sizeof(uint32_t[5]));
    vx_free(indices);
}

static void a_wrong_list_is_named_by_file_and_line(void **state)
{
    (void)state;
    expect_lists((const char *[]){ "0\n1\n", "2\n1\n", "3" }, VX_ERR_DATA,
                 "list1:2: observation 1 is in the list of slot 0 already");
    expect_lists((const char *[]){ "0", "1", "2\n2\n" }, VX_ERR_DATA,
                 "list2:2: observation 2 is in the list of slot 2 already");
    expect_lists((const char *[]){ "0", "\n10\n", "2" }, VX_ERR_DATA,
                 "list1:2: observation 10: expected 0 to 9");
    expect_lists((const char *[]){ "0", "1 2", "3" }, VX_ERR_DATA, "list1:1: expected the number");
    expect_lists((const char *[]){ "0", "-1", "3" }, VX_ERR_DATA, "\"-1\"");
    expect_lists((const char *[]){ "0", "99999999999", "3" }, VX_ERR_DATA, "list1:1");
    expect_lists((const char *[]){ "0", NULL, "3" }, VX_ERR_NOT_FOUND, "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_observation_is_in_one_shard_whatever_the_gamma),
        cmocka_unit_test(gamma_goes_from_sorted_to_iid),
        cmocka_unit_test(a_larger_gamma_makes_shards_more_alike),
        cmocka_unit_test(shards_of_real_targets_ascend),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(lists_say_which_slot_has_what),
        cmocka_unit_test(a_union_reads_each_list_once),
        cmocka_unit_test(a_wrong_list_is_named_by_file_and_line),
    };

    return cmocka_run_group_tests(tests, setup, folder_teardown);
}
