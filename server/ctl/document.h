#ifndef VX_CTL_DOCUMENT_H
#define VX_CTL_DOCUMENT_H
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <vx_base/bytes.h>
#include <vx_base/limits.h>
#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The JSON documents of a run (formats: ARCHITECTURE.md) as plain structs. A field that is missing,
 * null or of another type is NaN, 0 or "". Texts hold nothing that a terminal would obey: they can
 * come from a peer.
 */
typedef struct vx_ctl_test {
    bool present;
    uint64_t round, count;
    double nll, accuracy, deviance;
} vx_ctl_test;

typedef struct vx_ctl_report { /* the head of a status document */
    char job[VX_NAME_MAX], state[16], message[400];
    uint64_t epoch, round, rounds, live, workers, ranks;
    double percent, loss, rate, eta_s, since_s;
    vx_ctl_test test;
} vx_ctl_report;

typedef struct vx_ctl_result { /* result.json */
    char job[VX_NAME_MAX], state[16], reason[400], digest[VX_DIGEST_TEXT_SIZE];
    uint64_t epoch, rounds, rounds_total;
    double seconds;
    vx_ctl_test test;
} vx_ctl_result;

/* VX_ERR_DATA: no JSON object, or of a format that is not 1; the message begins with name.
 * *ret_root is the caller's (json_decref). */
VX_MUST_CHECK vx_status vx_ctl_document_parse(vx_cbytes text, const char *name, json_t **ret_root,
                                              vx_error *err);
void vx_ctl_report_read(const json_t *root, vx_ctl_report *ret_report);
void vx_ctl_result_read(const json_t *root, vx_ctl_result *ret_result);

/* RUN_DIR/result.json. VX_ERR_NOT_FOUND, VX_ERR_IO, VX_ERR_DATA. ret_root may be NULL. */
VX_MUST_CHECK vx_status vx_ctl_result_load(const char *run_dir, vx_ctl_result *ret_result,
                                           json_t **ret_root, vx_error *err);

/* "done", "failed: why", "stopped at round 3 of 9": state and reason in as few words. Returns text.
 */
#define VX_CTL_OUTCOME_SIZE 432
char *vx_ctl_result_outcome(const vx_ctl_result *result, char text[VX_CTL_OUTCOME_SIZE]);

/* One member of an object. */
double vx_ctl_json_number(const json_t *object, const char *key);  /* NaN */
uint64_t vx_ctl_json_count(const json_t *object, const char *key); /* 0 */
uint64_t vx_ctl_json_refused(const json_t *slot); /* came, and was neither accepted nor late */
void vx_ctl_json_text(const json_t *object, const char *key, char *text, size_t size);
#endif
