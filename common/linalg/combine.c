#include <vx_linalg/combine.h>

#include <string.h>

enum {
    BLOCK = 512, /* columns summed at a time: 4 KiB of sums stay in the first cache */
    ROWS = 4     /* rows added in one sweep over the sums, in their order */
};

/* Per coordinate ((sum + w0 r0) + w1 r1) + ...: the order of adding the rows one by one. */
static void add_rows(const float *const row[ROWS], const double weight[ROWS], size_t width,
                     double *restrict sum)
{
    const float *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];
    double w0 = weight[0], w1 = weight[1], w2 = weight[2], w3 = weight[3];

    for (size_t k = 0; k < width; k++) {
        double s = sum[k] + w0 * (double)r0[k];

        s += w1 * (double)r1[k];
        s += w2 * (double)r2[k];
        sum[k] = s + w3 * (double)r3[k];
    }
}

static void add_row(const float *row, double weight, size_t width, double *restrict sum)
{
    for (size_t k = 0; k < width; k++)
        sum[k] += weight * (double)row[k];
}

static void block_sum(vx_cmatf rows, vx_cvec weights, size_t column, size_t width,
                      double sum[BLOCK])
{
    const float *row[ROWS];
    double weight[ROWS];
    size_t count = 0;

    memset(sum, 0, BLOCK * sizeof(*sum));
    for (size_t i = 0; i < rows.rows; i++) {
        if (weights.at[i] == 0.0)
            continue;
        row[count] = rows.at + i * rows.ld + column;
        weight[count++] = weights.at[i];
        if (count == ROWS) {
            add_rows(row, weight, width, sum);
            count = 0;
        }
    }
    for (size_t r = 0; r < count; r++)
        add_row(row[r], weight[r], width, sum);
}

vx_status vx_combine_f32(vx_cmatf rows, vx_cvec weights, vx_vecf ret_sum)
{
    double sum[BLOCK];

    if (weights.n != rows.rows || ret_sum.n != rows.cols || rows.ld < rows.cols)
        return VX_ERR_SHAPE;
    for (size_t column = 0; column < rows.cols; column += BLOCK) {
        size_t width = rows.cols - column < BLOCK ? rows.cols - column : BLOCK;

        block_sum(rows, weights, column, width, sum);
        for (size_t k = 0; k < width; k++)
            ret_sum.at[column + k] = (float)sum[k];
    }
    return VX_OK;
}
