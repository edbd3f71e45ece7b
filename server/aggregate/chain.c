#include <math.h>
#include <string.h>

#include <vx_linalg/gram.h>

#include "aggregator.h"

/* ret (n, n) = a b; zeros of a are skipped: maps of pre-aggregators are sparse. */
static void multiply(const double *a, const double *b, size_t n, double *ret)
{
    memset(ret, 0, n * n * sizeof(*ret));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            double factor = a[i * n + k];

            for (size_t j = 0; factor != 0.0 && j < n; j++)
                ret[i * n + j] += factor * b[k * n + j];
        }
    }
}

/* gram <- w gram w^T, symmetric to the bit. */
static void mix_gram(const double *w, size_t n, double *product, double *gram)
{
    multiply(w, gram, n, product);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;

            for (size_t k = 0; k < n; k++)
                sum += product[i * n + k] * w[j * n + k];
            gram[i * n + j] = sum;
            gram[j * n + i] = sum;
        }
    }
}

/* The Gram matrix of the present rows, in places. The (n, n) one of all slots is built in scratch.
 */
static vx_status form_gram(vx_aggregator *a, vx_cmatf rows, const bool *present, vx_error *err)
{
    size_t n = a->slots, p = a->present;
    vx_status status = vx_gram_f32(rows, present, (vx_mat){ a->scratch, n, n, n });

    if (status != VX_OK)
        return vx_fail(err, status, "Gram matrix of (%zu, %zu) rows", rows.rows, rows.cols);
    for (size_t i = 0; i < p; i++) {
        for (size_t j = 0; j < p; j++) {
            double value = a->scratch[a->slot[i] * n + a->slot[j]];

            if (!isfinite(value))
                return vx_fail(err, VX_ERR_NONFINITE, "product of rows %zu and %zu is not finite",
                               a->slot[i], a->slot[j]);
            a->gram[i * p + j] = value;
        }
    }
    return VX_OK;
}

vx_status vx_chain_run(vx_aggregator *a, vx_cmatf rows, const bool *present, vx_error *err)
{
    size_t p = a->present;
    vx_status status = form_gram(a, rows, present, err);

    if (status != VX_OK)
        return status;
    memcpy(a->seen, a->gram, p * p * sizeof(*a->seen));
    memset(a->map, 0, p * p * sizeof(*a->map));
    for (size_t i = 0; i < p; i++)
        a->map[i * p + i] = 1.0;
    for (size_t k = 0; k < a->options.pre_count; k++) {
        vx_mat step = { a->scratch, p, p, p };

        a->pre[k]->map((vx_cmat){ a->seen, p, p, p }, &a->options, &a->work, step);
        mix_gram(step.at, p, a->scratch_more, a->seen);
        multiply(step.at, a->map, p, a->scratch_more);
        memcpy(a->map, a->scratch_more, p * p * sizeof(*a->map));
    }
    return VX_OK;
}

void vx_chain_pull_back(const vx_aggregator *a, const double *weights, double *ret_weights)
{
    size_t p = a->present;

    memset(ret_weights, 0, p * sizeof(*ret_weights));
    for (size_t i = 0; i < p; i++) {
        for (size_t j = 0; j < p; j++)
            ret_weights[j] += a->map[i * p + j] * weights[i];
    }
}
