#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The least sum over all subsets of `count` other rows, by trying the rows in turn. */
static double best_subset(const double *apart, size_t n, size_t from, size_t count)
{
    double with, without;

    if (count == 0)
        return 0.0;
    if (n - from < count)
        return HUGE_VAL;
    with = apart[from] + best_subset(apart, n, from + 1, count - 1);
    without = best_subset(apart, n, from + 1, count);
    return with < without ? with : without;
}

static double score_of(vx_cmat x, size_t i, size_t neighbours)
{
    double *apart = calloc(x.rows, sizeof(*apart)), score;
    size_t others = 0;

    VX_ASSERT(apart != NULL);
    for (size_t j = 0; j < x.rows; j++) {
        double sum = 0.0;

        for (size_t k = 0; k < x.cols; k++)
            sum += pow(x.at[i * x.ld + k] - x.at[j * x.ld + k], 2.0);
        if (j != i)
            apart[others++] = sum;
    }
    score = best_subset(apart, others, 0, neighbours);
    free(apart);
    return score;
}

void vx_oracle_multi_krum(vx_cmat x, size_t neighbours, size_t selected, double *ret)
{
    double *score = calloc(x.rows, sizeof(*score));

    VX_ASSERT(score != NULL);
    for (size_t i = 0; i < x.rows; i++)
        score[i] = score_of(x, i, neighbours);
    memset(ret, 0, x.cols * sizeof(*ret));
    for (size_t taken = 0; taken < selected; taken++) {
        size_t best = 0;

        for (size_t i = 1; i < x.rows; i++) {
            if (score[i] < score[best])
                best = i;
        }
        score[best] = HUGE_VAL;
        for (size_t k = 0; k < x.cols; k++)
            ret[k] += x.at[best * x.ld + k] / (double)selected;
    }
    free(score);
}

size_t vx_oracle_krum(vx_cmat x, size_t neighbours, double *ret)
{
    size_t best = 0;
    double least = HUGE_VAL;

    for (size_t i = 0; i < x.rows; i++) {
        double score = score_of(x, i, neighbours);

        if (score < least) {
            least = score;
            best = i;
        }
    }
    memcpy(ret, x.at + best * x.ld, x.cols * sizeof(*ret));
    return best;
}
