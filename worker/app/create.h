#ifndef VX_WORKER_APP_CREATE_H
#define VX_WORKER_APP_CREATE_H
#include <vx_task/task.h>

#include "client.h"

/* The evaluator's task of the job that the server has told. */
VX_MUST_CHECK vx_status vx_app_create_evaluator(const vx_client *client, vx_task *ret_task,
                                                vx_error *err);
#endif
