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

/* Sends the bytes on a new connection, ends it, and waits until the server has closed too. */
static void pour(vx_test_net *net, const void *bytes, size_t size)
{
    int fd = net_raw(net);

    net->server.frames = net->server.headers = 0;
    net_raw_send(fd, bytes, size);
    close(fd);
    net_until(net, net->server.closes == 1);
}

static void garbage_is_refused_at_the_first_header(void **state)
{
    vx_test_net *net = *state;
    uint8_t bytes[5000];

    for (unsigned seed = 0; seed < 50; seed++) {
        net_fill(bytes, sizeof(bytes), seed);
        pour(net, bytes, sizeof(bytes));
        assert_int_equal(net->server.headers, 0);
        assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
    }
}

static void a_web_browser_is_told_from_a_peer(void **state)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:5555\r\nUser-Agent: curl/7.88\r\n"
        "Accept: */*\r\n\r\n";
    vx_test_net *net = *state;

    pour(net, request, sizeof(request) - 1);
    assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
    assert_non_null(strstr(net->server.why.message, "not a Vexil peer: it begins with 47 45 54"));
}

static void a_stream_cut_at_any_byte_is_unavailable_inside_a_frame_only(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(20, 30, 3, &size);

    for (size_t cut = 0; cut <= size; cut++) {
        bool whole = cut == 0 || cut == size;

        pour(net, bytes, cut);
        assert_int_equal(net->server.why.code, whole ? VX_OK : VX_ERR_UNAVAILABLE);
        assert_int_equal(net->server.headers, cut >= VX_FRAME_HEADER_SIZE ? 1 : 0);
        assert_int_equal(net->server.frames, cut == size ? 1 : 0);
    }
    free(bytes);
}

static void a_wrong_byte_anywhere_in_the_body_is_found(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *bytes = net_frame_bytes(20, 30, 3, &size);

    for (size_t i = VX_FRAME_HEADER_SIZE; i < size; i++) {
        bytes[i] ^= 0x40;
        pour(net, bytes, size);
        bytes[i] ^= 0x40;
        assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
        assert_int_equal(net->server.frames, 0);
    }
    free(bytes);
}

static void a_wrong_crc_without_a_body_is_found(void **state)
{
    vx_test_net *net = *state;
    vx_frame_header header = { .body_crc = 1 };
    uint8_t bytes[VX_FRAME_HEADER_SIZE];

    vx_frame_header_encode(&header, bytes);
    pour(net, bytes, sizeof(bytes));
    assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
    assert_int_equal(net->server.frames, 0);
}

static void sizes_that_lie_are_refused_before_anything_is_asked_for(void **state)
{
    static const vx_frame_header headers[] = {
        { .message_size = VX_MESSAGE_BYTES_MAX + 1 },
        { .message_size = UINT32_MAX },
        { .payload_size = VX_CHUNK_BYTES_MAX + 1 },
        { .payload_size = 1ULL << 63 },
        { .payload_size = UINT64_MAX },
        { .payload_size = 2, .offset = UINT64_MAX - 1 },
    };
    vx_test_net *net = *state;
    uint8_t bytes[VX_FRAME_HEADER_SIZE];

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        vx_frame_header_encode(&headers[i], bytes);
        pour(net, bytes, sizeof(bytes));
        assert_int_equal(net->server.headers, 0);
        assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
    }
}

static void what_follows_a_refused_frame_is_not_read(void **state)
{
    vx_test_net *net = *state;
    size_t size = 0;
    uint8_t *good = net_frame_bytes(5, 5, 1, &size);
    uint8_t bytes[3 * 74];

    assert_int_equal(size, 74);
    for (unsigned i = 0; i < 3; i++)
        memcpy(bytes + i * size, good, size);
    bytes[size + 70] ^= 1; /* the second frame */
    pour(net, bytes, sizeof(bytes));
    assert_int_equal(net->server.frames, 1);
    assert_int_equal(net->server.why.code, VX_ERR_PROTOCOL);
    free(good);
}

static void a_reset_in_the_first_moment_is_survived(void **state)
{
    vx_test_net *net = *state;

    for (unsigned i = 0; i < 20; i++) {
        net_raw_reset(net_raw(net));
        net_until(net, net->server.closes == 1);
        assert_int_equal(net->server.why.code, VX_ERR_UNAVAILABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(garbage_is_refused_at_the_first_header, begin, end),
        cmocka_unit_test_setup_teardown(a_web_browser_is_told_from_a_peer, begin, end),
        cmocka_unit_test_setup_teardown(a_stream_cut_at_any_byte_is_unavailable_inside_a_frame_only,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_byte_anywhere_in_the_body_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_crc_without_a_body_is_found, begin, end),
        cmocka_unit_test_setup_teardown(sizes_that_lie_are_refused_before_anything_is_asked_for,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_follows_a_refused_frame_is_not_read, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_in_the_first_moment_is_survived, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
