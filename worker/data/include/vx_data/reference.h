#ifndef VX_DATA_REFERENCE_H
#define VX_DATA_REFERENCE_H
#include <stddef.h>

#include <vx_base/status.h>

/*
 * Means and deviations a feature, from a file that the owner of the job trusts: an npy array (2,
 * features), float32 or float64, means above deviations. A worker never takes them from its own
 * rows: one that lies about its data would change what everybody's model means, and test rows would
 * be read with other constants than training rows.
 */
typedef struct vx_reference vx_reference;

/* VX_ERR_NOT_FOUND, VX_ERR_IO, VX_ERR_NOMEM; VX_ERR_DATA: another shape, or a mean or
 * deviation outside the limits of VX_STANDARDISE, with its column. */
VX_MUST_CHECK vx_status vx_reference_open(const char *path, vx_reference **ret_reference,
                                          vx_error *err);
vx_reference *vx_reference_close(vx_reference *reference); /* takes NULL, returns NULL */
size_t vx_reference_features(const vx_reference *reference);
const float *vx_reference_means(const vx_reference *reference);      /* (features), borrowed */
const float *vx_reference_deviations(const vx_reference *reference); /* (features), borrowed */

struct vx_dataset;

/*
 * Makes such a file from a set (unsigned bytes divided by 255 first): mean and deviation
 * sqrt(sum (x - mean)^2 / count) of each feature over all observations that have it, where it is
 * not NaN, in double, by Welford's method (Technometrics 4, 1962). A feature that never changes, or
 * that no observation has, is given deviation 1: standardised it is 0. Atomic and durable.
 * VX_ERR_DATA: a deviation above 0 and below the limit, with its column; VX_ERR_NOMEM, VX_ERR_IO,
 * VX_ERR_SPACE, VX_ERR_NOT_FOUND. O(count features), of sparse rows too.
 */
VX_MUST_CHECK vx_status vx_reference_write(const struct vx_dataset *dataset, const char *path,
                                           vx_error *err);
#endif
