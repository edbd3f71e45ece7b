#include "net.h"

#include <stdlib.h>
#include <string.h>
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

static void a_silent_peer_is_closed_in_time(void **state)
{
    vx_test_net *net = *state;
    uint64_t start_ms = net_now_ms();
    int fd;

    net->server.timeout_ms = 60;
    fd = net_raw(net);
    net_until(net, net->server.closes == 1);
    assert_in_range(net_now_ms() - start_ms, 58, 1000);
    assert_int_equal(net->server.why.code, VX_ERR_UNAVAILABLE);
    assert_string_equal(net->server.why.message, "no whole frame for 0.060 s");
    close(fd);
}

static void each_frame_buys_the_time_anew(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(0, 0, 1, &size);
    int fd;

    net->server.timeout_ms = 200;
    fd = net_raw(net);
    for (unsigned i = 0; i < 10; i++) {
        net_raw_send(fd, bytes, size);
        net_run_for(net, 50);
    }
    assert_int_equal(net->server.closes, 0);
    assert_int_equal(net->server.frames, 10);
    net_until(net, net->server.closes == 1);
    close(fd);
    free(bytes);
}

static void single_bytes_buy_no_time(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(1000, 0, 1, &size);
    size_t sent = 0;
    int fd;

    net->server.timeout_ms = 100;
    fd = net_raw(net);
    while (net->server.closes == 0 && sent < size) {
        net_raw_send(fd, bytes + sent++, 1);
        net_run_for(net, 5);
    }
    assert_true(sent < size);
    assert_int_equal(net->server.why.code, VX_ERR_UNAVAILABLE);
    close(fd);
    free(bytes);
}

static void no_timeout_waits(void **state)
{
    vx_test_net *net = *state;
    int fd;

    net->server.timeout_ms = 40;
    fd = net_raw(net);
    vx_conn_set_timeout(net->server.conn, 0);
    net_run_for(net, 150);
    assert_int_equal(net->server.closes, 0);
    vx_conn_set_timeout(net->server.conn, 40);
    net_until(net, net->server.closes == 1);
    close(fd);
}

/* As after SIGSTOP and SIGCONT: the timer is due and the frame waits in the kernel. */
static void a_stall_of_our_own_is_not_the_peers_fault(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(10, 10, 1, &size);
    int fd;

    net->server.timeout_ms = 60;
    fd = net_raw(net);
    net_turn(net);
    net_raw_send(fd, bytes, size);
    usleep(200000);
    net_until(net, net->server.frames == 1);
    assert_int_equal(net->server.closes, 0);
    net_until(net, net->server.closes == 1); /* but the silence after it is */
    close(fd);
    free(bytes);
}

static void a_stalling_loop_still_closes_a_dead_peer(void **state)
{
    vx_test_net *net = *state;
    int fd;

    net->server.timeout_ms = 20;
    fd = net_raw(net);
    for (unsigned turn = 0; turn < 10 && net->server.closes == 0; turn++) {
        usleep(60000);
        net_turn(net);
    }
    assert_int_equal(net->server.closes, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_peer_is_closed_in_time, begin, end),
        cmocka_unit_test_setup_teardown(each_frame_buys_the_time_anew, begin, end),
        cmocka_unit_test_setup_teardown(single_bytes_buy_no_time, begin, end),
        cmocka_unit_test_setup_teardown(no_timeout_waits, begin, end),
        cmocka_unit_test_setup_teardown(a_stall_of_our_own_is_not_the_peers_fault, begin, end),
        cmocka_unit_test_setup_teardown(a_stalling_loop_still_closes_a_dead_peer, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
