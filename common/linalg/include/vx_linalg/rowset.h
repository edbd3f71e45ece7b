#ifndef VX_LINALG_ROWSET_H
#define VX_LINALG_ROWSET_H
#include <vx_base/span.h>

/*
 * Rows that need not lie side by side: `count` pointers to `cols` numbers each. Exactly one of f32
 * and f64 is set. Views by value, borrowed. No entry is infinite or NaN.
 */
typedef struct vx_rowset {
    const float *const *f32;  /* (count) */
    const double *const *f64; /* (count) */
    size_t count, cols;
} vx_rowset;

/* One vector in the precision of a rowset: exactly one of both is set. */
typedef struct vx_real {
    float *f32;
    double *f64;
    size_t n;
} vx_real;
#endif
