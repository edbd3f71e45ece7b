#ifndef VX_LINALG_KERNELS_MIX_H
#define VX_LINALG_KERNELS_MIX_H
#include <stdint.h>

/* Several weighted sums of the same rows at once, a strip of columns after the other; see
 * kernels_impl.h. Each sum has the order and the roundings of combine(). */

enum { STRIP_VECS = 4, STRIP = STRIP_VECS * WIDTH };

typedef struct strip {
    vec at[STRIP_VECS];
} strip;

/* Beyond the rows the strip is 0. */
INLINE strip load_strip(const vx_rowset *rows, size_t row, size_t column)
{
    double wide[STRIP] = { 0.0 };
    size_t left = rows->cols - column, count = left < STRIP ? left : STRIP;
    strip loaded;

    if (rows->f32 != NULL && count == STRIP) {
        UNROLL
        for (size_t h = 0; h < STRIP_VECS; h++)
            loaded.at[h] = WIDEN(rows->f32[row] + column + h * WIDTH);
        return loaded;
    }
    for (size_t k = 0; k < count; k++)
        wide[k] =
            rows->f32 != NULL ? (double)rows->f32[row][column + k] : rows->f64[row][column + k];
    memcpy(&loaded, wide, sizeof(loaded));
    return loaded;
}

/* The weights of one sum that are not zero, and whose they are. */
typedef struct mixture {
    double weight[VX_MIX_ROWS];
    uint8_t row[VX_MIX_ROWS];
    size_t count;
} mixture;

static void gather(const double *weights, size_t count, mixture *ret)
{
    ret->count = 0;
    for (size_t j = 0; j < count; j++) {
        if (weights[j] == 0.0)
            continue;
        ret->weight[ret->count] = weights[j];
        ret->row[ret->count++] = (uint8_t)j;
    }
}

INLINE strip sum_strip(const strip *rows, const mixture *of)
{
    strip sum;

    UNROLL
    for (size_t h = 0; h < STRIP_VECS; h++)
        sum.at[h] = (vec){ 0.0 };
    for (size_t j = 0; j < of->count; j++) {
        const strip *row = &rows[of->row[j]];

        UNROLL
        for (size_t h = 0; h < STRIP_VECS; h++)
            sum.at[h] += of->weight[j] * row->at[h];
    }
    return sum;
}

typedef float narrow __attribute__((vector_size(WIDTH * sizeof(float))));

INLINE void store_strip(const strip *sum, size_t count, float *f32, double *f64)
{
    float rounded[STRIP];

    if (f64 != NULL) {
        memcpy(f64, sum, count * sizeof(*f64));
        return;
    }
    UNROLL
    for (size_t h = 0; h < STRIP_VECS; h++) {
        narrow part = __builtin_convertvector(sum->at[h], narrow);

        memcpy(rounded + h * WIDTH, &part, sizeof(part));
    }
    if (count == STRIP)
        memcpy(f32, rounded, sizeof(rounded));
    else
        memcpy(f32, rounded, count * sizeof(*f32));
}

static void mix(const vx_rowset *rows, const double *map, size_t ld, size_t count,
                const vx_real *ret_rows)
{
    strip wide[VX_MIX_ROWS];
    mixture of[VX_MIX_ROWS];

    for (size_t i = 0; i < count; i++)
        gather(map + i * ld, rows->count, &of[i]);
    for (size_t column = 0; column < rows->cols; column += STRIP) {
        size_t left = rows->cols - column, width = left < STRIP ? left : STRIP;

        for (size_t j = 0; j < rows->count; j++)
            wide[j] = load_strip(rows, j, column);
        for (size_t i = 0; i < count; i++) {
            strip sum = sum_strip(wide, &of[i]);

            store_strip(&sum, width, ret_rows[i].f32 != NULL ? ret_rows[i].f32 + column : NULL,
                        ret_rows[i].f64 != NULL ? ret_rows[i].f64 + column : NULL);
        }
    }
}
#endif
