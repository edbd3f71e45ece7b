#include "json.h"

#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

json_t *vx_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *vx_json_text(const char *text)
{
    json_t *string = json_string(text);
    char clean[512];
    size_t size = strlen(text);

    if (string != NULL)
        return string;
    size = size < sizeof(clean) - 1 ? size : sizeof(clean) - 1;
    for (size_t i = 0; i < size; i++)
        clean[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
    clean[size] = '\0';
    return json_string(clean);
}

json_t *vx_json_phases(const vx_phases *phases)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "wait", phases->wait_ms, "check",
                     phases->check_ms, "aggregate", phases->aggregate_ms, "step", phases->step_ms,
                     "record", phases->record_ms, "broadcast", phases->broadcast_ms);
}

json_t *vx_json_test(const vx_test_result *test)
{
    if (!test->known)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:I}", "round", (json_int_t)test->round, "nll",
                     vx_json_real(test->nll), "accuracy", vx_json_real(test->accuracy), "deviance",
                     vx_json_real(test->deviance), "count", (json_int_t)test->count);
}

static json_t *slot_object(size_t index, const vx_slot *slot)
{
    const uint64_t *judged = slot->judged;

    return json_pack(
        "{s:I, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, "
        "s:b, s:o, s:I, s:o}",
        "slot", (json_int_t)index, "state", vx_slot_state_name(slot->state), "incarnation",
        (json_int_t)slot->incarnation, "host", vx_json_text(slot->host), "pid",
        (json_int_t)slot->pid, "received", (json_int_t)slot->received, "accepted",
        (json_int_t)judged[VX_JUDGED_ACCEPTED], "duplicate",
        (json_int_t)judged[VX_JUDGED_DUPLICATE], "stale", (json_int_t)judged[VX_JUDGED_STALE],
        "malformed", (json_int_t)judged[VX_JUDGED_MALFORMED], "over_quota",
        (json_int_t)judged[VX_JUDGED_OVER_QUOTA], "late", (json_int_t)judged[VX_JUDGED_LATE],
        "nonfinite", (json_int_t)judged[VX_JUDGED_NONFINITE], "reconstruction",
        vx_json_real(slot->reconstruction), "weight", vx_json_real(slot->weight), "norm",
        vx_json_real(slot->norm), "nll", vx_json_real(slot->nll), "injected", (int)slot->injected,
        "cpus", slot->cpus[0] != '\0' ? vx_json_text(slot->cpus) : json_null(), "threads",
        (json_int_t)slot->threads, "node",
        slot->node > 0 ? json_integer((json_int_t)slot->node - 1) : json_null());
}

json_t *vx_json_list_with(json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) == 0)
        return list;
    json_decref(list);
    return NULL;
}

json_t *vx_json_slots(const vx_roster *roster)
{
    json_t *list = json_array();

    for (size_t i = 0; i < roster->count && list != NULL; i++)
        list = vx_json_list_with(list, slot_object(i, &roster->slots[i]));
    return list;
}

json_t *vx_json_shards(const vx_assignment *assignment)
{
    json_t *idle = json_array();

    if (assignment == NULL) {
        json_decref(idle);
        return json_null();
    }
    for (size_t i = 0; i < assignment->count && idle != NULL; i++)
        idle = vx_json_list_with(idle, json_integer((json_int_t)assignment->slots[i].idle_rounds));
    return json_pack("{s:I, s:o}", "reassigned", (json_int_t)assignment->reassigned, "idle_rounds",
                     idle);
}

vx_status vx_json_dump(json_t *document, size_t flags, vx_bytes *ret_text)
{
    size_t size = document != NULL ? json_dumpb(document, NULL, 0, flags) : 0;
    uint8_t *text = size > 0 ? vx_malloc(size + 1) : NULL;

    if (text == NULL)
        return VX_ERR_NOMEM;
    if (json_dumpb(document, (char *)text, size, flags) != size) { /* it needs memory too */
        vx_free(text);
        return VX_ERR_NOMEM;
    }
    text[size] = '\0';
    *ret_text = (vx_bytes){ text, size };
    return VX_OK;
}

vx_status vx_json_replace_file(const char *run_dir, const char *name, json_t *document,
                               vx_error *err)
{
    vx_status status = VX_ERR_NOMEM;
    vx_bytes text = { NULL, 0 };
    char *path = vx_path_join(run_dir, name);

    if (path == NULL || document == NULL)
        goto out;
    status = vx_json_dump(document, JSON_INDENT(1), &text);
    if (status != VX_OK)
        goto out;
    text.at[text.size] = '\n'; /* in place of the zero */
    status = vx_file_replace(path, (vx_cbytes){ text.at, text.size + 1 }, 0644, err);
out:
    if (status == VX_ERR_NOMEM)
        status = vx_fail(err, VX_ERR_NOMEM, "%s/%s: out of memory", run_dir, name);
    json_decref(document);
    vx_free(text.at);
    vx_free(path);
    return status;
}
