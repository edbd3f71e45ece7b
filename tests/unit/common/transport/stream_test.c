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

static void send_one(vx_conn *conn, uint8_t *bytes, size_t message_size, size_t payload_size,
                     void *cookie)
{
    vx_frame frame = { .header = { .type = 6, .round = 41, .slot = 3 },
                       .message = { bytes, message_size },
                       .payload = { bytes + message_size, payload_size },
                       .cookie = cookie };

    vx_assert_ok(vx_conn_send(conn, &frame), NULL);
}

static void frames_of_all_sizes_come_back(void **state)
{
    static const size_t messages[] = { 0, 1, 1024, 1025, VX_MESSAGE_BYTES_MAX };
    static const size_t payloads[] = { 0, 1, 64 * 1024, VX_CHUNK_BYTES_MAX };
    vx_test_net *net = *state;
    uint8_t *bytes = malloc(VX_MESSAGE_BYTES_MAX + VX_CHUNK_BYTES_MAX);
    unsigned frames = 0;
    uint64_t total = 0;

    assert_non_null(bytes);
    net->server.echo = true;
    net_dial(net);
    for (size_t m = 0; m < sizeof(messages) / sizeof(messages[0]); m++) {
        for (size_t p = 0; p < sizeof(payloads) / sizeof(payloads[0]); p++) {
            net_fill(bytes, messages[m] + payloads[p], ++frames);
            send_one(net->client.conn, bytes, messages[m], payloads[p], net);
            net_until(net, net->client.frames == frames && net->client.sent == frames);
            assert_int_equal(net->client.header.message_size, messages[m]);
            assert_int_equal(net->client.payload_size, payloads[p]);
            assert_memory_equal(net->client.message, bytes, messages[m]);
            assert_memory_equal(net->client.payload, bytes + messages[m], payloads[p]);
            assert_true(net->client.header.round == 41 && net->client.header.slot == 3);
            total += VX_FRAME_HEADER_SIZE + messages[m] + payloads[p];
        }
    }
    net_until(net, net->server.sent == frames);
    assert_true(vx_conn_get_counters(net->client.conn).bytes_sent == total);
    assert_true(vx_conn_get_counters(net->client.conn).bytes_received == total);
    assert_true(vx_conn_get_counters(net->server.conn).frames_sent == frames);
    assert_true(vx_conn_get_counters(net->server.conn).frames_received == frames);
    free(bytes);
}

static void a_payload_lands_in_the_memory_that_on_header_gave(void **state)
{
    vx_test_net *net = *state;
    uint8_t bytes[1000];

    net_fill(bytes, sizeof(bytes), 5);
    net_dial(net);
    send_one(net->client.conn, bytes, 0, sizeof(bytes), NULL);
    net_until(net, net->server.frames == 1);
    assert_ptr_equal(net->server.payload_seen, net->server.payload);
    assert_memory_equal(net->server.payload, bytes, sizeof(bytes));
    assert_int_equal(net->server.payload[sizeof(bytes)], NET_GUARD);
}

static void no_memory_is_asked_for_without_a_payload(void **state)
{
    vx_test_net *net = *state;
    uint8_t byte = 1;

    net->server.on_header = NET_GIVE_NOTHING;
    net_dial(net);
    send_one(net->client.conn, &byte, 1, 0, NULL);
    net_until(net, net->server.frames == 1);
    assert_int_equal(net->server.headers, 1);
    send_one(net->client.conn, &byte, 0, 1, NULL);
    net_until(net, net->server.closes == 1);
    assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
}

static void a_frame_that_comes_byte_by_byte_is_whole_at_its_last(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(30, 50, 8, &size);
    int fd = net_raw(net);

    for (size_t i = 0; i < size; i++) {
        assert_int_equal(net->server.frames, 0);
        net_raw_send(fd, bytes + i, 1);
        net_until(net, vx_conn_get_counters(net->server.conn).bytes_received == i + 1);
    }
    assert_int_equal(net->server.frames, 1);
    assert_memory_equal(net->server.message, bytes + 64, 30);
    assert_memory_equal(net->server.payload, bytes + 94, 50);
    close(fd);
    free(bytes);
}

static void many_frames_in_one_segment_are_cut_apart(void **state)
{
    enum { COUNT = 200 };
    vx_test_net *net = *state;
    int fd = net_raw(net);
    size_t size = 0;
    uint8_t *all = malloc(COUNT * (VX_FRAME_HEADER_SIZE + 3 + 5));
    size_t used = 0;

    assert_non_null(all);
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t *bytes = net_frame_bytes(i % 4, i % 6, i, &size);

        memcpy(all + used, bytes, size);
        used += size;
        free(bytes);
    }
    net_raw_send(fd, all, used);
    net_until(net, net->server.frames == COUNT);
    assert_true(net->server.header.round == COUNT - 1);
    close(fd);
    free(all);
}

static void a_crc_that_is_ready_is_sent_as_it_is(void **state)
{
    vx_test_net *net = *state;
    uint8_t bytes[10] = { 1, 2, 3 };
    vx_frame frame = { .crc_ready = true, .payload = { bytes, sizeof(bytes) } };

    net_dial(net);
    frame.header.body_crc = vx_frame_body_crc((vx_cbytes){ NULL, 0 }, frame.payload);
    vx_assert_ok(vx_conn_send(net->client.conn, &frame), NULL);
    net_until(net, net->server.frames == 1);
    frame.header.body_crc ^= 1;
    vx_assert_ok(vx_conn_send(net->client.conn, &frame), NULL);
    net_until(net, net->server.closes == 1);
    assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
}

static void a_frame_too_large_is_not_sent(void **state)
{
    vx_test_net *net = *state;
    vx_frame frame = { .message = { net->client.payload, VX_MESSAGE_BYTES_MAX + 1 } };

    net_dial(net);
    vx_assert_status(vx_conn_send(net->client.conn, &frame), VX_ERR_LIMIT, NULL);
    frame = (vx_frame){ .payload = { net->client.payload, VX_CHUNK_BYTES_MAX + 1 } };
    vx_assert_status(vx_conn_send(net->client.conn, &frame), VX_ERR_LIMIT, NULL);
    assert_int_equal(vx_conn_sends_waiting(net->client.conn), 0);
}

static void a_peer_that_does_not_read_meets_the_limit_of_sends(void **state)
{
    vx_test_net *net = *state;
    unsigned accepted = 0;
    vx_frame frame = { .payload = { net->server.payload, 64 * 1024 }, .cookie = net };
    int fd = net_raw(net);

    while (vx_conn_send(net->server.conn, &frame) == VX_OK)
        accepted++;
    vx_assert_status(vx_conn_send(net->server.conn, &frame), VX_ERR_LIMIT, NULL);
    assert_int_equal(accepted, VX_CONN_SENDS_MAX);
    assert_int_equal(net->server.sent, 0); /* nothing is called from inside send */
    net_run_for(net, 50);
    assert_in_range(vx_conn_sends_waiting(net->server.conn), 1, VX_CONN_SENDS_MAX);
    vx_conn_close(net->server.conn, VX_ERR_LIMIT, "does not read");
    assert_int_equal(net->server.closes, 0);
    net_until(net, net->server.closes == 1);
    assert_int_equal(net->server.sent, accepted);
    close(fd);
}

static void a_new_owner_gets_what_comes_next(void **state)
{
    vx_test_net *net = *state;
    net_side other = net->server;
    uint8_t byte = 9;

    net_dial(net);
    send_one(net->client.conn, &byte, 1, 0, NULL);
    net_until(net, net->server.frames == 1);
    other.conn = net->server.conn;
    vx_conn_set_owner(net->server.conn, &net_events, &other);
    send_one(net->client.conn, &byte, 1, 0, NULL);
    net_until(net, other.frames == 1);
    vx_conn_close(net->client.conn, VX_OK, "done");
    net_until(net, other.closes == 1);
    net->server.conn = NULL;
    assert_int_equal(net->server.frames, 1);
    assert_int_equal(net->server.closes, 0);
}

static void the_peer_has_a_name(void **state)
{
    vx_test_net *net = *state;
    char expected[64];

    net_dial(net);
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", net->endpoint.port);
    assert_string_equal(vx_conn_peer(net->client.conn), expected);
    assert_int_equal(strncmp(vx_conn_peer(net->server.conn), "127.0.0.1:", 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_of_all_sizes_come_back, begin, end),
        cmocka_unit_test_setup_teardown(a_payload_lands_in_the_memory_that_on_header_gave, begin,
                                        end),
        cmocka_unit_test_setup_teardown(no_memory_is_asked_for_without_a_payload, begin, end),
        cmocka_unit_test_setup_teardown(a_frame_that_comes_byte_by_byte_is_whole_at_its_last, begin,
                                        end),
        cmocka_unit_test_setup_teardown(many_frames_in_one_segment_are_cut_apart, begin, end),
        cmocka_unit_test_setup_teardown(a_crc_that_is_ready_is_sent_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(a_frame_too_large_is_not_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_meets_the_limit_of_sends, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_new_owner_gets_what_comes_next, begin, end),
        cmocka_unit_test_setup_teardown(the_peer_has_a_name, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
