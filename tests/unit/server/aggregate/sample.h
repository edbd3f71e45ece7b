#ifndef VX_TESTS_SAMPLE_H
#define VX_TESTS_SAMPLE_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_aggregate/aggregate.h>

enum { SAMPLE_ROWS_MAX = 40 };

/* Gradients of n workers: common part times `common`, plus noise of their own. */
typedef struct sample {
    float *at; /* (n, d) */
    size_t n, d;
    bool present[SAMPLE_ROWS_MAX];
} sample;

sample sample_make(uint32_t seed, size_t n, size_t d, double common);
void sample_free(sample *s);
float *sample_row(const sample *s, size_t i);
void sample_set_row(sample *s, size_t i, float value);
void sample_copy_row(sample *s, size_t to, size_t from);
void sample_scale(sample *s, double factor);
vx_cmatf sample_view(const sample *s);
vx_mat sample_present(const sample *s); /* the present rows in double; owned: vx_free(at) */
vx_mat sample_gram(const sample *s);    /* of all rows, in double; owned */

/* One run of a new aggregator. ret_update (d); the report borrows from the result. */
vx_aggregator *sample_run(const sample *s, const vx_aggregate_options *options, float *ret_update,
                          vx_aggregate_report *ret_report);

vx_aggregate_options sample_options(const char *rule, size_t byzantine, bool nnm);
/* ||a - b|| / ||b||, and 0 when both are zero. */
double sample_error(const float *a, const double *b, size_t count);
#endif
