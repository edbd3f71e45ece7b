#include "net.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>

static uint8_t message[2000];

static vx_status send_sized(net_side *side, size_t message_size, size_t payload_size)
{
    vx_frame frame = { .message = { message, message_size },
                       .payload = { side->payload, payload_size },
                       .cookie = side };

    return vx_conn_send(side->conn, &frame);
}

static void steady_traffic_allocates_nothing(void **state)
{
    vx_test_net *net = net_create();
    uint64_t before = 0;

    (void)state;
    net->server.echo = true;
    net_dial(net);
    for (unsigned i = 0; i < 400; i++) {
        if (i == 100)
            before = vx_alloc_count();
        for (unsigned k = 0; k < 4; k++)
            vx_assert_ok(send_sized(&net->client, 256 * k, 10000), NULL);
        net_until(net, net->client.frames == 4 * (i + 1) && net->server.sent == 4 * (i + 1));
    }
    assert_true(before > 0);
    assert_true(vx_alloc_count() == before);
    net_destroy(net);
}

static void a_large_message_allocates_once(void **state)
{
    vx_test_net *net = net_create();
    uint64_t before;

    (void)state;
    net_dial(net);
    vx_assert_ok(send_sized(&net->client, 1024, 0), NULL);
    net_until(net, net->client.sent == 1);
    before = vx_alloc_count();
    vx_assert_ok(send_sized(&net->client, 1025, 0), NULL);
    assert_true(vx_alloc_count() == before + 1);
    net_until(net, net->client.sent == 2 && net->server.frames == 2);
    net_destroy(net);
}

/* A whole session in which allocation k fails; true when it went through. */
static bool try_session(vx_test_net *net, int k)
{
    vx_dialer *dialer = NULL;
    vx_error err = { 0 };
    vx_status status;
    int left = k;

    net->dones = net->accepts = 0;
    net->server.frames = net->client.sent = net->server.closes = net->client.closes = 0;
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    status = vx_dial(&net->loop, &net->endpoint, 2000, net_on_dialed, net, &dialer, &err);
    assert_true(status == VX_OK || (status == VX_ERR_NOMEM && dialer == NULL));
    if (status == VX_OK)
        net_until(net, net->dones == 1);
    if (net->client.conn == NULL) {
        assert_int_equal(status == VX_OK ? net->dial_error.code : status, VX_ERR_NOMEM);
        vx_alloc_set_hook(NULL, NULL);
        return false;
    }
    net_until(net, net->accepts == 1 || net->client.closes == 1);
    status = net->client.conn != NULL ? send_sized(&net->client, 2000, 10) : VX_ERR_NOMEM;
    assert_true(status == VX_OK || status == VX_ERR_NOMEM);
    if (status == VX_OK)
        net_until(net, net->server.frames == 1 || net->client.closes == 1);
    vx_alloc_set_hook(NULL, NULL);
    if (net->client.conn != NULL)
        vx_conn_close(net->client.conn, VX_OK, "done");
    net_until(net, net->client.closes == 1 && net->server.conn == NULL);
    return net->server.frames == 1;
}

static void a_session_survives_the_failure_of_every_allocation(void **state)
{
    vx_test_net *net = net_create();
    int k = 0;

    (void)state;
    while (!try_session(net, k))
        k++;
    /* The dialer; two each for the client's and the server's end; the send and its message. */
    assert_int_equal(k, 7);
    net_destroy(net);
}

static void never_called(void *owner, vx_conn *conn)
{
    (void)owner;
    (void)conn;
    fail();
}

static void a_listener_survives_the_failure_of_its_allocation(void **state)
{
    vx_test_net *net = net_create();
    vx_endpoint any = net->endpoint;
    vx_listener *listener = NULL;
    vx_error err = { 0 };
    int left = 0;

    (void)state;
    any.port = 0;
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    vx_assert_status(vx_listener_create(&net->loop, &any, never_called, NULL, &listener, &err),
                     VX_ERR_NOMEM, &err);
    vx_alloc_set_hook(NULL, NULL);
    assert_null(listener);
    vx_listener_close(NULL);
    net_destroy(net);
}

static void two_hundred_connections_leave_nothing_open(void **state)
{
    vx_test_net *net = net_create();
    unsigned before = 0;

    (void)state;
    net->server.echo = true;
    for (unsigned i = 0; i < 200; i++) {
        net->client.frames = 0;
        net_dial(net);
        vx_assert_ok(send_sized(&net->client, 10, 10), NULL);
        net_until(net, net->client.frames == 1);
        vx_conn_close(i % 2 ? net->client.conn : net->server.conn, VX_OK, "next");
        net_until(net, net->client.conn == NULL && net->server.conn == NULL);
        if (i == 0)
            before = net_count_fds();
    }
    assert_int_equal(net_count_fds(), before);
    net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_traffic_allocates_nothing),
        cmocka_unit_test(a_large_message_allocates_once),
        cmocka_unit_test(a_session_survives_the_failure_of_every_allocation),
        cmocka_unit_test(a_listener_survives_the_failure_of_its_allocation),
        cmocka_unit_test(two_hundred_connections_leave_nothing_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
