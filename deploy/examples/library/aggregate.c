/*
 * Krum behind nearest-neighbour mixing on seven vectors, of which two are wrong; then the same in
 * two buckets of columns. Build:
 *
 *     cc aggregate.c $(pkg-config --cflags --libs vexil-aggregate) -o aggregate
 */
#include <stdio.h>
#include <stdlib.h>

#include <vexil/aggregate.h>

#define ROWS    7
#define NUMBERS 6
#define HALF    3

static void check(int code)
{
    if (code == VEXIL_OK)
        return;
    fprintf(stderr, "aggregate: %s\n", vexil_error());
    exit(1);
}

static void print(const char *name, const double *at, int count)
{
    int i;

    printf("%s", name);
    for (i = 0; i < count; i++)
        printf(" %.6g", at[i]);
    printf("\n");
}

static void run_in_buckets(vexil_aggregator *aggregator, const double *rows, double *update)
{
    int at;

    check(vexil_begin(aggregator, ROWS, NULL));
    for (at = 0; at < NUMBERS; at += HALF)
        check(vexil_add_f64(aggregator, rows + at, HALF, NUMBERS, (size_t)at));
    check(vexil_decide(aggregator));
    for (at = 0; at < NUMBERS; at += HALF)
        check(vexil_combine_f64(aggregator, rows + at, HALF, NUMBERS, (size_t)at, update + at));
}

int main(void)
{
    double rows[ROWS][NUMBERS], update[NUMBERS], parts[NUMBERS], weight[ROWS];
    vexil_aggregator *aggregator = NULL;
    int i, k;

    for (i = 0; i < ROWS; i++)
        for (k = 0; k < NUMBERS; k++)
            rows[i][k] = i < 2 ? -1000.0 * (i + 1) : 1.0 + 0.01 * (i * k % 5);
    check(vexil_create("krum", "nnm", 2, "threads=2", NULL, ROWS, NUMBERS, &aggregator));
    check(vexil_run_f64(aggregator, rows[0], ROWS, NUMBERS, NUMBERS, NULL, update));
    check(vexil_report_list(aggregator, "weight", weight, ROWS, NULL));
    print("update", update, NUMBERS);
    print("weight", weight, ROWS);
    run_in_buckets(aggregator, rows[0], parts);
    print("update", parts, NUMBERS);
    vexil_destroy(aggregator);
    return 0;
}
