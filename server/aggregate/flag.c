#include "rule.h"

/*
 * Flag: the maximum-likelihood subspace of the unit rows, and the part of their sum inside it.
 *
 *     min over Y^T Y = I_m  sum over i of sqrt(1 - v_i) + lambda R(Y),   v_i = ||Y^T u_i||^2,
 *     update = s Y Y^T (sum over i of u_i),                             u_i = g_i / ||g_i||,
 *
 * R the pair term: 1/(n-1) sum over i != j of sqrt(1 - ||Y^T (g_i - g_j)||^2 / ||g_i - g_j||^2)
 * (paper_loss), or that of the released code. s = 1/m, 1/n, or median of ||g_i|| / ||Y Y^T sum
 * u_i||.
 *
 * Source: Almasi, Mishra, Vamanan, Ravi, "Flag Aggregator", ICLR 2024, equation (5), and its
 * released code; solved by the reweighting of Mankovich et al., "The Flag Median and FlagIRLS",
 * CVPR 2022. Subspaces are kept as Y = U^T B, so that K alone is needed; n >= 2f + 1.
 *
 * work         fit: the fit; iterations.
 * ret_weights  (n) on the raw rows; does not sum to 1. 0 for a zero row; 0 for all rows when the
 *              rows cancel inside the subspace.
 *
 * VX_ERR_NONFINITE  LAPACK did not converge, or the pair weights cannot be factored.
 * O(iterations n^3), no allocation of ours; one thread at a time for one work.
 */
vx_status vx_flag(const vx_geometry *g, const vx_aggregate_options *options, vx_rule_work *work,
                  double *ret_weights)
{
    vx_cmat none = { NULL, 0, 0, 0 };
    vx_status status = vx_flag_fit_run(work->fit, g, &options->flag, none);

    if (status != VX_OK)
        return status;
    work->iterations = work->fit->iterations;
    work->objective = work->fit->at.objective;
    for (size_t i = 0; i < g->n; i++) {
        work->score[i] = work->fit->ratio[i];
        work->selected[i] = vx_k(g, i, i) > 0.0;
    }
    vx_flag_fit_weights(work->fit, &options->flag, vx_median_norm(g, work->values, work->order),
                        (vx_vec){ ret_weights, g->n });
    return VX_OK;
}
