#include <vx_linalg/finite.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    BLOCK = 4096 /* values looked at before the answer is */
};

static bool block_finite(const float *at, size_t count)
{
    uint32_t carry = 0;

    /* Exponent all ones, and nothing else, carries into the sign bit. */
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;

        memcpy(&bits, at + i, sizeof(bits));
        carry |= (bits & 0x7fffffffu) + 0x00800000u;
    }
    return (carry & 0x80000000u) == 0;
}

bool vx_all_finite_f32(vx_cvecf v)
{
    for (size_t i = 0; i < v.n; i += BLOCK) {
        if (!block_finite(v.at + i, v.n - i < BLOCK ? v.n - i : BLOCK))
            return false;
    }
    return true;
}

/* Whether all are below the number of these bits in magnitude. */
static bool block_below_f64(const double *at, size_t count, uint64_t limit)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t bits;

        memcpy(&bits, at + i, sizeof(bits));
        carry |= (bits & 0x7fffffffffffffffu) + (0x8000000000000000u - limit);
    }
    return (carry & 0x8000000000000000u) == 0;
}

bool vx_all_below_f64(vx_cvec v, double limit)
{
    uint64_t bits;

    memcpy(&bits, &limit, sizeof(bits));
    for (size_t i = 0; i < v.n; i += BLOCK) {
        if (!block_below_f64(v.at + i, v.n - i < BLOCK ? v.n - i : BLOCK, bits))
            return false;
    }
    return true;
}

bool vx_all_finite_f64(vx_cvec v)
{
    return vx_all_below_f64(v, (double)INFINITY);
}
