#ifndef VX_TEST_DATA_FILES_H
#define VX_TEST_DATA_FILES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_data/dataset.h>

#define CONTENT_MAX 256

/* The bytes of a file in the making. */
typedef struct content {
    uint8_t at[CONTENT_MAX];
    size_t size;
} content;

/* 3 observations of 2 x 2 pixels: 0, 20, 40, ... 220; and their labels 2, 0, 1. */
content features_content(void);
content labels_content(void);
content compressed(content plain); /* as gzip writes it */

/* A folder with a pair of files that each test writes anew. */
typedef struct idx_pair {
    char *folder;
    char features[512], labels[512];
} idx_pair;
idx_pair files_create(void);
void files_remove(idx_pair *files);
void pair_write(const idx_pair *files, content features, content labels);
vx_status pair_load(const idx_pair *files, size_t classes, vx_dataset **ret_dataset, vx_error *err);

/* Loads the pair, expects a refusal with that status whose message holds every text (up to NULL).
 */
void expect_refusal(const idx_pair *files, size_t classes, vx_status expected, ...);
#endif
