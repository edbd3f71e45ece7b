#include "csv_plan.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "csv_walk.h"
#include "text.h"

#define SHOWN "32" /* bytes of a name that a message shows */

typedef struct first_row {
    vx_csv_plan *plan;
    const char *name; /* of the file */
} first_row;

static vx_status on_cell(void *context, size_t line, size_t column, const char *text, size_t size,
                         vx_error *err)
{
    first_row *first = context;
    vx_csv_plan *plan = first->plan;

    (void)line;
    (void)size;
    if (column == plan->room) {
        size_t room = plan->room > 0 ? 2 * plan->room : 16;
        vx_csv_column *at = vx_realloc(plan->at, room * sizeof(*at));

        if (at == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for %zu columns", first->name, room);
        plan->at = at;
        plan->room = room;
    }
    plan->at[column] = (vx_csv_column){ .text = vx_strdup(text) };
    if (plan->at[column].text == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for a name", first->name);
    plan->count = column + 1;
    return VX_OK;
}

static vx_status on_row(void *context, size_t line, size_t columns, vx_error *err)
{
    (void)context;
    (void)line;
    (void)columns;
    (void)err;
    return VX_AGAIN; /* the first row is enough */
}

static vx_status read_first_row(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    char name[VX_STORE_NAME_SIZE];
    first_row first = { plan, vx_store_name(source->features, name) };
    vx_csv_visitor visitor = { .cell = on_cell, .row = on_row, .context = &first };
    vx_status status = vx_csv_walk(source->features, source->csv.delimiter, &visitor, err);

    if (status == VX_AGAIN)
        return VX_OK;
    if (status != VX_OK)
        return status;
    return vx_fail(err, VX_ERR_DATA, "%s: expected rows, found none", first.name);
}

/* By the header's text, else by number. `what` is for the message. */
static vx_status find_column(const char *file, const vx_csv_plan *plan, const char *what,
                             const char *text, size_t *ret_column, vx_error *err)
{
    char name[VX_STORE_NAME_SIZE], quoted[VX_LOG_QUOTE_SIZE];
    size_t found = plan->count;
    uint64_t number = 0;

    for (size_t i = 0; plan->header && i < plan->count; i++) {
        if (strcmp(plan->at[i].text, text) != 0)
            continue;
        if (found < plan->count)
            return vx_fail(err, VX_ERR_DATA,
                           "%s:1: columns %zu and %zu are both called %s (%s); give the number",
                           vx_store_name(file, name), found, i, vx_log_quote(text, quoted), what);
        found = i;
    }
    if (found == plan->count && vx_text_whole(text, strlen(text), plan->count - 1, &number))
        found = (size_t)number;
    if (found == plan->count)
        return vx_fail(
            err, VX_ERR_DATA, "%s:1: %s: expected %sthe number of a column, 0 to %zu, found %s",
            vx_store_name(file, name), what, plan->header ? "a name of the header or " : "",
            plan->count - 1, vx_log_quote(text, quoted));
    *ret_column = found;
    return VX_OK;
}

static vx_status assign_target(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    const char *target = source->csv.target;
    vx_status status = VX_OK;

    plan->target = plan->count - 1;
    if (target != NULL && target[0] != '\0')
        status = find_column(source->features, plan, "the target", target, &plan->target, err);
    if (status == VX_OK)
        plan->at[plan->target].role = VX_CSV_TARGET;
    return status;
}

static vx_status assign_ignored(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    for (size_t i = 0; i < source->csv.ignore_count; i++) {
        char label[VX_CSV_LABEL_SIZE], name[VX_STORE_NAME_SIZE];
        size_t column = 0;
        vx_status status = find_column(source->features, plan, "an ignored column",
                                       source->csv.ignore[i], &column, err);

        if (status != VX_OK)
            return status;
        if (column == plan->target)
            return vx_fail(err, VX_ERR_DATA, "%s:1: column %s is the target and ignored",
                           vx_store_name(source->features, name),
                           vx_csv_label(plan, column, label));
        plan->at[column].role = VX_CSV_IGNORED;
    }
    return VX_OK;
}

static vx_status assign_categories(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    for (size_t i = 0; i < plan->categories.count; i++) {
        const vx_category *category = &plan->categories.at[i];
        size_t column = 0;
        vx_status status = find_column(source->features, plan, "a column with categories",
                                       category->column, &column, err);

        if (status != VX_OK)
            return status;
        if (plan->at[column].category != NULL)
            return vx_fail(err, VX_ERR_DATA, "%s: column %zu is listed by name and by number",
                           plan->categories.name, column);
        plan->at[column].category = category;
        if (plan->at[column].role == VX_CSV_NUMBER)
            plan->at[column].role = VX_CSV_CATEGORY;
    }
    return VX_OK;
}

static vx_status check_classes(const vx_data_source *source, const vx_csv_plan *plan, vx_error *err)
{
    const vx_category *category = plan->at[plan->target].category;

    if (category == NULL || source->classes == 0 || category->count <= source->classes)
        return VX_OK;
    return vx_fail(err, VX_ERR_DATA, "%s: the target has %zu values, the job declares %zu classes",
                   plan->categories.name, category->count, source->classes);
}

static vx_status count_features(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    char name[VX_STORE_NAME_SIZE];

    for (size_t i = 0; i < plan->count; i++) {
        plan->at[i].feature = plan->features;
        if (plan->at[i].role == VX_CSV_NUMBER)
            plan->features++;
        else if (plan->at[i].role == VX_CSV_CATEGORY)
            plan->features += plan->at[i].category->count;
    }
    if (plan->features == 0)
        return vx_fail(err, VX_ERR_DATA,
                       "%s:1: expected a column besides the target and the ignored ones, found %zu "
                       "columns; is the delimiter right?",
                       vx_store_name(source->features, name), plan->count);
    if (plan->features > VX_DATA_FEATURES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s: %zu features: at most %zu",
                       vx_store_name(source->features, name), plan->features, VX_DATA_FEATURES_MAX);
    return VX_OK;
}

vx_status vx_csv_plan_make(const vx_data_source *source, vx_csv_plan *plan, vx_error *err)
{
    const char *categories = source->csv.categories;
    vx_status status = VX_OK;

    plan->header = source->csv.header;
    if (categories != NULL && categories[0] != '\0')
        status = vx_categories_read(categories, &plan->categories, err);
    if (status == VX_OK)
        status = read_first_row(source, plan, err);
    if (status == VX_OK)
        status = assign_target(source, plan, err);
    if (status == VX_OK)
        status = assign_ignored(source, plan, err);
    if (status == VX_OK)
        status = assign_categories(source, plan, err);
    if (status == VX_OK)
        status = check_classes(source, plan, err);
    return status == VX_OK ? count_features(source, plan, err) : status;
}

void vx_csv_plan_clear(vx_csv_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        vx_free(plan->at[i].text);
    vx_free(plan->at);
    vx_categories_clear(&plan->categories);
    *plan = (vx_csv_plan){ 0 };
}

const char *vx_csv_label(const vx_csv_plan *plan, size_t column, char buffer[VX_CSV_LABEL_SIZE])
{
    char quoted[VX_LOG_QUOTE_SIZE];

    if (plan->header)
        (void)snprintf(buffer, VX_CSV_LABEL_SIZE, "%zu (%." SHOWN "s)", column,
                       vx_log_quote(plan->at[column].text, quoted));
    else
        (void)snprintf(buffer, VX_CSV_LABEL_SIZE, "%zu", column);
    return buffer;
}
