#include "aggregator.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "option_range.h"

/* Finds rule and chain by name. */
static vx_status resolve(vx_aggregator *a, vx_error *err)
{
    const vx_aggregate_options *o = &a->options;
    char known[512];

    a->rule = vx_rule_named(o->rule);
    if (a->rule == NULL) {
        vx_rule_names(known, sizeof(known));
        return vx_fail(err, VX_ERR_CONFIG, "no rule '%.*s'; there are %s", VX_NAME_MAX, o->rule,
                       known);
    }
    if (o->pre_count > VX_AGGREGATE_PRE_MAX)
        return vx_fail(err, VX_ERR_CONFIG, "%zu pre-aggregators, at most %d", o->pre_count,
                       VX_AGGREGATE_PRE_MAX);
    for (size_t k = 0; k < o->pre_count; k++) {
        a->pre[k] = vx_pre_named(o->pre[k]);
        if (a->pre[k] == NULL) {
            vx_pre_names(known, sizeof(known));
            return vx_fail(err, VX_ERR_CONFIG, "no pre-aggregator '%.*s'; there are %s",
                           VX_NAME_MAX, o->pre[k], known);
        }
    }
    return VX_OK;
}

/* Rows that are needed before the chain, so that the rule gets enough behind it. */
static vx_status check_count(vx_aggregator *a, vx_error *err)
{
    const vx_aggregate_options *o = &a->options;
    size_t least = a->rule->rows_min(o);
    vx_status status = VX_OK;

    for (size_t k = o->pre_count; k-- > 0;) {
        size_t own = a->pre[k]->rows_min(o, least);

        least = own > least ? own : least;
    }
    a->rows_min = least;
    status = vx_requirement_check(a, a->n_max, a->n_max, err);
    if (status != VX_OK)
        return status;
    if (a->rule->weights == vx_monna && o->pivot >= a->n_max)
        return vx_fail(err, VX_ERR_DOMAIN, "pivot: expected a slot, 0 .. %zu, found %zu",
                       a->n_max - 1, o->pivot);
    return VX_OK;
}

typedef struct reservation {
    void **at;
    size_t bytes; /* an element */
} reservation;

static bool reserve(const reservation *list, size_t count, size_t elements)
{
    for (size_t i = 0; i < count; i++) {
        *list[i].at = vx_calloc(elements, list[i].bytes);
        if (*list[i].at == NULL)
            return false;
    }
    return true;
}

#define RESERVE(pointer)                                                                           \
    {                                                                                              \
        (void **)&(pointer), sizeof(*(pointer))                                                    \
    }
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool reserve_squares(vx_aggregator *a, size_t n)
{
    const reservation list[] = {
        RESERVE(a->raw_k),
        RESERVE(a->raw_d),
        RESERVE(a->seen_k),
        RESERVE(a->seen_d),
        RESERVE(a->next_k),
        RESERVE(a->next_d),
        RESERVE(a->map),
        RESERVE(a->step),
        RESERVE(a->product),
        RESERVE(a->work.square),
        RESERVE(a->work.square_more),
        RESERVE(a->work.square_third),
        RESERVE(a->work.square_fourth),
    };

    return reserve(list, COUNT(list), n * n);
}

static bool reserve_vectors(vx_aggregator *a, size_t n)
{
    const reservation list[] = {
        RESERVE(a->work.values),
        RESERVE(a->work.values_more),
        RESERVE(a->work.values_third),
        RESERVE(a->work.order),
        RESERVE(a->work.order_more),
        RESERVE(a->work.marks),
        RESERVE(a->work.items),
        RESERVE(a->work.rows),
        RESERVE(a->work.score),
        RESERVE(a->work.selected),
        RESERVE(a->slot),
        RESERVE(a->f32),
        RESERVE(a->f64),
        RESERVE(a->raw_share),
        RESERVE(a->seen_share),
        RESERVE(a->rule_weights),
        RESERVE(a->raw_weights),
        RESERVE(a->norm),
        RESERVE(a->weight),
        RESERVE(a->score),
        RESERVE(a->reconstruction),
        RESERVE(a->distance),
        RESERVE(a->selected),
        RESERVE(a->lost),
        RESERVE(a->apart),
    };

    a->sums = vx_calloc(n, 3 * sizeof(double));
    a->work.sums = a->sums;
    return a->sums != NULL && reserve(list, COUNT(list), n);
}

/* Of a bucket of so many columns, or fewer. */
static size_t parts_most(size_t dimension)
{
    size_t least = VX_PART_BLOCKS_LEAST * VX_AGGREGATE_BLOCK,
           parts = (dimension + least - 1) / least;

    return parts < VX_PARTS_MOST ? parts : VX_PARTS_MOST;
}

static bool reserve_columns(vx_aggregator *a, size_t n)
{
    if (a->rule->way == VX_WAY_MEMORY) {
        a->memory = vx_aligned_calloc(a->dimension, sizeof(*a->memory));
        if (a->memory == NULL)
            return false;
    }
    if (a->rule->columns == NULL)
        return true;
    if (vx_update_measures(a) || a->rule->way == VX_WAY_COLUMNS_WEIGHTS) {
        a->squares = vx_calloc(parts_most(a->dimension), n * sizeof(*a->squares));
        if (a->squares == NULL)
            return false;
    }
    a->block = vx_calloc(a->options.threads, sizeof(*a->block));
    for (unsigned t = 0; a->block != NULL && t < a->options.threads; t++) {
        a->block[t] = vx_aligned_calloc(1, vx_columns_bytes(n));
        if (a->block[t] == NULL)
            return false;
    }
    return a->block != NULL;
}

static vx_status reserve_all(vx_aggregator *a)
{
    size_t n = a->n_max + 1;
    vx_status status = VX_OK;

    if (!reserve_squares(a, n) || !reserve_vectors(a, n) || !reserve_columns(a, n))
        return VX_ERR_NOMEM;
    if (a->options.threads > 1)
        status = vx_parallel_create(a->options.threads, &a->parallel);
    if (status == VX_OK)
        status = vx_products_create(a->parallel, n, &a->products);
    if (status == VX_OK)
        status = vx_flag_fit_create(n, &a->work.fit);
    if (status == VX_OK)
        status = vx_eigen_create(n, &a->work.eigen);
    return status;
}

static vx_status copy_shares(vx_aggregator *a, vx_error *err)
{
    const double *share = a->options.share;

    a->options.share = NULL;
    if (share == NULL)
        return VX_OK;
    a->share = vx_calloc(a->n_max, sizeof(*a->share));
    if (a->share == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu shares", a->n_max);
    for (size_t i = 0; i < a->n_max; i++) {
        if (!(share[i] > 0.0 && share[i] <= 1e18))
            return vx_fail(err, VX_ERR_DOMAIN,
                           "share %g of slot %zu is not above 0 and at most 1e18", share[i], i);
        a->share[i] = share[i];
    }
    return VX_OK;
}

static vx_status configure(vx_aggregator *a, vx_error *err)
{
    vx_status status = vx_aggregate_check_range(&a->options, err);

    if (status == VX_OK)
        status = resolve(a, err);
    if (status == VX_OK)
        status = check_count(a, err);
    if (status == VX_OK)
        status = copy_shares(a, err);
    if (status != VX_OK)
        return status;
    status = reserve_all(a);
    return status == VX_OK ? VX_OK
                           : vx_fail(err, status, "no memory to aggregate %zu rows", a->n_max);
}

vx_status vx_aggregator_create(const vx_aggregate_options *options, size_t n_max, size_t dimension,
                               vx_aggregator **ret_aggregator, vx_error *err)
{
    vx_status status;
    vx_aggregator *a = NULL;

    if (n_max > VX_WORKERS_MAX || dimension == 0 || dimension > VX_DIMENSION_MAX)
        return vx_fail(err, VX_ERR_LIMIT,
                       "n = %zu rows of d = %zu numbers; expected n at most %d, d from 1 to %llu",
                       n_max, dimension, VX_WORKERS_MAX, (unsigned long long)VX_DIMENSION_MAX);
    a = vx_calloc(1, sizeof(*a));
    if (a == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for an aggregator");
    a->options = *options;
    a->n_max = n_max;
    a->dimension = dimension;
    status = configure(a, err);
    if (status == VX_OK) {
        a->options.rule = a->rule->info.name; /* the caller's names end with this call */
        a->options.pre = NULL;
        *ret_aggregator = a;
        a = NULL; /* moved to the caller */
    }
    vx_aggregator_destroy(a);
    return status;
}

static void free_all(void *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vx_free(list[i]);
}

vx_aggregator *vx_aggregator_destroy(vx_aggregator *a)
{
    if (a == NULL)
        return NULL;
    void *const owned[] = {
        a->raw_k,
        a->raw_d,
        a->seen_k,
        a->seen_d,
        a->next_k,
        a->next_d,
        a->map,
        a->step,
        a->product,
        a->work.square,
        a->work.square_more,
        a->work.square_third,
        a->work.square_fourth,
        a->work.values,
        a->work.values_more,
        a->work.values_third,
        a->work.order,
        a->work.order_more,
        a->work.marks,
        a->work.items,
        (void *)a->work.rows,
        a->work.score,
        a->work.selected,
        a->slot,
        (void *)a->f32,
        (void *)a->f64,
        a->raw_share,
        a->seen_share,
        a->rule_weights,
        a->raw_weights,
        a->norm,
        a->weight,
        a->score,
        a->reconstruction,
        a->distance,
        a->selected,
        a->lost,
        a->apart,
        a->sums,
        a->squares,
        a->share,
        a->memory,
        a->memory_f64,
    };

    vx_products_destroy(a->products);
    vx_parallel_destroy(a->parallel);
    vx_flag_fit_destroy(a->work.fit);
    vx_eigen_destroy(a->work.eigen);
    for (unsigned t = 0; a->block != NULL && t < a->options.threads; t++)
        vx_free(a->block[t]);
    vx_free(a->block);
    free_all(owned, COUNT(owned));
    vx_free(a);
    return NULL;
}
