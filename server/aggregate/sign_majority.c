#include "columns.h"

#include <stdint.h>
#include <string.h>

/* Sums of shares closer to 0 than this are a tie that rounding hides. */
#define TIE 1e-12

/* -1, 0 or 1. */
static int sign_of(double value)
{
    return (value > 0.0) - (value < 0.0);
}

static void count_f32(const vx_columns *columns, float *ret)
{
    vx_rowset rows = columns->rows;
    int32_t votes[64];

    for (size_t from = 0; from < rows.cols; from += 64) {
        size_t width = rows.cols - from < 64 ? rows.cols - from : 64;

        memset(votes, 0, sizeof(votes));
        for (size_t i = 0; i < rows.count; i++) {
            const float *row = rows.f32[i] + from;

            for (size_t k = 0; k < width; k++)
                votes[k] += (row[k] > 0.0f) - (row[k] < 0.0f);
        }
        for (size_t k = 0; k < width; k++)
            ret[from + k] = (float)((votes[k] > 0) - (votes[k] < 0));
    }
}

static double by_shares(const vx_columns *columns, size_t k)
{
    vx_rowset rows = columns->rows;
    double sum = 0.0;

    for (size_t i = 0; i < rows.count; i++) {
        double value = rows.f32 != NULL ? (double)rows.f32[i][k] : rows.f64[i][k];

        sum += (columns->share != NULL ? columns->share[i] : 1.0) * sign_of(value);
    }
    return sum > TIE || sum < -TIE ? sign_of(sum) : 0.0;
}

/*
 * Majority vote: per coordinate the sign of the sum of the signs, 0 on a tie. Every coordinate of
 * the update is -1, 0 or 1, whatever the length of the rows.
 *
 * Source: Bernstein, Zhao, Azizzadenesheli, Anandkumar, ICLR 2019, "signSGD with majority vote is
 * communication efficient and fault tolerant", algorithm 1. A vote of zero counts for neither
 * side. n >= 2f + 1. By shares: a sign counts by its row's share.
 */
void vx_sign_majority(const vx_columns *columns, const vx_aggregate_options *options,
                      vx_real ret_update)
{
    (void)options;
    if (columns->share == NULL && columns->rows.f32 != NULL) {
        count_f32(columns, ret_update.f32);
        return;
    }
    for (size_t k = 0; k < columns->rows.cols; k++) {
        double vote = by_shares(columns, k);

        if (ret_update.f32 != NULL)
            ret_update.f32[k] = (float)vote;
        else
            ret_update.f64[k] = vote;
    }
}
