#ifndef VX_CTL_PLACES_H
#define VX_CTL_PLACES_H
#include <stdio.h>

#include <jansson.h>

/* Where live workers compute, as their slots of a status document say: a line for all that share
 * host, processors and number of threads, at most VX_CTL_PLACES_MAX lines. Workers that have not
 * told are left out. */
#define VX_CTL_PLACES_MAX 8
void vx_ctl_places_print(FILE *out, const json_t *slots);
#endif
