#ifndef VX_LINALG_KERNELS_IMPL_H
#define VX_LINALG_KERNELS_IMPL_H
/*
 * The kernels for one kind of register. The including file defines
 *     vec                       a vector of WIDTH doubles, WIDTH 2, 4 or 8,
 *     WIDEN(at)                 the WIDTH floats at that address as a vec,
 *     MULTIPLY_ADD(a, b, sum)   a b + sum for exact products, fused where that is faster.
 */
#include "kernels_multiply.h"

/* D below this share of K_ii + K_jj is summed from differences. */
#define CANCELS 0x1p-10

enum { ROWS = 4 /* rows of a weighted sum added in one sweep */ };

typedef double quad __attribute__((vector_size(32)));
typedef long long quad_mask __attribute__((vector_size(32)));

static void square(vx_panel *panel, bool exact)
{
    for (size_t i = 0; i < panel->count; i++)
        tiles[exact][0][0](panel->at[i], panel->at[i], &panel->square[i]);
}

/* sum + rest takes up value: Knuth's TwoSum, exact whatever the magnitudes are. */
INLINE void add_exactly(const double *value, double *sum, double *rest)
{
    quad v, s, r, total, part;

    memcpy(&v, value, sizeof(v));
    memcpy(&s, sum, sizeof(s));
    memcpy(&r, rest, sizeof(r));
    total = s + v;
    part = total - s;
    r += (s - (total - part)) + (v - part);
    memcpy(sum, &total, sizeof(total));
    memcpy(rest, &r, sizeof(r));
}

/* False for what cancels, and for what is no number because a square overflowed. */
INLINE bool is_apart(double d, double squares)
{
    return d - CANCELS * squares >= 0.0;
}

/* Sums of rows i .. i + 3 of high with the first `quads` quads of low; the last quad of a panel
 * with itself holds the diagonal. */
typedef struct group {
    vx_kernel_work *work;
    const vx_panel *low;
    const vx_pair_sums *sums;
    size_t i, quads;
    bool same;
} group;

/* Adds K and expands d = (K_ii + K_jj) - 2 K_ij. True when each d that counts is_apart(). */
static bool add_k(const group *g, double d[VX_QUAD][VX_PANEL])
{
    static const quad_mask uncounted[VX_QUAD] = {
        { -1, -1, -1, -1 }, { 0, -1, -1, -1 }, { 0, 0, -1, -1 }, { 0, 0, 0, -1 }
    };
    quad_mask good = { -1, -1, -1, -1 };

    for (size_t q = 0; q < g->quads; q++) {
        quad squares;

        memcpy(&squares, g->low->square + q * VX_QUAD, sizeof(squares));
        UNROLL
        for (size_t r = 0; r < VX_QUAD; r++) {
            const double *products = g->work->block[g->i + r] + q * VX_QUAD;
            size_t at = (g->i + r) * g->sums->ld + q * VX_QUAD;
            quad k, s = squares + g->work->high.square[g->i + r], far;
            quad_mask is_good;

            memcpy(&k, products, sizeof(k));
            far = s - (k + k);
            is_good = (quad_mask)(far - CANCELS * s >= 0.0);
            good &= g->same && q + 1 == g->quads ? is_good | uncounted[r] : is_good;
            memcpy(d[r] + q * VX_QUAD, &far, sizeof(far));
            add_exactly(products, g->sums->k + at, g->sums->k_rest + at);
        }
    }
    return (good[0] & good[1] & good[2] & good[3]) != 0;
}

static void take_differences(const group *g, double d[VX_QUAD][VX_PANEL])
{
    const vx_panel *high = &g->work->high;

    for (size_t i = g->i; i < at_most(g->i + VX_QUAD, high->count); i++) {
        for (size_t j = 0; j < (g->same ? i : g->low->count); j++) {
            if (!is_apart(d[i - g->i][j], high->square[i] + g->low->square[j]))
                d[i - g->i][j] = apart(high->at[i], g->low->at[j]);
        }
    }
}

static void add_d(const group *g, double d[VX_QUAD][VX_PANEL])
{
    for (size_t q = 0; q < g->quads; q++) {
        UNROLL
        for (size_t r = 0; r < VX_QUAD; r++) {
            size_t at = (g->i + r) * g->sums->ld + q * VX_QUAD;

            add_exactly(d[r] + q * VX_QUAD, g->sums->d + at, g->sums->d_rest + at);
        }
    }
}

static size_t quads_of(size_t count)
{
    return (count + VX_QUAD - 1) / VX_QUAD;
}

static void add_block(vx_kernel_work *work, bool same, const vx_pair_sums *sums)
{
    double d[VX_QUAD][VX_PANEL] __attribute__((aligned(64)));
    group g = { .work = work, .sums = sums, .same = same };

    g.low = same ? &work->high : &work->low;
    for (; g.i < work->high.count; g.i += VX_QUAD) {
        g.quads = same ? g.i / VX_QUAD + 1 : quads_of(work->low.count);
        if (!add_k(&g, d))
            take_differences(&g, d);
        add_d(&g, d);
    }
}

/* The range whose rows the next block asks for, when there is a next one. */
static ahead ahead_of(const vx_rowset *rows, vx_columns columns, size_t column, vx_row_range range)
{
    bool last = column + 2 * (size_t)VX_BLOCK > columns.end;

    return (ahead){ rows, column + VX_BLOCK, range.first,
                    last ? range.first : range.first + range.count };
}

static void pair_add(const vx_rowset *rows, vx_columns columns, vx_row_range high, vx_row_range low,
                     vx_kernel_work *work, const vx_pair_sums *sums)
{
    bool exact = rows->f32 != NULL, same = high.first == low.first;

    /* What lies beyond the rows stays 0, whatever was here before. */
    memset(work->block, 0, sizeof(work->block));
    memset(work->high.square, 0, sizeof(work->high.square));
    memset(work->low.square, 0, sizeof(work->low.square));
    work->high.count = high.count;
    work->low.count = low.count;
    for (size_t column = columns.first; column < columns.end; column += VX_BLOCK) {
        ahead next = ahead_of(rows, columns, column, high);

        if (same) {
            multiply_self(rows, high.first, column, &work->high, exact, &next, work->block);
            for (size_t i = 0; i < high.count; i++)
                work->high.square[i] = work->block[i][i];
        } else {
            widen(rows, high, column, work->high.at);
            widen(rows, low, column, work->low.at);
            square(&work->high, exact);
            square(&work->low, exact);
            multiply(&work->high, &work->low, exact, &next, work->block);
            next = ahead_of(rows, columns, column, low);
            while (next.row < next.end)
                ask(&next);
        }
        add_block(work, same, sums);
    }
}

/* <x_i, v> of a whole block for `count` rows of floats, widened in the registers. */
INLINE void dots_tile(const float *const *from, size_t column, const double *v, size_t count,
                      double *ret)
{
    enum { VECS = VX_LANES / WIDTH, TOGETHER = VECS > 1 ? 2 : 1 };
    double lane[VX_QUAD][VX_LANES] __attribute__((aligned(64)));

    for (size_t first = 0; first < VX_LANES; first += TOGETHER * WIDTH) {
        vec sum[VX_QUAD][TOGETHER];

        UNROLL
        for (size_t p = 0; p < count; p++)
            for (size_t h = 0; h < TOGETHER; h++)
                sum[p][h] = (vec){ 0.0 };
        for (size_t k = first; k < VX_BLOCK; k += VX_LANES) {
            UNROLL
            for (size_t h = 0; h < TOGETHER; h++) {
                vec vs;

                memcpy(&vs, v + k + h * WIDTH, sizeof(vs));
                UNROLL
                for (size_t p = 0; p < count; p++)
                    sum[p][h] =
                        MULTIPLY_ADD(WIDEN(from[p] + column + k + h * WIDTH), vs, sum[p][h]);
            }
        }
        for (size_t p = 0; p < count; p++)
            memcpy(&lane[p][first], sum[p], sizeof(sum[p]));
    }
    for (size_t p = 0; p < count; p++)
        ret[p] = reduce_lanes(lane[p]);
}

static void dots_four(const float *const *from, size_t column, const double *v, double *ret)
{
    const float *const at[VX_QUAD] = { from[0], from[1], from[2], from[3] };

    dots_tile(at, column, v, VX_QUAD, ret);
}

static void dots_one(const float *const *from, size_t column, const double *v, double *ret)
{
    dots_tile(from, column, v, 1, ret);
}

/* As dots_four and dots_one, for rows and blocks of any kind. */
static void dots_widened(const vx_rowset *rows, size_t column, vx_row_range range, bool exact,
                         vx_kernel_work *work, double *ret)
{
    widen(rows, range, column, work->low.at);
    tiles[exact][0][range.count - 1](work->high.at[0], work->low.at[0], ret);
}

static void dots_add(const vx_rowset *rows, const vx_rowset *v, vx_columns columns,
                     vx_kernel_work *work, double *sum, double *rest)
{
    bool exact = rows->f32 != NULL && v->f32 != NULL;

    for (size_t column = columns.first; column < columns.end; column += VX_BLOCK) {
        bool direct = exact && columns.end - column >= VX_BLOCK;

        widen(v, (vx_row_range){ 0, 1 }, column, work->high.at);
        for (size_t first = 0; first < rows->count; first += VX_QUAD) {
            vx_row_range range = { first, at_most(rows->count - first, VX_QUAD) };
            double dots[VX_QUAD] __attribute__((aligned(32))) = { 0.0 };
            ahead next = ahead_of(rows, columns, column, range);

            while (next.row < next.end)
                ask(&next);
            if (direct && range.count == VX_QUAD)
                dots_four(rows->f32 + first, column, work->high.at[0], dots);
            else if (direct)
                for (size_t i = 0; i < range.count; i++)
                    dots_one(rows->f32 + first + i, column, work->high.at[0], dots + i);
            else
                dots_widened(rows, column, range, exact, work, dots);
            add_exactly(dots, sum + first, rest + first);
        }
    }
}

INLINE vec load_float(const float *at)
{
    return WIDEN(at);
}

INLINE vec load_double(const double *at)
{
    vec value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* Per column ((sum + w0 r0) + w1 r1) + ...: the order of adding the rows one by one. */
#define DEFINE_SWEEP(real)                                                                         \
    INLINE void add_rows_##real(const real *const *row, const double *weight, size_t count,        \
                                size_t width, double *restrict sum)                                \
    {                                                                                              \
        size_t k = 0;                                                                              \
                                                                                                   \
        for (; k + WIDTH <= width; k += WIDTH) {                                                   \
            vec s = load_double(sum + k);                                                          \
                                                                                                   \
            UNROLL                                                                                 \
            for (size_t r = 0; r < count; r++)                                                     \
                s += weight[r] * load_##real(row[r] + k);                                          \
            memcpy(sum + k, &s, sizeof(s));                                                        \
        }                                                                                          \
        for (; k < width; k++) {                                                                   \
            for (size_t r = 0; r < count; r++)                                                     \
                sum[k] += weight[r] * (double)row[r][k];                                           \
        }                                                                                          \
    }                                                                                              \
    static void weigh_##real(const real *const *rows, const double *weights, size_t count,         \
                             size_t column, size_t width, double *sum)                             \
    {                                                                                              \
        const real *row[ROWS];                                                                     \
        double weight[ROWS];                                                                       \
        size_t have = 0;                                                                           \
                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            if (weights[i] == 0.0)                                                                 \
                continue;                                                                          \
            row[have] = rows[i] + column;                                                          \
            weight[have++] = weights[i];                                                           \
            if (have == ROWS) {                                                                    \
                add_rows_##real(row, weight, ROWS, width, sum);                                    \
                have = 0;                                                                          \
            }                                                                                      \
        }                                                                                          \
        for (size_t r = 0; r < have; r++)                                                          \
            add_rows_##real(row + r, weight + r, 1, width, sum);                                   \
    }
DEFINE_SWEEP(float)
DEFINE_SWEEP(double)

static void combine(const vx_rowset *rows, const double *weights, size_t column, size_t width,
                    const vx_real *ret_sum)
{
    double sum[VX_SWEEP] __attribute__((aligned(64)));

    memset(sum, 0, width * sizeof(*sum));
    if (rows->f32 != NULL)
        weigh_float(rows->f32, weights, rows->count, column, width, sum);
    else
        weigh_double(rows->f64, weights, rows->count, column, width, sum);
    if (ret_sum->f64 != NULL) {
        memcpy(ret_sum->f64 + column, sum, width * sizeof(*sum));
        return;
    }
    for (size_t k = 0; k < width; k++)
        ret_sum->f32[column + k] = (float)sum[k];
}

#include "kernels_mix.h"
#endif
