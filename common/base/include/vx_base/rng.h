#ifndef VX_BASE_RNG_H
#define VX_BASE_RNG_H
#include <stddef.h>
#include <stdint.h>

/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011, "Parallel random numbers: as easy as 1, 2,
 * 3"): random numbers as a pure function of a key and a counter. A stream is keyed by (seed,
 * purpose, slot, round): there is no generator state to lose or to store.
 */
typedef enum vx_rng_purpose {
    VX_RNG_INITIALISE = 1, /* first parameters */
    VX_RNG_SHARD,          /* which sample belongs to which slot */
    VX_RNG_SAMPLE,         /* which samples of its shard a slot uses in a round */
    VX_RNG_FAULT,          /* injected noise */
    VX_RNG_BACKOFF,        /* jitter of reconnecting */
    VX_RNG_TEST,
    VX_RNG_BUCKET,        /* which rows are averaged before a rule */
    VX_RNG_NOISE,         /* classes that noise contrastive estimation draws */
    VX_RNG_DROPOUT,       /* which numbers a layer drops */
    VX_RNG_AUGMENT = 16,  /* how an observation is changed */
    VX_RNG_COLUMN,        /* how often one of many models sees an observation */
    VX_RNG_FOLD,          /* which of many models does not see it */
    VX_RNG_PERMUTE,       /* whose target it has in one of many models */
    VX_RNG_BOOTSTRAP = 32 /* observations drawn again for an interval */
} vx_rng_purpose;

typedef struct vx_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    unsigned used; /* words of block that are spent; 4 = none left */
} vx_rng;

/* The raw function: ten rounds on one counter. Known answers are in the tests. */
void vx_philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t ret_block[4]);

/* A stream of 2^42 words, for round < VX_ROUNDS_MAX. Streams that differ in any argument share no
 * counter under one key; rng.c says how both are filled. */
vx_rng vx_rng_stream(uint64_t seed, vx_rng_purpose purpose, uint32_t slot, uint64_t round);

/* One block of what dropout draws: block < VX_RNG_DROPOUT_WORDS_MAX / 4 of a layer and an
 * observation, a stream of its own for each; slot < VX_WORKERS_MAX, layer < 1024. */
#define VX_RNG_DROPOUT_WORDS_MAX (1u << 22)
void vx_rng_dropout(uint64_t seed, uint32_t slot, uint64_t round, uint32_t layer,
                    uint32_t observation, size_t block, uint32_t ret_words[4]);

uint32_t vx_rng_u32(vx_rng *rng);
uint64_t vx_rng_u64(vx_rng *rng);
/* Uniform in 0..bound-1 without bias (Lemire, "Fast random integer generation in an interval",
 * 2019); bound > 0. */
uint64_t vx_rng_below(vx_rng *rng, uint64_t bound);
double vx_rng_uniform(vx_rng *rng); /* [0, 1), 53 bits */
/* N(0, 1), Box-Muller, cosine branch only: one call uses 4 words. The last bits of normal and gamma
 * are those of the C library's log, cos and pow. */
double vx_rng_normal(vx_rng *rng);
/* Gamma(shape, 1), shape > 0 (Marsaglia and Tsang, 2000); what a Dirichlet draw is made of. Can be
 * 0 by underflow when shape is far below 1. */
double vx_rng_gamma(vx_rng *rng, double shape);
/* Fisher-Yates: a uniform permutation of items[0..count). */
void vx_rng_shuffle(vx_rng *rng, uint32_t *items, size_t count);
#endif
