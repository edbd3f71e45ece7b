#ifndef VX_SERVER_APP_SERVER_H
#define VX_SERVER_APP_SERVER_H
#include <vx_base/log.h>
#include <vx_base/status.h>
#include <vx_place/place.h>
#include <vx_transport/conn.h>

/* What vexild was asked to do; strings are borrowed from argv. */
typedef struct vx_server_options {
    const char *job, *run_dir, *log_file;
    const char *bind, *interface; /* NULL = 127.0.0.1, any port; none */
    const char *advertise[VX_ENDPOINTS_MAX];
    size_t advertise_count; /* 0 = what it listens on */
    const char *const *overrides;
    size_t overrides_count;
    bool resume;
    vx_place place; /* what this process may use, for the log; cores 0 = not known */
    bool log_level_given;
    vx_log_level log_level;
} vx_server_options;

#define VX_SERVER_OVERRIDES_MAX 64

/* Parses argv; prints help and version itself (*ret_done). VX_ERR_USAGE. overrides holds the --set
 * texts. */
VX_MUST_CHECK vx_status vx_server_options_parse(int argc, char **argv,
                                                const char *overrides[VX_SERVER_OVERRIDES_MAX],
                                                vx_server_options *ret_options, bool *ret_done,
                                                vx_error *err);

/* Serves one job until it is done, stopped or failed. Returns how it ended: VX_OK = all rounds are
 * committed, VX_ERR_INTERRUPTED = stopped, can be resumed; otherwise err says why. */
VX_MUST_CHECK vx_status vx_server_run(const vx_server_options *options, vx_error *err);
#endif
