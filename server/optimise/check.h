#ifndef VX_OPTIMISE_CHECK_H
#define VX_OPTIMISE_CHECK_H
#include <vx_optimise/optimise.h>

/* VX_ERR_DOMAIN names the option that is out of range. */
VX_MUST_CHECK vx_status vx_optimiser_check(const vx_optimiser_options *options, vx_error *err);
#endif
