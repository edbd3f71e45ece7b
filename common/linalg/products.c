#include <vx_linalg/products.h>

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "kernels.h"

/*
 * The columns are cut into blocks of VX_BLOCK, the blocks into at most STRIPES stripes: by the
 * number of columns alone. A stripe is summed by one thread, block by block, into sums of its own;
 * the stripes are added in their order. Sums over blocks and stripes are value + rest, both added
 * to exactly (TwoSum), so that what is rounded is the sum within a block and the end.
 *
 * With u = 2^-53 and s_k = |x_ik x_jk|, to the first order:
 *
 *   K  In a block a lane adds 32 products, each rounded (not for float32), then 3 pairwise
 *      additions: 1 + 31 + 3 = 35 roundings at most. The end rounds once. Sums of rests are u^2
 *      times the number of blocks: nothing up to d = 1e15.
 *          |error K_ij| <= 36 u sum s_k <= 36 u ||x_i|| ||x_j||.
 *   D  Of a block as (K_ii + K_jj) - 2 K_ij: 35 u (K_ii + K_jj + 2 |K_ij|) and two roundings,
 *      at most 72 u (K_ii + K_jj), taken only where D >= 2^-10 (K_ii + K_jj): 73728 u D. Of a
 *      block from differences: 3 + 31 + 3 = 37 u D. Blocks are >= 0, so with the end
 *          |error D_ij| <= 2^17 u D_ij < 1.5e-11 D_ij.
 *
 * That holds while no square under- or overflows, which squares of float32 never do.
 */
enum {
    STRIPES = 64,
    STRIPE_BLOCKS = 4, /* at least: a stripe of less is not worth its sums */
    SMALL = 1 << 17,   /* rows x rows x columns that are not worth waking threads for */
    MEMORY = 4 << 20,  /* bytes of the sums of stripes under way */
    KINDS = 4          /* k, k_rest, d, d_rest */
};

/* n rows in panels of at most VX_PANEL; a pair of panels has sums (ld, ld) of each kind. */
typedef struct shape {
    size_t rows, panels, panel_rows, pairs, ld;
} shape;

struct vx_products {
    vx_parallel *parallel; /* borrowed */
    size_t n_max;
    size_t capacity;      /* doubles of stripes */
    shape shape;          /* of what was begun */
    double *total;        /* sums of all stripes so far: as of one stripe */
    double *stripes;      /* sums of the stripes under way, one after another */
    double *dots;         /* sums of vx_products_with() and their rests */
    vx_kernel_work *work; /* (threads) */
};

/* The stripes under way: `count` from `first` on. */
typedef struct wave {
    vx_products *products;
    const vx_kernels *kernels;
    const vx_rowset *rows, *v; /* v: one row, or NULL */
    shape shape;
    size_t stripe_blocks, first, count;
    size_t size; /* doubles of the sums of one stripe */
} wave;

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0 ? 1 : 0);
}

static size_t whole_quads(size_t count)
{
    return divide_up(count, VX_QUAD) * VX_QUAD;
}

static shape shape_of(size_t rows)
{
    shape s = { .rows = rows, .panels = divide_up(rows, VX_PANEL) };

    s.panel_rows = s.panels > 0 ? whole_quads(divide_up(rows, s.panels)) : 0;
    s.pairs = s.panels * (s.panels + 1) / 2;
    s.ld = s.panels > 1 ? VX_PANEL : whole_quads(rows);
    return s;
}

static size_t stripe_size(shape s)
{
    return KINDS * s.pairs * s.ld * s.ld;
}

static size_t clamp(size_t value, size_t low, size_t high)
{
    return value < low ? low : value > high ? high : value;
}

vx_status vx_products_create(vx_parallel *parallel, size_t n_max, vx_products **ret_products)
{
    vx_status status = VX_ERR_NOMEM;
    vx_products *p = vx_calloc(1, sizeof(*p));
    size_t size = stripe_size(shape_of(n_max));

    VX_ASSERT(n_max > 0 && size > 0);
    if (p == NULL)
        goto out;
    p->parallel = parallel;
    p->n_max = n_max;
    p->capacity = size * clamp(MEMORY / sizeof(double) / size, 1, STRIPES);
    p->total = vx_aligned_calloc(size, sizeof(double));
    if (p->total == NULL)
        goto out;
    p->stripes = vx_aligned_calloc(p->capacity, sizeof(double));
    if (p->stripes == NULL)
        goto out;
    p->dots = vx_aligned_calloc(2 * whole_quads(n_max), sizeof(double));
    if (p->dots == NULL)
        goto out;
    p->work = vx_aligned_calloc(vx_parallel_threads(parallel), sizeof(vx_kernel_work));
    if (p->work == NULL)
        goto out;
    status = VX_OK;
    *ret_products = p;
    p = NULL; /* moved to the caller */
out:
    vx_products_destroy(p);
    return status;
}

vx_products *vx_products_destroy(vx_products *p)
{
    if (p == NULL)
        return NULL;
    vx_free(p->total);
    vx_free(p->stripes);
    vx_free(p->dots);
    vx_free(p->work);
    vx_free(p);
    return NULL;
}

static void add_exactly(double value, double *sum, double *rest)
{
    double total = *sum + value, part = total - *sum;

    *rest += (*sum - (total - part)) + (value - part);
    *sum = total;
}

/* total += from, each `count` sums and then their rests. */
static void add_sums(const double *from, size_t count, double *total)
{
    for (size_t i = 0; i < count; i++) {
        total[count + i] += from[count + i];
        add_exactly(from[i], &total[i], &total[count + i]);
    }
}

/* Once a sum overflowed, its rest is no number. */
static double sum_of(double sum, double rest)
{
    return isfinite(sum) && isfinite(rest) ? sum + rest : sum;
}

static vx_row_range panel_range(shape s, size_t panel)
{
    size_t first = panel * s.panel_rows;

    return (vx_row_range){ first, clamp(s.rows - first, 0, s.panel_rows) };
}

/* Pair number `pair` of (0, 0), (1, 0), (1, 1), (2, 0), ... */
static void pair_at(size_t pair, size_t *ret_high, size_t *ret_low)
{
    size_t high = 0;

    while (pair > high) {
        high++;
        pair -= high;
    }
    *ret_high = high;
    *ret_low = pair;
}

static vx_pair_sums pair_sums(shape s, double *sums, size_t pair)
{
    size_t count = s.ld * s.ld;
    double *at = sums + KINDS * count * pair;

    return (vx_pair_sums){ at, at + count, at + 2 * count, at + 3 * count, s.ld };
}

static vx_columns columns_of(const wave *w, size_t stripe)
{
    size_t width = w->stripe_blocks * VX_BLOCK, first = (w->first + stripe) * width;

    return (vx_columns){ first, first + clamp(w->rows->cols - first, 0, width) };
}

/* One pair of panels over one stripe. */
static void run_pair(void *context, size_t part, unsigned thread)
{
    const wave *w = context;
    vx_products *p = w->products;
    size_t stripe = part / w->shape.pairs, pair = part % w->shape.pairs, high, low;
    vx_pair_sums sums = pair_sums(w->shape, p->stripes + stripe * w->size, pair);

    pair_at(pair, &high, &low);
    memset(sums.k, 0, KINDS * sums.ld * sums.ld * sizeof(double));
    w->kernels->pair_add(w->rows, columns_of(w, stripe), panel_range(w->shape, high),
                         panel_range(w->shape, low), &p->work[thread], &sums);
}

/* All rows with v over one stripe. */
static void run_dots(void *context, size_t stripe, unsigned thread)
{
    const wave *w = context;
    vx_products *p = w->products;
    double *sums = p->stripes + stripe * w->size;

    memset(sums, 0, w->size * sizeof(double));
    w->kernels->dots_add(w->rows, w->v, columns_of(w, stripe), &p->work[thread], sums,
                         sums + w->size / 2);
}

/* Runs `run` over all stripes, as many at a time as there is memory for, and adds their sums, which
 * come in groups of `group` values and then rests, to total. */
static void run_stripes(wave *w, size_t parts, vx_parallel_part *run, size_t group, double *total)
{
    vx_products *p = w->products;
    size_t blocks = divide_up(w->rows->cols, VX_BLOCK);
    size_t stripes, together = clamp(p->capacity / w->size, 1, STRIPES);
    bool small = w->shape.rows * w->shape.rows * clamp(w->rows->cols, 0, SMALL) < SMALL;

    w->stripe_blocks = clamp(divide_up(blocks, STRIPES), STRIPE_BLOCKS, blocks + STRIPE_BLOCKS);
    stripes = divide_up(blocks, w->stripe_blocks);
    for (w->first = 0; w->first < stripes; w->first += together) {
        w->count = clamp(stripes - w->first, 0, together);
        vx_parallel_run(small ? NULL : p->parallel, w->count * parts, run, w);
        for (size_t i = 0; i < w->count * w->size; i += 2 * group)
            add_sums(p->stripes + i, group, total + i % w->size);
    }
}

void vx_products_begin(vx_products *p, size_t count)
{
    VX_ASSERT(count <= p->n_max);
    p->shape = shape_of(count);
    memset(p->total, 0, stripe_size(p->shape) * sizeof(double));
}

void vx_products_add(vx_products *p, vx_rowset part)
{
    wave w = { .products = p,
               .kernels = vx_kernels_in_use(),
               .rows = &part,
               .shape = p->shape,
               .size = stripe_size(p->shape) };

    VX_ASSERT(part.count == p->shape.rows);
    if (part.count > 0)
        run_stripes(&w, w.shape.pairs, run_pair, w.shape.ld * w.shape.ld, p->total);
}

static void write_pair(const vx_pair_sums *sums, vx_row_range high, vx_row_range low, vx_mat ret_k,
                       vx_mat ret_d)
{
    for (size_t a = 0; a < high.count; a++) {
        for (size_t b = 0; b < low.count; b++) {
            size_t at = a * sums->ld + b, i = high.first + a, j = low.first + b;

            if (j > i)
                continue;
            ret_k.at[i * ret_k.ld + j] = sum_of(sums->k[at], sums->k_rest[at]);
            ret_d.at[i * ret_d.ld + j] = i == j ? 0.0 : sum_of(sums->d[at], sums->d_rest[at]);
            ret_k.at[j * ret_k.ld + i] = ret_k.at[i * ret_k.ld + j];
            ret_d.at[j * ret_d.ld + i] = ret_d.at[i * ret_d.ld + j];
        }
    }
}

void vx_products_end(vx_products *p, vx_mat ret_k, vx_mat ret_d)
{
    shape s = p->shape;

    VX_ASSERT(ret_k.rows == s.rows && ret_k.cols == s.rows && ret_k.ld >= s.rows);
    VX_ASSERT(ret_d.rows == s.rows && ret_d.cols == s.rows && ret_d.ld >= s.rows);
    for (size_t pair = 0; pair < s.pairs; pair++) {
        vx_pair_sums sums = pair_sums(s, p->total, pair);
        size_t high, low;

        pair_at(pair, &high, &low);
        write_pair(&sums, panel_range(s, high), panel_range(s, low), ret_k, ret_d);
    }
}

void vx_products_run(vx_products *p, vx_rowset rows, vx_mat ret_k, vx_mat ret_d)
{
    vx_products_begin(p, rows.count);
    vx_products_add(p, rows);
    vx_products_end(p, ret_k, ret_d);
}

void vx_products_with(vx_products *p, vx_rowset rows, vx_real v, double *ret_dots)
{
    const float *f32 = v.f32;
    const double *f64 = v.f64;
    vx_rowset one = { f32 != NULL ? &f32 : NULL, f32 != NULL ? NULL : &f64, 1, v.n };
    size_t padded = whole_quads(rows.count);
    wave w = { .products = p,
               .kernels = vx_kernels_in_use(),
               .rows = &rows,
               .v = &one,
               .shape = { .rows = rows.count },
               .size = 2 * padded };
    double *total = p->dots;

    VX_ASSERT(rows.count <= p->n_max && v.n == rows.cols);
    memset(total, 0, w.size * sizeof(double));
    if (rows.count > 0)
        run_stripes(&w, 1, run_dots, padded, total);
    for (size_t i = 0; i < rows.count; i++)
        ret_dots[i] = sum_of(total[i], total[padded + i]);
}

double vx_products_norm(vx_products *p, vx_real v)
{
    const float *f32 = v.f32;
    const double *f64 = v.f64;
    vx_rowset one = { f32 != NULL ? &f32 : NULL, f32 != NULL ? NULL : &f64, 1, v.n };
    double squared = 0.0;

    vx_products_with(p, one, v, &squared);
    return sqrt(squared);
}
