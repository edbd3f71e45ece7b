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

/* Four columns: a plain loop stays scalar, because a comparison of floats may trap. */
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_votes __attribute__((vector_size(16)));
enum { TOGETHER = 8 }; /* fours whose votes are counted in registers */

static void count_fours(vx_rowset rows, size_t column, float *ret)
{
    four_votes votes[TOGETHER] = { { 0 } };

    for (size_t i = 0; i < rows.count; i++) {
        for (size_t h = 0; h < TOGETHER; h++) {
            four v;

            memcpy(&v, rows.f32[i] + column + 4 * h, sizeof(v));
            votes[h] += (v < 0.0f) - (v > 0.0f); /* a comparison that holds is -1 */
        }
    }
    for (size_t h = 0; h < TOGETHER; h++) {
        four sign = __builtin_convertvector((votes[h] < 0) - (votes[h] > 0), four);

        memcpy(ret + 4 * h, &sign, sizeof(sign));
    }
}

static void count_f32(const vx_columns *columns, float *ret)
{
    vx_rowset rows = columns->rows;
    size_t column = 0;

    for (; column + 4 * TOGETHER <= rows.cols; column += 4 * TOGETHER)
        count_fours(rows, column, ret + column);
    for (; column < rows.cols; column++) {
        int votes = 0;

        for (size_t i = 0; i < rows.count; i++)
            votes += sign_of((double)rows.f32[i][column]);
        ret[column] = (float)sign_of(votes);
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
