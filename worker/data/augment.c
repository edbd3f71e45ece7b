#include <vx_data/augment.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/rng.h>

#include "augment_maps.h"

#define SHIFT_MAX 4096.0
#define NOISE_MAX 1e6
#define TIMES_MAX 1000.0

typedef struct step {
    vx_augment_step what;
    uint32_t *map;      /* (height x width), of a kind that moves pixels; else NULL */
    vx_between *blends; /* (height x width), of a smooth cat map; else NULL */
} step;

struct vx_augment {
    step *steps; /* (count) */
    size_t count, features;
    vx_shape image;
    float *spare; /* (features) */
};

static const char *const names[] = {
    [VX_AUGMENT_FLIP] = "flip",
    [VX_AUGMENT_SHIFT] = "shift",
    [VX_AUGMENT_GAUSSIAN_NOISE] = "gaussian_noise",
    [VX_AUGMENT_LOTKA_VOLTERRA] = "lotka_volterra",
    [VX_AUGMENT_CAT_MAP] = "cat_map",
    [VX_AUGMENT_SMOOTH_CAT_MAP] = "smooth_cat_map",
};

const char *vx_augment_kind_name(vx_augment_kind kind)
{
    return names[kind];
}

vx_status vx_augment_kind_parse(const char *name, vx_augment_kind *ret_kind)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *ret_kind = (vx_augment_kind)i;
        return VX_OK;
    }
    return VX_ERR_NOT_FOUND;
}

static double scale_max(vx_augment_kind kind)
{
    switch (kind) {
    case VX_AUGMENT_FLIP:
        return HUGE_VAL;
    case VX_AUGMENT_SHIFT:
        return SHIFT_MAX;
    case VX_AUGMENT_GAUSSIAN_NOISE:
        return NOISE_MAX;
    case VX_AUGMENT_CAT_MAP:
        return TIMES_MAX;
    case VX_AUGMENT_LOTKA_VOLTERRA:
    case VX_AUGMENT_SMOOTH_CAT_MAP:
        break;
    }
    return 1.0;
}

static vx_status check_step(const vx_augment_step *s, size_t number, vx_shape image, vx_error *err)
{
    const char *name = vx_augment_kind_name(s->kind);
    bool square = s->kind == VX_AUGMENT_CAT_MAP || s->kind == VX_AUGMENT_SMOOTH_CAT_MAP;
    bool whole = s->kind == VX_AUGMENT_CAT_MAP || s->kind == VX_AUGMENT_SHIFT;
    double most = scale_max(s->kind);

    if (!(s->share >= 0.0 && s->share <= 1.0))
        return vx_fail(err, VX_ERR_DOMAIN, "augmentation %zu (%s): share %g: expected 0 to 1",
                       number, name, s->share);
    if (s->kind != VX_AUGMENT_FLIP && !(s->scale >= 0.0 && s->scale <= most))
        return vx_fail(err, VX_ERR_DOMAIN, "augmentation %zu (%s): scale %g: expected 0 to %g",
                       number, name, s->scale, most);
    if (whole && floor(s->scale) < s->scale)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "augmentation %zu (%s): scale %g: expected a whole number", number, name,
                       s->scale);
    if (s->kind != VX_AUGMENT_GAUSSIAN_NOISE && image.height == 0)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "augmentation %zu (%s) is for images, and these observations are none",
                       number, name);
    if (square && image.height != image.width)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "augmentation %zu (%s) is for square images, found %zu x %zu pixels", number,
                       name, image.height, image.width);
    return VX_OK;
}

/* Where the pixels of a step come from. */
static vx_status make_map(step *s, vx_shape image, vx_error *err)
{
    size_t pixels = image.height * image.width;
    bool smooth = s->what.kind == VX_AUGMENT_SMOOTH_CAT_MAP;
    bool moves = s->what.kind == VX_AUGMENT_CAT_MAP || s->what.kind == VX_AUGMENT_LOTKA_VOLTERRA;

    if (smooth)
        s->blends = vx_calloc(pixels, sizeof(*s->blends));
    if (moves)
        s->map = vx_calloc(pixels, sizeof(*s->map));
    if ((smooth && s->blends == NULL) || (moves && s->map == NULL))
        return vx_fail(err, VX_ERR_NOMEM, "no memory for an augmentation of %zu pixels", pixels);
    if (smooth)
        vx_map_smooth_cat(image.height, s->what.scale, s->blends);
    else if (s->what.kind == VX_AUGMENT_CAT_MAP)
        vx_map_cat(image.height, (unsigned)s->what.scale, s->map);
    else if (s->what.kind == VX_AUGMENT_LOTKA_VOLTERRA)
        vx_map_lotka_volterra(image.height, image.width, s->what.scale, s->map);
    return VX_OK;
}

vx_status vx_augment_create(const vx_augment_step *steps, size_t count, vx_shape image,
                            size_t features, vx_augment **ret_augment, vx_error *err)
{
    vx_augment *augment = NULL;
    vx_status status = VX_OK;

    VX_ASSERT(image.height == 0 || image.channels * image.height * image.width == features);
    if (count > VX_AUGMENT_STEPS_MAX || image.height * image.width >= UINT32_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu augmentations: at most %d, of less than 2^32 pixels",
                       count, VX_AUGMENT_STEPS_MAX);
    for (size_t i = 0; status == VX_OK && i < count; i++)
        status = check_step(&steps[i], i, image, err);
    if (status != VX_OK)
        return status;
    augment = vx_calloc(1, sizeof(*augment));
    if (augment == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for augmentations");
    augment->image = image;
    augment->features = features;
    augment->steps = vx_calloc(count + 1, sizeof(*augment->steps));
    augment->spare = vx_calloc(features, sizeof(*augment->spare));
    if (augment->steps == NULL || augment->spare == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for augmentations");
        goto out;
    }
    augment->count = count;
    for (size_t i = 0; status == VX_OK && i < count; i++) {
        augment->steps[i].what = steps[i];
        status = make_map(&augment->steps[i], image, err);
    }
out:
    if (status == VX_OK)
        *ret_augment = augment;
    else
        vx_augment_destroy(augment);
    return status;
}

vx_augment *vx_augment_destroy(vx_augment *augment)
{
    if (augment == NULL)
        return NULL;
    for (size_t i = 0; augment->steps != NULL && i < augment->count; i++) {
        vx_free(augment->steps[i].map);
        vx_free(augment->steps[i].blends);
    }
    vx_free(augment->steps);
    vx_free(augment->spare);
    vx_free(augment);
    return NULL;
}

/* The stream of one step on one observation in one round. A stream has no argument for the
 * observation: its seed is a block of Philox under the seed of the job, at a counter of our own. */
static vx_rng stream_of(uint64_t seed, uint32_t slot, uint64_t round, uint32_t observation,
                        uint32_t number)
{
    const uint32_t counter[4] = { observation, number, 0, (uint32_t)VX_RNG_AUGMENT << 24 };
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t block[4];

    vx_philox4x32_10(counter, key, block);
    return vx_rng_stream((uint64_t)block[1] << 32 | block[0], VX_RNG_AUGMENT, slot, round);
}

static void flip(vx_shape image, float *row)
{
    for (size_t line = 0; line < image.channels * image.height; line++) {
        float *at = row + line * image.width;

        for (size_t k = 0; k < image.width / 2; k++) {
            float left = at[k];

            at[k] = at[image.width - 1 - k];
            at[image.width - 1 - k] = left;
        }
    }
}

static void shift(vx_augment *augment, vx_rng *rng, double scale, float *row)
{
    vx_shape image = augment->image;
    uint64_t most = (uint64_t)scale;
    int64_t down = (int64_t)vx_rng_below(rng, 2 * most + 1) - (int64_t)most;
    int64_t right = (int64_t)vx_rng_below(rng, 2 * most + 1) - (int64_t)most;

    memset(augment->spare, 0, augment->features * sizeof(float));
    for (size_t c = 0; c < image.channels; c++) {
        for (size_t y = 0; y < image.height; y++) {
            int64_t from = (int64_t)y - down;
            size_t to = (c * image.height + y) * image.width;

            if (from < 0 || from >= (int64_t)image.height)
                continue;
            for (size_t x = 0; x < image.width; x++) {
                int64_t column = (int64_t)x - right;

                if (column >= 0 && column < (int64_t)image.width)
                    augment->spare[to + x] =
                        row[(c * image.height + (size_t)from) * image.width + (size_t)column];
            }
        }
    }
    memcpy(row, augment->spare, augment->features * sizeof(float));
}

static void move_pixels(vx_augment *augment, const step *s, float *row)
{
    size_t pixels = augment->image.height * augment->image.width;

    for (size_t c = 0; c < augment->image.channels; c++) {
        const float *from = row + c * pixels;
        float *to = augment->spare + c * pixels;

        for (size_t p = 0; p < pixels; p++) {
            if (s->blends != NULL)
                to[p] = vx_between_at(&s->blends[p], from);
            else
                to[p] = s->map[p] == VX_MAP_OUTSIDE ? 0.0f : from[s->map[p]];
        }
    }
    memcpy(row, augment->spare, augment->features * sizeof(float));
}

static void apply_step(vx_augment *augment, const step *s, vx_rng *rng, float *row)
{
    switch (s->what.kind) {
    case VX_AUGMENT_FLIP:
        flip(augment->image, row);
        break;
    case VX_AUGMENT_SHIFT:
        shift(augment, rng, s->what.scale, row);
        break;
    case VX_AUGMENT_GAUSSIAN_NOISE:
        for (size_t k = 0; k < augment->features; k++)
            row[k] += (float)(s->what.scale * vx_rng_normal(rng));
        break;
    case VX_AUGMENT_LOTKA_VOLTERRA:
    case VX_AUGMENT_CAT_MAP:
    case VX_AUGMENT_SMOOTH_CAT_MAP:
        move_pixels(augment, s, row);
        break;
    }
}

void vx_augment_apply(vx_augment *augment, uint64_t seed, uint32_t slot, uint64_t round,
                      const uint32_t *observations, vx_matf rows)
{
    VX_ASSERT(rows.cols == augment->features);
    for (size_t i = 0; i < augment->count; i++) {
        const step *s = &augment->steps[i];

        if (round < s->what.from_round || round > s->what.to_round)
            continue;
        for (size_t b = 0; b < rows.rows; b++) {
            vx_rng rng = stream_of(seed, slot, round, observations[b], (uint32_t)i);

            if (vx_rng_uniform(&rng) < s->what.share)
                apply_step(augment, s, &rng, rows.at + b * rows.ld);
        }
    }
}
