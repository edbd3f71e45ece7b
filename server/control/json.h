#ifndef VX_CONTROL_PRIVATE_JSON_H
#define VX_CONTROL_PRIVATE_JSON_H
#include <jansson.h>

#include <vx_control/journal.h>

json_t *vx_json_real(double value);     /* null when not finite */
json_t *vx_json_text(const char *text); /* bytes that are not UTF-8 become '?' */
json_t *vx_json_phases(const vx_phases *phases);
json_t *vx_json_test(const vx_test_result *test); /* null when not known */
/* Steals value; returns the list, or NULL when it cannot be in it. */
json_t *vx_json_list_with(json_t *list, json_t *value);
json_t *vx_json_slots(const vx_roster *roster);
json_t *vx_json_shards(const vx_assignment *assignment); /* null when it is NULL */
/* Steals document; NULL document = out of memory. */
vx_status vx_json_replace_file(const char *run_dir, const char *name, json_t *document,
                               vx_error *err);
vx_status vx_json_dump(json_t *document, size_t flags, vx_bytes *ret_text);
#endif
