#include <string.h>

#include <vx_base/assert.h>

#include "store.h"
#include "text.h"

/*
 * The text of SVMlight (Joachims 1999) and LIBSVM (Chang and Lin 2011): a line is
 *     target index:value index:value ... # remark
 * with ascending indices; qid:number is read over, as ranking is nothing that is done here. Two
 * classes are written -1 and +1 there: with two declared classes -1 is class 0.
 */
typedef struct svm {
    const vx_data_source *source;
    char name[VX_STORE_NAME_SIZE];
    vx_lines lines;
    vx_targets targets;
    vx_builder values, columns, begin;
    size_t count, numbers; /* rows, and values so far */
    size_t row_values_max;
    size_t features; /* 1 + largest column so far */
} svm;

typedef struct word {
    const char *at;
    size_t size;
} word;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line; false at its end or at a remark. */
static bool next_word(const char **at, const char *end, word *ret_word)
{
    const char *from = NULL;

    while (*at < end && is_blank(**at))
        (*at)++;
    from = *at;
    while (*at < end && !is_blank(**at) && **at != '#')
        (*at)++;
    *ret_word = (word){ from, (size_t)(*at - from) };
    return *at > from;
}

static vx_status refuse(const svm *s, const char *what, word found, vx_error *err)
{
    char quoted[VX_LOG_QUOTE_SIZE];

    return vx_fail(err, VX_ERR_DATA, "%s:%zu: column %zu: expected %s, found %s", s->name,
                   s->lines.number, (size_t)(found.at - s->lines.line) + 1, what,
                   vx_text_quote(found.at, found.size, quoted));
}

static vx_status take_label(svm *s, word w, double number, vx_error *err)
{
    size_t most = vx_targets_label_max(&s->targets);
    char quoted[VX_LOG_QUOTE_SIZE];

    if (number < 0.0 && number >= -1.0 && number <= -1.0 && s->targets.declared == 2)
        number = 0.0;
    if (number >= 0.0 && number <= (double)most && !((double)(uint32_t)number < number))
        return vx_targets_add_label(&s->targets, (uint32_t)number, err);
    return vx_fail(err, VX_ERR_DATA, "%s:%zu: column 1: expected a label 0 to %zu%s, found %s",
                   s->name, s->lines.number, most,
                   s->targets.declared == 2 ? ", or -1" : " (-1 and +1 need 2 declared classes)",
                   vx_text_quote(w.at, w.size, quoted));
}

static vx_status take_target(svm *s, word w, vx_error *err)
{
    double number = 0.0;

    if (!vx_text_number(w.at, w.size, &number))
        return refuse(s, "a number as target", w, err);
    if (s->source->targets == VX_TARGETS_REAL)
        return vx_targets_add_value(&s->targets, (float)number, err);
    return take_label(s, w, number, err);
}

/* index:value; *least is the least index that may come. */
static vx_status take_pair(svm *s, word w, size_t *least, vx_error *err)
{
    const char *colon = memchr(w.at, ':', w.size);
    size_t size = colon != NULL ? (size_t)(colon - w.at) : 0;
    size_t features = s->source->columns > 0 ? s->source->columns : VX_DATA_FEATURES_MAX;
    uint64_t index = 0;
    double number = 0.0;
    float value = 0.0f;
    uint32_t column = 0;
    vx_status status = VX_OK;

    if (colon == NULL)
        return refuse(s, "index:value", w, err);
    if (size == 3 && memcmp(w.at, "qid", 3) == 0)
        return VX_OK;
    if (!vx_text_whole(w.at, size, s->source->first_column + features - 1, &index) ||
        index < s->source->first_column) {
        char quoted[VX_LOG_QUOTE_SIZE];

        return vx_fail(err, VX_ERR_DATA,
                       "%s:%zu: column %zu: expected an index %zu to %zu, found %s", s->name,
                       s->lines.number, (size_t)(w.at - s->lines.line) + 1, s->source->first_column,
                       s->source->first_column + features - 1, vx_text_quote(w.at, w.size, quoted));
    }
    if (index < *least)
        return refuse(s, "ascending indices", w, err);
    if (!vx_text_number(colon + 1, w.size - size - 1, &number))
        return refuse(s, "a finite number after the colon", w, err);
    *least = (size_t)index + 1;
    column = (uint32_t)(index - s->source->first_column);
    value = (float)number;
    if (column >= s->features)
        s->features = (size_t)column + 1;
    if (!(value < 0.0f) && !(value > 0.0f)) /* what is not there is 0 */
        return VX_OK;
    status = vx_builder_add(&s->values, &value, sizeof(value), err);
    if (status == VX_OK)
        status = vx_builder_add(&s->columns, &column, sizeof(column), err);
    s->numbers++;
    return status;
}

static vx_status take_line(svm *s, vx_error *err)
{
    const char *at = s->lines.line, *end = at + s->lines.size;
    size_t least = 0, before = s->numbers;
    word w = { 0 };
    vx_status status = VX_OK;

    if (s->lines.size > VX_DATA_LINE_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: the line has more than %zu bytes", s->name,
                       s->lines.number, VX_DATA_LINE_MAX);
    if (!next_word(&at, end, &w))
        return VX_OK;
    if (s->count == VX_DATA_COUNT_MAX)
        return vx_fail(err, VX_ERR_LIMIT, "%s:%zu: more than %u observations", s->name,
                       s->lines.number, VX_DATA_COUNT_MAX);
    status = take_target(s, w, err);
    while (status == VX_OK && next_word(&at, end, &w))
        status = take_pair(s, w, &least, err);
    if (status != VX_OK)
        return status;
    s->count++;
    if (s->numbers - before > s->row_values_max)
        s->row_values_max = s->numbers - before;
    return vx_builder_add(&s->begin, &s->numbers, sizeof(s->numbers), err);
}

static vx_status read_lines(svm *s, vx_error *err)
{
    vx_status status = vx_builder_add(&s->begin, &s->numbers, sizeof(s->numbers), err);

    while (status == VX_OK && vx_lines_next(&s->lines))
        status = take_line(s, err);
    if (status == VX_OK && s->count == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: expected observations, found none", s->name);
    if (status == VX_OK && s->features == 0 && s->source->columns == 0)
        return vx_fail(err, VX_ERR_DATA, "%s: expected features, found none", s->name);
    return status;
}

static vx_status end_all(svm *s, vx_dataset *dataset, vx_error *err)
{
    vx_status status = vx_builder_end(&s->values, &dataset->features, err);

    if (status == VX_OK)
        status = vx_builder_end(&s->columns, &dataset->columns, err);
    if (status == VX_OK)
        status = vx_builder_end(&s->begin, &dataset->begin, err);
    if (status == VX_OK)
        status = vx_targets_end(&s->targets, 1, dataset, err);
    dataset->info.count = s->count;
    dataset->info.features = s->source->columns > 0 ? s->source->columns : s->features;
    dataset->info.sparse = true;
    dataset->info.row_values_max = s->row_values_max;
    dataset->number = VX_NUMBER_F32;
    return status;
}

vx_status vx_read_svmlight(const vx_data_source *source, vx_dataset *dataset, vx_error *err)
{
    vx_block_place place = vx_store_place(source);
    svm s = { .source = source,
              .targets = vx_targets_begin(source),
              .values = { .place = place },
              .columns = { .place = place },
              .begin = { .place = place } };
    vx_block text = { 0 };
    vx_status status = vx_block_map_file(source->features, 1, &text, err);

    (void)vx_store_name(source->features, s.name);
    if (status == VX_OK) {
        s.lines = (vx_lines){ .at = text.at, .end = (const char *)text.at + text.size };
        status = read_lines(&s, err);
    }
    if (status == VX_OK)
        status = end_all(&s, dataset, err);
    vx_block_clear(&text);
    vx_builder_abandon(&s.values);
    vx_builder_abandon(&s.columns);
    vx_builder_abandon(&s.begin);
    vx_builder_abandon(&s.targets.builder);
    return status;
}
