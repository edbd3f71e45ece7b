#include "document.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

double vx_ctl_json_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : nan("");
}

uint64_t vx_ctl_json_count(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value : 0;
}

uint64_t vx_ctl_json_refused(const json_t *slot)
{
    static const char *const reasons[] = { "duplicate", "stale", "malformed", "over_quota",
                                           "nonfinite" };
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        sum += vx_ctl_json_count(slot, reasons[i]);
    return sum;
}

/* Control characters, also those that UTF-8 writes with two bytes, become '?'. */
static void text_clean(char *text)
{
    unsigned char before = 0;

    for (char *c = text; *c != '\0'; c++) {
        unsigned char now = (unsigned char)*c;

        if (now < 0x20 || now == 0x7f || (before == 0xc2 && now < 0xa0)) {
            *c = '?';
            if (before == 0xc2)
                c[-1] = '?';
        }
        before = now;
    }
}

void vx_ctl_json_text(const json_t *object, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    size_t length = value != NULL ? strlen(value) : 0;

    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
            length--; /* not in the middle of a character */
    }
    if (length > 0)
        memcpy(text, value, length);
    text[length] = '\0';
    text_clean(text);
}

static vx_ctl_test test_read(const json_t *root)
{
    const json_t *object = json_object_get(root, "test");

    if (!json_is_object(object))
        return (vx_ctl_test){ .nll = nan(""), .accuracy = nan(""), .deviance = nan("") };
    return (vx_ctl_test){
        .present = true,
        .round = vx_ctl_json_count(object, "round"),
        .count = vx_ctl_json_count(object, "count"),
        .nll = vx_ctl_json_number(object, "nll"),
        .accuracy = vx_ctl_json_number(object, "accuracy"),
        .deviance = vx_ctl_json_number(object, "deviance"),
    };
}

vx_status vx_ctl_document_parse(vx_cbytes text, const char *name, json_t **ret_root, vx_error *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, &why);

    if (root == NULL)
        return vx_fail(err, VX_ERR_DATA, "%s:%d: %s", name, why.line, why.text);
    if (!json_is_object(root) || vx_ctl_json_count(root, "format") != 1) {
        json_decref(root);
        return vx_fail(err, VX_ERR_DATA, "%s: expected a JSON object with \"format\": 1", name);
    }
    *ret_root = root;
    return VX_OK;
}

void vx_ctl_report_read(const json_t *root, vx_ctl_report *ret_report)
{
    vx_ctl_report report = {
        .epoch = vx_ctl_json_count(root, "epoch"),
        .round = vx_ctl_json_count(root, "round"),
        .rounds = vx_ctl_json_count(root, "rounds"),
        .live = vx_ctl_json_count(root, "live"),
        .workers = vx_ctl_json_count(root, "workers"),
        .ranks = vx_ctl_json_count(root, "ranks"),
        .percent = vx_ctl_json_number(root, "percent"),
        .loss = vx_ctl_json_number(root, "loss"),
        .rate = vx_ctl_json_number(root, "rate"),
        .eta_s = vx_ctl_json_number(root, "eta_s"),
        .since_s = vx_ctl_json_number(root, "since_s"),
        .test = test_read(root),
    };

    vx_ctl_json_text(root, "job", report.job, sizeof(report.job));
    vx_ctl_json_text(root, "state", report.state, sizeof(report.state));
    vx_ctl_json_text(root, "message", report.message, sizeof(report.message));
    *ret_report = report;
}

void vx_ctl_result_read(const json_t *root, vx_ctl_result *ret_result)
{
    vx_ctl_result result = {
        .epoch = vx_ctl_json_count(root, "epoch"),
        .rounds = vx_ctl_json_count(root, "rounds"),
        .rounds_total = vx_ctl_json_count(root, "rounds_total"),
        .seconds = vx_ctl_json_number(root, "seconds"),
        .test = test_read(root),
    };

    vx_ctl_json_text(root, "job", result.job, sizeof(result.job));
    vx_ctl_json_text(root, "state", result.state, sizeof(result.state));
    vx_ctl_json_text(root, "reason", result.reason, sizeof(result.reason));
    vx_ctl_json_text(root, "parameters_digest", result.digest, sizeof(result.digest));
    *ret_result = result;
}

char *vx_ctl_result_outcome(const vx_ctl_result *result, char text[VX_CTL_OUTCOME_SIZE])
{
    bool repeats = strncmp(result->reason, result->state, strlen(result->state)) == 0;

    if (result->reason[0] == '\0')
        (void)snprintf(text, VX_CTL_OUTCOME_SIZE, "%s", result->state);
    else if (repeats)
        (void)snprintf(text, VX_CTL_OUTCOME_SIZE, "%s", result->reason);
    else
        (void)snprintf(text, VX_CTL_OUTCOME_SIZE, "%s: %s", result->state, result->reason);
    return text;
}

vx_status vx_ctl_result_load(const char *run_dir, vx_ctl_result *ret_result, json_t **ret_root,
                             vx_error *err)
{
    char *path = vx_path_join(run_dir, "result.json");
    vx_bytes text = { 0 };
    json_t *root = NULL;
    vx_status status = VX_OK;

    if (path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    status = vx_file_read(path, VX_DOCUMENT_BYTES_MAX, &text, err);
    if (status == VX_OK)
        status = vx_ctl_document_parse((vx_cbytes){ text.at, text.size }, path, &root, err);
    if (status == VX_OK)
        vx_ctl_result_read(root, ret_result);
    if (status == VX_OK && ret_root != NULL)
        *ret_root = json_incref(root);
    json_decref(root);
    vx_free(text.at);
    vx_free(path);
    return status;
}
