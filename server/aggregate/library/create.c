#include "create.h"

#include <string.h>

#include <vx_base/alloc.h>

enum { PRE_MAX = 8 };
static const char GAPS[] = " \t\n";

/* Cuts text at the commas; the names point into it. */
static vx_status take_pre(char *text, const char *pre[PRE_MAX], size_t *ret_count, vx_error *err)
{
    char *rest = NULL;

    *ret_count = 0;
    for (char *name = strtok_r(text, ", \t\n", &rest); name != NULL;
         name = strtok_r(NULL, ", \t\n", &rest)) {
        if (*ret_count == PRE_MAX)
            return vx_fail(err, VX_ERR_CONFIG, "more than %d pre-aggregators", PRE_MAX);
        pre[(*ret_count)++] = name;
    }
    return VX_OK;
}

static vx_status take_options(char *text, vx_aggregate_options *options, vx_error *err)
{
    char *rest = NULL;
    vx_status status = VX_OK;

    for (char *word = strtok_r(text, GAPS, &rest); status == VX_OK && word != NULL;
         word = strtok_r(NULL, GAPS, &rest)) {
        char *value = strchr(word, '=');

        if (value == NULL)
            return vx_fail(err, VX_ERR_CONFIG, "expected key=value, found '%.64s'", word);
        *value = '\0';
        status = vx_aggregate_set(options, word, value + 1, err);
    }
    return status;
}

static vx_status reserve(vexil_aggregator *v, size_t rows_max, vx_error *err)
{
    v->rows_max = rows_max;
    v->present = vx_calloc(rows_max, sizeof(*v->present));
    v->f32 = vx_calloc(rows_max, sizeof(*v->f32));
    v->f64 = vx_calloc(rows_max, sizeof(*v->f64));
    if (v->present == NULL || v->f32 == NULL || v->f64 == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu rows", rows_max);
    return VX_OK;
}

static vx_status make(vexil_aggregator *v, const vexil_wish *wish, char *pre_text,
                      char *options_text, size_t dimension, vx_error *err)
{
    const char *pre[PRE_MAX];
    vx_aggregate_options options = vx_aggregate_options_default();
    vx_status status = VX_OK;

    options.rule = wish->rule;
    options.pre = pre;
    options.byzantine = wish->byzantine;
    options.share = wish->share;
    status = take_pre(pre_text, pre, &options.pre_count, err);
    if (status == VX_OK)
        status = take_options(options_text, &options, err);
    if (status == VX_OK)
        status = vx_aggregator_create(&options, v->rows_max, dimension, &v->aggregator, err);
    return status;
}

void vexil_unmake(vexil_aggregator *v)
{
    if (v == NULL)
        return;
    vx_aggregator_destroy(v->aggregator);
    vx_free(v->present);
    vx_free((void *)v->f32);
    vx_free((void *)v->f64);
    vx_free(v);
}

static vx_status check_wish(const vexil_wish *wish, size_t rows_max, vx_error *err)
{
    if (wish->rule == NULL)
        return vx_fail(err, VX_ERR_CONFIG, "no rule is named");
    if (rows_max == 0 || rows_max > VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%zu rows, expected 1 .. %d", rows_max, VX_WORKERS_MAX);
    return VX_OK;
}

vx_status vexil_make(const vexil_wish *wish, size_t rows_max, size_t dimension,
                     vexil_aggregator **ret_aggregator, vx_error *err)
{
    vx_status status = check_wish(wish, rows_max, err);
    vexil_aggregator *v = NULL;
    char *pre = NULL, *options = NULL;

    if (status != VX_OK)
        return status;
    v = vx_calloc(1, sizeof(*v));
    pre = vx_strdup(wish->pre != NULL ? wish->pre : "");
    options = vx_strdup(wish->options != NULL ? wish->options : "");
    if (v == NULL || pre == NULL || options == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for an aggregator");
        goto out;
    }
    status = reserve(v, rows_max, err);
    if (status == VX_OK)
        status = make(v, wish, pre, options, dimension, err);
    if (status == VX_OK) {
        *ret_aggregator = v;
        v = NULL; /* moved to the caller */
    }
out:
    vexil_unmake(v);
    vx_free(pre);
    vx_free(options);
    return status;
}
