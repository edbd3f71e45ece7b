#include <vx_linalg/gram.h>

#include <math.h>
#include <string.h>

/*
 * The order of one entry's sum is part of the contract: columns in blocks of BLOCK; in a block
 * LANES partial sums, lane l taking the columns with index l modulo LANES; lanes added pairwise
 * (reduce_lanes); blocks added in their order. Tiles, panels and half lanes below change which
 * entries are computed together, never that order. A product of two widened floats is exact in
 * double, so a fused multiply-add would give the same bits. A short block is filled up with zeros:
 * lanes start at +0 and +0 changes no bit of them.
 */
enum {
    BLOCK = 256,
    LANES = 8,
    PANEL = 16, /* rows widened at a time; even, for tiles of two by two */
    TILE = 2
};
_Static_assert(BLOCK % LANES == 0 && PANEL % TILE == 0, "blocks are whole groups of lanes");

/* Two doubles: the widest register that every x86-64 and AArch64 has. */
typedef double pair __attribute__((vector_size(16)));

/* Some present rows in one block of columns, widened. Rows from count to PANEL are zero. */
typedef struct panel {
    double at[PANEL][BLOCK] __attribute__((aligned(64)));
    size_t slot[PANEL];
    size_t count;
} panel;

static double reduce_lanes(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void widen(const float *from, size_t width, double ret_to[BLOCK])
{
    for (size_t k = 0; k < width; k++)
        ret_to[k] = (double)from[k];
    for (size_t k = width; k < BLOCK; k++)
        ret_to[k] = 0.0;
}

/* Takes the next present rows from slot `from` on; returns the slot after the last one looked at.
 */
static size_t panel_fill(panel *p, vx_cmatf rows, const bool *present, size_t from, size_t column)
{
    size_t width = rows.cols - column < BLOCK ? rows.cols - column : BLOCK;
    size_t slot = from;

    p->count = 0;
    for (; slot < rows.rows && p->count < PANEL; slot++) {
        if (!present[slot])
            continue;
        widen(rows.at + slot * rows.ld + column, width, p->at[p->count]);
        p->slot[p->count++] = slot;
    }
    if (p->count % TILE != 0)
        memset(p->at[p->count], 0, sizeof(p->at[0]));
    return slot;
}

static pair load(const double *at)
{
    pair value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/*
 * Lanes half .. half + 3 of the four products of two rows with two rows. Half of the lanes at a
 * time keeps the eight accumulators in the sixteen registers of SSE2.
 */
static void tile_lanes(const double *a0, const double *a1, const double *b0, const double *b1,
                       size_t half, double ret_lane[TILE * TILE][LANES])
{
    pair s00 = { 0.0, 0.0 }, t00 = s00, s01 = s00, t01 = s00;
    pair s10 = s00, t10 = s00, s11 = s00, t11 = s00;

    for (size_t k = half; k < BLOCK; k += LANES) {
        pair b0s = load(b0 + k), b0t = load(b0 + k + 2);
        pair b1s = load(b1 + k), b1t = load(b1 + k + 2);
        pair as = load(a0 + k), at = load(a0 + k + 2);

        s00 += as * b0s;
        t00 += at * b0t;
        s01 += as * b1s;
        t01 += at * b1t;
        as = load(a1 + k);
        at = load(a1 + k + 2);
        s10 += as * b0s;
        t10 += at * b0t;
        s11 += as * b1s;
        t11 += at * b1t;
    }
    memcpy(&ret_lane[0][half], &s00, sizeof(pair));
    memcpy(&ret_lane[0][half + 2], &t00, sizeof(pair));
    memcpy(&ret_lane[1][half], &s01, sizeof(pair));
    memcpy(&ret_lane[1][half + 2], &t01, sizeof(pair));
    memcpy(&ret_lane[2][half], &s10, sizeof(pair));
    memcpy(&ret_lane[2][half + 2], &t10, sizeof(pair));
    memcpy(&ret_lane[3][half], &s11, sizeof(pair));
    memcpy(&ret_lane[3][half + 2], &t11, sizeof(pair));
}

/* Adds the products of rows i, i + 1 of a and j, j + 1 of b to the lower triangle of gram. */
static void tile_add(const panel *a, size_t i, const panel *b, size_t j, vx_mat gram)
{
    double lane[TILE * TILE][LANES];

    tile_lanes(a->at[i], a->at[i + 1], b->at[j], b->at[j + 1], 0, lane);
    tile_lanes(a->at[i], a->at[i + 1], b->at[j], b->at[j + 1], LANES / 2, lane);
    for (size_t p = 0; p < TILE && i + p < a->count; p++) {
        for (size_t q = 0; q < TILE && j + q < b->count; q++) {
            if (a->slot[i + p] >= b->slot[j + q])
                gram.at[a->slot[i + p] * gram.ld + b->slot[j + q]] +=
                    reduce_lanes(lane[TILE * p + q]);
        }
    }
}

static void panels_add(const panel *low, const panel *high, vx_mat gram)
{
    for (size_t i = 0; i < high->count; i += TILE) {
        for (size_t j = 0; j < low->count && (low != high || j <= i); j += TILE)
            tile_add(high, i, low, j, gram);
    }
}

static void block_add(vx_cmatf rows, const bool *present, size_t column, vx_mat gram)
{
    panel low, high;
    size_t next = panel_fill(&low, rows, present, 0, column);

    while (low.count > 0) {
        panels_add(&low, &low, gram);
        for (size_t slot = next; slot < rows.rows;) {
            slot = panel_fill(&high, rows, present, slot, column);
            panels_add(&low, &high, gram);
        }
        next = panel_fill(&low, rows, present, next, column);
    }
}

vx_status vx_gram_f32(vx_cmatf rows, const bool *present, vx_mat ret_gram)
{
    if (ret_gram.rows != rows.rows || ret_gram.cols != rows.rows || ret_gram.ld < ret_gram.cols ||
        rows.ld < rows.cols)
        return VX_ERR_SHAPE;
    for (size_t i = 0; i < rows.rows; i++)
        memset(ret_gram.at + i * ret_gram.ld, 0, rows.rows * sizeof(double));
    for (size_t column = 0; column < rows.cols; column += BLOCK)
        block_add(rows, present, column, ret_gram);
    for (size_t i = 0; i < rows.rows; i++) {
        for (size_t j = 0; j < i; j++)
            ret_gram.at[j * ret_gram.ld + i] = ret_gram.at[i * ret_gram.ld + j];
    }
    return VX_OK;
}

double vx_dot_f32(vx_cvecf a, vx_cvecf b)
{
    double sum = 0.0;

    VX_ASSERT(a.n == b.n);
    for (size_t column = 0; column < a.n; column += BLOCK) {
        size_t end = a.n - column < BLOCK ? a.n : column + BLOCK;
        double lane[LANES] = { 0.0 };
        size_t k = column;

        for (; k + LANES <= end; k += LANES) {
            for (size_t l = 0; l < LANES; l++)
                lane[l] += (double)a.at[k + l] * (double)b.at[k + l];
        }
        for (size_t l = 0; k < end; k++, l++)
            lane[l] += (double)a.at[k] * (double)b.at[k];
        sum += reduce_lanes(lane);
    }
    return sum;
}

double vx_norm_f32(vx_cvecf a)
{
    return sqrt(vx_dot_f32(a, a));
}
