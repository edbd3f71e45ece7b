#include "net.h"

#include <stdlib.h>
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

static void send_some(vx_conn *conn, uint8_t *payload, size_t size, void *cookie)
{
    vx_frame frame = { .payload = { payload, size }, .cookie = cookie };

    vx_assert_ok(vx_conn_send(conn, &frame), NULL);
}

static void the_end_between_frames_is_no_error(void **state)
{
    vx_test_net *net = *state;

    net_dial(net);
    vx_conn_close(net->client.conn, VX_OK, "enough");
    assert_int_equal(net->client.closes, 0); /* never from inside */
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_int_equal(net->server.why.code, VX_OK);
    assert_string_equal(net->server.why.message, "peer closed");
    assert_int_equal(net->client.why.code, VX_OK);
    assert_string_equal(net->client.why.message, "enough");
}

static void only_the_first_reason_is_told(void **state)
{
    vx_test_net *net = *state;

    net_dial(net);
    vx_conn_finish(net->client.conn, VX_ERR_REFUSED, "first");
    vx_conn_close(net->client.conn, VX_ERR_IO, "second");
    vx_conn_close(net->client.conn, VX_ERR_IO, "third");
    vx_conn_finish(net->client.conn, VX_ERR_IO, "fourth");
    net_until(net, net->client.closes == 1 && net->server.closes == 1);
    assert_int_equal(net->client.why.code, VX_ERR_REFUSED);
    assert_string_equal(net->client.why.message, "first");
}

/* Runs one echo with both ends doing what in the callback that is set; returns when one has closed.
 */
static void close_in(vx_test_net *net, size_t callback, net_act what)
{
    static uint8_t payload[100];
    net_act *places[] = { &net->server.on_header, &net->server.on_frame, &net->server.on_sent };

    net->server.echo = true;
    *places[callback] = what;
    net_dial(net);
    send_some(net->client.conn, payload, sizeof(payload), net);
    send_some(net->client.conn, payload, sizeof(payload), net);
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_int_equal(net->client.sent, 2);
    *places[callback] = NET_GO_ON;
}

static void close_and_finish_work_in_every_callback(void **state)
{
    vx_test_net *net = *state;

    for (size_t callback = 0; callback < 3; callback++) {
        for (net_act what = NET_CLOSE; what <= NET_FINISH; what++) {
            net->server.closes = net->client.closes = net->client.sent = 0;
            net->server.sent = net->server.headers = net->server.frames = 0;
            close_in(net, callback, what);
            assert_int_equal(net->server.why.code, VX_ERR_LIMIT);
            assert_int_equal(net->server.frames, callback == 0 ? 0 : net->server.headers);
            assert_int_equal(net->server.sent, net->server.frames);
        }
    }
}

static void a_status_from_a_callback_closes_with_it(void **state)
{
    vx_test_net *net = *state;

    net->server.on_header = NET_REFUSE;
    net_dial(net);
    send_some(net->client.conn, net->client.payload, 10, NULL);
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_int_equal(net->server.why.code, VX_ERR_REFUSED);
    assert_string_equal(net->server.why.message, "header refused");
    net->server.on_header = NET_GO_ON;
    net->server.on_frame = NET_REFUSE;
    net_dial(net);
    send_some(net->client.conn, net->client.payload, 10, NULL);
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_string_equal(net->server.why.message, "frame refused");
}

static void finish_flushes_what_waits(void **state)
{
    enum { FRAMES = 12 };
    vx_test_net *net = *state;
    vx_frame frame = { .cookie = net };

    net_dial(net);
    for (unsigned i = 0; i < FRAMES; i++)
        send_some(net->server.conn, net->server.payload, VX_CHUNK_BYTES_MAX, net);
    vx_conn_finish(net->server.conn, VX_OK, "all said");
    vx_assert_status(vx_conn_send(net->server.conn, &frame), VX_ERR_UNAVAILABLE, NULL);
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_int_equal(net->client.frames, FRAMES);
    assert_int_equal(net->server.sent, FRAMES);
    assert_int_equal(net->client.why.code, VX_OK);
    assert_string_equal(net->server.why.message, "all said");
}

/* Unread bytes turn close(2) into a reset, which makes the peer's kernel forget what we said last.
 */
static void a_peer_in_the_middle_of_sending_still_gets_the_last_word(void **state)
{
    enum { FRAMES = 24 };
    vx_test_net *net = *state;

    net->server.on_header = NET_FINISH;
    net_dial(net);
    for (unsigned i = 0; i < FRAMES; i++)
        send_some(net->client.conn, net->client.payload, VX_CHUNK_BYTES_MAX, net);
    send_some(net->server.conn, net->server.payload, 100, net);
    net_until(net, net->server.closes == 1 && net->client.closes == 1);
    assert_int_equal(net->client.frames, 1);
    assert_int_equal(net->server.frames, 0);
    assert_int_equal(net->client.sent, FRAMES);
}

static void finish_ends_after_two_seconds_with_a_peer_that_stays(void **state)
{
    vx_test_net *net = *state;
    int fd = net_raw(net);
    uint64_t start_ms = net_now_ms();

    for (unsigned i = 0; i < 20; i++) /* more than the kernel takes */
        send_some(net->server.conn, net->server.payload, VX_CHUNK_BYTES_MAX, net);
    vx_conn_finish(net->server.conn, VX_OK, "over");
    net_until(net, net->server.closes == 1);
    assert_in_range(net_now_ms() - start_ms, 1900, 4000);
    assert_int_equal(net->server.sent, 20);
    close(fd);
}

static void a_peer_that_pours_on_does_not_hold_a_finish(void **state)
{
    vx_test_net *net = *state;
    int fd = net_raw(net);
    uint64_t start_ms = net_now_ms();

    vx_conn_finish(net->server.conn, VX_OK, "over");
    while (net->server.closes == 0) {
        if (send(fd, net->client.payload, VX_CHUNK_BYTES_MAX, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            net_turn(net);
        net_turn(net);
    }
    assert_true(net_now_ms() - start_ms < 4000);
    assert_int_equal(net->server.frames, 0);
    close(fd);
}

static void on_sent_comes_once_per_send_when_the_peer_resets(void **state)
{
    vx_test_net *net = *state;
    int fd = net_raw(net);
    unsigned accepted = 0;

    for (; accepted < 40; accepted++)
        send_some(net->server.conn, net->server.payload, VX_CHUNK_BYTES_MAX, net);
    net_run_for(net, 20);
    net_raw_reset(fd);
    net_until(net, net->server.closes == 1);
    assert_int_equal(net->server.sent, accepted);
    assert_int_equal(net->server.why.code, VX_ERR_UNAVAILABLE);
    assert_non_null(strstr(net->server.why.message, "connection broken"));
}

static void a_connection_that_never_started_is_closed_without_on_close(void **state)
{
    vx_test_net *net = *state;
    char byte;
    int fd;

    net->on_accept = NET_CLOSE;
    fd = net_raw(net);
    net_until(net, recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
    assert_int_equal(net->server.closes, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_end_between_frames_is_no_error, begin, end),
        cmocka_unit_test_setup_teardown(only_the_first_reason_is_told, begin, end),
        cmocka_unit_test_setup_teardown(close_and_finish_work_in_every_callback, begin, end),
        cmocka_unit_test_setup_teardown(a_status_from_a_callback_closes_with_it, begin, end),
        cmocka_unit_test_setup_teardown(finish_flushes_what_waits, begin, end),
        cmocka_unit_test_setup_teardown(a_peer_in_the_middle_of_sending_still_gets_the_last_word,
                                        begin, end),
        cmocka_unit_test_setup_teardown(finish_ends_after_two_seconds_with_a_peer_that_stays, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_peer_that_pours_on_does_not_hold_a_finish, begin, end),
        cmocka_unit_test_setup_teardown(on_sent_comes_once_per_send_when_the_peer_resets, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_connection_that_never_started_is_closed_without_on_close,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
