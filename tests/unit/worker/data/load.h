#ifndef VX_TEST_DATA_LOAD_H
#define VX_TEST_DATA_LOAD_H
#include <stddef.h>

#include <vx_data/dataset.h>

/* Set-up and teardown of a group: a folder for its files. Paths in it are good until the end. */
int folder_setup(void **state);
int folder_teardown(void **state);
/* Writes a file of the folder, returns its path. */
const char *put_bytes(const char *name, const void *at, size_t size);
const char *put_text(const char *name, const char *text);
/* An array as numpy.save writes it: kind such as "<f4", shape such as "(2, 3)". */
const char *put_npy(const char *name, const char *kind, const char *shape, const void *at,
                    size_t size);
const char *path_of(const char *name); /* in the folder */

vx_dataset *load(const vx_data_source *source); /* must succeed */
/* Expects a refusal with that status whose message has every text (up to NULL). */
void refuse(const vx_data_source *source, vx_status expected, ...);
/* The observation at a position, as it is; borrowed until the next call. */
const float *row_at(const vx_dataset *dataset, size_t position);
uint32_t label_at(const vx_dataset *dataset, size_t position);
float target_at(const vx_dataset *dataset, size_t position, size_t column);
/* Each allocation of loading fails in turn: then loading fails with VX_ERR_NOMEM, or whoever asked
 * (libcsv) does with less. Returns how often it failed. */
int fail_each_allocation(const vx_data_source *source);
#endif
