#ifndef VX_DATA_AUGMENT_MAPS_H
#define VX_DATA_AUGMENT_MAPS_H
#include <stddef.h>
#include <stdint.h>

/* Where each pixel of an image comes from; formulas and sources are in vx_data/augment.h. */
#define VX_MAP_OUTSIDE UINT32_MAX

void vx_map_cat(size_t side, unsigned times, uint32_t *ret_map); /* (side x side) */
void vx_map_lotka_volterra(size_t height, size_t width, double time, uint32_t *ret_map);

/* A place between four pixels. */
typedef struct vx_between {
    uint32_t corner;   /* the pixel above and left of it */
    float down, right; /* 0 .. 1 */
    uint32_t below;    /* pixels to the one below: 0 in the last row */
    uint32_t beside;   /* to the one on the right: 0 in the last column */
} vx_between;
void vx_map_smooth_cat(size_t side, double smoothness, vx_between *ret_map); /* (side x side) */

/* Between the least and the largest of the four. */
static inline float vx_between_at(const vx_between *place, const float *image)
{
    const float *at = image + place->corner;
    float above = at[0] + place->right * (at[place->beside] - at[0]);
    float under =
        at[place->below] + place->right * (at[place->below + place->beside] - at[place->below]);

    return above + place->down * (under - above);
}
#endif
