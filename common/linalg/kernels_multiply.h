#ifndef VX_LINALG_KERNELS_MULTIPLY_H
#define VX_LINALG_KERNELS_MULTIPLY_H
/* Widening rows and multiplying them by rows within a block; see kernels_impl.h. */
#include <string.h>

#include "kernels.h"

enum {
    TILE_A = 3, /* rows by rows whose products are summed together: 12 sums, 3 + 1 factors */
    TILE_B = 4,
    CACHE_LINE = 64
};

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 6")
#endif

/* The order is that of the operands: no other path may give other bits. */
#define PRODUCT_SUM(exact, a, b, sum) ((exact) ? MULTIPLY_ADD(a, b, sum) : (sum) + (a) * (b))

typedef double pair __attribute__((vector_size(16)));

/* ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)). */
INLINE double reduce_lanes(const double lane[VX_LANES])
{
    pair a, b, c, d;

    memcpy(&a, lane, sizeof(a));
    memcpy(&b, lane + 2, sizeof(b));
    memcpy(&c, lane + 4, sizeof(c));
    memcpy(&d, lane + 6, sizeof(d));
    a = (a + c) + (b + d);
    return a[0] + a[1];
}

typedef struct tile_sums {
    vec at[TILE_A][TILE_B];
} tile_sums;

/* One register of lanes of ta rows from a on by tb rows from b on. */
INLINE void tile_step(const double *a, const double *b, size_t ta, size_t tb, bool exact,
                      tile_sums *sum)
{
    vec as[TILE_A], bs;

    UNROLL
    for (size_t p = 0; p < ta; p++)
        memcpy(&as[p], a + p * VX_BLOCK, sizeof(vec));
    UNROLL
    for (size_t q = 0; q < tb; q++) {
        memcpy(&bs, b + q * VX_BLOCK, sizeof(vec));
        UNROLL
        for (size_t p = 0; p < ta; p++)
            sum->at[p][q] = PRODUCT_SUM(exact, as[p], bs, sum->at[p][q]);
    }
}

INLINE void tile_store(const tile_sums *sum, size_t ta, size_t tb,
                       double ret_lane[TILE_A * TILE_B][VX_LANES], size_t from)
{
    UNROLL
    for (size_t p = 0; p < ta; p++) {
        UNROLL
        for (size_t q = 0; q < tb; q++)
            memcpy(&ret_lane[p * tb + q][from], &sum->at[p][q], sizeof(vec));
    }
}

/*
 * Products of ta rows from a on with tb rows from b on. Two registers of a row's lanes at once when
 * the sums fit the registers, else one. The shape is constant where this is inlined.
 */
INLINE void multiply_tile(const double *a, const double *b, size_t ta, size_t tb, bool exact,
                          double *ret)
{
    double lane[TILE_A * TILE_B][VX_LANES] __attribute__((aligned(64)));
    const size_t together = ta * tb <= TILE_A * TILE_B / 2 && 2 * WIDTH <= VX_LANES ? 2 : 1;

    for (size_t from = 0; from < VX_LANES; from += together * WIDTH) {
        tile_sums first = { { { { 0.0 } } } }, second = first;

        for (size_t k = from; k < VX_BLOCK; k += VX_LANES) {
            tile_step(a + k, b + k, ta, tb, exact, &first);
            if (together == 2)
                tile_step(a + k + WIDTH, b + k + WIDTH, ta, tb, exact, &second);
        }
        tile_store(&first, ta, tb, lane, from);
        if (together == 2)
            tile_store(&second, ta, tb, lane, from + WIDTH);
    }
    for (size_t p = 0; p < ta; p++) {
        for (size_t q = 0; q < tb; q++)
            ret[p * VX_PANEL + q] = reduce_lanes(lane[p * tb + q]);
    }
}

typedef void tile_run(const double *a, const double *b, double *ret);

#define TILE(ta, tb)                                                                               \
    static void exact_##ta##_##tb(const double *a, const double *b, double *ret)                   \
    {                                                                                              \
        multiply_tile(a, b, ta, tb, true, ret);                                                    \
    }                                                                                              \
    static void rounded_##ta##_##tb(const double *a, const double *b, double *ret)                 \
    {                                                                                              \
        multiply_tile(a, b, ta, tb, false, ret);                                                   \
    }
#define TILES(ta) TILE(ta, 1) TILE(ta, 2) TILE(ta, 3) TILE(ta, 4)
TILES(1)
TILES(2)
TILES(3)

#define ROW_OF(kind, ta)                                                                           \
    {                                                                                              \
        kind##_##ta##_1, kind##_##ta##_2, kind##_##ta##_3, kind##_##ta##_4                         \
    }
static tile_run *const tiles[2][TILE_A][TILE_B] = {
    { ROW_OF(rounded, 1), ROW_OF(rounded, 2), ROW_OF(rounded, 3) },
    { ROW_OF(exact, 1), ROW_OF(exact, 2), ROW_OF(exact, 3) },
};

enum { CORNER = TILE_A * (TILE_A + 1) / 2 };

/* One register of lanes of the lower triangle of three rows. With `from`, the rows are floats there
 * and are widened to a on the way. */
INLINE void corner_step(const float *const *from, double *a, size_t k, bool exact, vec sum[CORNER])
{
    vec x[TILE_A];

    UNROLL
    for (size_t p = 0; p < TILE_A; p++) {
        if (from != NULL) {
            x[p] = WIDEN(from[p] + k);
            memcpy(a + p * VX_BLOCK + k, &x[p], sizeof(vec));
        } else {
            memcpy(&x[p], a + p * VX_BLOCK + k, sizeof(vec));
        }
    }
    sum[0] = PRODUCT_SUM(exact, x[0], x[0], sum[0]);
    sum[1] = PRODUCT_SUM(exact, x[1], x[0], sum[1]);
    sum[2] = PRODUCT_SUM(exact, x[1], x[1], sum[2]);
    sum[3] = PRODUCT_SUM(exact, x[2], x[0], sum[3]);
    sum[4] = PRODUCT_SUM(exact, x[2], x[1], sum[4]);
    sum[5] = PRODUCT_SUM(exact, x[2], x[2], sum[5]);
}

INLINE void multiply_corner(const float *const *from, double *a, bool exact, double *ret)
{
    double lane[CORNER][VX_LANES] __attribute__((aligned(64)));
    const size_t together = 2 * WIDTH <= VX_LANES ? 2 : 1;

    for (size_t start = 0; start < VX_LANES; start += together * WIDTH) {
        vec first[CORNER] = { { 0.0 } }, second[CORNER] = { { 0.0 } };

        for (size_t k = start; k < VX_BLOCK; k += VX_LANES) {
            corner_step(from, a, k, exact, first);
            if (together == 2)
                corner_step(from, a, k + WIDTH, exact, second);
        }
        UNROLL
        for (size_t p = 0; p < CORNER; p++) {
            memcpy(&lane[p][start], &first[p], sizeof(vec));
            if (together == 2)
                memcpy(&lane[p][start + WIDTH], &second[p], sizeof(vec));
        }
    }
    ret[0] = reduce_lanes(lane[0]);
    ret[VX_PANEL] = reduce_lanes(lane[1]);
    ret[VX_PANEL + 1] = reduce_lanes(lane[2]);
    ret[2 * VX_PANEL] = reduce_lanes(lane[3]);
    ret[2 * VX_PANEL + 1] = reduce_lanes(lane[4]);
    ret[2 * VX_PANEL + 2] = reduce_lanes(lane[5]);
}

static void widening_corner(const float *const from[TILE_A], double *ret_a, double *ret)
{
    const float *const at[TILE_A] = { from[0], from[1], from[2] };

    multiply_corner(at, ret_a, true, ret);
}

static void rounded_corner(double *a, double *ret)
{
    multiply_corner(NULL, a, false, ret);
}

static void exact_corner(double *a, double *ret)
{
    multiply_corner(NULL, a, true, ret);
}

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

/* The rows of the next block are asked for while this one is multiplied, one row a tile. */
typedef struct ahead {
    const vx_rowset *rows;
    size_t column, row, end;
} ahead;

static void ask(ahead *next)
{
    const char *at;
    size_t bytes = VX_BLOCK * (next->rows->f32 != NULL ? sizeof(float) : sizeof(double));

    if (next->row >= next->end)
        return;
    at = next->rows->f32 != NULL ? (const char *)(next->rows->f32[next->row] + next->column)
                                 : (const char *)(next->rows->f64[next->row] + next->column);
    next->row++;
    for (size_t line = 0; line < bytes; line += CACHE_LINE)
        __builtin_prefetch(at + line, 0, 2);
}

/* Three rows of high by the first `end` rows of low: in fours, where that leaves no thin rest. */
static void multiply_strip(const vx_panel *high, size_t i, const vx_panel *low, size_t end,
                           bool exact, ahead *next, double block[VX_PANEL][VX_PANEL])
{
    size_t ta = at_most(high->count - i, TILE_A), j = 0;

    while (j < end) {
        size_t left = end - j;
        size_t tb = left % TILE_B != 0 && left % 3 == 0 ? 3 : at_most(left, TILE_B);

        tiles[exact][ta - 1][tb - 1](high->at[i], low->at[j], &block[i][j]);
        j += tb;
        ask(next);
    }
}

/* high by low into block. */
static void multiply(const vx_panel *high, const vx_panel *low, bool exact, ahead *next,
                     double block[VX_PANEL][VX_PANEL])
{
    for (size_t i = 0; i < high->count; i += TILE_A)
        multiply_strip(high, i, low, low->count, exact, next, block);
    while (next->row < next->end)
        ask(next);
}

static void widen_block(const float *restrict from, double *restrict ret)
{
    for (size_t k = 0; k < VX_BLOCK; k += WIDTH) {
        vec wide = WIDEN(from + k);

        memcpy(ret + k, &wide, sizeof(wide));
    }
}

static void widen_short(const vx_rowset *rows, size_t row, size_t column, double *ret)
{
    size_t width = at_most(rows->cols - column, VX_BLOCK);

    for (size_t k = 0; k < width; k++)
        ret[k] =
            rows->f32 != NULL ? (double)rows->f32[row][column + k] : rows->f64[row][column + k];
    memset(ret + width, 0, (VX_BLOCK - width) * sizeof(*ret));
}

static void widen(const vx_rowset *rows, vx_row_range range, size_t column, double ret[][VX_BLOCK])
{
    bool whole = rows->cols - column >= VX_BLOCK;

    for (size_t i = 0; i < range.count; i++) {
        size_t row = range.first + i;

        if (!whole)
            widen_short(rows, row, column, ret[i]);
        else if (rows->f32 != NULL)
            widen_block(rows->f32[row] + column, ret[i]);
        else
            memcpy(ret[i], rows->f64[row] + column, VX_BLOCK * sizeof(double));
    }
}

/* Widens three rows and multiplies them with themselves. */
static void add_corner(const vx_rowset *rows, size_t row, size_t column, bool exact,
                       double a[][VX_BLOCK], double *ret)
{
    const float *from[TILE_A];

    if (rows->f32 == NULL || rows->cols - column < VX_BLOCK) {
        widen(rows, (vx_row_range){ row, TILE_A }, column, a);
        (exact ? exact_corner : rounded_corner)(a[0], ret);
        return;
    }
    for (size_t p = 0; p < TILE_A; p++)
        from[p] = rows->f32[row + p] + column;
    widening_corner(from, a[0], ret);
}

/* Widens a panel and multiplies it with itself: the lower triangle. */
static void multiply_self(const vx_rowset *rows, size_t first, size_t column, vx_panel *p,
                          bool exact, ahead *next, double block[VX_PANEL][VX_PANEL])
{
    size_t i = 0;

    for (; i + TILE_A <= p->count; i += TILE_A) {
        add_corner(rows, first + i, column, exact, p->at + i, &block[i][i]);
        ask(next);
        multiply_strip(p, i, p, i, exact, next, block);
    }
    if (i < p->count) {
        widen(rows, (vx_row_range){ first + i, p->count - i }, column, p->at + i);
        multiply_strip(p, i, p, i, exact, next, block);
        for (size_t a = i; a < p->count; a++)
            tiles[exact][0][a - i](p->at[a], p->at[i], &block[a][i]);
    }
    while (next->row < next->end)
        ask(next);
}

/* ||a - b||^2 within the block. */
static double apart(const double *a, const double *b)
{
    enum { VECS = VX_LANES / WIDTH };
    double lane[VX_LANES] __attribute__((aligned(64)));
    vec sum[VECS];

    memset(sum, 0, sizeof(sum));
    for (size_t k = 0; k < VX_BLOCK; k += VX_LANES) {
        UNROLL
        for (size_t h = 0; h < VECS; h++) {
            vec as, bs;

            memcpy(&as, a + k + h * WIDTH, sizeof(vec));
            memcpy(&bs, b + k + h * WIDTH, sizeof(vec));
            as -= bs;
            sum[h] += as * as;
        }
    }
    memcpy(lane, sum, sizeof(lane));
    return reduce_lanes(lane);
}
#endif
