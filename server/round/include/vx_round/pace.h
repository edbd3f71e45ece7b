#ifndef VX_ROUND_PACE_H
#define VX_ROUND_PACE_H
#include <stddef.h>
#include <stdint.h>

/*
 * How long a round waits: a deadline that follows the arrivals. Pure, no heap.
 *
 *     deadline = clamp(median + spread x MAD, least, most)
 *
 * over the newest VX_PACE_ARRIVALS times from parameters to gradient, late ones too; MAD is their
 * median absolute deviation from the median. Before VX_PACE_LEAST arrivals it is `most`.
 */
#define VX_PACE_ARRIVALS 256
#define VX_PACE_LEAST    16

typedef struct vx_pace {
    double least_ms, most_ms, spread;
    double arrivals_ms[VX_PACE_ARRIVALS]; /* a ring */
    size_t count;                         /* all that ever came */
} vx_pace;

/* 0 < least_ms <= most_ms, spread >= 0. */
void vx_pace_init(vx_pace *pace, double least_ms, double most_ms, double spread);
void vx_pace_arrived(vx_pace *pace, double after_ms);
double vx_pace_deadline_ms(const vx_pace *pace); /* O(arrivals log arrivals) */
#endif
