#include <vx_base/bytes.h>

#include <isa-l/crc.h>
#define XXH_STATIC_LINKING_ONLY /* for the size of the state */
#include <xxhash.h>

#define CRC_PIECE (1u << 30) /* ISA-L takes the length as an int */

_Static_assert(sizeof(XXH128_canonical_t) == VX_DIGEST_BYTES, "a digest is a canonical XXH3-128");

_Static_assert(sizeof(XXH3_state_t) <= sizeof(((vx_digest_stream *)0)->state) &&
                   _Alignof(XXH3_state_t) <= _Alignof(vx_digest_stream),
               "a stream holds the state of xxHash");

uint32_t vx_crc32c(uint32_t crc, const void *at, size_t size)
{
    uintptr_t next = (uintptr_t)at; /* ISA-L only reads, but its argument is not const */

    crc = ~crc; /* ISA-L complements neither before nor after */
    while (size > 0) {
        size_t piece = size < CRC_PIECE ? size : CRC_PIECE;

        crc = crc32_iscsi((unsigned char *)next, (int)piece, crc);
        next += piece;
        size -= piece;
    }
    return ~crc;
}

static vx_digest digest_from(XXH128_hash_t hash)
{
    XXH128_canonical_t canonical;
    vx_digest digest;

    XXH128_canonicalFromHash(&canonical, hash);
    memcpy(digest.at, canonical.digest, sizeof(digest.at));
    return digest;
}

vx_digest vx_digest_of(const void *at, size_t size)
{
    return digest_from(XXH3_128bits(at, size));
}

void vx_digest_begin(vx_digest_stream *stream)
{
    XXH3_INITSTATE((XXH3_state_t *)(void *)stream->state);
    (void)XXH3_128bits_reset((XXH3_state_t *)(void *)stream->state);
}

void vx_digest_add(vx_digest_stream *stream, const void *at, size_t size)
{
    (void)XXH3_128bits_update((XXH3_state_t *)(void *)stream->state, at, size);
}

vx_digest vx_digest_end(const vx_digest_stream *stream)
{
    return digest_from(XXH3_128bits_digest((const XXH3_state_t *)(const void *)stream->state));
}

bool vx_digest_equal(vx_digest a, vx_digest b)
{
    return memcmp(a.at, b.at, sizeof(a.at)) == 0;
}

bool vx_digest_is_zero(vx_digest digest)
{
    return vx_digest_equal(digest, (vx_digest){ { 0 } });
}

char *vx_digest_text(vx_digest digest, char text[VX_DIGEST_TEXT_SIZE])
{
    return vx_hex_encode(digest.at, sizeof(digest.at), text);
}

char *vx_hex_encode(const uint8_t *at, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    text[2 * size] = '\0';
    return text;
}

/* 16 for anything that is not a hex digit. */
static unsigned hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    if (digit >= 'a' && digit <= 'f')
        return (unsigned)(digit - 'a') + 10;
    if (digit >= 'A' && digit <= 'F')
        return (unsigned)(digit - 'A') + 10;
    return 16;
}

bool vx_hex_decode(const char *text, uint8_t *ret_at, size_t size)
{
    if (strnlen(text, 2 * size + 1) != 2 * size)
        return false;
    for (size_t i = 0; i < 2 * size; i++)
        if (hex_value(text[i]) > 15)
            return false;
    for (size_t i = 0; i < size; i++)
        ret_at[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return true;
}

bool vx_bytes_equal_constant_time(const uint8_t *a, const uint8_t *b, size_t size)
{
    volatile uint8_t different = 0; /* volatile: the loop may not stop at the first difference */

    for (size_t i = 0; i < size; i++)
        different = (uint8_t)(different | (a[i] ^ b[i]));
    return different == 0;
}
