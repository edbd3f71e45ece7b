#ifndef VX_CTL_RUN_FOLDER_H
#define VX_CTL_RUN_FOLDER_H
#include <stdint.h>
#include <time.h>

#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>
#include <vx_transport/conn.h>

/* "runs/fashion-mnist-20260131-120000"; attempt 2, 3, ... adds "-2", "-3", ... Returns text. */
#define VX_CTL_RUN_NAME_SIZE (VX_NAME_MAX + 64)
char *vx_ctl_run_name(const char *job, const struct tm *when, unsigned attempt,
                      char text[VX_CTL_RUN_NAME_SIZE]);

/* Makes a folder of that name that did not exist; *ret_path is new memory. */
VX_MUST_CHECK vx_status vx_ctl_run_create(const char *job, time_t now, char **ret_path,
                                          vx_error *err);

#define VX_CTL_ENDPOINTS_MAX (VX_ENDPOINTS_MAX + 1)
typedef struct vx_ctl_server { /* server.json */
    uint64_t pid, job_id, workers;
    uint32_t epoch;
    size_t endpoints_count; /* at least 1 */
    /* In the order in which they are tried; on the server's own host its local one is the last. */
    vx_endpoint endpoints[VX_CTL_ENDPOINTS_MAX];
} vx_ctl_server;

VX_MUST_CHECK vx_status vx_ctl_server_parse(vx_cbytes text, const char *name,
                                            vx_ctl_server *ret_server, vx_error *err);
/* VX_ERR_NOT_FOUND: there is no server.json, so no server. */
VX_MUST_CHECK vx_status vx_ctl_server_load(const char *run_dir, vx_ctl_server *ret_server,
                                           vx_error *err);

/* The token of the line "observer - HEX". VX_ERR_DATA; the message holds no token. */
VX_MUST_CHECK vx_status vx_ctl_token_parse(vx_cbytes text, const char *name,
                                           uint8_t ret_token[VX_TOKEN_BYTES], vx_error *err);
VX_MUST_CHECK vx_status vx_ctl_token_load(const char *run_dir, uint8_t ret_token[VX_TOKEN_BYTES],
                                          vx_error *err);
#endif
