#include <vx_base/rng.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

#include <math.h>

/* The multipliers and Weyl constants of Philox4x32, Salmon et al. 2011, and its Random123 source.
 */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0       0x9E3779B9u
#define WEYL_1       0xBB67AE85u
#define ROUNDS       10

#define BLOCK_HIGH_MASK 0xFFu /* of counter[3] */

__extension__ typedef unsigned __int128 u128;

_Static_assert(VX_WORKERS_MAX <= 1024, "10 bits of the counter of dropout hold the slot");
_Static_assert((VX_ROUNDS_MAX - 1) >> 48 == 0, "48 bits of the counter hold the round");

void vx_philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product_0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t product_1 = (uint64_t)MULTIPLIER_1 * c2;

        c0 = (uint32_t)(product_1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)product_1;
        c2 = (uint32_t)(product_0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)product_0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    ret_block[0] = c0;
    ret_block[1] = c1;
    ret_block[2] = c2;
    ret_block[3] = c3;
}

/*
 * The four arguments and the block index fill key and counter without overlap:
 *     key[0], key[1]   seed, low and high word
 *     counter[0]       block index, bits 0..31
 *     counter[1]       slot
 *     counter[2]       round, bits 0..31
 *     counter[3]       purpose (8 bits), round bits 32..47 (16), block index bits 32..39 (8)
 */
vx_rng vx_rng_stream(uint64_t seed, vx_rng_purpose purpose, uint32_t slot, uint64_t round)
{
    VX_ASSERT((unsigned)purpose <= 0xFF);
    VX_ASSERT(round < VX_ROUNDS_MAX);
    return (vx_rng){
        .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
        .counter = { 0, slot, (uint32_t)round,
                     (uint32_t)purpose << 24 | (uint32_t)(round >> 32) << 8 },
        .used = 4,
    };
}

/*
 * Key, round and purpose are where vx_rng_stream has them, and
 *     counter[0]       observation
 *     counter[1]       slot (10 bits), layer (10), block bits 8..19 (12)
 *     counter[3]       its low 8 bits: block bits 0..7
 */
void vx_rng_dropout(uint64_t seed, uint32_t slot, uint64_t round, uint32_t layer,
                    uint32_t observation, size_t block, uint32_t ret_words[4])
{
    vx_rng rng = vx_rng_stream(seed, VX_RNG_DROPOUT, 0, round);

    VX_ASSERT(slot < 1024 && layer < 1024 && block < VX_RNG_DROPOUT_WORDS_MAX / 4);
    rng.counter[0] = observation;
    rng.counter[1] = slot | layer << 10 | (uint32_t)(block >> 8) << 20;
    rng.counter[3] |= (uint32_t)block & BLOCK_HIGH_MASK;
    vx_philox4x32_10(rng.counter, rng.key, ret_words);
}

static void fill_block(vx_rng *rng)
{
    vx_philox4x32_10(rng->counter, rng->key, rng->block);
    rng->used = 0;
    rng->counter[0]++;
    if (rng->counter[0] != 0)
        return;
    /* A carry past the block index would run into the next round's stream. */
    VX_ASSERT((rng->counter[3] & BLOCK_HIGH_MASK) != BLOCK_HIGH_MASK);
    rng->counter[3]++;
}

uint32_t vx_rng_u32(vx_rng *rng)
{
    if (rng->used == 4)
        fill_block(rng);
    return rng->block[rng->used++];
}

uint64_t vx_rng_u64(vx_rng *rng)
{
    uint64_t low = vx_rng_u32(rng);

    return low | (uint64_t)vx_rng_u32(rng) << 32;
}

uint64_t vx_rng_below(vx_rng *rng, uint64_t bound)
{
    u128 product;

    VX_ASSERT(bound > 0);
    product = (u128)vx_rng_u64(rng) * bound;
    if ((uint64_t)product < bound) {
        uint64_t reject_below = -bound % bound; /* 2^64 mod bound */

        while ((uint64_t)product < reject_below)
            product = (u128)vx_rng_u64(rng) * bound;
    }
    return (uint64_t)(product >> 64);
}

double vx_rng_uniform(vx_rng *rng)
{
    return (double)(vx_rng_u64(rng) >> 11) * 0x1p-53;
}

/* (0, 1]: its logarithm is finite. */
static double uniform_above_zero(vx_rng *rng)
{
    return 1.0 - vx_rng_uniform(rng);
}

double vx_rng_normal(vx_rng *rng)
{
    double radius = sqrt(-2.0 * log(uniform_above_zero(rng)));

    return radius * cos(2.0 * M_PI * vx_rng_uniform(rng));
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000. */
static double gamma_at_least_one(vx_rng *rng, double shape)
{
    double d = shape - 1.0 / 3.0;
    double c = 1.0 / sqrt(9.0 * d);

    for (;;) {
        double x = vx_rng_normal(rng);
        double root = 1.0 + c * x;
        double v = root * root * root;
        double u = uniform_above_zero(rng);

        if (v > 0.0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

double vx_rng_gamma(vx_rng *rng, double shape)
{
    VX_ASSERT(shape > 0.0);
    if (shape >= 1.0)
        return gamma_at_least_one(rng, shape);
    /* Gamma(a) = Gamma(a + 1) U^(1/a), the note at the end of the same paper. */
    return gamma_at_least_one(rng, shape + 1.0) * pow(uniform_above_zero(rng), 1.0 / shape);
}

void vx_rng_shuffle(vx_rng *rng, uint32_t *items, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        size_t pick = vx_rng_below(rng, left);
        uint32_t item = items[pick];

        items[pick] = items[left - 1];
        items[left - 1] = item;
    }
}
