#ifndef VX_DATA_CATEGORIES_H
#define VX_DATA_CATEGORIES_H
#include <stdbool.h>
#include <stddef.h>

#include <vx_base/status.h>

/* The values that a column of text can have, in the order of their bytes. */
typedef struct vx_category {
    char *column;  /* owned: its name or number */
    char **values; /* owned, (count) */
    size_t count, room;
} vx_category;

typedef struct vx_categories {
    vx_category *at; /* owned */
    size_t count, room;
    char name[128]; /* of the file, for messages */
} vx_categories;

#define VX_CATEGORIES_MAX 65536u /* values of a column */

/* Lines "column,value,value,...". VX_ERR_DATA: a column without values or listed twice, a value
 * listed twice; and what vx_csv_walk returns. categories is zeroed before; it is to be cleared also
 * on failure. */
VX_MUST_CHECK vx_status vx_categories_read(const char *path, vx_categories *categories,
                                           vx_error *err);
void vx_categories_clear(vx_categories *categories);
/* *ret_place is the place of the text among the values. */
bool vx_category_find(const vx_category *category, const char *text, size_t *ret_place);
#endif
