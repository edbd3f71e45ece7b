#ifndef VX_CHECKPOINT_CONTENT_H
#define VX_CHECKPOINT_CONTENT_H
#include "manifest.h"

/* The manifest of a checkpoint's folder, checked; its rounds are those of the folder's name, if the
 * name has any. The caller releases its json. The message begins with the path. */
VX_MUST_CHECK vx_status vx_content_manifest(const char *folder, vx_manifest *ret_manifest,
                                            vx_error *err);

/* Reads the file to its end and compares it with what the manifest says. */
VX_MUST_CHECK vx_status vx_content_compare(const char *path, const vx_measure *expected,
                                           vx_error *err);

/* Compares the size only. */
VX_MUST_CHECK vx_status vx_content_compare_size(const char *path, uint64_t expected, vx_error *err);
#endif
