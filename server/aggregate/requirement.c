#include <stdio.h>

#include "aggregator.h"

enum { TEXT_SIZE = 96 };

/* How far the rows that are there get: who asks for more than it is handed, and what. */
typedef struct shortage {
    const char *name, *requirement; /* NULL: all is well */
    const char *maker;              /* the last pre-aggregator that changed their number; or NULL */
    size_t before, rows;            /* what it was handed, and what is left */
} shortage;

static shortage find_shortage(const vx_aggregator *a, size_t rows)
{
    const vx_aggregate_options *o = &a->options;
    shortage s = { .before = rows, .rows = rows };

    for (size_t k = 0; k < o->pre_count; k++) {
        const vx_pre *pre = a->pre[k];

        if (s.rows < pre->rows_min(o, 1)) {
            s.name = pre->info.name;
            s.requirement = pre->info.requirement;
            return s;
        }
        if (pre->map == vx_bucketing) {
            s.maker = pre->info.name;
            s.before = s.rows;
            s.rows = (s.rows + o->bucket_size - 1) / o->bucket_size;
        }
    }
    if (s.rows < a->rule->rows_min(o)) {
        s.name = a->rule->info.name;
        s.requirement = vx_rule_requirement(a->rule, o);
    }
    return s;
}

/* " (of 9, 3 absent)", "" where all are there. */
static void print_absent(char text[TEXT_SIZE], size_t rows, size_t slots)
{
    text[0] = '\0';
    if (rows < slots)
        (void)snprintf(text, TEXT_SIZE, " (of %zu, %zu absent)", slots, slots - rows);
}

/* ", m = 6" where the requirement speaks of it. */
static void print_selected(char text[TEXT_SIZE], const vx_aggregator *a, const shortage *s)
{
    text[0] = '\0';
    if (a->rule->weights == vx_multi_krum && s->name == a->rule->info.name &&
        a->options.selected > 0)
        (void)snprintf(text, TEXT_SIZE, ", m = %zu", a->options.selected);
}

vx_status vx_requirement_check(const vx_aggregator *a, size_t rows, size_t slots, vx_error *err)
{
    const vx_aggregate_options *o = &a->options;
    char absent[TEXT_SIZE], selected[TEXT_SIZE];
    shortage s;

    if (rows >= a->rows_min)
        return VX_OK;
    s = find_shortage(a, rows);
    VX_ASSERT(s.name != NULL);
    print_absent(absent, rows, slots);
    print_selected(selected, a, &s);
    if (s.maker != NULL)
        return vx_fail(err, VX_ERR_DOMAIN,
                       "%s by %zu leaves %zu of n = %zu rows%s, %s behind it needs %s: f = %zu%s; "
                       "n >= %zu is enough",
                       s.maker, o->bucket_size, s.rows, s.before, absent, s.name, s.requirement,
                       o->byzantine, selected, a->rows_min);
    return vx_fail(err, VX_ERR_DOMAIN, "%s needs %s: n = %zu%s, f = %zu%s", s.name, s.requirement,
                   rows, absent, o->byzantine, selected);
}
