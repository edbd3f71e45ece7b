#ifndef VX_DATA_STORE_H
#define VX_DATA_STORE_H
#include <vx_data/dataset.h>

#include "block.h"

/* What the readers fill and gathering reads. */
typedef enum vx_number { VX_NUMBER_U8, VX_NUMBER_F32, VX_NUMBER_F64 } vx_number;

#define VX_STORE_NAME_SIZE 128 /* of a path as vx_store_name gives it */
struct vx_dataset {
    vx_dataset_info info;
    vx_number number;  /* of dense features; sparse ones are float */
    vx_block features; /* dense: row i at byte i x stride; sparse: the values */
    size_t stride;     /* bytes */
    vx_block columns;  /* sparse: uint32_t, of each value */
    vx_block begin;    /* sparse: size_t (rows + 1) */
    vx_block targets;  /* uint32_t (rows), or float (rows, target_columns) */
    /* What was kept; NULL: everything. numbers[i] is the observation at position i, and its row,
     * unless the blocks hold the kept rows alone. */
    uint32_t *numbers; /* owned */
    bool compact;
    /* Floats of an npy file that nobody has looked at: its name, and where in it they begin. */
    bool unchecked;
    char name[VX_STORE_NAME_SIZE];
    size_t start;
};

/* Where the arrays of a source grow. */
vx_block_place vx_store_place(const vx_data_source *source);

/* The path, or "..." and its end when it is long: a message has room for more than a path. Returns
 * name. */
const char *vx_store_name(const char *path, char name[VX_STORE_NAME_SIZE]);

/* Targets in the making. A label is below the declared classes, or below VX_DATA_CLASSES_MAX when
 * none are declared. */
typedef struct vx_targets {
    vx_builder builder;
    vx_target_kind kind;
    size_t declared, classes; /* classes: as far as seen when none are declared */
} vx_targets;
vx_targets vx_targets_begin(const vx_data_source *source);
/* The largest label that is taken. */
size_t vx_targets_label_max(const vx_targets *targets);
/* label <= vx_targets_label_max, or any number of real targets. */
VX_MUST_CHECK vx_status vx_targets_add_label(vx_targets *targets, uint32_t label, vx_error *err);
VX_MUST_CHECK vx_status vx_targets_add_value(vx_targets *targets, float value, vx_error *err);
/* Moves them into the dataset, with classes or target_columns = columns in its info. Zeroes the
 * targets also on failure. */
VX_MUST_CHECK vx_status vx_targets_end(vx_targets *targets, size_t columns, vx_dataset *dataset,
                                       vx_error *err);

/* The readers fill a zeroed set; on failure the caller frees what is in it. */
VX_MUST_CHECK vx_status vx_read_idx(const vx_data_source *source, vx_dataset *dataset,
                                    vx_error *err);
VX_MUST_CHECK vx_status vx_read_npy(const vx_data_source *source, vx_dataset *dataset,
                                    vx_error *err);
VX_MUST_CHECK vx_status vx_read_csv(const vx_data_source *source, vx_dataset *dataset,
                                    vx_error *err);
VX_MUST_CHECK vx_status vx_read_svmlight(const vx_data_source *source, vx_dataset *dataset,
                                         vx_error *err);
VX_MUST_CHECK vx_status vx_read_cifar(const vx_data_source *source, vx_dataset *dataset,
                                      vx_error *err);
#endif
