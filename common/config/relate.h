#ifndef VX_CONFIG_RELATE_H
#define VX_CONFIG_RELATE_H
#include <vx_config/job.h>

/* Sets the defaults that depend on other keys, makes paths absolute, and checks what one key alone
 * cannot show. job->origin tells what the user gave. VX_ERR_CONFIG, VX_ERR_NOMEM, VX_ERR_SYSTEM. */
VX_MUST_CHECK vx_status vx_config_relate(vx_job *job, const char *folder, vx_error *err);
#endif
