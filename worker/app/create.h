#ifndef VX_WORKER_APP_CREATE_H
#define VX_WORKER_APP_CREATE_H
#include <vx_task/task.h>

#include "client.h"

/* The task of the job that the server has told: a slot's, or the evaluator's. */
VX_MUST_CHECK vx_status vx_app_create_task(const vx_client *client, bool worker, vx_task *ret_task,
                                           vx_error *err);
#endif
