#include "doubts.h"

#include <inttypes.h>
#include <math.h>

#include "document.h"

#define SHOWN_MAX 3 /* slots a line */

static size_t count_weights(const json_t *slots)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(slots); i++)
        if (!isnan(vx_ctl_json_number(json_array_get(slots, i), "weight")))
            count++;
    return count;
}

static bool is_light(const json_t *slot, double share)
{
    return vx_ctl_json_number(slot, "weight") < 0.5 * share; /* false of NaN */
}

static void print_rest(FILE *out, size_t found)
{
    if (found > SHOWN_MAX)
        (void)fprintf(out, ", %zu more", found - SHOWN_MAX);
}

static void print_weights(FILE *out, const json_t *slots)
{
    size_t count = count_weights(slots);
    double share = count > 0 ? 1.0 / (double)count : 0.0;
    size_t found = 0;
    size_t shown = 0;

    for (size_t i = 0; i < json_array_size(slots); i++)
        if (is_light(json_array_get(slots, i), share))
            found++;
    if (found == 0 || 2 * found > count) /* a rule that selects a few doubts nobody */
        return;
    (void)fputs("least weight  ", out);
    for (size_t i = 0; i < json_array_size(slots) && shown < SHOWN_MAX; i++) {
        const json_t *slot = json_array_get(slots, i);

        if (is_light(slot, share))
            (void)fprintf(out, "%sslot %" PRIu64 " (%.2g)", shown++ > 0 ? ", " : "",
                          vx_ctl_json_count(slot, "slot"), vx_ctl_json_number(slot, "weight"));
    }
    print_rest(out, found);
    (void)fprintf(out, " of %.3g\n", share);
}

static void print_refused(FILE *out, const json_t *slots)
{
    size_t found = 0;

    for (size_t i = 0; i < json_array_size(slots); i++) {
        const json_t *slot = json_array_get(slots, i);
        uint64_t nonfinite = vx_ctl_json_count(slot, "nonfinite");
        uint64_t refused = vx_ctl_json_refused(slot);

        if (refused == 0 || ++found > SHOWN_MAX)
            continue;
        (void)fprintf(out, "%sslot %" PRIu64 " (%" PRIu64, found > 1 ? ", " : "refused       ",
                      vx_ctl_json_count(slot, "slot"), refused);
        if (nonfinite > 0)
            (void)fprintf(out, ", %" PRIu64 " not finite", nonfinite);
        (void)fputs(")", out);
    }
    print_rest(out, found);
    if (found > 0)
        (void)fputs("\n", out);
}

void vx_ctl_doubts_print(FILE *out, const json_t *slots)
{
    print_weights(out, slots);
    print_refused(out, slots);
}
