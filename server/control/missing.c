#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

#define RETURN_S 30 /* far beyond the longest pause between two starts */

/* "3: lost, last heard 12 s ago on node7 (pid 4711); its agent starts it again" */
static int describe(const vx_roster *roster, size_t slot, uint64_t now_ns, char *text, size_t size)
{
    const vx_slot *entry = &roster->slots[slot];
    double ago_s =
        now_ns > entry->last_seen_ns ? (double)(now_ns - entry->last_seen_ns) / 1e9 : 0.0;

    switch (entry->state) {
    case VX_SLOT_LIVE:
        return snprintf(text, size,
                        "%zu: live, has not answered, heard %.1f s ago from %s (pid %u)", slot,
                        ago_s, entry->host, entry->pid);
    case VX_SLOT_LOST:
        return snprintf(text, size, "%zu: lost, last heard %.0f s ago on %s (pid %u), %s", slot,
                        ago_s, entry->host, entry->pid,
                        ago_s <= RETURN_S ? "its agent starts it again"
                                          : "see the output of its mpirun");
    case VX_SLOT_LEFT:
        return snprintf(text, size, "%zu: left %.0f s ago", slot, ago_s);
    case VX_SLOT_ABSENT:
    case VX_SLOT_STATE_MAX:
        break;
    }
    return snprintf(text, size, "%zu: has not joined, start it with mpirun", slot);
}

/* Appends those that are live, or those that are not. False: it did not fit. */
static bool append(const vx_roster *roster, bool live, uint64_t now_ns, char *text, size_t size)
{
    for (size_t i = 0; i < roster->count; i++) {
        const vx_slot *slot = &roster->slots[i];
        size_t used = strlen(text);
        char one[200];
        int more = 0;

        if (slot->answered || !slot->expected || (slot->state == VX_SLOT_LIVE) != live)
            continue;
        (void)describe(roster, i, now_ns, one, sizeof(one));
        more = snprintf(text + used, size - used, "%s%s", used > 0 ? "; " : "", one);
        if (more < 0 || (size_t)more >= size - used)
            return false;
    }
    return true;
}

static char *cut(char *text, size_t size)
{
    memcpy(text + size - 4, "...", 4);
    return text;
}

char *vx_roster_absent_text(const vx_roster *roster, uint64_t now_ns, char *text, size_t size)
{
    text[0] = '\0';
    return append(roster, false, now_ns, text, size) ? text : cut(text, size);
}

char *vx_roster_missing_text(const vx_roster *roster, uint64_t now_ns, char *text, size_t size)
{
    text[0] = '\0';
    if (append(roster, false, now_ns, text, size) && append(roster, true, now_ns, text, size))
        return text;
    return cut(text, size);
}
