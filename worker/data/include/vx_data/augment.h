#ifndef VX_DATA_AUGMENT_H
#define VX_DATA_AUGMENT_H
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * Changes to observations before they are standardised, pure functions of (seed, slot, round,
 * observation): the same whatever else is in the batch, and when a round is made again. A step
 * changes each observation with probability `share`. Images are (channels, height, width) with
 * every channel treated alike; a pixel that comes from outside the image is 0.
 *
 *   flip            left and right change places, of each chosen observation
 *   shift           by whole pixels, down and right, each uniform in -scale .. scale
 *   gaussian_noise  x + scale N(0, 1) a feature; of any features, images or not. The only kind
 *                   that can leave the range of the values
 *   lotka_volterra  pixel p of the result comes from where the flow of dx/dt = 2/3 x - 4/3 x y,
 *                   dy/dt = x y - y carries p in time `scale`, coordinates measured from the
 *                   middle, x down and y across, pixels as units; the nearest pixel. This is what
 * the code published with the flag aggregator does (augment_image.py; scale 0.001 .. 0.01); its
 * paper has gamma = delta = -1 where the code has 1, and a map instead of a flow cat_map pixel (x,
 * y) goes to ((2 x + y) mod n, (x + y) mod n), `scale` times (whole); square images; a permutation
 * of the pixels (Arnold and Avez 1968) smooth_cat_map  the same with a modulus that does not jump:
 * pixel (x, y) comes from the place (n w(u1) - 1/2, n w(u2) - 1/2), bilinear between pixels, with
 * the inverse map u1 = (x - y + 1/2) / n, u2 = (2 y - x + 1/2) / n, where w(t) = 1/2 - atan2(s sin
 * 2 pi t, 1 - s cos 2 pi t) / pi is the Fourier series of t mod 1 with its k-th term times s^k, s =
 * `scale` in 0 .. 1: 0.95 is smooth, 1 is cat_map once. The paper names a smooth cat map, and its
 * code has none: the formula is ours
 */
typedef enum vx_augment_kind {
    VX_AUGMENT_FLIP,
    VX_AUGMENT_SHIFT,
    VX_AUGMENT_GAUSSIAN_NOISE,
    VX_AUGMENT_LOTKA_VOLTERRA,
    VX_AUGMENT_CAT_MAP,
    VX_AUGMENT_SMOOTH_CAT_MAP
} vx_augment_kind;

const char *vx_augment_kind_name(vx_augment_kind kind); /* "cat_map" */
/* VX_ERR_NOT_FOUND when there is none of that name. */
VX_MUST_CHECK vx_status vx_augment_kind_parse(const char *name, vx_augment_kind *ret_kind);

typedef struct vx_augment_step {
    vx_augment_kind kind;
    double share;                  /* 0 .. 1 */
    double scale;                  /* as above; flip has none */
    uint64_t from_round, to_round; /* the rounds it works in, both included */
} vx_augment_step;

#define VX_AUGMENT_STEPS_MAX 64

/*
 * The steps of one slot, in their order; those of other slots are left out by the caller. The maps
 * of pixels are made here once. VX_ERR_DOMAIN with the number of the step and what its kind
 * expects: share or scale out of range, a kind for images where there are none (shape all 0), a cat
 * map of an image that is not square; VX_ERR_LIMIT; VX_ERR_NOMEM. features is the product of the
 * shape where it is an image.
 */
typedef struct vx_augment vx_augment;
VX_MUST_CHECK vx_status vx_augment_create(const vx_augment_step *steps, size_t count,
                                          vx_shape image, size_t features, vx_augment **ret_augment,
                                          vx_error *err);
vx_augment *vx_augment_destroy(vx_augment *augment); /* takes NULL, returns NULL */

/* rows (batch, features) as gathered with VX_STANDARDISE_NONE; observations (batch) their numbers,
 * vx_dataset_observations. No allocation; one thread at a time. */
void vx_augment_apply(vx_augment *augment, uint64_t seed, uint32_t slot, uint64_t round,
                      const uint32_t *observations, vx_matf rows);
#endif
