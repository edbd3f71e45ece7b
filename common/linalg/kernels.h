#ifndef VX_LINALG_KERNELS_H
#define VX_LINALG_KERNELS_H
#include <stdbool.h>

#include <vx_linalg/rowset.h>

/*
 * What the processor paths implement (kernels_impl.h, compiled once for each). All give the same
 * bits: the order of additions within a block of columns is fixed (LANES partial sums, lane l of
 * the columns with index l modulo LANES, then lanes added pairwise), and a multiplication is
 * rounded before its addition. Only where a product is exact, of two widened floats, may both be
 * fused.
 */
enum {
    VX_BLOCK = 256, /* columns */
    VX_LANES = 8,
    VX_PANEL = 32,   /* rows widened together */
    VX_SWEEP = 1024, /* columns of a weighted sum that stay in the first cache */
    VX_QUAD = 4,     /* rows of sums are padded to whole quads */
    VX_MIX_ROWS = 64 /* at most, of several sums at once */
};
_Static_assert(VX_BLOCK % VX_LANES == 0 && VX_PANEL % VX_QUAD == 0, "whole groups");

/* Up to VX_PANEL rows of one block, widened; short blocks are filled up with zeros. */
typedef struct vx_panel {
    double at[VX_PANEL][VX_BLOCK] __attribute__((aligned(64)));
    double square[VX_PANEL]; /* <x, x> within the block; 0 beyond count */
    size_t count;
} vx_panel;

/* The memory of one thread. */
typedef struct vx_kernel_work {
    vx_panel high, low;
    double block[VX_PANEL][VX_PANEL]; /* products of one block, high by low; 0 beyond the counts */
} vx_kernel_work;

/* Unevaluated sums value + rest for a panel against a panel, (ld, ld) each, ld whole quads. */
typedef struct vx_pair_sums {
    double *k, *k_rest, *d, *d_rest;
    size_t ld;
} vx_pair_sums;

/* Rows first .. first + count of a rowset. */
typedef struct vx_row_range {
    size_t first, count;
} vx_row_range;

/* first is a multiple of VX_BLOCK; end too, or the end of the rows. */
typedef struct vx_columns {
    size_t first, end;
} vx_columns;

typedef struct vx_kernels {
    const char *name;
    /* Adds K and D of these columns for two ranges of at most VX_PANEL rows (the same range: its
     * lower triangle). */
    void (*pair_add)(const vx_rowset *rows, vx_columns columns, vx_row_range high, vx_row_range low,
                     vx_kernel_work *work, const vx_pair_sums *sums);
    /* Adds <x_i, v> of these columns to sum, rest (rows->count, in whole quads). */
    void (*dots_add)(const vx_rowset *rows, const vx_rowset *v, vx_columns columns,
                     vx_kernel_work *work, double *sum, double *rest);
    /* ret_sum (width <= VX_SWEEP) at `column`. */
    void (*combine)(const vx_rowset *rows, const double *weights, size_t column, size_t width,
                    const vx_real *ret_sum);
    /* ret_rows[i] = sum over j of map[i ld + j] x_j, i < count; both counts at most VX_MIX_ROWS. */
    void (*mix)(const vx_rowset *rows, const double *map, size_t ld, size_t count,
                const vx_real *ret_rows);
} vx_kernels;

extern const vx_kernels vx_kernels_portable;
#ifdef __x86_64__
extern const vx_kernels vx_kernels_avx2;
extern const vx_kernels vx_kernels_avx512;
#endif

/* The path in use: the widest that the processor has, or what vx_path_use() named. */
const vx_kernels *vx_kernels_in_use(void);
#endif
