#include <vx_test/check.h>

#include <string.h>

#include <vx_likelihood/catalogue.h>

static const vx_catalogue_row *find(vx_catalogue_kind kind, const char *name)
{
    for (size_t i = 0; i < vx_catalogue_count(); i++)
        if (vx_catalogue_at(i)->kind == kind && strcmp(vx_catalogue_at(i)->name, name) == 0)
            return vx_catalogue_at(i);
    return NULL;
}

static void every_family_has_a_row_and_every_row_a_family(void **state)
{
    size_t count = 0;
    (void)state;

    for (size_t i = 0; i < vx_model_family_count(); i++)
        if (find(VX_CATALOGUE_FAMILY, vx_model_family_name(i)) == NULL)
            fail_msg("no row for %s", vx_model_family_name(i));
    for (size_t i = 0; i < vx_catalogue_count(); i++)
        count += vx_catalogue_at(i)->kind == VX_CATALOGUE_FAMILY;
    assert_int_equal(count, vx_model_family_count());
}

static void rows_are_sorted_by_kind_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < vx_catalogue_count(); i++) {
        const vx_catalogue_row *row = vx_catalogue_at(i);

        assert_true(i == 0 || vx_catalogue_at(i - 1)->kind <= row->kind);
        assert_true(row->name[0] != '\0' && row->what[0] != '\0' && row->formula[0] != '\0');
        assert_non_null(row->keys);
        assert_non_null(row->source);
        assert_ptr_equal(find(row->kind, row->name), row); /* no name twice */
    }
}

static void names_are_those_of_the_enums(void **state)
{
    static const char *const losses[] = { "nll",   "smoothing",    "focal",        "power",
                                          "mixce", "unlikelihood", "distillation", "nce" };
    vx_likelihood likelihood = VX_LIKELIHOOD_GAUSSIAN;
    vx_loss_kind kind = VX_LOSS_NLL;
    (void)state;

    for (size_t k = 0; k < 8; k++) {
        assert_string_equal(vx_loss_name((vx_loss_kind)k), losses[k]);
        vx_assert_ok(vx_loss_parse(losses[k], &kind), NULL);
        assert_int_equal(kind, k);
    }
    assert_string_equal(vx_likelihood_name(VX_LIKELIHOOD_CATEGORICAL), "categorical");
    assert_string_equal(vx_likelihood_name(VX_LIKELIHOOD_GAUSSIAN), "gaussian");
    assert_string_equal(vx_likelihood_name(VX_LIKELIHOOD_BERNOULLI), "bernoulli");
    assert_string_equal(vx_likelihood_name(VX_LIKELIHOOD_POISSON), "poisson");
    assert_string_equal(vx_likelihood_name(VX_LIKELIHOOD_NEGATIVE_BINOMIAL), "negative_binomial");
    vx_assert_ok(vx_likelihood_parse("poisson", &likelihood), NULL);
    assert_int_equal(likelihood, VX_LIKELIHOOD_POISSON);
    vx_assert_status(vx_likelihood_parse("nll", &likelihood), VX_ERR_CONFIG, NULL);
    vx_assert_status(vx_loss_parse("poisson", &kind), VX_ERR_CONFIG, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_has_a_row_and_every_row_a_family),
        cmocka_unit_test(rows_are_sorted_by_kind_and_whole),
        cmocka_unit_test(names_are_those_of_the_enums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
