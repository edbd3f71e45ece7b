#include "worker_log.h"

#include <stdbool.h>
#include <string.h>

typedef struct lines {
    char at[VX_CTL_WORKER_LINES_MAX][VX_CTL_WORKER_LINE_SIZE];
    size_t count; /* ever added; a ring keeps the newest */
} lines;

static const char prefix[] = "vexil-worker: ";

/* A line without its end; longer ones are cut. False at the end of the file. */
static bool read_line(FILE *file, char text[VX_CTL_WORKER_LINE_SIZE])
{
    size_t length = 0;

    if (fgets(text, VX_CTL_WORKER_LINE_SIZE, file) == NULL)
        return false;
    length = strcspn(text, "\n");
    if (text[length] == '\0') /* cut: skip the rest */
        for (int c = 0; c != EOF && c != '\n';)
            c = getc(file);
    text[length] = '\0';
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return true;
}

static bool holds(const lines *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

static void add(lines *list, const char *text)
{
    char *at = list->at[list->count % VX_CTL_WORKER_LINES_MAX];

    (void)snprintf(at, VX_CTL_WORKER_LINE_SIZE, "%s", text);
    list->count++;
}

static void print(FILE *out, const lines *list)
{
    size_t first =
        list->count > VX_CTL_WORKER_LINES_MAX ? list->count - VX_CTL_WORKER_LINES_MAX : 0;

    for (size_t i = first; i < list->count; i++)
        (void)fprintf(out, "%s\n", list->at[i % VX_CTL_WORKER_LINES_MAX]);
}

void vx_ctl_worker_log_print(FILE *out, const char *path, uint64_t from)
{
    FILE *file = fopen(path, "re");
    char text[VX_CTL_WORKER_LINE_SIZE];
    lines ours = { .count = 0 }, last = { .count = 0 };

    if (file == NULL)
        return;
    if (fseeko(file, (off_t)from, SEEK_SET) == 0) {
        while (read_line(file, text)) {
            bool is_ours = strncmp(text, prefix, sizeof(prefix) - 1) == 0;

            if (is_ours && ours.count < VX_CTL_WORKER_LINES_MAX && !holds(&ours, text))
                add(&ours, text);
            if (text[0] != '\0')
                add(&last, text);
        }
    }
    (void)fclose(file);
    print(out, ours.count > 0 ? &ours : &last);
}
