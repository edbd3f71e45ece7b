/*
 * Is the gradient of the example the derivative of its loss, and does its law sum to 1? Linked with
 * the plugin itself; no Vexil is needed. Ends with 0 when all is right.
 */
#include <math.h>
#include <stdio.h>

#include <vexil/model.h>

const vexil_model_table *vexil_model_entry(void);

#define FEATURES 3
#define ROWS     6
#define D        (FEATURES + 2)

static const float features[ROWS * FEATURES] = { 1,    0.5f, -1, 0.2f, 0, 1, -0.3f, 2, 0.4f,
                                                 0.1f, 0.1f, 0,  1,    1, 1, 0.7f,  0, -2 };
static const float targets[ROWS] = { 0, 3, 0, 1, 12, 0 };
static const float weights[ROWS] = { 1, 2, 0.5f, 1, 0, 3 };

static int check_gradient(const vexil_model_table *table, void *self)
{
    const vexil_model_batch batch = { .rows = ROWS,
                                      .features = features,
                                      .features_ld = FEATURES,
                                      .targets = targets,
                                      .targets_ld = 1,
                                      .weights = weights };
    const double h = 1e-5;
    double theta[D] = { 0.3, -0.2, 0.1, 0.4, -0.7 }, slope[D], ignored[D], nll = 0;
    int wrong = table->gradient64(self, theta, &batch, slope, &nll);

    for (int k = 0; k < D; k++) {
        double middle = theta[k], up = 0, down = 0, numeric = 0;

        theta[k] = middle + h;
        wrong += table->gradient64(self, theta, &batch, ignored, &up);
        theta[k] = middle - h;
        wrong += table->gradient64(self, theta, &batch, NULL, &down);
        theta[k] = middle;
        numeric = (up - down) / (2 * h);
        if (fabs(numeric - slope[k]) < 1e-8)
            continue;
        printf("theta[%d]: %.12g, differences say %.12g\n", k, slope[k], numeric);
        wrong++;
    }
    return wrong;
}

static int check_law(const vexil_model_table *table, void *self)
{
    const double theta[D] = { 0.3, -0.2, 0.1, 1.4, -0.7 };
    double sum = 0;

    for (int y = 0; y < 200; y++) {
        float target = (float)y;
        const vexil_model_batch batch = { .rows = 1,
                                          .features = features,
                                          .features_ld = FEATURES,
                                          .targets = &target,
                                          .targets_ld = 1 };
        double nll = 0;

        if (table->gradient64(self, theta, &batch, NULL, &nll) != 0)
            return 1;
        sum += exp(-nll);
    }
    if (fabs(sum - 1) < 1e-12)
        return 0;
    printf("the law sums to %.15g\n", sum);
    return 1;
}

int main(void)
{
    const vexil_model_table *table = vexil_model_entry();
    const vexil_model_data data = { FEATURES, 1, 0, ROWS };
    char message[100] = "";
    void *self = NULL;
    int wrong = 0;

    if (table->create(&data, "inflation=0.25", &self, message, sizeof(message)) != 0) {
        printf("%s\n", message);
        return 1;
    }
    wrong = check_gradient(table, self) + check_law(table, self);
    table->destroy(self);
    printf(wrong == 0 ? "all right\n" : "%d are wrong\n", wrong);
    return wrong != 0;
}
