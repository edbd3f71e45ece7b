#ifndef VX_TASK_TASK_PRIVATE_H
#define VX_TASK_TASK_PRIVATE_H
#include <vx_task/task.h>

/* source.c: path, or its last name in data_dir. New memory; NULL when there is none. */
char *vx_task_data_path(const vx_task_place *place, const char *path);
char **vx_task_data_paths(const vx_task_place *place, char *const *paths, size_t count);
char **vx_task_paths_destroy(char **paths, size_t count);
/* dataset, reference, augmentation. */
VX_MUST_CHECK vx_status vx_task_load(vx_task *task, const vx_task_place *place, bool training,
                                     vx_error *err);

vx_likelihood vx_task_likelihood(vx_job_likelihood likelihood);
/* spec.c: model, and theta of the teacher. */
VX_MUST_CHECK vx_status vx_task_create_model(vx_task *task, bool training, vx_error *err);

/* batch.c: memory; `training` takes what a gradient needs, else what an evaluation needs. */
VX_MUST_CHECK vx_status vx_task_take_memory(vx_task *task, bool training, vx_error *err);
void vx_task_free_memory(vx_task *task);
/* Observations of the first `size` memory.positions; when training, their weights and the sums of
 * those. */
void vx_task_look_up(vx_task *task, size_t size, bool training);
/* Neighbours in memory.positions. */
typedef struct vx_task_rows {
    size_t from, size;
} vx_task_rows;
/* Features of these, with augmentation of that round when training. */
vx_batch vx_task_fill_features(vx_task *task, vx_task_rows rows, uint64_t round, bool training);
/* Labels or targets, one column. */
void vx_task_fill_targets_one(vx_task *task, vx_task_rows rows);
/* And of all columns; when training, with their weights, and permuted as memory.drawn says. */
void vx_task_fill_targets(vx_task *task, vx_task_rows rows, bool training, vx_batch *batch);
#endif
