#ifndef VX_DATA_DATASET_H
#define VX_DATA_DATASET_H
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/* Observations and their class labels, as they stand in the files; immutable after loading. */
typedef struct vx_dataset vx_dataset;

typedef struct vx_dataset_info {
    size_t count;    /* observations */
    size_t features; /* numbers an observation: the product of the trailing idx dimensions */
    size_t classes;  /* 1 + largest label in the file, or the declared number when that was given */
} vx_dataset_info;

/*
 * Reads an idx pair (the MNIST format: big-endian magic 00 00 type rank, sizes, values), unsigned
 * bytes, plain or gzip by the file's first two bytes. classes = 0 takes them from the labels;
 * otherwise a label >= classes is an error. The size of the content must equal what the header
 * implies, and is checked before memory is taken for it.
 *
 * VX_ERR_NOT_FOUND, VX_ERR_IO; VX_ERR_DATA with file, offset, what was expected and what stands
 * there: bad magic, truncated, trailing bytes, counts of the pair that differ, label out of range
 * (names the observation).
 */
VX_MUST_CHECK vx_status vx_dataset_load_idx(const char *features_path, const char *labels_path,
                                            size_t classes, vx_dataset **ret_dataset,
                                            vx_error *err);
vx_dataset *vx_dataset_destroy(vx_dataset *dataset);
vx_dataset_info vx_dataset_get_info(const vx_dataset *dataset);
const uint8_t *vx_dataset_labels(const vx_dataset *dataset); /* (count), borrowed */

/* Keeps only the given observations, in that order, and frees the rest: a worker holds its shard
 * alone. */
VX_MUST_CHECK vx_status vx_dataset_keep(vx_dataset *dataset, const uint32_t *indices, size_t count);

/* Row b of ret_features (batch, features) = (pixel / 255 - mean) / deviation of observation
 * indices[b]; ret_labels (batch). Indices are ours: asserted, not checked. No allocation. */
typedef struct vx_standardise {
    float mean,
        deviation; /* declared constants of the job, of the values after the division by 255 */
} vx_standardise;
void vx_dataset_gather(const vx_dataset *dataset, const uint32_t *indices, size_t batch,
                       vx_standardise standardise, vx_matf ret_features, uint32_t *ret_labels);
#endif
