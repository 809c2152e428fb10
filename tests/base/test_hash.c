/* The keyed hash of names: known values, and a key of its own for each context. */
#include "testing.h"

#include "base/context.h"

/* made by: PYTHONHASHSEED=0 python3.11 -c "print(hash(b'tensor.1'))", whose hash is SipHash-1-3 with a key of zeros */
static void the_values_are_those_of_another_implementation(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t hash;
    } known[] = { { "a", 0x407448d2b89b1813u },
                  { "\1\2\3\4\5\6\7", 0xb1cd85cc334196fau },
                  { "tensor.1", 0x9642b0cd224d2574u },
                  { "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 0xe05d12a0a4b2d063u },
                  { "a longer name, of more than two words", 0x79a94464db04af5fu } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(rf_hash_text((rf_hash_key){ 0, 0 }, known[i].text) == known[i].hash);
}

static void every_bit_of_the_key_counts(void **state)
{
    (void)state;
    const uint64_t plain = rf_hash_text((rf_hash_key){ 0, 0 }, "conv1.weight");
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t one = UINT64_C(1) << bit;
        assert_true(rf_hash_text((rf_hash_key){ one, 0 }, "conv1.weight") != plain);
        assert_true(rf_hash_text((rf_hash_key){ 0, one }, "conv1.weight") != plain);
    }
}

/* Names that collide under one key, prepared in a file, do not under the next. */
static void each_context_has_another_key(void **state)
{
    (void)state;
    rf_context *one = test_context(), *other = test_context();
    const rf_hash_key a = rf_context_hash_key(one), b = rf_context_hash_key(other);
    assert_true(a.k0 != b.k0 && a.k1 != b.k1);
    rf_context_free(other);
    rf_context_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_values_are_those_of_another_implementation),
        cmocka_unit_test(every_bit_of_the_key_counts),
        cmocka_unit_test(each_context_has_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
