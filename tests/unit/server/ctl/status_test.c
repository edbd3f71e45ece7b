#include "vexil.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/bytes.h>

static void put(const char *run_dir, const char *name, const char *text)
{
    char *path = vx_format("%s/%s", run_dir, name);

    vx_test_file_put(path, text, strlen(text));
    vx_free(path);
}

static void put_result(const char *run_dir)
{
    put(run_dir, "result.json",
        "{\"format\":1,\"state\":\"failed\",\"reason\":\"the disk is full\",\"job\":\"j\","
        "\"epoch\":1,\"rounds\":3,\"rounds_total\":9}");
}

static void put_server(const char *run_dir, unsigned port)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "{\"format\":1,\"pid\":1,\"job_id\":\"0123456789abcdef\",\"epoch\":2,"
                   "\"endpoints\":[\"tcp://127.0.0.1:%u\"],\"workers\":1}",
                   port);
    put(run_dir, "server.json", text);
    (void)snprintf(text, sizeof(text), "observer - %064d\n", 7);
    put(run_dir, "tokens", text);
}

/* A socket that takes connections and never says a word. */
static int silent_socket(unsigned *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(handle, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(handle, 8), 0);
    assert_int_equal(getsockname(handle, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return handle;
}

static int stop(const char *run_dir)
{
    return vexil((const char *const[]){ "stop", "--run-dir", run_dir, NULL });
}

static void a_run_without_a_server_is_told_with_its_end(void **state)
{
    assert_int_equal(stop(*state), 69);
    vexil_says(": no server is running\n");
    put_result(*state);
    assert_int_equal(stop(*state), 69);
    vexil_says(": no server is running; the run is failed: the disk is full (3/9 rounds)\n");
}

static void a_server_that_is_gone_is_not_reached(void **state)
{
    put_result(*state); /* of its earlier start */
    put_server(*state, 1);
    assert_int_equal(stop(*state), 69);
    vexil_says(": its server cannot be reached: tcp://127.0.0.1:1: connection refused\n");
}

static void a_server_that_says_nothing_is_not_taken_for_an_end(void **state)
{
    unsigned port = 0;
    int handle = silent_socket(&port);

    put_result(*state);
    put_server(*state, port);
    assert_int_equal(stop(*state), 69);
    vexil_says(": its server cannot be reached: the server does not answer within 5000 ms\n");
    close(handle);
}

int main(void)
{
#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, vx_test_folder_setup, vx_test_folder_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_run_without_a_server_is_told_with_its_end),
        IN_FOLDER(a_server_that_is_gone_is_not_reached),
        IN_FOLDER(a_server_that_says_nothing_is_not_taken_for_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
