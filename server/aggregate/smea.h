#ifndef VX_AGGREGATE_SMEA_H
#define VX_AGGREGATE_SMEA_H
#include "rule.h"

/*
 * The `keep` rows whose covariance has the least largest eigenvalue: work->selected, objective
 * (that eigenvalue), method, score (squared projection about their mean on its eigenvector). Exact
 * for n <= exact_rows, of equal subsets the first in lexicographic order; else greedy. Overwrites
 * all of work but fit. VX_ERR_NONFINITE: LAPACK did not converge.
 */
VX_MUST_CHECK vx_status vx_smea_choose(const vx_geometry *g, size_t keep, size_t exact_rows,
                                       vx_rule_work *work);
#endif
