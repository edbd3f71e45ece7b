#ifndef VX_CONFIG_OVERRIDE_H
#define VX_CONFIG_OVERRIDE_H
#include "tree.h"

/*
 * Puts the value of tree->overrides[index], "section.key=value" or "faults[0].scale=5", into the
 * document; sections on the way are made, an index may name the element after the last one. The
 * document before must have passed vx_config_check. VX_ERR_CONFIG, VX_ERR_NOMEM.
 */
VX_MUST_CHECK vx_status vx_config_override(vx_tree *tree, size_t index, vx_error *err);
#endif
