#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define LENGTH_MAX 79 /* fits a terminal of 80 columns */

char *vx_ctl_duration(double seconds, char text[VX_CTL_DURATION_SIZE])
{
    static const struct {
        unsigned big_s, small_s;
        char big, small;
    } units[] = { { 86400, 3600, 'd', 'h' }, { 3600, 60, 'h', 'm' }, { 60, 1, 'm', 's' } };
    unsigned long whole = 0;

    if (!(seconds >= 0) || seconds >= 1000.0 * 86400) {
        (void)snprintf(text, VX_CTL_DURATION_SIZE, "-");
        return text;
    }
    whole = (unsigned long)(seconds + 0.5);
    (void)snprintf(text, VX_CTL_DURATION_SIZE, "%lus", whole);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (whole < units[i].big_s)
            continue;
        (void)snprintf(text, VX_CTL_DURATION_SIZE, "%lu%c%02lu%c", whole / units[i].big_s,
                       units[i].big, whole % units[i].big_s / units[i].small_s, units[i].small);
        break;
    }
    return text;
}

typedef struct line {
    char *text;
    size_t length;
} line;

static void line_add(line *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_add(line *out, const char *format, ...)
{
    size_t room = VX_CTL_PROGRESS_SIZE - out->length;
    va_list arguments;
    int length = 0;

    va_start(arguments, format);
    length = vsnprintf(out->text + out->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        out->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void line_add_loss(line *out, double loss)
{
    double size = fabs(loss);

    if (isnan(loss))
        line_add(out, "  loss -");
    else if (size >= 0.01 && size < 10000)
        line_add(out, "  loss %.3f", loss);
    else
        line_add(out, "  loss %.3g", loss);
}

static void line_add_test(line *out, const vx_ctl_test *test)
{
    if (test->present && !isnan(test->accuracy))
        line_add(out, "  test %.3f", test->accuracy);
    else if (test->present && !isnan(test->nll))
        line_add(out, "  test nll %.4g", test->nll);
}

static void line_add_rate(line *out, double rate)
{
    if (isnan(rate))
        line_add(out, "  -/s");
    else if (rate >= 0.1)
        line_add(out, "  %.1f/s", rate);
    else
        line_add(out, "  %.2g/s", rate);
}

static void line_add_training(line *out, const vx_ctl_report *report)
{
    char eta[VX_CTL_DURATION_SIZE];

    line_add_loss(out, report->loss);
    line_add_test(out, &report->test);
    line_add(out, "  %" PRIu64 "/%" PRIu64 " workers", report->live, report->workers);
    line_add_rate(out, report->rate);
    line_add(out, "  eta %s", vx_ctl_duration(report->eta_s, eta));
}

/* What it waits for says more than how fast it was. */
static void line_add_waiting(line *out, const vx_ctl_report *report)
{
    line_add(out, "  %" PRIu64 "/%" PRIu64 " workers  %s", report->live, report->workers,
             report->state);
    if (report->message[0] != '\0')
        line_add(out, ": %s", report->message);
}

static void line_write(line *out, const vx_ctl_report *report, bool percent)
{
    out->length = 0;
    line_add(out, "round %" PRIu64 "/%" PRIu64, report->round, report->rounds);
    if (percent && !isnan(report->percent))
        line_add(out, "  %.1f%%", report->percent);
    if (strcmp(report->state, "training") == 0)
        line_add_training(out, report);
    else
        line_add_waiting(out, report);
}

char *vx_ctl_progress_line(const vx_ctl_report *report, char text[VX_CTL_PROGRESS_SIZE])
{
    line out = { .text = text };

    line_write(&out, report, true);
    if (out.length > LENGTH_MAX) /* the percentage follows from the rounds */
        line_write(&out, report, false);
    return text;
}

void vx_ctl_json_event(FILE *out, const char *event, const char *run_dir, json_t *root,
                       const char *without)
{
    json_t *object = json_pack("{s:s, s:s}", "event", event, "run_dir", run_dir);
    json_t *value = NULL;
    const char *key = NULL;

    for (void *at = json_object_iter(root); object != NULL && at != NULL;
         at = json_object_iter_next(root, at)) {
        key = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (without == NULL || strcmp(key, without) != 0)
            (void)json_object_set(object, key, value);
    }
    if (object != NULL)
        (void)json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
    (void)fputs("\n", out);
    json_decref(object);
}

static void show_terminal(vx_ctl_progress *progress, const char *text)
{
    size_t length = strlen(text);

    if (progress->columns > 1 && length >= progress->columns) {
        length = progress->columns - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    (void)fprintf(progress->out, "\r%.*s\033[K", (int)length, text);
    progress->open = true;
}

static bool is_due(const vx_ctl_progress *progress, uint64_t now_ms)
{
    return !progress->shown || now_ms - progress->shown_ms >= VX_CTL_PROGRESS_MS;
}

static bool is_news(const vx_ctl_progress *progress, uint64_t now_ms, const char *text)
{
    return !progress->shown || strcmp(progress->last, text) != 0 ||
           now_ms - progress->shown_ms >= VX_CTL_PROGRESS_REPEAT_MS;
}

void vx_ctl_progress_show(vx_ctl_progress *progress, uint64_t now_ms, json_t *root,
                          const vx_ctl_report *report)
{
    char text[VX_CTL_PROGRESS_SIZE];

    if (progress->style == VX_CTL_PROGRESS_NONE)
        return;
    if (progress->style != VX_CTL_PROGRESS_TERMINAL && !is_due(progress, now_ms))
        return;
    (void)vx_ctl_progress_line(report, text);
    if (progress->style == VX_CTL_PROGRESS_PLAIN && !is_news(progress, now_ms, text))
        return;
    if (progress->style == VX_CTL_PROGRESS_TERMINAL)
        show_terminal(progress, text);
    else if (progress->style == VX_CTL_PROGRESS_JSON)
        vx_ctl_json_event(progress->out, "progress", progress->run_dir, root, "slots");
    else
        (void)fprintf(progress->out, "%s\n", text);
    (void)fflush(progress->out);
    (void)snprintf(progress->last, sizeof(progress->last), "%s", text);
    progress->shown = true;
    progress->shown_ms = now_ms;
}

void vx_ctl_progress_end(vx_ctl_progress *progress)
{
    if (!progress->open)
        return;
    (void)fputs("\n", progress->out);
    (void)fflush(progress->out);
    progress->open = false;
}
