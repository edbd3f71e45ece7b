#include <vx_test/check.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

static void room_is_that_of_the_file_system_of_a_folder(void **state)
{
    char *missing = vx_path_join(*state, "missing");
    uint64_t room = 7;

    assert_false(vx_file_room(missing, &room));
    assert_int_equal(room, 7);
    assert_true(vx_file_room("/proc", &room)); /* which has none */
    assert_int_equal(room, 0);
    assert_true(vx_file_room(*state, &room));
    assert_true(room > 0);
    vx_free(missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(room_is_that_of_the_file_system_of_a_folder,
                                        vx_test_folder_setup, vx_test_folder_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
