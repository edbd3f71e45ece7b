#include "aggregate_report.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *numbers(const double *at, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, number(at[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *marks(const bool *at, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, json_boolean(at[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *names(const char *const *at, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < count; i++)
        if (json_array_append_new(list, json_string(at[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

json_t *vx_ctl_aggregated_json(const vx_ctl_aggregated *of)
{
    const vx_aggregate_report *r = of->report;
    const vx_aggregate_options *o = of->options;

    return json_pack(
        "{s:i, s:s, s:o, s:I, s:I, s:I, s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, "
        "s:o, s:o, s:o, s:o, s:o}",
        "format", 1, "rule", o->rule, "pre", names(o->pre, o->pre_count), "byzantine",
        (json_int_t)o->byzantine, "rows", (json_int_t)of->rows, "dimension",
        (json_int_t)of->dimension, "dtype", of->is_double ? "float64" : "float32", "used",
        (json_int_t)r->present, "method", r->method, "iterations", (json_int_t)r->iterations,
        "update_norm", number(r->update_norm), "median_norm", number(r->median_norm), "objective",
        number(r->objective), "trace", numbers(r->trace, r->trace_count), "eigengap",
        number(r->eigengap), "lambda_limit", number(r->lambda_limit), "present",
        marks(of->present, of->rows), "selected", marks(r->selected, of->rows), "norm",
        numbers(r->norm, of->rows), "weight", numbers(r->weight, of->rows), "score",
        numbers(r->score, of->rows), "reconstruction", numbers(r->reconstruction, of->rows),
        "distance", numbers(r->distance, of->rows));
}

static void print_number(FILE *out, double value)
{
    if (isfinite(value))
        (void)fprintf(out, " %12.5g", value);
    else
        (void)fprintf(out, " %12s", "-");
}

void vx_ctl_aggregated_print(FILE *out, const vx_ctl_aggregated *of)
{
    const vx_aggregate_report *r = of->report;

    (void)fprintf(out, "%s", of->options->rule);
    for (size_t i = 0; i < of->options->pre_count; i++)
        (void)fprintf(out, "%s%s", i == 0 ? " behind " : ", ", of->options->pre[i]);
    (void)fprintf(out, ": %zu of %zu rows of %zu numbers, byzantine %zu", r->present, of->rows,
                  of->dimension, of->options->byzantine);
    if (r->method[0] != '\0')
        (void)fprintf(out, ", %s", r->method);
    if (r->iterations > 0)
        (void)fprintf(out, ", %u iteration%s", r->iterations, r->iterations == 1 ? "" : "s");
    (void)fprintf(out, "\nnorm of the update %.6g, median of the rows %.6g\n", r->update_norm,
                  r->median_norm);
    (void)fprintf(out, "%4s %12s %12s %12s %12s %12s\n", "row", "norm", "weight", "score",
                  "reconstruct.", "distance");
    for (size_t i = 0; i < of->rows; i++) {
        (void)fprintf(out, "%4zu", i);
        print_number(out, r->norm[i]);
        print_number(out, r->weight[i]);
        print_number(out, r->score[i]);
        print_number(out, r->reconstruction[i]);
        print_number(out, r->distance[i]);
        (void)fprintf(out, "%s\n",
                      !of->present[i] ? "  absent: infinity or NaN"
                                      : (r->selected[i] ? "" : "  left out"));
    }
}

static bool is_read_by(const vx_aggregate_key *key, const char *name)
{
    char word[VX_NAME_MAX + 3];

    (void)snprintf(word, sizeof(word), " %s ", name);
    return strstr(key->rules, word) != NULL;
}

/* The keys that a rule or pre-aggregator reads; "" lists those of every rule. */
static json_t *keys_json(const char *name)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < vx_aggregate_key_count(); i++) {
        vx_aggregate_key key = vx_aggregate_key_at(i);

        if (name[0] == '\0' ? key.rules[0] != '\0' : !is_read_by(&key, name))
            continue;
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", key.name, "range",
                                                  key.range, "default", key.standard, "about",
                                                  key.about)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int append_rule(json_t *list, const vx_rule_info *info)
{
    return json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "name", info->name, "requirement",
                        info->requirement, "cost", info->cost, "weighted", info->weighted, "source",
                        info->source, "gram", info->gram, "keys", keys_json(info->name)));
}

static int append_pre(json_t *list, const vx_pre_info *info)
{
    return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "name", info->name,
                                                 "requirement", info->requirement, "source",
                                                 info->source, "keys", keys_json(info->name)));
}

json_t *vx_ctl_rules_json(void)
{
    json_t *rules = json_array(), *pres = json_array();
    int failed = rules == NULL || pres == NULL ? -1 : 0;

    for (size_t i = 0; failed == 0 && i < vx_rule_count(); i++) {
        vx_rule_info info = vx_rule_at(i);

        failed = append_rule(rules, &info);
    }
    for (size_t i = 0; failed == 0 && i < vx_pre_count(); i++) {
        vx_pre_info info = vx_pre_at(i);

        failed = append_pre(pres, &info);
    }
    if (failed == 0)
        return json_pack("{s:i, s:o, s:o, s:o}", "format", 1, "rules", rules, "pre", pres, "keys",
                         keys_json(""));
    json_decref(rules);
    json_decref(pres);
    return NULL;
}

enum { LIST_WIDTH = 79, LIST_INDENT = 12 };

/* A word of the head and text behind it, in lines of LIST_WIDTH. */
static void print_wrapped(FILE *out, const char *head, const char *text)
{
    int at = fprintf(out, "    %-7s", head);

    while (*text != '\0') {
        int size = (int)strcspn(text, " ");

        if (at + 1 + size > LIST_WIDTH && at > LIST_INDENT)
            at = fprintf(out, "\n%*s", LIST_INDENT - 1, "") - 1;
        at += fprintf(out, " %.*s", size, text);
        text += size;
        text += strspn(text, " ");
    }
    (void)fputs("\n", out);
}

static void print_keys(FILE *out, const char *name)
{
    char text[512];

    for (size_t i = 0; i < vx_aggregate_key_count(); i++) {
        vx_aggregate_key key = vx_aggregate_key_at(i);

        if (name[0] == '\0' ? key.rules[0] != '\0' : !is_read_by(&key, name))
            continue;
        (void)snprintf(text, sizeof(text), "%s=%s (%s): %s", key.name, key.standard, key.range,
                       key.about);
        print_wrapped(out, "--set", text);
    }
}

void vx_ctl_rules_print(FILE *out)
{
    (void)fputs("Rules:\n", out);
    for (size_t i = 0; i < vx_rule_count(); i++) {
        vx_rule_info info = vx_rule_at(i);

        (void)fprintf(out, "  %s\n", info.name);
        print_wrapped(out, "needs", info.requirement);
        print_wrapped(out, "cost", info.cost);
        print_wrapped(out, "shares", info.weighted);
        print_wrapped(out, "source", info.source);
        print_keys(out, info.name);
    }
    (void)fputs("Pre-aggregators:\n", out);
    for (size_t i = 0; i < vx_pre_count(); i++) {
        vx_pre_info info = vx_pre_at(i);

        (void)fprintf(out, "  %s\n", info.name);
        print_wrapped(out, "needs", info.requirement);
        print_wrapped(out, "source", info.source);
        print_keys(out, info.name);
    }
    (void)fputs("Every rule:\n", out);
    print_keys(out, "");
}
