#include "csv_plan.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "csv_walk.h"
#include "text.h"

/* A file that is being read. */
typedef struct table {
    const vx_data_source *source;
    vx_csv_plan plan;
    char name[VX_STORE_NAME_SIZE];
    vx_builder features;
    vx_targets targets;
    float *row;   /* (features) */
    size_t count; /* rows so far, without the header */
    bool in_header;
} table;

/* What other programs write for a value that they do not have. */
static bool is_missing(const char *text)
{
    static const char *const words[] = { "", "NA", "NaN", "nan", "?" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return false;
}

static vx_status refuse(const table *t, size_t line, size_t column, const char *expected,
                        const char *text, vx_error *err)
{
    char label[VX_CSV_LABEL_SIZE], quoted[VX_LOG_QUOTE_SIZE];

    return vx_fail(err, VX_ERR_DATA, "%s:%zu: column %s: expected %s, found %s", t->name, line,
                   vx_csv_label(&t->plan, column, label), expected,
                   vx_text_quote(text, strlen(text), quoted));
}

/* The features of a column without a value. */
static vx_status take_missing(table *t, size_t line, size_t column, const char *text, vx_error *err)
{
    const vx_csv_column *c = &t->plan.at[column];
    size_t width = c->category != NULL ? c->category->count : 1;

    switch (t->source->csv.missing) {
    case VX_MISSING_REFUSE:
        break;
    case VX_MISSING_ZERO: /* as the row is */
        return VX_OK;
    case VX_MISSING_MEAN:
        memcpy(t->row + c->feature, vx_reference_means(t->source->reference) + c->feature,
               width * sizeof(*t->row));
        return VX_OK;
    case VX_MISSING_NAN:
        for (size_t k = 0; k < width; k++)
            t->row[c->feature + k] = NAN;
        return VX_OK;
    }
    return refuse(t, line, column, "a value (data.csv.missing is refuse)", text, err);
}

static vx_status take_feature(table *t, size_t line, size_t column, const char *text, size_t size,
                              vx_error *err)
{
    const vx_csv_column *c = &t->plan.at[column];
    double number = 0.0;
    size_t place = 0;

    if (c->category != NULL && vx_category_find(c->category, text, &place)) {
        t->row[c->feature + place] = 1.0f;
        return VX_OK;
    }
    if (c->category == NULL && vx_text_number(text, size, &number)) {
        t->row[c->feature] = (float)number;
        return VX_OK;
    }
    if (is_missing(text))
        return take_missing(t, line, column, text, err);
    return refuse(t, line, column,
                  c->category != NULL ? "a value that the file of categories lists"
                                      : "a number (text needs a line in the file of categories)",
                  text, err);
}

static vx_status take_target(table *t, size_t line, size_t column, const char *text, size_t size,
                             vx_error *err)
{
    const vx_category *category = t->plan.at[column].category;
    uint64_t label = 0;
    double number = 0.0;
    size_t place = 0;

    if (category != NULL) {
        if (!vx_category_find(category, text, &place))
            return refuse(t, line, column, "a value that the file of categories lists", text, err);
        return vx_targets_add_label(&t->targets, (uint32_t)place, err);
    }
    if (t->source->targets == VX_TARGETS_REAL) {
        if (!vx_text_number(text, size, &number))
            return refuse(t, line, column, "a number as target", text, err);
        return vx_targets_add_value(&t->targets, (float)number, err);
    }
    if (!vx_text_whole(text, size, vx_targets_label_max(&t->targets), &label))
        return refuse(t, line, column, "a class, from 0 and below the number of classes", text,
                      err);
    return vx_targets_add_label(&t->targets, (uint32_t)label, err);
}

static vx_status on_cell(void *context, size_t line, size_t column, const char *text, size_t size,
                         vx_error *err)
{
    table *t = context;

    if (t->in_header || column >= t->plan.count)
        return VX_OK; /* on_row tells */
    switch (t->plan.at[column].role) {
    case VX_CSV_NUMBER:
    case VX_CSV_CATEGORY:
        return take_feature(t, line, column, text, size, err);
    case VX_CSV_TARGET:
        return take_target(t, line, column, text, size, err);
    case VX_CSV_IGNORED:
        break;
    }
    return VX_OK;
}

static vx_status on_row(void *context, size_t line, size_t columns, vx_error *err)
{
    table *t = context;
    size_t bytes = t->plan.features * sizeof(*t->row);
    vx_status status = VX_OK;

    if (t->in_header) {
        t->in_header = false;
        return VX_OK;
    }
    if (columns != t->plan.count)
        return vx_fail(err, VX_ERR_DATA,
                       "%s:%zu: expected %zu columns, as in the first row, found "
                       "%zu",
                       t->name, line, t->plan.count, columns);
    if (t->count == VX_DATA_COUNT_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: more than %u observations", t->name, line,
                       VX_DATA_COUNT_MAX);
    t->count++;
    status = vx_builder_add(&t->features, t->row, bytes, err);
    memset(t->row, 0, bytes);
    return status;
}

static vx_status check_reference(const table *t, vx_error *err)
{
    const vx_reference *reference = t->source->reference;

    if (t->source->csv.missing != VX_MISSING_MEAN)
        return VX_OK;
    if (reference == NULL)
        return vx_fail(err, VX_ERR_DOMAIN, "%s: missing values as means need a reference", t->name);
    if (vx_reference_features(reference) == t->plan.features)
        return VX_OK;
    return vx_fail(err, VX_ERR_DATA, "%s: its columns make %zu features, the reference has %zu",
                   t->name, t->plan.features, vx_reference_features(reference));
}

static vx_status read_rows(table *t, vx_error *err)
{
    vx_csv_visitor visitor = { .cell = on_cell, .row = on_row, .context = t };
    vx_status status = VX_OK;

    t->row = vx_calloc(t->plan.features, sizeof(*t->row));
    if (t->row == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for %zu features", t->name,
                       t->plan.features);
    t->in_header = t->plan.header;
    if (t->targets.declared == 0 && t->plan.at[t->plan.target].category != NULL)
        t->targets.declared = t->plan.at[t->plan.target].category->count;
    status = vx_csv_walk(t->source->features, t->source->csv.delimiter, &visitor, err);
    if (status == VX_OK && t->count == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: expected rows below the header, found none", t->name);
    return status;
}

static vx_status end_all(table *t, vx_dataset *dataset, vx_error *err)
{
    vx_status status = vx_builder_end(&t->features, &dataset->features, err);

    if (status == VX_OK)
        status = vx_targets_end(&t->targets, 1, dataset, err);
    dataset->info.count = t->count;
    dataset->info.features = t->plan.features;
    dataset->info.row_values_max = t->plan.features;
    dataset->number = VX_NUMBER_F32;
    dataset->stride = t->plan.features * sizeof(float);
    return status;
}

vx_status vx_read_csv(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    table t = { .source = source,
                .features = { .place = vx_store_place(source) },
                .targets = vx_targets_begin(source) };
    vx_status status = vx_csv_plan_make(source, &t.plan, err);

    (void)vx_store_name(source->features, t.name);
    if (status == VX_OK)
        status = check_reference(&t, err);
    if (status == VX_OK)
        status = read_rows(&t, err);
    if (status == VX_OK)
        status = end_all(&t, dataset, err);
    vx_free(t.row);
    vx_builder_abandon(&t.features);
    vx_builder_abandon(&t.targets.builder);
    vx_csv_plan_clear(&t.plan);
    return status;
}
