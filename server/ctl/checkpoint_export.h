#ifndef VX_CTL_CHECKPOINT_EXPORT_H
#define VX_CTL_CHECKPOINT_EXPORT_H
#include <vx_base/status.h>
#include <vx_checkpoint/checkpoint.h>

/* Writes the parameters to out: FILE.safetensors with notes of where they come from, or, when out
 * ends in a slash or is a folder, out/NAME.npy for each tensor. VX_ERR_USAGE for any other name. */
VX_MUST_CHECK vx_status vx_ctl_checkpoint_write_to(const vx_checkpoint *content, const char *out,
                                                   vx_error *err);
#endif
