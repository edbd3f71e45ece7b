#include <vx_base/bytes.h>
#include <vx_test/check.h>

#include <sys/mman.h>
#include <unistd.h>

static uint32_t crc_of_text(const char *text)
{
    return vx_crc32c(0, text, strlen(text));
}

static void crc_of_the_check_string_is_the_catalogued_one(void **state)
{
    (void)state;
    assert_int_equal(crc_of_text("123456789"), 0xE3069283);
    assert_int_equal(vx_crc32c(0, "", 0), 0);
}

/* RFC 3720, B.4. */
static void crc_of_32_bytes_is_that_of_the_iscsi_standard(void **state)
{
    uint8_t at[32];

    (void)state;
    memset(at, 0, sizeof(at));
    assert_int_equal(vx_crc32c(0, at, sizeof(at)), 0x8A9136AA);
    memset(at, 0xff, sizeof(at));
    assert_int_equal(vx_crc32c(0, at, sizeof(at)), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; i++)
        at[i] = i;
    assert_int_equal(vx_crc32c(0, at, sizeof(at)), 0x46DD794E);
    for (uint8_t i = 0; i < 32; i++)
        at[i] = (uint8_t)(31 - i);
    assert_int_equal(vx_crc32c(0, at, sizeof(at)), 0x113FDB5C);
}

/* The definition: reflected polynomial 0x1EDC6F41, one bit at a time. */
static uint32_t crc_bit_by_bit(const uint8_t *at, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;

    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78 : crc >> 1;
    }
    return ~crc;
}

static void crc_in_parts_is_the_crc_of_the_whole(void **state)
{
    uint8_t at[301];

    (void)state;
    for (size_t i = 0; i < sizeof(at); i++)
        at[i] = (uint8_t)(i * 131 + 7);
    for (size_t first = 0; first <= sizeof(at); first++) {
        uint32_t crc = vx_crc32c(0, at, first);

        assert_int_equal(crc, crc_bit_by_bit(at, first));
        crc = vx_crc32c(crc, at + first, sizeof(at) - first);
        assert_int_equal(crc, crc_bit_by_bit(at, sizeof(at)));
    }
}

/* One part in memory, mapped again and again: 4 GiB of addresses cost 1 MiB. */
static uint8_t *map_parts(size_t part, size_t size)
{
    int fd = memfd_create("part", MFD_CLOEXEC);
    uint8_t *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(fd >= 0 && at != MAP_FAILED && ftruncate(fd, (off_t)part) == 0);
    for (size_t from = 0; from < size; from += part)
        assert_ptr_equal(
            mmap(at + from, part, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0),
            at + from);
    close(fd);
    return at;
}

static void crc_takes_more_bytes_than_an_int_counts(void **state)
{
    const size_t part = (size_t)1 << 20;
    const size_t size = (part << 12) + 6; /* as a 32-bit int: 6 */
    uint8_t *at = map_parts(part, (part << 12) + part);
    uint32_t in_parts = 0;

    (void)state;
    for (size_t i = 0; i < size / part; i++)
        in_parts = vx_crc32c(in_parts, at, part);
    in_parts = vx_crc32c(in_parts, at, size % part);
    assert_int_equal(vx_crc32c(0, at, size), in_parts);
    munmap(at, (part << 12) + part);
}

static void assert_digest(const void *at, size_t size, const char *expected)
{
    char text[VX_DIGEST_TEXT_SIZE];

    assert_string_equal(vx_digest_text(vx_digest_of(at, size), text), expected);
}

/* By xxhsum -H2 of xxHash 0.8; the lengths take the library's different paths. */
static void digests_are_those_of_xxh128(void **state)
{
    char many[1000];

    (void)state;
    memset(many, 'a', sizeof(many));
    assert_digest("", 0, "99aa06d3014798d86001c324468d497f");
    assert_digest("a", 1, "a96faf705af16834e6c632b61e964e1f");
    assert_digest("abc", 3, "06b05ab6733a618578af5f94892f3950");
    assert_digest("hello world", 11, "df8d09e93f874900a99b8775cc15b6c7");
    assert_digest("The quick brown fox jumps over the lazy dog", 43,
                  "ddd650205ca3e7fa24a1cc2e3a8a7651");
    assert_digest(many, sizeof(many), "b01da365eddaa29cb3e7af627147db7c");
}

static void digests_are_compared_in_all_bytes(void **state)
{
    vx_digest digest = vx_digest_of("abc", 3);
    vx_digest zero = { { 0 } };

    (void)state;
    assert_true(vx_digest_is_zero(zero));
    assert_false(vx_digest_is_zero(digest));
    for (size_t i = 0; i < VX_DIGEST_BYTES; i++) {
        vx_digest other = digest;
        vx_digest one = zero;

        other.at[i] ^= 1;
        one.at[i] = 1;
        assert_false(vx_digest_equal(digest, other));
        assert_false(vx_digest_is_zero(one));
    }
    assert_true(vx_digest_equal(digest, vx_digest_of("abc", 3)));
}

static void numbers_are_stored_little_end_first(void **state)
{
    const uint8_t expected[] = { 0,    0x22, 0x11, 0x66, 0x55, 0x44, 0x33, 0xff,
                                 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88 };
    uint8_t at[sizeof(expected)] = { 0 };

    (void)state;
    vx_store_u16(at + 1, 0x1122);
    vx_store_u32(at + 3, 0x33445566);
    vx_store_u64(at + 7, 0x8899AABBCCDDEEFF);
    assert_memory_equal(at, expected, sizeof(at));
    assert_int_equal(vx_load_u16(at + 1), 0x1122);
    assert_int_equal(vx_load_u32(at + 3), 0x33445566);
    assert_true(vx_load_u64(at + 7) == 0x8899AABBCCDDEEFF);
}

static void hex_goes_there_and_back(void **state)
{
    uint8_t at[256], back[256];
    char text[513];

    (void)state;
    for (size_t i = 0; i < sizeof(at); i++)
        at[i] = (uint8_t)i;
    assert_ptr_equal(vx_hex_encode(at, sizeof(at), text), text);
    assert_int_equal(strncmp(text, "000102030405060708090a0b", 24), 0);
    assert_string_equal(text + 506, "fdfeff");
    assert_true(vx_hex_decode(text, back, sizeof(back)));
    assert_memory_equal(at, back, sizeof(at));
    assert_true(vx_hex_decode("aAfF", back, 2));
    assert_memory_equal(back, ((const uint8_t[]){ 0xaa, 0xff }), 2);
    assert_true(vx_hex_decode("", back, 0));
}

static void only_exactly_as_many_hex_digits_are_decoded(void **state)
{
    static const char *const refused[] = { "",     "0",    "012",  "01234", "012345",
                                           "0g00", "01 3", "-123", "0x12",  "012/",
                                           "012:", "012@", "012`", "012G" };
    uint8_t at[2] = { 0x55, 0x55 };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_false(vx_hex_decode(refused[i], at, 2));
    assert_memory_equal(at, ((const uint8_t[]){ 0x55, 0x55 }), 2); /* written on success only */
}

static void tokens_are_compared_in_all_bytes(void **state)
{
    uint8_t a[32], b[32];

    (void)state;
    memset(a, 0x5a, sizeof(a));
    memset(b, 0x5a, sizeof(b));
    assert_true(vx_bytes_equal_constant_time(a, b, sizeof(a)));
    assert_true(vx_bytes_equal_constant_time(a, b, 0));
    for (size_t i = 0; i < 8 * sizeof(b); i++) {
        b[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_false(vx_bytes_equal_constant_time(a, b, sizeof(a)));
        b[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void a_digest_of_pieces_is_that_of_the_whole(void **state)
{
    static uint8_t bytes[5000];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 % 251);
    for (size_t piece = 1; piece <= sizeof(bytes); piece = 3 * piece + 1) {
        vx_digest_stream stream;

        vx_digest_begin(&stream);
        for (size_t at = 0; at < sizeof(bytes); at += piece)
            vx_digest_add(&stream, bytes + at,
                          at + piece <= sizeof(bytes) ? piece : sizeof(bytes) - at);
        assert_true(vx_digest_equal(vx_digest_end(&stream), vx_digest_of(bytes, sizeof(bytes))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_of_pieces_is_that_of_the_whole),
        cmocka_unit_test(crc_of_the_check_string_is_the_catalogued_one),
        cmocka_unit_test(crc_of_32_bytes_is_that_of_the_iscsi_standard),
        cmocka_unit_test(crc_in_parts_is_the_crc_of_the_whole),
        cmocka_unit_test(crc_takes_more_bytes_than_an_int_counts),
        cmocka_unit_test(digests_are_those_of_xxh128),
        cmocka_unit_test(digests_are_compared_in_all_bytes),
        cmocka_unit_test(numbers_are_stored_little_end_first),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(only_exactly_as_many_hex_digits_are_decoded),
        cmocka_unit_test(tokens_are_compared_in_all_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
