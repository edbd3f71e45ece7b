#include "places.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <vx_base/limits.h>

#include "progress.h"

static bool is_placed(const json_t *slot)
{
    return vx_ctl_json_count(slot, "threads") > 0 &&
           strcmp(json_string_value(json_object_get(slot, "state")) != NULL
                      ? json_string_value(json_object_get(slot, "state"))
                      : "",
                  "live") == 0;
}

static bool are_together(const json_t *a, const json_t *b)
{
    static const char *const keys[] = { "host", "cpus", "threads", "node" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            return false;
    return true;
}

/* " 0-3,7": of the slots that are where this one is. */
static void print_slots(FILE *out, const json_t *slots, size_t first)
{
    size_t count = json_array_size(slots);
    const char *before = " ";

    for (size_t i = first; i < count; i++) {
        size_t end = i;

        while (end < count && is_placed(json_array_get(slots, end)) &&
               are_together(json_array_get(slots, first), json_array_get(slots, end)))
            end++;
        if (end == i)
            continue;
        (void)fprintf(out, "%s%zu", before, i);
        if (end - i > 1)
            (void)fprintf(out, "-%zu", end - 1);
        before = ",";
        i = end;
    }
}

static void print_place(FILE *out, const json_t *slots, size_t first)
{
    const json_t *slot = json_array_get(slots, first);
    const json_t *node = json_object_get(slot, "node");
    uint64_t threads = vx_ctl_json_count(slot, "threads");
    char host[VX_NAME_MAX], cpus[VX_NAME_MAX];

    vx_ctl_json_text(slot, "host", host, sizeof(host));
    vx_ctl_json_text(slot, "cpus", cpus, sizeof(cpus));
    (void)fprintf(out, "cores     %s of %s", cpus, host);
    if (json_is_integer(node))
        (void)fprintf(out, ", NUMA node %" JSON_INTEGER_FORMAT, json_integer_value(node));
    (void)fprintf(out, ", %" PRIu64 " BLAS thread%s: slot", threads, threads == 1 ? "" : "s");
    print_slots(out, slots, first);
    (void)fputs("\n", out);
}

static bool came_before(const json_t *slots, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_placed(json_array_get(slots, i)) &&
            are_together(json_array_get(slots, i), json_array_get(slots, at)))
            return true;
    return false;
}

void vx_ctl_places_print(FILE *out, const json_t *slots)
{
    size_t lines = 0;

    for (size_t i = 0; i < json_array_size(slots); i++) {
        if (!is_placed(json_array_get(slots, i)) || came_before(slots, i))
            continue;
        if (lines++ == VX_CTL_PLACES_MAX) {
            (void)fputs("cores     ... more: see --json\n", out);
            return;
        }
        print_place(out, slots, i);
    }
}
