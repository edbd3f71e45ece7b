#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "progress.h"

static void print_number(FILE *out, int width, const char *format, double value)
{
    char text[32] = "-";

    if (!isnan(value) && format[0] == 'f')
        (void)snprintf(text, sizeof(text), "%.4f", value);
    else if (!isnan(value))
        (void)snprintf(text, sizeof(text), "%.4g", value);
    (void)fprintf(out, " %*s", width, text);
}

static void print_test(FILE *out, const vx_ctl_test *test)
{
    if (!test->present)
        return;
    (void)fprintf(
        out, "test      accuracy %.4f  nll %.4f  (%" PRIu64 " observations, round %" PRIu64 ")\n",
        test->accuracy, test->nll, test->count, test->round);
}

static void print_head(FILE *out, const vx_ctl_report *report)
{
    bool trains = strcmp(report->state, "training") == 0;
    char duration[VX_CTL_DURATION_SIZE];

    (void)fprintf(out, "job       %s\n", report->job);
    (void)fprintf(out, "state     %s", report->state);
    if (!trains && !isnan(report->since_s))
        (void)fprintf(out, " for %s", vx_ctl_duration(report->since_s, duration));
    if (report->message[0] != '\0')
        (void)fprintf(out, ": %s", report->message);
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
    (void)fprintf(out, "workers   %" PRIu64 "/%" PRIu64 "\n", report->live, report->workers);
}

/* Everything that came and was neither accepted nor late. */
static uint64_t refused(const json_t *slot)
{
    static const char *const reasons[] = { "duplicate", "stale", "malformed", "over_quota",
                                           "nonfinite" };
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        sum += vx_ctl_json_count(slot, reasons[i]);
    return sum;
}

static void print_slot(FILE *out, const json_t *slot)
{
    char state[16], host[VX_NAME_MAX];

    vx_ctl_json_text(slot, "state", state, sizeof(state));
    vx_ctl_json_text(slot, "host", host, sizeof(host));
    (void)fprintf(out, "%4" PRIu64 " %-6s %3" PRIu64 " %8" PRIu64 " %6" PRIu64 " %7" PRIu64,
                  vx_ctl_json_count(slot, "slot"), state, vx_ctl_json_count(slot, "incarnation"),
                  vx_ctl_json_count(slot, "accepted"), vx_ctl_json_count(slot, "late"),
                  refused(slot));
    print_number(out, 6, "f", vx_ctl_json_number(slot, "reconstruction"));
    print_number(out, 6, "f", vx_ctl_json_number(slot, "weight"));
    print_number(out, 8, "g", vx_ctl_json_number(slot, "norm"));
    if (host[0] != '\0')
        (void)fprintf(out, " %s:%" PRIu64, host, vx_ctl_json_count(slot, "pid"));
    else
        (void)fputs(" -", out);
    (void)fputs(json_is_true(json_object_get(slot, "injected")) ? " *\n" : "\n", out);
}

/* A slot whose last gradient counted less than half of what it would in a mean, or that sends what
 * is refused. */
static bool is_suspect(const json_t *slot, double mean)
{
    double weight = vx_ctl_json_number(slot, "weight");

    return vx_ctl_json_count(slot, "nonfinite") > 0 || vx_ctl_json_count(slot, "malformed") > 0 ||
           (!isnan(weight) && weight < mean / 2.0);
}

static void print_suspect(FILE *out, const json_t *slot, double mean)
{
    double weight = vx_ctl_json_number(slot, "weight");
    uint64_t bad = vx_ctl_json_count(slot, "nonfinite") + vx_ctl_json_count(slot, "malformed");

    (void)fprintf(out, " slot %" PRIu64, vx_ctl_json_count(slot, "slot"));
    if (!isnan(weight) && weight < mean / 2.0)
        (void)fprintf(out, " weight %.3f of %.3f", weight, mean);
    if (bad > 0)
        (void)fprintf(out, " %" PRIu64 " refused", bad);
}

void vx_ctl_suspects_print(FILE *out, const json_t *slots)
{
    size_t count = json_array_size(slots);
    double mean = count > 0 ? 1.0 / (double)count : 0.0;
    size_t suspects = 0;
    size_t printed = 0;

    for (size_t i = 0; i < count; i++)
        suspects += is_suspect(json_array_get(slots, i), mean);
    if (suspects == 0 || 2 * suspects >= count) /* a rule that selects leaves out many */
        return;
    (void)fputs("suspects ", out);
    for (size_t i = 0; i < count; i++) {
        if (!is_suspect(json_array_get(slots, i), mean))
            continue;
        (void)fputs(printed++ > 0 ? ";" : "", out);
        print_suspect(out, json_array_get(slots, i), mean);
    }
    (void)fputs("\n", out);
}

void vx_ctl_table_print(FILE *out, const json_t *root)
{
    const json_t *slots = json_object_get(root, "slots");
    bool injected = false;
    vx_ctl_report report;

    vx_ctl_report_read(root, &report);
    print_head(out, &report);
    vx_ctl_suspects_print(out, slots);
    (void)fputs("\nslot state  inc accepted   late refused    v_i weight     norm host:pid\n", out);
    for (size_t i = 0; i < json_array_size(slots); i++) {
        print_slot(out, json_array_get(slots, i));
        injected |= json_is_true(json_object_get(json_array_get(slots, i), "injected"));
    }
    if (injected)
        (void)fputs("* the job injects faults into this worker\n", out);
}

void vx_ctl_result_print(FILE *out, const vx_ctl_result *result, const char *run_dir)
{
    char outcome[VX_CTL_OUTCOME_SIZE];

    (void)fprintf(out, "state     %s\n", vx_ctl_result_outcome(result, outcome));
    (void)fprintf(out, "rounds    %" PRIu64 "/%" PRIu64 "\n", result->rounds, result->rounds_total);
    print_test(out, &result->test);
    if (result->digest[strspn(result->digest, "0")] != '\0') /* there are parameters */
        (void)fprintf(out, "digest    %s\n", result->digest);
    if (!isnan(result->seconds))
        (void)fprintf(out, "seconds   %.1f\n", result->seconds);
    (void)fprintf(out, "run dir   %s\n", run_dir);
}
