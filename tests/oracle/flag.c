#include <vx_oracle/rules.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <vx_oracle/svd.h>

static const double EPSILON = 1e-7;

typedef struct problem {
    vx_cmat x;
    const vx_oracle_flag *flag;
    double *unit;    /* (n, d) */
    double *columns; /* (n + n (n - 1), d) */
    double *sigma;   /* as many */
    double *y;       /* (rank, d) orthonormal */
    size_t rank;
} problem;

static double *new_numbers(size_t count)
{
    double *numbers = calloc(count, sizeof(*numbers));

    VX_ASSERT(numbers != NULL);
    return numbers;
}

/* ||Y^T a||^2 */
static double inside(const problem *p, const double *a)
{
    double sum = 0.0;

    for (size_t k = 0; k < p->rank; k++)
        sum += pow(vx_oracle_dot(p->y + k * p->x.cols, a, p->x.cols), 2.0);
    return sum;
}

/* The difference of rows i and j (unit rows for the released loss); returns its squared length. */
static double difference(const problem *p, size_t i, size_t j, double *ret)
{
    const double *rows = p->flag->paper_loss ? p->x.at : p->unit;
    size_t ld = p->flag->paper_loss ? p->x.ld : p->x.cols;

    for (size_t k = 0; k < p->x.cols; k++)
        ret[k] = rows[i * ld + k] - rows[j * ld + k];
    return vx_oracle_dot(ret, ret, p->x.cols);
}

static double objective(const problem *p)
{
    size_t n = p->x.rows, d = p->x.cols;
    double sum = 0.0, pairs = 0.0, *apart = new_numbers(d);

    for (size_t i = 0; i < n; i++) {
        sum += sqrt(fmax(1.0 - inside(p, p->unit + i * d), 0.0));
        for (size_t j = 0; j < n; j++) {
            double squared = difference(p, i, j, apart);

            if (i != j && squared > 0.0)
                pairs += sqrt(fmax(1.0 - inside(p, apart) / squared, 0.0));
        }
    }
    free(apart);
    return p->flag->paper_loss ? sum + p->flag->lambda / (double)(n - 1) * pairs : sum;
}

static void scale_into(double *to, const double *from, double factor, size_t d)
{
    for (size_t k = 0; k < d; k++)
        to[k] = factor * from[k];
}

static size_t add_pairs(const problem *p, size_t used)
{
    size_t n = p->x.rows, d = p->x.cols;
    double *apart = new_numbers(d), lambda = p->flag->lambda;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double squared = difference(p, i, j, apart), factor, left;

            if (i == j || squared <= 0.0)
                continue;
            left = p->flag->paper_loss ? fmax(1.0 - inside(p, apart) / squared, 0.0)
                                       : fabs(1.0 - inside(p, apart));
            factor = p->flag->paper_loss ? sqrt(lambda / (double)(n - 1) / squared)
                                         : lambda / (double)(n * (n - 1));
            scale_into(p->columns + used++ * d, apart, factor * pow(left + EPSILON, -0.25), d);
        }
    }
    free(apart);
    return used;
}

static void reweigh_and_solve(problem *p)
{
    size_t n = p->x.rows, d = p->x.cols, used = n;

    for (size_t i = 0; i < n; i++) {
        double left = fabs(1.0 - inside(p, p->unit + i * d));

        scale_into(p->columns + i * d, p->unit + i * d, pow(left + EPSILON, -0.25), d);
    }
    if (p->flag->lambda > 0.0)
        used = add_pairs(p, used);
    vx_oracle_svd((vx_mat){ p->columns, used, d, d }, p->sigma);
    for (p->rank = 0; p->rank < p->flag->subspace; p->rank++) {
        if (p->sigma[p->rank] <= 1e-7 * p->sigma[0])
            break;
        scale_into(p->y + p->rank * d, p->columns + p->rank * d, 1.0 / p->sigma[p->rank], d);
    }
}

/* Y Y^T times the sum of the (unit) rows; and the ratios. */
static void finish(const problem *p, vx_oracle_flag *flag)
{
    size_t n = p->x.rows, d = p->x.cols;

    memset(flag->ret_direction, 0, d * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const double *row = flag->raw ? p->x.at + i * p->x.ld : p->unit + i * d;

        flag->ret_ratio[i] = inside(p, p->unit + i * d);
        for (size_t k = 0; k < p->rank; k++) {
            double along = vx_oracle_dot(p->y + k * d, row, d);

            for (size_t c = 0; c < d; c++)
                flag->ret_direction[c] += along * p->y[k * d + c];
        }
    }
    flag->objective = objective(p);
}

void vx_oracle_flag_fit(vx_cmat x, vx_oracle_flag *flag)
{
    size_t n = x.rows, d = x.cols;
    problem p = { .x = x,
                  .flag = flag,
                  .unit = new_numbers(n * d),
                  .columns = new_numbers(n * n * d),
                  .sigma = new_numbers(n * n),
                  .y = new_numbers(flag->subspace * d) };
    double *before = new_numbers(flag->subspace * d), objective_before;

    for (size_t i = 0; i < n; i++)
        scale_into(p.unit + i * d, x.at + i * x.ld,
                   1.0 / sqrt(vx_oracle_dot(x.at + i * x.ld, x.at + i * x.ld, d)), d);
    for (unsigned it = 0; it < flag->iterations; it++) {
        size_t rank_before = p.rank;

        objective_before = objective(&p);
        memcpy(before, p.y, flag->subspace * d * sizeof(*before));
        reweigh_and_solve(&p);
        if (it > 0 && objective(&p) >= objective_before) {
            memcpy(p.y, before, flag->subspace * d * sizeof(*before));
            p.rank = rank_before;
            break;
        }
        if (objective_before - objective(&p) <= 1e-10 || objective(&p) <= 1e-10)
            break;
    }
    finish(&p, flag);
    free(before);
    free(p.unit);
    free(p.columns);
    free(p.sigma);
    free(p.y);
}
