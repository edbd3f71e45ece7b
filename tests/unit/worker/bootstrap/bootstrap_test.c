#include <vx_test/check.h>

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_bootstrap/bootstrap.h>

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define CARD                                                                                       \
    "{\"format\":1,\"endpoints\":[\"tcp://127.0.0.1:4000\"],\"pid\":1,\"max_restarts\":4,"         \
    "\"config_digest\":\"000102030405060708090a0b0c0d0e0f\"}"
#define CARD_OF_TWO                                                                                \
    "{\"format\":1,\"endpoints\":[\"tcp://10.0.0.5:4000\",\"tcp://[fd00::5]:4000\"],"              \
    "\"local\":\"tcp://127.0.0.1:4000\",\"pid\":1,"                                                \
    "\"config_digest\":\"000102030405060708090a0b0c0d0e0f\"}"

static void put(const char *folder, const char *name, const char *text)
{
    char *path = vx_path_join(folder, name);

    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0600, NULL),
        NULL);
    vx_free(path);
}

static void each_worker_line_of_the_run_directory_gives_an_entry(void **state)
{
    char *folder = vx_test_folder_create();
    vx_bootstrap_options options = { .run_dir = folder, .max_restarts = -1 };
    vx_bootstrap *entries = NULL;
    size_t count = 0;
    vx_error err = { 0 };

    (void)state;
    put(folder, "server.json", CARD);
    put(folder, "tokens", "worker 0 " HEX "\nworker 5 " HEX "\nevaluator - " HEX "\n");
    vx_assert_ok(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                 &err);
    assert_int_equal(count, 2);
    assert_int_equal(entries[1].slot, 5);
    assert_int_equal(entries[1].token[1], 0x11);
    assert_int_equal(entries[1].config.at[15], 15);
    assert_int_equal(entries[1].max_restarts, 4);
    assert_string_equal(entries[0].endpoints, "tcp://127.0.0.1:4000");
    vx_free(entries);
    put(folder, "server.json", CARD_OF_TWO);
    vx_assert_ok(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                 &err);
    assert_string_equal(entries[1].endpoints, "tcp://10.0.0.5:4000,tcp://[fd00::5]:4000");
    vx_free(entries);
    vx_assert_ok(vx_bootstrap_read(&options, VX_BOOTSTRAP_EVALUATOR, 0, &entries, &count, &err),
                 &err);
    assert_string_equal(entries[0].endpoints, "tcp://127.0.0.1:4000");
    vx_free(entries);
    vx_assert_ok(vx_bootstrap_read(&options, VX_BOOTSTRAP_EVALUATOR, 0, &entries, &count, &err),
                 &err);
    assert_int_equal(count, 1);
    vx_free(entries);
    vx_test_folder_remove(folder);
}

static void a_missing_server_and_a_bad_token_file_are_named(void **state)
{
    char *folder = vx_test_folder_create();
    vx_bootstrap_options options = { .run_dir = folder, .max_restarts = -1 };
    vx_bootstrap_options nowhere = options;
    char *missing = NULL;
    vx_bootstrap *entries = NULL;
    size_t count = 0;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                     VX_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.message, "server.json"));
    missing = vx_path_join(folder, "no/run");
    nowhere.run_dir = missing;
    vx_assert_status(vx_bootstrap_read(&nowhere, VX_BOOTSTRAP_WORKERS, 60, &entries, &count, &err),
                     VX_ERR_NOT_FOUND, &err);
    assert_non_null(strstr(err.message, missing));
    vx_free(missing);
    put(folder, "server.json", "{\"pid\":1");
    vx_assert_status(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                     VX_ERR_DATA, &err);
    put(folder, "server.json", CARD);
    put(folder, "tokens", "worker 0 " HEX "\nworker x " HEX "\n");
    vx_assert_status(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                     VX_ERR_DATA, &err);
    assert_non_null(strstr(err.message, "tokens:2:"));
    put(folder, "tokens", "evaluator - " HEX "\n");
    vx_assert_status(vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err),
                     VX_ERR_DATA, &err);
    assert_null(entries);
    vx_test_folder_remove(folder);
}

static void a_run_is_over_when_it_has_a_result_and_no_server(void **state)
{
    char *folder = vx_test_folder_create();

    (void)state;
    assert_false(vx_bootstrap_run_is_over(""));
    assert_false(vx_bootstrap_run_is_over("/nowhere"));
    assert_false(vx_bootstrap_run_is_over(folder));
    put(folder, "server.json", "{}");
    assert_false(vx_bootstrap_run_is_over(folder));
    put(folder, "epoch", "2\n");
    put(folder, "result.json", "{\"epoch\":2}");
    assert_false(vx_bootstrap_run_is_over(folder));
    vx_test_folder_remove(folder);
    folder = vx_test_folder_create();
    put(folder, "epoch", "2\n");
    put(folder, "result.json", "{\"epoch\":1}"); /* of the start before: this one was killed */
    assert_false(vx_bootstrap_run_is_over(folder));
    put(folder, "result.json", "{\"epoch\":");
    assert_false(vx_bootstrap_run_is_over(folder));
    put(folder, "result.json", "{\"epoch\":2}");
    assert_true(vx_bootstrap_run_is_over(folder));
    put(folder, "epoch", "what");
    assert_false(vx_bootstrap_run_is_over(folder));
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_line_of_the_run_directory_gives_an_entry),
        cmocka_unit_test(a_missing_server_and_a_bad_token_file_are_named),
        cmocka_unit_test(a_run_is_over_when_it_has_a_result_and_no_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
