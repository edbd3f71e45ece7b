#include <math.h>

#include "columns.h"
#include "order.h"

/*
 * Coordinate rules by shares a_i > 0 that sum to 1, one column at a time.
 *
 * median       the value at which the shares up to it pass 1/2; where they are 1/2, the mean of it
 *              and the next (Dahan and Levy, NeurIPS 2024).
 * trimmed mean a mass of f / n of the shares is cut off each end, from a row at the border so much
 *              as is missing; the mean of the rest by what is left of the shares.
 * nearest      the values nearest the centre up to a mass of keep / n, the last one in part; their
 *              mean by these shares. Of values equally far the one of the lower slot is nearer.
 *
 * With equal shares each is the rule without shares, up to rounding.
 */

/* Sums of shares this close to a border are at it. */
#define AT_BORDER 1e-12

typedef struct column {
    double *value, *apart; /* (n) */
    size_t *order;         /* (n) */
    const double *share;
    size_t n;
} column;

static double median_of(column *c)
{
    double mass = 0.0;
    size_t i = 0;

    vx_order_ascending(c->value, c->n, c->order);
    for (; i + 1 < c->n; i++) {
        mass += c->share[c->order[i]];
        if (mass >= 0.5 - AT_BORDER)
            break;
    }
    if (i + 1 < c->n && mass <= 0.5 + AT_BORDER)
        return 0.5 * c->value[c->order[i]] + 0.5 * c->value[c->order[i + 1]];
    return c->value[c->order[i]];
}

/* Mean of what lies between two masses of the order. */
static double mean_between(const column *c, double from, double to)
{
    double mass = 0.0, sum = 0.0, counted = 0.0;

    for (size_t i = 0; i < c->n; i++) {
        double before = mass, part;

        mass += c->share[c->order[i]];
        part = fmin(mass, to) - fmax(before, from);
        if (part > AT_BORDER) {
            sum += part * c->value[c->order[i]];
            counted += part;
        }
    }
    return sum / counted;
}

static double trimmed_of(column *c, size_t f)
{
    double cut = (double)f / (double)c->n;

    vx_order_ascending(c->value, c->n, c->order);
    return mean_between(c, cut, 1.0 - cut);
}

static double nearest_to(column *c, double centre, size_t keep)
{
    for (size_t i = 0; i < c->n; i++)
        c->apart[i] = fabs(c->value[i] - centre);
    vx_order_ascending(c->apart, c->n, c->order);
    return mean_between(c, 0.0, (double)keep / (double)c->n);
}

static double result_of(column *c, const vx_column_ask *ask)
{
    switch (ask->rule) {
    case VX_COLUMN_MEDIAN:
        return median_of(c);
    case VX_COLUMN_TRIMMED:
        return trimmed_of(c, ask->f);
    case VX_COLUMN_NEAREST_MEDIAN:
        return nearest_to(c, median_of(c), ask->keep);
    case VX_COLUMN_NEAREST_TRIMMED:
        return nearest_to(c, trimmed_of(c, ask->f), ask->keep);
    }
    return nan("");
}

void vx_shares_run(const vx_columns *columns, const vx_column_ask *ask, vx_real ret_update)
{
    vx_rowset rows = columns->rows;
    double *at = columns->scratch;
    column c = { at, at + rows.count, (size_t *)(void *)(at + 2 * rows.count), columns->share,
                 rows.count };

    for (size_t k = 0; k < rows.cols; k++) {
        for (size_t i = 0; i < rows.count; i++)
            c.value[i] = rows.f32 != NULL ? (double)rows.f32[i][k] : rows.f64[i][k];
        if (rows.f32 != NULL)
            ret_update.f32[k] = (float)result_of(&c, ask);
        else
            ret_update.f64[k] = result_of(&c, ask);
    }
}
