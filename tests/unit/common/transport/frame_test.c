#include <vx_base/bytes.h>
#include <vx_test/check.h>
#include <vx_transport/frame.h>

#include <string.h>

static const vx_frame_header sample = { .type = 0x0607,
                                        .job = 0x1122334455667788,
                                        .epoch = 3,
                                        .slot = 11,
                                        .incarnation = 5,
                                        .message_size = VX_MESSAGE_BYTES_MAX,
                                        .round = UINT64_MAX,
                                        .offset = 1u << 30,
                                        .payload_size = VX_CHUNK_BYTES_MAX,
                                        .body_crc = 0xdeadbeef };

static void assert_same(const vx_frame_header *a, const vx_frame_header *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(a->job == b->job);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->incarnation, b->incarnation);
    assert_int_equal(a->message_size, b->message_size);
    assert_true(a->round == b->round);
    assert_true(a->offset == b->offset);
    assert_true(a->payload_size == b->payload_size);
    assert_int_equal(a->body_crc, b->body_crc);
}

static void a_header_comes_back_as_it_went(void **state)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header back;
    vx_error err = { 0 };

    (void)state;
    vx_frame_header_encode(&sample, bytes);
    vx_assert_ok(vx_frame_header_decode(bytes, &back, &err), &err);
    assert_same(&back, &sample);
    assert_int_equal(back.version_major, VX_FRAME_VERSION_MAJOR);
    assert_int_equal(back.version_minor, VX_FRAME_VERSION_MINOR);
}

/* By hand from the table in frame.h. */
static void the_bytes_lie_where_the_contract_says(void **state)
{
    static const uint8_t expected[56] = {
        'V',  'X',  'L', '1', 1,    0,    0x07, 0x06, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
        0x22, 0x11, 3,   0,   0,    0,    11,   0,    0,    0,    5,    0,    0,    0,
        0,    0,    1,   0,   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    0,
        0,    0x40, 0,   0,   0,    0,    0,    0,    0x10, 0,    0,    0,    0,    0
    };
    uint8_t bytes[VX_FRAME_HEADER_SIZE];

    (void)state;
    vx_frame_header_encode(&sample, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_int_equal(vx_load_u32(bytes + 56), 0xdeadbeef);
    assert_int_equal(vx_load_u32(bytes + 60), vx_crc32c(0, bytes, 60));
}

static void every_flipped_bit_is_refused(void **state)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header back = { .type = 99 };

    (void)state;
    vx_frame_header_encode(&sample, bytes);
    for (unsigned bit = 0; bit < 8 * VX_FRAME_HEADER_SIZE; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        vx_assert_status(vx_frame_header_decode(bytes, &back, NULL), VX_ERR_PROTOCOL, NULL);
        assert_int_equal(back.type, 99);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void refuse(const vx_frame_header *header, const char *word)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header back;
    vx_error err = { 0 };

    vx_frame_header_encode(header, bytes);
    vx_assert_status(vx_frame_header_decode(bytes, &back, &err), VX_ERR_PROTOCOL, &err);
    assert_non_null(strstr(err.message, word));
}

static void sizes_above_the_limits_are_refused(void **state)
{
    vx_frame_header header = sample;

    (void)state;
    header.message_size = VX_MESSAGE_BYTES_MAX + 1;
    refuse(&header, "message of 65537 bytes");
    header.message_size = UINT32_MAX;
    refuse(&header, "message of 4294967295 bytes");
    header = sample;
    header.payload_size = VX_CHUNK_BYTES_MAX + 1;
    refuse(&header, "payload of 1048577 bytes");
    header.payload_size = UINT64_MAX;
    refuse(&header, "payload of 18446744073709551615 bytes");
}

static void an_offset_beyond_the_numbers_is_refused(void **state)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header header = sample;

    (void)state;
    header.offset = UINT64_MAX - VX_CHUNK_BYTES_MAX;
    vx_frame_header_encode(&header, bytes);
    vx_assert_ok(vx_frame_header_decode(bytes, &header, NULL), NULL);
    header.offset++;
    refuse(&header, "has no end");
}

static void another_major_version_is_refused_with_both_named(void **state)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header back;
    vx_error err = { 0 };

    (void)state;
    vx_frame_header_encode(&sample, bytes);
    bytes[4] = 2;
    bytes[5] = 7;
    vx_store_u32(bytes + 60, vx_crc32c(0, bytes, 60));
    vx_assert_status(vx_frame_header_decode(bytes, &back, &err), VX_ERR_PROTOCOL, &err);
    assert_non_null(strstr(err.message, "2.7"));
    assert_non_null(strstr(err.message, "1.0"));
}

static void another_minor_version_is_taken(void **state)
{
    uint8_t bytes[VX_FRAME_HEADER_SIZE];
    vx_frame_header back;

    (void)state;
    vx_frame_header_encode(&sample, bytes);
    bytes[5] = 9;
    vx_store_u32(bytes + 60, vx_crc32c(0, bytes, 60));
    vx_assert_ok(vx_frame_header_decode(bytes, &back, NULL), NULL);
    assert_int_equal(back.version_minor, 9);
}

static void the_body_crc_goes_on_from_message_to_payload(void **state)
{
    const uint8_t *text = (const uint8_t *)"123456789";

    (void)state;
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(
            vx_frame_body_crc((vx_cbytes){ text, cut }, (vx_cbytes){ text + cut, 9 - cut }),
            0xE3069283); /* the check value of CRC-32C */
    assert_int_equal(vx_frame_body_crc((vx_cbytes){ NULL, 0 }, (vx_cbytes){ NULL, 0 }), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back_as_it_went),
        cmocka_unit_test(the_bytes_lie_where_the_contract_says),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(sizes_above_the_limits_are_refused),
        cmocka_unit_test(an_offset_beyond_the_numbers_is_refused),
        cmocka_unit_test(another_major_version_is_refused_with_both_named),
        cmocka_unit_test(another_minor_version_is_taken),
        cmocka_unit_test(the_body_crc_goes_on_from_message_to_payload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
