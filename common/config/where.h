#ifndef VX_CONFIG_WHERE_H
#define VX_CONFIG_WHERE_H
#include <stddef.h>

#include <vx_base/status.h>
#include <vx_config/job.h>

/* The place that a message blames. */
typedef struct vx_where {
    const char *file;     /* as the user named it */
    size_t line;          /* from 1; 0 = none */
    const char *override; /* "key=value" of --set, then file and line are not said; or NULL */
    const char *key;      /* "data.batch"; "" for the whole document */
} vx_where;

/* "job.yaml:12: data.batch: ..." or "--set data.batch=0: data.batch: ...". Returns VX_ERR_CONFIG.
 */
vx_status vx_config_fail(vx_where where, vx_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where each key that the user gave stands; kept in vx_job.origin. */
typedef struct vx_job_mark {
    char *key;
    size_t line;
    size_t override; /* index, or SIZE_MAX */
} vx_job_mark;

struct vx_job_origin {
    char *file;
    char **overrides;
    size_t overrides_count;
    vx_job_mark *marks;
    size_t marks_count, marks_capacity;
};

VX_MUST_CHECK vx_status vx_config_origin_create(const char *file, const char *const *overrides,
                                                size_t overrides_count, vx_job_origin **ret_origin);
vx_job_origin *vx_config_origin_destroy(vx_job_origin *origin);
VX_MUST_CHECK vx_status vx_config_origin_add(vx_job_origin *origin, const char *key, size_t line,
                                             size_t override);
/* NULL when the user did not give key. */
const vx_job_mark *vx_config_origin_find(const vx_job_origin *origin, const char *key);
#endif
