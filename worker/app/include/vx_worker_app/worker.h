#ifndef VX_WORKER_APP_WORKER_H
#define VX_WORKER_APP_WORKER_H
#include <vx_bootstrap/bootstrap.h>
#include <vx_base/status.h>

/* Both run until the server says that the run is over, or until something that stays is wrong. */
VX_MUST_CHECK vx_status vx_worker_run(const vx_bootstrap *bootstrap, vx_error *err);
VX_MUST_CHECK vx_status vx_evaluator_run(const vx_bootstrap *bootstrap, vx_error *err);
#endif
