#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "doubts.h"
#include "places.h"
#include "progress.h"

#define PLACE_WIDTH 19 /* of host:pid */

static void print_fraction(FILE *out, int width, int digits, double value)
{
    if (isnan(value))
        (void)fprintf(out, " %*s", width, "-");
    else
        (void)fprintf(out, " %*.*f", width, digits, value);
}

static void print_norm(FILE *out, double value)
{
    if (isnan(value))
        (void)fprintf(out, " %8s", "-");
    else
        (void)fprintf(out, " %8.3g", value);
}

static void print_test(FILE *out, const vx_ctl_test *test)
{
    if (!test->present)
        return;
    (void)fprintf(out, "test      ");
    if (!isnan(test->accuracy))
        (void)fprintf(out, "accuracy %.4f  ", test->accuracy);
    if (!isnan(test->deviance))
        (void)fprintf(out, "deviance %.4g  ", test->deviance);
    (void)fprintf(out, "nll %.4f  (%" PRIu64 " observations, round %" PRIu64 ")\n", test->nll,
                  test->count, test->round);
}

static void print_endpoints(FILE *out, const json_t *root)
{
    const json_t *list = json_object_get(root, "endpoints");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        (void)fprintf(out, "%s%s", i == 0 ? "\nserver    " : "  ", text != NULL ? text : "-");
    }
}

static void print_head(FILE *out, const json_t *root, const vx_ctl_report *report)
{
    bool trains = strcmp(report->state, "training") == 0;
    char duration[VX_CTL_DURATION_SIZE];

    (void)fprintf(out, "job       %s\n", report->job);
    (void)fprintf(out, "state     %s", report->state);
    if (!trains && !isnan(report->since_s))
        (void)fprintf(out, " for %s", vx_ctl_duration(report->since_s, duration));
    if (report->message[0] != '\0')
        (void)fprintf(out, ": %s", report->message);
    print_endpoints(out, root);
    (void)fprintf(out, "\nround     %" PRIu64 "/%" PRIu64, report->round, report->rounds);
    if (!isnan(report->percent))
        (void)fprintf(out, "  %.1f%%", report->percent);
    (void)fputs("\nrate      ", out);
    if (isnan(report->rate) || !trains)
        (void)fputs("-", out);
    else
        (void)fprintf(out, "%.4g rounds/s  eta %s", report->rate,
                      vx_ctl_duration(report->eta_s, duration));
    (void)fputs("\nloss      ", out);
    if (isnan(report->loss))
        (void)fputs("-\n", out);
    else
        (void)fprintf(out, "%.4g\n", report->loss);
    print_test(out, &report->test);
    (void)fprintf(out, "workers   %" PRIu64 "/%" PRIu64, report->live, report->workers);
    if (report->ranks > 1)
        (void)fprintf(out, ", %" PRIu64 " ranks each", report->ranks);
    (void)fputs("\n", out);
}

/* In 80 columns, unless counts have more digits than their columns. */
static void print_slot(FILE *out, const json_t *slot)
{
    bool injected = json_is_true(json_object_get(slot, "injected"));
    char state[16], host[VX_NAME_MAX], pid[24] = "";

    vx_ctl_json_text(slot, "state", state, sizeof(state));
    vx_ctl_json_text(slot, "host", host, sizeof(host));
    (void)fprintf(out, "%4" PRIu64 " %s%-*s %3" PRIu64 " %8" PRIu64 " %4" PRIu64 " %7" PRIu64,
                  vx_ctl_json_count(slot, "slot"), state, 7 - (int)strlen(state),
                  injected ? "*" : "", vx_ctl_json_count(slot, "incarnation"),
                  vx_ctl_json_count(slot, "accepted"), vx_ctl_json_count(slot, "late"),
                  vx_ctl_json_refused(slot));
    print_fraction(out, 5, 3, vx_ctl_json_number(slot, "reconstruction"));
    print_fraction(out, 6, 4, vx_ctl_json_number(slot, "weight"));
    print_norm(out, vx_ctl_json_number(slot, "norm"));
    if (host[0] != '\0')
        (void)snprintf(pid, sizeof(pid), ":%" PRIu64, vx_ctl_json_count(slot, "pid"));
    (void)fprintf(out, " %.*s%s\n", PLACE_WIDTH - (int)strlen(pid), host[0] != '\0' ? host : "-",
                  pid);
}

static bool any_injected(const json_t *slots)
{
    for (size_t i = 0; i < json_array_size(slots); i++)
        if (json_is_true(json_object_get(json_array_get(slots, i), "injected")))
            return true;
    return false;
}

void vx_ctl_table_print(FILE *out, const json_t *root)
{
    const json_t *slots = json_object_get(root, "slots");
    vx_ctl_report report;

    vx_ctl_report_read(root, &report);
    print_head(out, root, &report);
    vx_ctl_places_print(out, slots);
    vx_ctl_doubts_print(out, slots);
    (void)fputs("\nslot state   inc accepted late refused   v_i weight     norm host:pid\n", out);
    for (size_t i = 0; i < json_array_size(slots); i++)
        print_slot(out, json_array_get(slots, i));
    if (any_injected(slots))
        (void)fputs("* injects faults, as its job says\n", out);
}

void vx_ctl_result_print(FILE *out, const vx_ctl_result *result, const json_t *root,
                         const char *run_dir)
{
    char outcome[VX_CTL_OUTCOME_SIZE];

    (void)fprintf(out, "state     %s\n", vx_ctl_result_outcome(result, outcome));
    (void)fprintf(out, "rounds    %" PRIu64 "/%" PRIu64 "\n", result->rounds, result->rounds_total);
    print_test(out, &result->test);
    if (result->digest[strspn(result->digest, "0")] != '\0') /* there are parameters */
        (void)fprintf(out, "digest    %s\n", result->digest);
    if (!isnan(result->seconds))
        (void)fprintf(out, "seconds   %.1f\n", result->seconds);
    vx_ctl_doubts_print(out, json_object_get(root, "slots"));
    (void)fprintf(out, "run dir   %s\n", run_dir);
}
