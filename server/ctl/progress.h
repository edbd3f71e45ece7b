#ifndef VX_CTL_PROGRESS_H
#define VX_CTL_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "document.h"

/* "round 412/1000  41.2%  loss 0.431  test 0.861  8/8 workers  118.3/s  eta 5s"; when it is not
 * training "round 412/1000  41.2%  5/8 workers  held: why"; without the percentage when it is long.
 * One line, no line feed. Returns text.
 */
#define VX_CTL_PROGRESS_SIZE 640
char *vx_ctl_progress_line(const vx_ctl_report *report, char text[VX_CTL_PROGRESS_SIZE]);

/* "5s", "3m20s", "2h05m", "3d04h"; "-" of NaN and of what is not below 0 to 1000 days. */
#define VX_CTL_DURATION_SIZE 48
char *vx_ctl_duration(double seconds, char text[VX_CTL_DURATION_SIZE]);

typedef enum vx_ctl_progress_style {
    VX_CTL_PROGRESS_NONE,
    VX_CTL_PROGRESS_PLAIN,    /* a line each VX_CTL_PROGRESS_MS */
    VX_CTL_PROGRESS_TERMINAL, /* one line, rewritten at each report */
    VX_CTL_PROGRESS_JSON      /* an object each VX_CTL_PROGRESS_MS */
} vx_ctl_progress_style;
#define VX_CTL_PROGRESS_MS        2000
#define VX_CTL_PROGRESS_REPEAT_MS 30000 /* a plain line that says the same again */

typedef struct vx_ctl_progress {
    vx_ctl_progress_style style;
    FILE *out;           /* borrowed */
    const char *run_dir; /* borrowed; goes into the JSON objects */
    unsigned columns;    /* of the terminal; 0 = unknown */
    bool shown, open;    /* a report was shown; the terminal's line is not ended */
    uint64_t shown_ms;
    char last[VX_CTL_PROGRESS_SIZE];
} vx_ctl_progress;

/* root: the status document that report was read from. */
void vx_ctl_progress_show(vx_ctl_progress *progress, uint64_t now_ms, json_t *root,
                          const vx_ctl_report *report);
/* Ends the terminal's line, so that other text can follow. */
void vx_ctl_progress_end(vx_ctl_progress *progress);

/* The document as one line with "event" and "run_dir" before its members; the member `without` is
 * left out (NULL: none). */
void vx_ctl_json_event(FILE *out, const char *event, const char *run_dir, json_t *root,
                       const char *without);
#endif
