#include <vx_test/check.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_tensor_file/npy.h>

static char *path;

static int begin(void **state)
{
    *state = vx_test_folder_create();
    path = vx_path_join(*state, "g.npy");
    return 0;
}

static int end(void **state)
{
    vx_free(path);
    vx_test_folder_remove(*state);
    return 0;
}

/* A file of version 1 with this text, padded so that values begin at 128, and so many bytes. */
static size_t make(uint8_t *ret, const char *text, size_t bytes)
{
    memset(ret, ' ', 128);
    memcpy(ret, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(ret + 10, text, strlen(text));
    ret[127] = '\n';
    for (size_t i = 0; i < bytes; i++)
        ret[128 + i] = (uint8_t)i;
    return 128 + bytes;
}

static vx_status open_bytes(const uint8_t *at, size_t size, vx_npy_file **ret_file, vx_error *err)
{
    vx_assert_ok(vx_file_replace(path, (vx_cbytes){ at, size }, 0644, err), err);
    return vx_npy_open(path, ret_file, err);
}

static void what_is_written_is_read(void **state)
{
    static const double wide[6] = { 1.0, -2.0, 0.5, 1e300, -0.0, 3.0 };
    static const float narrow[6] = { 1.0f, -2.0f, 0.5f, 1e30f, -0.0f, 3.0f };
    vx_error err = { 0 };

    (void)state;
    for (int is_double = 0; is_double < 2; is_double++) {
        for (size_t rank = 0; rank <= 3; rank++) {
            vx_npy_array array = { .at = is_double ? (const void *)wide : (const void *)narrow,
                                   .is_double = is_double,
                                   .rank = rank,
                                   .shape = { rank == 1 ? 6 : 2, rank == 2 ? 3 : 1, 3 } };
            size_t numbers = rank == 0 ? 1 : 6;
            vx_npy_file *file = NULL;
            vx_npy_array got;

            vx_assert_ok(vx_npy_write_array(path, &array, &err), &err);
            vx_assert_ok(vx_npy_open(path, &file, &err), &err);
            got = vx_npy_at(file);
            assert_int_equal(got.is_double, array.is_double);
            assert_int_equal(got.rank, rank);
            assert_memory_equal(got.shape, array.shape, rank * sizeof(size_t));
            assert_memory_equal(got.at, array.at, numbers * (is_double ? 8 : 4));
            vx_npy_close(file);
        }
    }
}

static void keys_in_another_order_and_version_2_are_read(void **state)
{
    uint8_t bytes[256];
    size_t size = make(bytes, "{ \"shape\": (2L, 3), 'fortran_order':False, 'descr' : '<f4'}", 24);
    vx_npy_file *file = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(open_bytes(bytes, size, &file, &err), &err);
    assert_int_equal(vx_npy_at(file).shape[1], 3);
    vx_npy_close(file);
    memcpy(bytes, "\x93NUMPY\x02\x00\x74\x00\x00\x00", 12);
    memset(bytes + 12, ' ', 115);
    memcpy(bytes + 12, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", 57);
    vx_assert_ok(open_bytes(bytes, size, &file, &err), &err);
    assert_true(vx_npy_at(file).is_double);
    vx_npy_close(file);
}

static void an_array_without_numbers_has_its_shape(void **state)
{
    static const char *const shapes[] = { "(0, 3)", "(3, 0)", "(0, 0)" };
    uint8_t bytes[256];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[100];
        vx_npy_file *file = NULL;
        vx_error err = { 0 };

        (void)snprintf(text, sizeof(text), "{'descr': '<f8', 'fortran_order': False, 'shape': %s}",
                       shapes[i]);
        vx_assert_ok(open_bytes(bytes, make(bytes, text, 0), &file, &err), &err);
        assert_int_equal(vx_npy_at(file).rank, 2);
        assert_int_equal(vx_npy_at(file).shape[0], i == 1 ? 3 : 0);
        assert_int_equal(vx_npy_at(file).shape[1], i == 0 ? 3 : 0);
        vx_npy_close(file);
    }
}

static void what_it_cannot_use_is_named(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
        const char *says;
    } cases[] = {
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24, "(big-endian)" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", 24, "'<f4' or '<f8'" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "kind" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, "Fortran order" },
        { "{'descr': '<f4', 'fortran_order': No, 'shape': (2, 3), }", 24, "fortran_order" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, "truncated" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 28,
          "needs 24 bytes of values at offset 128" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", 4, "needs 0 bytes" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0), }", 0,
          "too large" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1), }", 4, "at most 4" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2), }", 4,
          "too large" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,), }", 4,
          "shape cannot be read" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }", 24, "shape" },
        { "{'descr': '<f4', 'fortran_order': False, }", 24, "lacks" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, }", 24, "unexpected key" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}", 24, "\"more\"" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", 24, "follows it" },
        { "['descr']", 24, "it cannot be read" },
    };
    uint8_t bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_npy_file *file = NULL;
        vx_error err = { 0 };

        vx_assert_status(open_bytes(bytes, make(bytes, cases[i].text, cases[i].bytes), &file, &err),
                         VX_ERR_DATA, &err);
        assert_null(file);
        if (strstr(err.message, cases[i].says) == NULL || strstr(err.message, path) == NULL)
            fail_msg("case %zu: %s", i, err.message);
    }
}

static void every_cut_of_a_file_is_refused(void **state)
{
    uint8_t bytes[256];
    size_t size = make(bytes, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 48);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        vx_npy_file *file = NULL;
        vx_error err = { 0 };

        vx_assert_status(open_bytes(bytes, cut, &file, &err), VX_ERR_DATA, &err);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    vx_npy_file *file = NULL;
    vx_error err = { 0 };

    vx_assert_status(vx_npy_open("/none/g.npy", &file, &err), VX_ERR_NOT_FOUND, &err);
    vx_assert_status(vx_npy_open(*state, &file, &err), VX_ERR_DATA, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, begin, end),
        cmocka_unit_test_setup_teardown(keys_in_another_order_and_version_2_are_read, begin, end),
        cmocka_unit_test_setup_teardown(an_array_without_numbers_has_its_shape, begin, end),
        cmocka_unit_test_setup_teardown(what_it_cannot_use_is_named, begin, end),
        cmocka_unit_test_setup_teardown(every_cut_of_a_file_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
