#ifndef VX_CONFIG_IDLE_H
#define VX_CONFIG_IDLE_H
#include <stdbool.h>

#include <vx_config/job.h>

/*
 * Keys that matter only beside a value of another key. One that somebody has set, and that cannot
 * matter, is a mistake: it is refused. One that says its default is taken: the full form of a job
 * has them all.
 */
typedef struct vx_idle_key {
    const char *key; /* "model.dropout" */
    bool applies;
    const char *beside; /* what it needs: "model.family: mlp" */
} vx_idle_key;

/* "model.dropout: expected model.family: mlp beside it, found linear". found: what stands in the
 * place of what all of these keys need. */
VX_MUST_CHECK vx_status vx_config_refuse_idle(const vx_job *job, const vx_idle_key *keys,
                                              size_t count, const char *found, vx_error *err);

/* Has key, "section.section.key" outside of lists, the value of its default? */
bool vx_config_is_default(const vx_job *job, const char *key);

/* Of relate.c, for data and model. */
VX_MUST_CHECK vx_status vx_config_relate_data(vx_job *job, vx_error *err);
VX_MUST_CHECK vx_status vx_config_relate_model(vx_job *job, vx_error *err);
#endif
