#ifndef VX_CONFIG_CHECK_H
#define VX_CONFIG_CHECK_H
#include "schema.h"
#include "tree.h"

/* Holds the value at node, and all below it, against key: kinds, ranges, unknown and repeated keys.
 * path names node in messages, line is where its key stands. VX_ERR_CONFIG, VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_config_check(vx_tree *tree, const vx_key *key, int node, size_t line,
                                        const char *path, vx_error *err);

/* The same for the whole document; adds the default of every key that is missing, fails on one that
 * is required, and marks in origin each key that the user gave. */
VX_MUST_CHECK vx_status vx_config_complete(vx_tree *tree, vx_job_origin *origin, vx_error *err);
#endif
