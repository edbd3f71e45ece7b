#ifndef VX_AGGREGATE_CREATE_H
#define VX_AGGREGATE_CREATE_H
#include <vexil/aggregate.h>

#include <vx_aggregate/aggregate.h>

struct vexil_aggregator {
    vx_aggregator *aggregator;
    size_t rows_max, rows; /* rows of the run */
    bool *present;         /* (rows_max) */
    const float **f32;     /* (rows_max) */
    const double **f64;
    vx_aggregate_report report; /* borrows from the aggregator */
    bool reported;
};

/* What a program asks for, as text. */
typedef struct vexil_wish {
    const char *rule, *pre, *options;
    const double *share;
    size_t byzantine;
} vexil_wish;

/* VX_ERR_CONFIG, VX_ERR_DOMAIN, VX_ERR_LIMIT, VX_ERR_NOMEM; err says why. */
VX_MUST_CHECK vx_status vexil_make(const vexil_wish *wish, size_t rows_max, size_t dimension,
                                   vexil_aggregator **ret_aggregator, vx_error *err);
void vexil_unmake(vexil_aggregator *v);
#endif
