#ifndef VX_TEST_LIKELIHOOD_IMAGE_H
#define VX_TEST_LIKELIHOOD_IMAGE_H
#include <vx_likelihood/model.h>

#define IMAGE_ROWS_MAX    24
#define IMAGE_NUMBERS_MAX 1024

/* Random images N(0, 1) with labels and weights; batch points into the rest: do not copy. */
typedef struct image_data {
    vx_batch batch;
    float features[IMAGE_ROWS_MAX * IMAGE_NUMBERS_MAX];
    uint32_t labels[IMAGE_ROWS_MAX];
    float weights[IMAGE_ROWS_MAX];
} image_data;
void image_fill(image_data *data, const vx_model_spec *spec, size_t rows, uint64_t seed);

/* The analytic gradient of these images is that of differences within 1e-6, at random parameters:
 * all coordinates, or some of them. */
void image_check_slopes(const vx_model_spec *spec, size_t rows, size_t coordinates);

/* Creation ends with the status, and its message has the text. */
void image_expect_refused(const vx_model_spec *spec, vx_status status, const char *text);
#endif
