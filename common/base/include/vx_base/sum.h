#ifndef VX_BASE_SUM_H
#define VX_BASE_SUM_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/limits.h>

/*
 * One order of adding n parts, so that the bits of a sum do not depend on who adds which.
 *
 * n = 2^a m, m odd. T(n): the parts are cut into 2^a runs of m neighbours; a run is added from its
 * first part to its last; sums of neighbours are then added two by two, a times. So the sum of each
 * of 2^j equal runs, j <= a, is T(n / 2^j) of its own parts, and T(n) is T(2^j) of those: whoever
 * computes such a run alone changes no bit. The same holds of n runs of one part. Of no other
 * number of runs: halves and thirds of 6 are not nodes of one tree.
 *
 * n is 1..VX_BLOCKS_MAX throughout. Pure, any thread.
 */

/* Is T(count) T(runs) of the sums of equal runs? */
bool vx_sum_splits(size_t count, size_t runs);

/*
 * T(count) while its parts come one after another: part i is written into place
 * vx_sum_place(count, i) of vx_sum_places(count) places; then the last place in use is added to
 * the one before it and is free again, vx_sum_merges(count, i) times. At the end the sum is in
 * place 0.
 */
size_t vx_sum_places(size_t count); /* a + 1, one more when m > 1; at most VX_SUM_PLACES_MAX */
size_t vx_sum_place(size_t count, size_t index);
size_t vx_sum_merges(size_t count, size_t index);
#define VX_SUM_PLACES_MAX 7
/* The merges that follow part `index`, of the numbers from .. from + size of each place alone. */
void vx_sum_merge_f32(float *const *places, size_t count, size_t index, size_t from, size_t size);

/* ret_sum (size) = T(count) of parts (count) of size numbers each, number by number, in float. It
 * may be one of the parts. O(count size). */
void vx_sum_parts_f32(const float *const *parts, size_t count, size_t size, float *ret_sum);
/* The same of single numbers (count), in double. */
double vx_sum_parts_f64(const double *parts, size_t count);
#endif
