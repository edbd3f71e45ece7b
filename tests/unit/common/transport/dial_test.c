#include "net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int begin(void **state)
{
    *state = net_create();
    return 0;
}

static int end(void **state)
{
    net_destroy(*state);
    return 0;
}

static vx_dialer *dial(vx_test_net *net, const vx_endpoint *endpoint, uint64_t timeout_ms)
{
    vx_dialer *dialer = NULL;
    vx_error err = { 0 };

    net->dones = 0;
    vx_assert_ok(vx_dial(&net->loop, endpoint, timeout_ms, net_on_dialed, net, &dialer, &err),
                 &err);
    assert_non_null(dialer);
    assert_int_equal(net->dones, 0); /* later, never from inside */
    return dialer;
}

static void a_name_is_resolved(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint endpoint = { .host = "localhost", .port = net->endpoint.port };

    dial(net, &endpoint, 5000);
    net_until(net, net->accepts == 1 && net->client.conn != NULL);
}

static void nobody_listening_is_said_so(void **state)
{
    vx_test_net *net = *state;
    char expected[64];

    vx_listener_close(net->listener);
    net->listener = NULL;
    dial(net, &net->endpoint, 5000);
    net_until(net, net->dones == 1);
    assert_null(net->client.conn);
    assert_int_equal(net->dial_error.code, VX_ERR_UNAVAILABLE);
    snprintf(expected, sizeof(expected), "tcp://127.0.0.1:%u: connection refused",
             net->endpoint.port);
    assert_string_equal(net->dial_error.message, expected);
}

static void a_name_nobody_knows_is_said_so(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint endpoint = { .port = 5 };

    memset(endpoint.host, 'x', 70); /* a label too long for DNS: no question leaves the machine */
    dial(net, &endpoint, 8000);
    net_until(net, net->dones == 1);
    assert_int_equal(net->dial_error.code, VX_ERR_UNAVAILABLE);
    assert_non_null(strstr(net->dial_error.message, "does not resolve"));
}

/* A port on which connections hang: its queue is full and nobody accepts. */
static vx_endpoint open_deaf_port(int *ret_fds, size_t count)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(ret_fds[0], (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(ret_fds[0], 0), 0);
    assert_int_equal(getsockname(ret_fds[0], (struct sockaddr *)&address, &size), 0);
    for (size_t i = 1; i < count; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(ret_fds[i], (const struct sockaddr *)&address, sizeof(address));
    }
    return (vx_endpoint){ .host = "127.0.0.1", .port = ntohs(address.sin_port) };
}

static void no_answer_ends_in_time(void **state)
{
    vx_test_net *net = *state;
    int fds[4];
    vx_endpoint deaf = open_deaf_port(fds, 4);
    uint64_t start_ms = net_now_ms();

    dial(net, &deaf, 120);
    net_until(net, net->dones == 1);
    assert_in_range(net_now_ms() - start_ms, 115, 2000);
    assert_int_equal(net->dial_error.code, VX_ERR_UNAVAILABLE);
    assert_non_null(strstr(net->dial_error.message, "no answer in time"));
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

static void a_cancelled_dial_is_done_once(void **state)
{
    vx_test_net *net = *state;
    int fds[4];
    vx_endpoint deaf = open_deaf_port(fds, 4);
    vx_dialer *dialer = dial(net, &deaf, 60000);

    net_run_for(net, 20);
    vx_dialer_cancel(dialer);
    assert_int_equal(net->dones, 0);
    net_until(net, net->dones == 1);
    assert_int_equal(net->dial_error.code, VX_ERR_INTERRUPTED);
    net_run_for(net, 20);
    assert_int_equal(net->dones, 1);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

static void a_dial_can_be_cancelled_at_once_and_twice(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint named = { .host = "localhost", .port = net->endpoint.port };
    const vx_endpoint *endpoints[] = { &net->endpoint, &named };

    for (size_t i = 0; i < 2; i++) {
        vx_dialer *dialer = dial(net, endpoints[i], 5000);

        vx_dialer_cancel(dialer);
        vx_dialer_cancel(dialer);
        net_until(net, net->dones == 1);
        assert_int_equal(net->dial_error.code, VX_ERR_INTERRUPTED);
    }
    net_run_for(net, 20);
    assert_int_equal(net->dones, 1);
}

/* Cancels after 0, 1, 2 ... turns of the loop, until the dial was faster. */
static void a_dial_can_be_cancelled_at_every_step(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint named = { .host = "localhost", .port = net->endpoint.port };

    for (unsigned turns = 0;; turns++) {
        vx_dialer *dialer = dial(net, turns % 2 ? &named : &net->endpoint, 5000);

        for (unsigned i = 0; i < turns / 2 && net->dones == 0; i++)
            net_pause(net);
        if (net->dones == 1)
            break;
        vx_dialer_cancel(dialer);
        net_until(net, net->dones == 1);
        assert_null(net->client.conn);
        assert_int_equal(net->dial_error.code, VX_ERR_INTERRUPTED);
        net_run_for(net, 5);
    }
    assert_non_null(net->client.conn);
}

static void refuse_all(void *owner, vx_conn *conn)
{
    (void)owner;
    vx_conn_close(conn, VX_OK, "not today");
}

static void ipv6_works_where_it_is(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint any = { .host = "::1" };
    vx_endpoint real;
    vx_listener *listener = NULL;
    vx_error err = { 0 };
    char expected[64];
    vx_status status = vx_listener_create(&net->loop, &any, refuse_all, NULL, &listener, &err);

    if (status == VX_ERR_UNAVAILABLE) {
        print_message("no IPv6 here: %s\n", err.message);
        skip();
    }
    vx_assert_ok(status, &err);
    real = vx_listener_endpoint(listener);
    dial(net, &real, 5000);
    net_until(net, net->client.conn != NULL);
    snprintf(expected, sizeof(expected), "[::1]:%u", real.port);
    assert_string_equal(vx_conn_peer(net->client.conn), expected);
    vx_listener_close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_is_resolved, begin, end),
        cmocka_unit_test_setup_teardown(nobody_listening_is_said_so, begin, end),
        cmocka_unit_test_setup_teardown(a_name_nobody_knows_is_said_so, begin, end),
        cmocka_unit_test_setup_teardown(no_answer_ends_in_time, begin, end),
        cmocka_unit_test_setup_teardown(a_cancelled_dial_is_done_once, begin, end),
        cmocka_unit_test_setup_teardown(a_dial_can_be_cancelled_at_once_and_twice, begin, end),
        cmocka_unit_test_setup_teardown(a_dial_can_be_cancelled_at_every_step, begin, end),
        cmocka_unit_test_setup_teardown(ipv6_works_where_it_is, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
