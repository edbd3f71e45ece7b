#ifndef VX_CTL_DOUBTS_H
#define VX_CTL_DOUBTS_H
#include <stdio.h>

#include <jansson.h>

/*
 * Which slots stand out, in at most two lines: those whose weight in the last aggregate was less
 * than half of an equal share, when they are the smaller part of those that have one; and those
 * whose gradients were not finite or were refused. Nothing when there are none. slots: the list of
 * a status document or of result.json; may be NULL.
 */
void vx_ctl_doubts_print(FILE *out, const json_t *slots);
#endif
