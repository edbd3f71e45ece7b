#include <vx_test/check.h>

#include <vx_base/rng.h>

#include "files.h"

/* Property: whatever happens to a file, it is read as what it says or refused with a status for
 * data; never a crash (the sanitizers watch), and a message whenever it is refused. */
static void expect_sense(const idx_pair *f, size_t *ret_accepted)
{
    vx_dataset *dataset = NULL;
    vx_error err = { 0 };
    vx_status status = pair_load(f, 0, &dataset, &err);

    if (status == VX_OK) {
        vx_dataset_info info = vx_dataset_get_info(dataset);

        assert_true(info.count == 3 && info.features >= 1 && info.classes >= 1);
        vx_dataset_destroy(dataset);
        *ret_accepted += 1;
        return;
    }
    assert_null(dataset);
    assert_true(status == VX_ERR_DATA || status == VX_ERR_LIMIT);
    assert_true(err.message[0] != '\0' && err.code == status);
}

/* Each byte of file takes several values, and the file ends at each length. */
static void damage_everywhere(idx_pair *f, content whole, bool is_labels, size_t *ret_accepted)
{
    static const uint8_t masks[] = { 0x01, 0x80, 0xff, 0x10 };
    content other = is_labels ? features_content() : labels_content();

    for (size_t at = 0; at < whole.size; at++) {
        content cut = whole;

        for (size_t k = 0; k < sizeof(masks); k++) {
            content damaged = whole;

            damaged.at[at] ^= masks[k];
            pair_write(f, is_labels ? other : damaged, is_labels ? damaged : other);
            expect_sense(f, ret_accepted);
        }
        cut.size = at;
        pair_write(f, is_labels ? other : cut, is_labels ? cut : other);
        expect_sense(f, ret_accepted);
    }
}

static void a_damaged_plain_file_makes_sense_or_is_refused(void **state)
{
    idx_pair f = files_create();
    size_t accepted = 0;
    (void)state;

    damage_everywhere(&f, features_content(), false, &accepted);
    assert_int_equal(accepted, 12 * 4); /* another pixel is no damage that can be seen */
    accepted = 0;
    damage_everywhere(&f, labels_content(), true, &accepted);
    assert_int_equal(accepted, 3 * 4);
    files_remove(&f);
}

static void a_damaged_gzip_file_makes_sense_or_is_refused(void **state)
{
    idx_pair f = files_create();
    size_t accepted = 0;
    (void)state;

    damage_everywhere(&f, compressed(features_content()), false, &accepted);
    damage_everywhere(&f, compressed(labels_content()), true, &accepted);
    /* Only time, extra flags and system of gzip's header (bytes 4 to 9), and its text flag, say
     * nothing about the content. */
    assert_in_range(accepted, 2, 2 * (6 * 4 + 4));
    files_remove(&f);
}

static void noise_is_refused(void **state)
{
    idx_pair f = files_create();
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);
    size_t accepted = 0;
    (void)state;

    for (int k = 0; k < 500; k++) {
        content noise = { .size = vx_rng_below(&rng, CONTENT_MAX) };

        for (size_t i = 0; i < noise.size; i++)
            noise.at[i] = (uint8_t)vx_rng_u32(&rng);
        if (k % 2 == 0 && noise.size > 4) { /* half of them come past the magic */
            noise.at[0] = noise.at[1] = 0;
            noise.at[2] = 8;
            noise.at[3] = (uint8_t)(1 + k % 4);
        }
        pair_write(&f, noise, labels_content());
        expect_sense(&f, &accepted);
    }
    assert_int_equal(accepted, 0);
    files_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_plain_file_makes_sense_or_is_refused),
        cmocka_unit_test(a_damaged_gzip_file_makes_sense_or_is_refused),
        cmocka_unit_test(noise_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
