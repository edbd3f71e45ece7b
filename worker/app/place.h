#ifndef VX_WORKER_APP_PLACE_H
#define VX_WORKER_APP_PLACE_H
#include <vx_place/place.h>

/* What this process may use; cores is 0 before vx_worker_place_take. */
const vx_place *vx_app_place(void);
#endif
