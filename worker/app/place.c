#include "place.h"

#include <vx_worker_app/worker.h>

static vx_place taken;

void vx_worker_place_take(void)
{
    if (vx_place_here(&taken, NULL) != VX_OK)
        taken = (vx_place){ .cores = 0 };
}

const vx_place *vx_app_place(void)
{
    return &taken;
}
