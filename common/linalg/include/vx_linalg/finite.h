#ifndef VX_LINALG_FINITE_H
#define VX_LINALG_FINITE_H
#include <stdbool.h>

#include <vx_base/span.h>

/* No infinity and no NaN in v. Reads bits, not values: cannot be optimised away. O(n) at memory
 * speed. */
bool vx_all_finite_f32(vx_cvecf v);
bool vx_all_finite_f64(vx_cvec v);

/* Each |v_i| < limit, limit > 0; false when v holds a NaN. As fast. */
bool vx_all_below_f64(vx_cvec v, double limit);
#endif
