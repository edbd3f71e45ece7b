#include "categories.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "csv_walk.h"
#include "store.h"
#include "text.h"

_Static_assert(sizeof(((vx_categories *)NULL)->name) == VX_STORE_NAME_SIZE, "one size of names");

/* Room for one more of an array of `size` bytes an item, doubling. */
static bool make_room(void **items, size_t size, size_t count, size_t *room)
{
    size_t wanted = *room > 0 ? 2 * *room : 8;
    void *more = NULL;

    if (count < *room)
        return true;
    more = vx_realloc(*items, wanted * size);
    if (more == NULL)
        return false;
    *items = more;
    *room = wanted;
    return true;
}

static vx_status add_column(vx_categories *c, size_t line, const char *text, vx_error *err)
{
    char quoted[VX_LOG_QUOTE_SIZE];
    void *items = c->at;

    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i].column, text) == 0)
            return vx_fail(err, VX_ERR_DATA, "%s:%zu: column %s is listed twice", c->name, line,
                           vx_log_quote(text, quoted));
    if (!make_room(&items, sizeof(*c->at), c->count, &c->room))
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for categories", c->name);
    c->at = items;
    c->at[c->count] = (vx_category){ .column = vx_strdup(text) };
    if (c->at[c->count].column == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for categories", c->name);
    c->count++;
    return VX_OK;
}

static vx_status add_value(vx_categories *c, size_t line, const char *text, vx_error *err)
{
    vx_category *category = &c->at[c->count - 1];
    void *items = category->values;

    if (category->count == VX_CATEGORIES_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: more than %u values", c->name, line,
                       VX_CATEGORIES_MAX);
    if (!make_room(&items, sizeof(*category->values), category->count, &category->room))
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for categories", c->name);
    category->values = items;
    category->values[category->count] = vx_strdup(text);
    if (category->values[category->count] == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for categories", c->name);
    category->count++;
    return VX_OK;
}

static vx_status on_cell(void *context, size_t line, size_t column, const char *text, size_t size,
                         vx_error *err)
{
    vx_categories *c = context;

    if (size == 0)
        return vx_fail(err, VX_ERR_DATA, "%s:%zu: column %zu: expected %s, found nothing", c->name,
                       line, column, column == 0 ? "the name or number of a column" : "a value");
    return column == 0 ? add_column(c, line, text, err) : add_value(c, line, text, err);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static vx_status on_row(void *context, size_t line, size_t columns, vx_error *err)
{
    vx_categories *c = context;
    vx_category *category = &c->at[c->count - 1];
    char quoted[VX_LOG_QUOTE_SIZE];

    if (columns < 2)
        return vx_fail(err, VX_ERR_DATA, "%s:%zu: expected values after column %s, found none",
                       c->name, line, vx_log_quote(category->column, quoted));
    qsort(category->values, category->count, sizeof(*category->values), compare);
    for (size_t i = 1; i < category->count; i++)
        if (strcmp(category->values[i - 1], category->values[i]) == 0)
            return vx_fail(err, VX_ERR_DATA, "%s:%zu: value %s is listed twice", c->name, line,
                           vx_log_quote(category->values[i], quoted));
    return VX_OK;
}

vx_status vx_categories_read(const char *path, vx_categories *categories, vx_error *err)
{
    vx_csv_visitor visitor = { .cell = on_cell, .row = on_row, .context = categories };

    (void)vx_store_name(path, categories->name);
    return vx_csv_walk(path, ',', &visitor, err);
}

void vx_categories_clear(vx_categories *categories)
{
    for (size_t i = 0; i < categories->count; i++) {
        for (size_t k = 0; k < categories->at[i].count; k++)
            vx_free(categories->at[i].values[k]);
        vx_free(categories->at[i].values);
        vx_free(categories->at[i].column);
    }
    vx_free(categories->at);
    *categories = (vx_categories){ 0 };
}

bool vx_category_find(const vx_category *category, const char *text, size_t *ret_place)
{
    char *const *found =
        bsearch(&text, category->values, category->count, sizeof(*category->values), compare);

    if (found == NULL)
        return false;
    *ret_place = (size_t)(found - category->values);
    return true;
}
