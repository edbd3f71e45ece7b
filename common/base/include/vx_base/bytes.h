#ifndef VX_BASE_BYTES_H
#define VX_BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vx_base/span.h>

/* Little-endian loads and stores at any address. */
static inline uint16_t vx_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (uint16_t)at[1] << 8);
}

static inline uint32_t vx_load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t vx_load_u64(const uint8_t *at)
{
    return (uint64_t)vx_load_u32(at) | (uint64_t)vx_load_u32(at + 4) << 32;
}

static inline void vx_store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void vx_store_u32(uint8_t *at, uint32_t value)
{
    vx_store_u16(at, (uint16_t)value);
    vx_store_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void vx_store_u64(uint8_t *at, uint64_t value)
{
    vx_store_u32(at, (uint32_t)value);
    vx_store_u32(at + 4, (uint32_t)(value >> 32));
}

/* Numbers travel and are stored as little-endian IEEE 754: on such a machine memory is the wire
 * format. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Vexil runs on little-endian machines");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 sizes");

/* CRC-32C (Castagnoli, reflected, initial value and final complement 0xFFFFFFFF), by ISA-L. crc = 0
 * to begin; feed the result in again to go on. "123456789" gives 0xE3069283. */
uint32_t vx_crc32c(uint32_t crc, const void *at, size_t size);

/* XXH3-128 in canonical (big-endian) byte order: names states and files, no defence against an
 * adversary. */
#define VX_DIGEST_BYTES     16
#define VX_DIGEST_TEXT_SIZE 33
typedef struct vx_digest {
    uint8_t at[VX_DIGEST_BYTES];
} vx_digest;
vx_digest vx_digest_of(const void *at, size_t size);
/* The same of bytes that come in pieces: begin, any number of add, end. */
typedef struct vx_digest_stream {
    _Alignas(64) uint8_t state[576];
} vx_digest_stream;
void vx_digest_begin(vx_digest_stream *stream);
void vx_digest_add(vx_digest_stream *stream, const void *at, size_t size);
vx_digest vx_digest_end(const vx_digest_stream *stream);
bool vx_digest_equal(vx_digest a, vx_digest b);
bool vx_digest_is_zero(vx_digest digest);
char *vx_digest_text(vx_digest digest, char text[VX_DIGEST_TEXT_SIZE]); /* hex; returns text */

/* Bytes to lower-case hex; text holds 2 size + 1. And back: false unless exactly 2 size hex digits.
 */
char *vx_hex_encode(const uint8_t *at, size_t size, char *text);
bool vx_hex_decode(const char *text, uint8_t *ret_at, size_t size);

/* Equal in a time that does not depend on where they differ. For tokens. */
bool vx_bytes_equal_constant_time(const uint8_t *a, const uint8_t *b, size_t size);
#endif
