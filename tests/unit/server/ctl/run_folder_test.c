#include <vx_test/check.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "run_folder.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_run_is_named_after_job_and_time(void **state)
{
    struct tm when = { .tm_year = 126, .tm_mon = 0, .tm_mday = 31, .tm_hour = 12 };
    char text[VX_CTL_RUN_NAME_SIZE];

    (void)state;
    assert_string_equal(vx_ctl_run_name("fashion-mnist", &when, 1, text),
                        "runs/fashion-mnist-20260131-120000");
    assert_string_equal(vx_ctl_run_name("fashion-mnist", &when, 3, text),
                        "runs/fashion-mnist-20260131-120000-3");
}

static void two_runs_of_one_second_get_two_folders(void **state)
{
    char *folder = vx_test_folder_create();
    char here[VX_PATH_MAX];
    char *first = NULL, *second = NULL;
    vx_error err = { 0 };

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(folder), 0);
    vx_assert_ok(vx_ctl_run_create("j", 1000000000, &first, &err), &err);
    vx_assert_ok(vx_ctl_run_create("j", 1000000000, &second, &err), &err);
    assert_int_equal(strncmp(first, "runs/j-2001090", 14), 0);
    assert_int_equal(strncmp(second, first, strlen(first)), 0);
    assert_string_equal(second + strlen(first), "-2");
    assert_int_equal(access(second, F_OK), 0);
    assert_int_equal(chdir(here), 0);
    vx_free(first);
    vx_free(second);
    vx_test_folder_remove(folder);
}

static vx_status parse_server(const char *text, vx_ctl_server *server, vx_error *err)
{
    return vx_ctl_server_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "server.json",
                               server, err);
}

static void server_json_says_where_the_server_is(void **state)
{
    vx_ctl_server server;
    vx_error err = { 0 };
    char text[VX_ENDPOINT_TEXT_SIZE];

    (void)state;
    vx_assert_ok(parse_server("{\"format\":1,\"version\":\"0.1.0\",\"pid\":4711,\"job\":\"j\","
                              "\"job_id\":\"0123456789abcdef\",\"epoch\":2,"
                              "\"endpoints\":[\"tcp://127.0.0.1:40001\",\"tcp://[::1]:40001\"],"
                              "\"workers\":8}",
                              &server, &err),
                 &err);
    assert_int_equal(server.pid, 4711);
    assert_true(server.job_id == 0x0123456789abcdefULL);
    assert_int_equal(server.epoch, 2);
    assert_int_equal(server.workers, 8);
    assert_int_equal(server.endpoints_count, 2);
    assert_string_equal(vx_endpoint_text(&server.endpoints[1], text), "tcp://[::1]:40001");
}

static void the_local_endpoint_counts_on_the_servers_host_only(void **state)
{
    vx_ctl_server server;
    vx_error err = { 0 };
    char host[256] = "";
    char text[512];

    (void)state;
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    for (int here = 0; here < 2; here++) {
        snprintf(text, sizeof(text),
                 "{\"format\":1,\"pid\":1,\"host\":\"%s%s\",\"job_id\":\"0123456789abcdef\","
                 "\"endpoints\":[\"tcp://head.example:1\"],\"local\":\"tcp://[::1]:7\"}",
                 host, here ? "" : "-other");
        vx_assert_ok(parse_server(text, &server, &err), &err);
        assert_int_equal(server.endpoints_count, here ? 2 : 1);
    }
    assert_string_equal(server.endpoints[1].host, "::1");
}

static void a_broken_server_json_is_told(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "{\"format\":1,\"job_id\":\"0123456789abcdef\",\"endpoints\":[\"tcp://a:1\"]}",
          "server.json: expected a pid and a job_id of 16 hex digits" },
        { "{\"format\":1,\"pid\":1,\"job_id\":\"0123\",\"endpoints\":[\"tcp://a:1\"]}",
          "server.json: expected a pid and a job_id of 16 hex digits" },
        { "{\"format\":1,\"pid\":1,\"job_id\":\"0123456789abcdef\",\"endpoints\":[]}",
          "server.json: no endpoints" },
        { "{\"format\":1,\"pid\":1,\"job_id\":\"0123456789abcdef\",\"endpoints\":[7]}",
          "server.json: endpoints: expected tcp://HOST:PORT" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_ctl_server server;
        vx_error err = { 0 };

        vx_assert_status(parse_server(cases[i].text, &server, &err), VX_ERR_DATA, &err);
        assert_string_equal(err.message, cases[i].message);
    }
}

static vx_status parse_token(const char *text, uint8_t token[VX_TOKEN_BYTES], vx_error *err)
{
    return vx_ctl_token_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "tokens", token,
                              err);
}

static void the_observers_token_is_found_among_the_others(void **state)
{
    uint8_t token[VX_TOKEN_BYTES] = { 0 };
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(parse_token("worker 0 ff\nevaluator - ee\nobserver - " HEX "\n", token, &err),
                 &err);
    assert_int_equal(token[1], 0x11);
    assert_int_equal(token[31], 0xff);
    token[1] = 0;
    vx_assert_ok(parse_token("observer - " HEX, token, &err), &err); /* no line feed at the end */
    assert_int_equal(token[1], 0x11);
}

static void a_token_file_without_it_is_told_without_secrets(void **state)
{
    uint8_t token[VX_TOKEN_BYTES];
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(parse_token("worker 0 " HEX "\n", token, &err), VX_ERR_DATA, NULL);
    assert_string_equal(err.message, "tokens: no line \"observer - HEX\"");
    vx_assert_status(parse_token("observer - " HEX "00\n", token, &err), VX_ERR_DATA, NULL);
    assert_string_equal(err.message, "tokens: observer: expected 64 hex digits");
    vx_assert_status(parse_token("", token, &err), VX_ERR_DATA, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_named_after_job_and_time),
        cmocka_unit_test(two_runs_of_one_second_get_two_folders),
        cmocka_unit_test(server_json_says_where_the_server_is),
        cmocka_unit_test(the_local_endpoint_counts_on_the_servers_host_only),
        cmocka_unit_test(a_broken_server_json_is_told),
        cmocka_unit_test(the_observers_token_is_found_among_the_others),
        cmocka_unit_test(a_token_file_without_it_is_told_without_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
