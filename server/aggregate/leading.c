#include "leading.h"

#include <math.h>
#include <string.h>

#include <vx_linalg/products.h>

/* Residual, relative to the eigenvalue, that ends the steps; the vectors kept at most; and how many
 * are added between two looks at the small matrix. */
static const double RESOLVED = 1e-8;

/* What is left of a new vector below this share of the small matrix is rounding. */
static const double NOTHING_LEFT = 1e-14;
enum { STEPS_MAX = 160, STEPS_TOGETHER = 8, DOTS = 8 };

/* What is mixed into a start, so that no eigenvector is orthogonal to it. */
static const double NOISE = 0.01;

static double dot(const double *a, const double *b, size_t n)
{
    double lane[DOTS] = { 0.0 }, rest = 0.0;
    size_t k = 0;

    for (; k + DOTS <= n; k += DOTS) {
        for (size_t l = 0; l < DOTS; l++)
            lane[l] += a[k + l] * b[k + l];
    }
    for (; k < n; k++)
        rest += a[k] * b[k];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7])) + rest;
}

static void add_multiple(double factor, const double *a, size_t n, double *sum)
{
    for (size_t k = 0; k < n; k++)
        sum[k] += factor * a[k];
}

/* Some number in [-1/2, 1/2) for each row, always the same (Knuth's multiplicative hash). */
static double noise_of(size_t row)
{
    return (double)((uint32_t)(row + 1) * 2654435761u) * 0x1p-32 - 0.5;
}

static size_t count_marked(const vx_leading *l)
{
    size_t count = 0;

    for (size_t i = 0; i < l->g->n; i++)
        count += l->marks[i] ? 1 : 0;
    return count;
}

/* v about its mean over P, 0 beyond. */
static void centre(const vx_leading *l, size_t count, double *v)
{
    double sum = 0.0;

    for (size_t i = 0; i < l->g->n; i++)
        sum += l->marks[i] ? v[i] : 0.0;
    for (size_t i = 0; i < l->g->n; i++)
        v[i] = l->marks[i] ? v[i] - sum / (double)count : 0.0;
}

/* Returns the length that v had; a v of length 0 stays as it is. */
static double normalise(double *v, size_t n)
{
    double length = sqrt(dot(v, v, n));

    for (size_t i = 0; length > 0.0 && i < n; i++)
        v[i] /= length;
    return length;
}

/* ret = D v: rows of weight 0 are not read. */
static void multiply(vx_leading *l, const double *v, double *ret)
{
    size_t n = l->g->n;
    const double **rows = l->work->rows;

    for (size_t i = 0; i < n; i++)
        rows[i] = l->g->d.at + i * l->g->d.ld;
    vx_combine(NULL, (vx_rowset){ NULL, rows, n, n }, v, (vx_real){ NULL, ret, n });
    l->products++;
}

static void begin(vx_leading *l, size_t count, double *ret_first)
{
    size_t n = l->g->n;

    memcpy(ret_first, l->vector, n * sizeof(*ret_first));
    centre(l, count, ret_first);
    if (normalise(ret_first, n) > 0.0) {
        for (size_t i = 0; i < n; i++)
            ret_first[i] += NOISE / sqrt((double)count) * noise_of(i);
    } else {
        for (size_t i = 0; i < n; i++)
            ret_first[i] = noise_of(i);
    }
    centre(l, count, ret_first);
    (void)normalise(ret_first, n);
}

/* The small matrix: diagonal and subdiagonal. */
typedef struct small {
    double *diagonal, *below; /* (n) each */
    size_t size;
    double most; /* of its numbers, in magnitude */
} small;

/* Vector number s->size gives the next column of the small matrix and the next vector: what A makes
 * of it, without its part in those before. That is in the last two but for rounding, and then
 * what rounding left goes. */
static void extend(vx_leading *l, size_t count, small *s)
{
    size_t n = l->g->n, k = s->size;
    double *basis = l->work->square_third, *next = basis + (k + 1) * n;

    multiply(l, basis + k * n, next);
    centre(l, count, next);
    for (size_t i = 0; i < n; i++)
        next[i] *= -0.5;
    s->diagonal[k] = dot(next, basis + k * n, n);
    for (size_t j = k > 0 ? k - 1 : 0; j <= k; j++)
        add_multiple(-dot(next, basis + j * n, n), basis + j * n, n, next);
    for (size_t j = 0; j <= k; j++)
        add_multiple(-dot(next, basis + j * n, n), basis + j * n, n, next);
    s->below[k] = normalise(next, n);
    s->most = fmax(s->most, fabs(s->diagonal[k]) + s->below[k]);
    s->size++;
}

/* The largest eigenvalue of the small matrix; its eigenvector is then first in square. */
static vx_status solve(vx_leading *l, const small *s)
{
    size_t k = s->size;
    double *t = l->work->square;
    vx_status status;

    memset(t, 0, k * k * sizeof(*t));
    for (size_t i = 0; i < k; i++) {
        t[i * k + i] = s->diagonal[i];
        if (i > 0)
            t[i * k + i - 1] = s->below[i - 1];
    }
    status = vx_eigen_solve(l->work->eigen, (vx_cmat){ t, k, k, k }, (vx_vec){ l->work->values, k },
                            (vx_mat){ t, k, k, k });
    if (status == VX_OK)
        l->value = fmax(l->work->values[0], 0.0);
    return status;
}

static void take_vector(vx_leading *l, size_t size)
{
    size_t n = l->g->n;

    memset(l->vector, 0, n * sizeof(*l->vector));
    for (size_t j = 0; j < size; j++)
        add_multiple(l->work->square[j], l->work->square_third + j * n, n, l->vector);
    (void)normalise(l->vector, n);
}

bool vx_leading_find(vx_leading *l, double bound, vx_status *ret_status)
{
    size_t n = l->g->n, count = count_marked(l);
    size_t limit = count - 1 < STEPS_MAX ? count - 1 : STEPS_MAX;
    small s = { l->work->sums, l->work->sums + n, 0, 0.0 };
    bool ended = limit == 0;

    l->value = 0.0;
    *ret_status = VX_OK;
    begin(l, count, l->work->square_third);
    while (!ended) {
        double residual;

        extend(l, count, &s);
        ended = s.size == limit || !(s.below[s.size - 1] > NOTHING_LEFT * s.most);
        if (!ended && s.size % STEPS_TOGETHER != 0)
            continue;
        *ret_status = solve(l, &s);
        if (*ret_status != VX_OK)
            return false;
        residual = s.below[s.size - 1] * fabs(l->work->square[s.size - 1]);
        ended = ended || residual <= RESOLVED * l->value || l->value >= bound;
    }
    if (s.size > 0)
        take_vector(l, s.size);
    return l->value < bound;
}

void vx_leading_project(vx_leading *l)
{
    size_t n = l->g->n, count = count_marked(l);
    double mean = 0.0, scale = l->value > 0.0 ? -0.5 / sqrt(l->value) : 0.0;

    multiply(l, l->vector, l->along);
    for (size_t i = 0; i < n; i++)
        mean += l->marks[i] ? l->along[i] / (double)count : 0.0;
    for (size_t i = 0; i < n; i++)
        l->along[i] = scale * (l->along[i] - mean);
}
