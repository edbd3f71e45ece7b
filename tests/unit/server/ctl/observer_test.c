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

typedef struct meeting {
    vx_ctl_server where;
    fake_server *server;
    vx_ctl_observer *observer;
    vx_error err;
} meeting;

static meeting meet(fake_mood mood)
{
    meeting m = { 0 };

    m.server = fake_server_start(mood, &m.where);
    return m;
}

static void connect_to(meeting *m)
{
    vx_assert_ok(vx_ctl_observer_connect(&m->where, token, 5000, &m->observer, &m->err), &m->err);
}

static vx_status ask(meeting *m, vx_wire_request request, vx_cbytes *ret_document)
{
    return vx_ctl_observer_ask(m->observer, request, 5000, ret_document, &m->err);
}

static void part(meeting *m)
{
    assert_null(vx_ctl_observer_destroy(m->observer));
    fake_server_stop(m->server);
}

static void many_requests_go_over_one_connection(void **state)
{
    meeting m = meet(FAKE_ANSWERS);
    vx_cbytes document;

    (void)state;
    connect_to(&m);
    for (int i = 0; i < 20; i++) {
        vx_assert_ok(ask(&m, VX_WIRE_REQUEST_STATUS, &document), &m.err);
        assert_int_equal(document.size, 24);
        assert_memory_equal(document.at, "{\"format\":1,\"request\":1}", 24);
    }
    vx_assert_ok(ask(&m, VX_WIRE_REQUEST_STOP, &document), &m.err);
    assert_memory_equal(document.at, "{\"format\":1,\"request\":2}", 24);
    part(&m);
}

static void a_refusal_comes_with_the_servers_words(void **state)
{
    meeting m = meet(FAKE_REFUSES);

    (void)state;
    vx_assert_status(vx_ctl_observer_connect(&m.where, token, 5000, &m.observer, &m.err),
                     VX_ERR_REFUSED, &m.err);
    assert_string_equal(m.err.message, "the server refuses (token): the token is another one");
    assert_null(m.observer);
    part(&m);
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    meeting m = meet(FAKE_IS_SILENT);
    uint64_t begun_ms = now_ms();

    (void)state;
    vx_assert_status(vx_ctl_observer_connect(&m.where, token, 100, &m.observer, &m.err),
                     VX_ERR_UNAVAILABLE, &m.err);
    assert_string_equal(m.err.message, "the server does not answer within 100 ms");
    assert_in_range(now_ms() - begun_ms, 90, 5000);
    part(&m);
}

static void a_server_that_hangs_up_is_unavailable(void **state)
{
    meeting m = meet(FAKE_HANGS_UP);
    vx_cbytes document;

    (void)state;
    connect_to(&m);
    for (int i = 0; i < 2; i++)
        vx_assert_status(ask(&m, VX_WIRE_REQUEST_STATUS, &document), VX_ERR_UNAVAILABLE, &m.err);
    part(&m);
}

static void another_frame_than_a_document_breaks_the_contract(void **state)
{
    meeting m = meet(FAKE_BABBLES);
    vx_cbytes document;

    (void)state;
    connect_to(&m);
    vx_assert_status(ask(&m, VX_WIRE_REQUEST_STATUS, &document), VX_ERR_PROTOCOL, &m.err);
    assert_string_equal(m.err.message, "the server sent an unexpected parameters");
    part(&m);
}

static void the_next_endpoint_is_tried_when_one_does_not_answer(void **state)
{
    meeting m = meet(FAKE_ANSWERS);

    (void)state;
    m.where.endpoints[1] = m.where.endpoints[0];
    m.where.endpoints[0].port = 1; /* nobody listens there */
    m.where.endpoints_count = 2;
    connect_to(&m);
    part(&m);
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
