#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>

#include "fake_server.h"
#include "observer.h"

static const uint8_t token[VX_TOKEN_BYTES] = { 1, 2, 3 };

static uint64_t now_ms(void)
{
    vx_clock clock = vx_clock_system();

    return vx_clock_monotonic_ns(&clock) / VX_NS_PER_MS;
}

static void many_requests_go_over_one_connection(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_ANSWERS, &where);
    vx_ctl_observer *observer = NULL;
    vx_cbytes document;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_ctl_observer_connect(&where, token, 5000, &observer, &err), &err);
    for (int i = 0; i < 20; i++) {
        vx_assert_ok(vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STATUS, 5000, &document, &err),
                     &err);
        assert_int_equal(document.size, 24);
        assert_memory_equal(document.at, "{\"format\":1,\"request\":1}", 24);
    }
    vx_assert_ok(vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STOP, 5000, &document, &err), &err);
    assert_memory_equal(document.at, "{\"format\":1,\"request\":2}", 24);
    assert_null(vx_ctl_observer_destroy(observer));
    fake_server_stop(server);
}

static void a_refusal_comes_with_the_servers_words(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_REFUSES, &where);
    vx_ctl_observer *observer = NULL;
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_ctl_observer_connect(&where, token, 5000, &observer, &err), VX_ERR_REFUSED,
                     &err);
    assert_string_equal(err.message, "the server refuses (token): the token is another one");
    assert_null(observer);
    fake_server_stop(server);
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_IS_SILENT, &where);
    vx_ctl_observer *observer = NULL;
    uint64_t begun_ms = now_ms();
    vx_error err = { 0 };

    (void)state;
    vx_assert_status(vx_ctl_observer_connect(&where, token, 100, &observer, &err),
                     VX_ERR_UNAVAILABLE, &err);
    assert_string_equal(err.message, "the server does not answer within 100 ms");
    assert_in_range(now_ms() - begun_ms, 90, 5000);
    fake_server_stop(server);
}

static void a_server_that_hangs_up_is_unavailable(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_HANGS_UP, &where);
    vx_ctl_observer *observer = NULL;
    vx_cbytes document;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_ctl_observer_connect(&where, token, 5000, &observer, &err), &err);
    vx_assert_status(vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STATUS, 5000, &document, &err),
                     VX_ERR_UNAVAILABLE, &err);
    vx_assert_status(vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STATUS, 5000, &document, &err),
                     VX_ERR_UNAVAILABLE, &err);
    vx_ctl_observer_destroy(observer);
    fake_server_stop(server);
}

static void another_frame_than_a_document_breaks_the_contract(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_BABBLES, &where);
    vx_ctl_observer *observer = NULL;
    vx_cbytes document;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_ctl_observer_connect(&where, token, 5000, &observer, &err), &err);
    vx_assert_status(vx_ctl_observer_ask(observer, VX_WIRE_REQUEST_STATUS, 5000, &document, &err),
                     VX_ERR_PROTOCOL, &err);
    assert_string_equal(err.message, "the server sent an unexpected parameters");
    vx_ctl_observer_destroy(observer);
    fake_server_stop(server);
}

static void the_next_endpoint_is_tried_when_one_does_not_answer(void **state)
{
    vx_ctl_server where;
    fake_server *server = fake_server_start(FAKE_ANSWERS, &where);
    vx_ctl_observer *observer = NULL;
    vx_error err = { 0 };

    (void)state;
    where.endpoints[1] = where.endpoints[0];
    where.endpoints[0].port = 1; /* nobody listens there */
    where.endpoints_count = 2;
    vx_assert_ok(vx_ctl_observer_connect(&where, token, 5000, &observer, &err), &err);
    vx_ctl_observer_destroy(observer);
    fake_server_stop(server);
}

static void connecting_survives_the_failure_of_its_own_allocations(void **state)
{
    vx_ctl_server where = { .endpoints_count = 1, .endpoints = { { "127.0.0.1", 1 } } };
    vx_ctl_observer *observer = NULL;

    (void)state;
    for (int k = 0; k < 2; k++) {
        int left = k;
        vx_status status;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_ctl_observer_connect(&where, token, 1000, &observer, NULL);
        vx_alloc_set_hook(NULL, NULL);
        assert_int_equal(status, VX_ERR_NOMEM);
        assert_null(observer);
    }
    assert_null(vx_ctl_observer_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_go_over_one_connection),
        cmocka_unit_test(a_refusal_comes_with_the_servers_words),
        cmocka_unit_test(a_silent_server_is_given_up_in_time),
        cmocka_unit_test(a_server_that_hangs_up_is_unavailable),
        cmocka_unit_test(another_frame_than_a_document_breaks_the_contract),
        cmocka_unit_test(the_next_endpoint_is_tried_when_one_does_not_answer),
        cmocka_unit_test(connecting_survives_the_failure_of_its_own_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
