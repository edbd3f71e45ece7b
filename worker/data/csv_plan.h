#ifndef VX_DATA_CSV_PLAN_H
#define VX_DATA_CSV_PLAN_H
#include "categories.h"
#include "store.h"

/* What a column of a csv file is. */
typedef enum vx_csv_role {
    VX_CSV_NUMBER,
    VX_CSV_CATEGORY,
    VX_CSV_TARGET,
    VX_CSV_IGNORED
} vx_csv_role;

typedef struct vx_csv_column {
    vx_csv_role role;
    size_t feature;              /* the first one that it makes */
    const vx_category *category; /* borrowed; of a category, or a target that is one; else NULL */
    char *text;                  /* owned: its cell in the first row */
} vx_csv_column;

/* The columns of a file, from its first row and the options of a source. */
typedef struct vx_csv_plan {
    vx_categories categories;
    vx_csv_column *at; /* owned, (count) */
    size_t count, room;
    size_t features;
    size_t target; /* which column it is */
    bool header;
} vx_csv_plan;

/* VX_ERR_DATA: a name or number that no column, or more than one, has; a column that is both target
 * and ignored; no feature is left; more values than declared classes. plan is zeroed before; it is
 * to be cleared also on failure. */
VX_MUST_CHECK vx_status vx_csv_plan_make(const vx_data_source *source, vx_csv_plan *plan,
                                         vx_error *err);
void vx_csv_plan_clear(vx_csv_plan *plan);

/* "2", or "2 (age)" with a header; returns buffer. */
#define VX_CSV_LABEL_SIZE 96
const char *vx_csv_label(const vx_csv_plan *plan, size_t column, char buffer[VX_CSV_LABEL_SIZE]);
#endif
