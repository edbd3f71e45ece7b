#include <float.h>
#include <math.h>
#include <string.h>

#include <vx_linalg/combine.h>
#include <vx_linalg/finite.h>

#include "aggregator.h"

static void combine(vx_cmatf rows, vx_cvec weights, vx_vecf ret_sum)
{
    vx_status status = vx_combine_f32(rows, weights, ret_sum);

    VX_ASSERT(status == VX_OK); /* the door has checked the shapes */
}

/* Weights in places -> slots; absent slots get 0 and are then never read. */
static vx_cvec spread(vx_aggregator *a, const double *weights)
{
    memset(a->slot_weights, 0, a->slots * sizeof(*a->slot_weights));
    for (size_t i = 0; i < a->present; i++)
        a->slot_weights[a->slot[i]] = weights[i];
    return (vx_cvec){ a->slot_weights, a->slots };
}

static vx_cmatf columns_of(vx_cmatf rows, size_t column)
{
    size_t width = rows.cols - column;

    if (width > VX_AGGREGATE_BLOCK)
        width = VX_AGGREGATE_BLOCK;
    return (vx_cmatf){ rows.at + column, rows.rows, width, rows.ld };
}

/* No coordinate can exceed sum of |w_i| ||g_i||. */
static bool cannot_overflow(const vx_aggregator *a)
{
    double bound = 0.0;

    for (size_t i = 0; i < a->present; i++)
        bound += fabs(a->raw_weights[i]) * sqrt(a->gram[i * a->present + i]);
    return bound < (double)FLT_MAX;
}

/* A dry run: only for rows so long that rounding to float may overflow. */
static bool sum_is_finite(vx_cmatf rows, vx_cvec weights)
{
    float sum[VX_AGGREGATE_BLOCK];

    for (size_t column = 0; column < rows.cols; column += VX_AGGREGATE_BLOCK) {
        vx_cmatf part = columns_of(rows, column);

        combine(part, weights, (vx_vecf){ sum, part.cols });
        if (!vx_all_finite_f32((vx_cvecf){ sum, part.cols }))
            return false;
    }
    return true;
}

vx_status vx_update_by_weights(vx_aggregator *a, vx_cmatf rows, vx_vecf ret_update, vx_error *err)
{
    vx_cvec weights = spread(a, a->raw_weights);

    for (size_t i = 0; i < a->present; i++) {
        if (!isfinite(a->raw_weights[i]))
            return vx_fail(err, VX_ERR_NONFINITE, "weight of row %zu is not finite", a->slot[i]);
    }
    if (!cannot_overflow(a) && !sum_is_finite(rows, weights))
        return vx_fail(err, VX_ERR_NONFINITE, "the update exceeds the range of float");
    combine(rows, weights, ret_update);
    return VX_OK;
}

/* The columns of the rows that the rule sees; mixed ones are rounded to float once. */
static void fill_block(vx_aggregator *a, vx_cmatf part, vx_matf block)
{
    for (size_t i = 0; i < a->present; i++) {
        float *to = block.at + i * block.ld;

        if (a->options.pre_count == 0)
            memcpy(to, part.at + a->slot[i] * part.ld, part.cols * sizeof(*to));
        else
            combine(part, spread(a, a->map + i * a->present), (vx_vecf){ to, part.cols });
    }
}

void vx_update_by_columns(vx_aggregator *a, vx_cmatf rows, vx_vecf ret_update)
{
    for (size_t column = 0; column < rows.cols; column += VX_AGGREGATE_BLOCK) {
        vx_cmatf part = columns_of(rows, column);
        vx_matf block = { a->block, a->present, part.cols, VX_AGGREGATE_BLOCK };

        fill_block(a, part, block);
        a->rule->columns(block, &a->options, ret_update.at + column);
    }
}
