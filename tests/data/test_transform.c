/* Preprocessing: presets number by number, augmentation, resize and crop, gray and RGB, refused options. */
#include "data/transform.h"

#include "sample_files.h"

static rf_context *ctx;

static int set_up(void **state)
{
    (void)state;
    ctx = test_context();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rf_context_free(ctx);
    return 0;
}

static rf_transform make(const rf_dataset_options *options)
{
    rf_transform t;
    CHECK_OK(ctx, rf_transform_init(ctx, options, &t));
    return t;
}

static rf_image picture(int seed, int height, int width, int channels)
{
    rf_image image = { 0 };
    CHECK_OK(ctx, rf_image_init(ctx, "picture", height, width, channels, &image));
    sample_pixels(seed, height, width, channels, image.pixels);
    return image;
}

/* A plain [c, h, w] destination. */
static rf_sample_dst plain(float *data, int c, int h, int w)
{
    rf_sample_dst dst = { .data = data, .shape = rf_shape_of(3, (int64_t[]){ c, h, w }) };
    dst.strides[0] = h * w;
    dst.strides[1] = w;
    dst.strides[2] = 1;
    return dst;
}

static void apply(const rf_transform *t, rf_image image, rf_rng *rng, const rf_sample_dst *dst)
{
    CHECK_OK(ctx, rf_transform_apply(ctx, t, "picture", &image, rng, dst));
    rf_image_release(ctx, &image);
}

static void refuse(const rf_dataset_options *options, const char *message)
{
    rf_transform t;
    CHECK_FAILS(ctx, RF_EARG, message, rf_transform_init(ctx, options, &t));
}

/* As torchvision's ToTensor and Normalize compute it, in float32. */
static void presets_normalize_as_torchvision_does(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int channels;
        float mean[3], std[3];
    } presets[] = {
        { "imagenet", 3, { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } },
        { "cifar10", 3, { 0.4914f, 0.4822f, 0.4465f }, { 0.2470f, 0.2435f, 0.2616f } },
        { "fashion-mnist", 1, { 0.2860f }, { 0.3530f } },
        { "none", 3, { 0, 0, 0 }, { 1, 1, 1 } },
    };
    for (size_t p = 0; p < sizeof presets / sizeof *presets; p++) {
        const rf_dataset_options options = { .preset = presets[p].name };
        const rf_transform t = make(&options);
        for (int c = 0; c < presets[p].channels; c++)
            for (int v = 0; v < 256; v++) {
                volatile float x = (float)v / 255.0f;
                x = x - presets[p].mean[c];
                x = x / presets[p].std[c];
                assert_true(t.lut[c][v] == x);
            }
    }
    const rf_dataset_options imagenet = { .preset = "imagenet" };
    const rf_transform t = make(&imagenet);
    assert_int_equal(t.resize, 256);
    assert_int_equal(t.crop, 224);
    CHECK_NEAR(t.lut[0][255], 2.2489083, 1e-6); /* (1 - 0.485) / 0.229 */
}

static void options_override_the_preset_one_by_one(void **state)
{
    (void)state;
    const rf_dataset_options options = {
        .preset = "imagenet", .crop = 96, .scale = 2.0f, .mean_count = 1, .mean = { 10 }
    };
    const rf_transform t = make(&options);
    assert_int_equal(t.resize, 256);
    assert_int_equal(t.crop, 96);
    for (int c = 0; c < 3; c++)
        assert_true(t.lut[c][7] == (14.0f - 10.0f) / (c == 0 ? 0.229f : c == 1 ? 0.224f : 0.225f));
}

static void without_options_values_lie_between_0_and_1(void **state)
{
    (void)state;
    const rf_transform t = make(NULL);
    assert_true(t.lut[0][0] == 0.0f && t.lut[2][255] == 1.0f);
    assert_false(rf_transform_augments(&t));
}

static void pixels_land_where_the_strides_say(void **state)
{
    (void)state;
    float data[2 * 3 * 3];
    const rf_transform t = make(NULL);
    rf_sample_dst dst = plain(data, 3, 2, 3);
    apply(&t, picture(1, 2, 3, 3), NULL, &dst);
    for (int i = 0; i < 18; i++)
        assert_true(data[i] == (float)sample_pixel(1, i / 3 % 2, i % 3, i / 6) / 255.0f);
    dst.strides[0] = 1;
    dst.strides[1] = 9;
    dst.strides[2] = 3;
    apply(&t, picture(1, 2, 3, 3), NULL, &dst);
    for (int i = 0; i < 18; i++)
        assert_true(data[i] == (float)sample_pixel(1, i / 9, i / 3 % 3, i % 3) / 255.0f);
}

static void gray_repeats_and_rgb_becomes_luma(void **state)
{
    (void)state;
    float data[3];
    const rf_transform t = make(NULL);
    rf_sample_dst three = plain(data, 3, 1, 1), one = plain(data, 1, 1, 1);
    static const uint8_t colours[4][3] = {
        { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 }, { 10, 200, 90 }
    };
    static const float lumas[4] = { 76, 150, 29, 131 }; /* 0.299 r + 0.587 g + 0.114 b */
    rf_image gray = picture(0, 1, 1, 1);
    gray.pixels[0] = 51;
    apply(&t, gray, NULL, &three);
    for (int c = 0; c < 3; c++)
        assert_true(data[c] == 0.2f);
    for (int i = 0; i < 4; i++) {
        rf_image rgb = picture(0, 1, 1, 3);
        memcpy(rgb.pixels, colours[i], 3);
        apply(&t, rgb, NULL, &one);
        assert_true(data[0] == lumas[i] / 255.0f);
    }
}

static void the_crop_is_centred_half_to_even(void **state)
{
    (void)state;
    float data[4];
    const rf_dataset_options options = { .crop = 2, .scale = 1.0f };
    const rf_transform t = make(&options);
    const rf_sample_dst dst = plain(data, 1, 2, 2);
    apply(&t, picture(0, 5, 7, 1), NULL, &dst); /* margins 3 and 5: 1.5 -> 2, 2.5 -> 2 */
    assert_true(data[0] == (float)sample_pixel(0, 2, 2, 0));
    apply(&t, picture(0, 3, 6, 1), NULL, &dst); /* margins 1 and 4: 0.5 -> 0, 2 */
    assert_true(data[3] == (float)sample_pixel(0, 1, 3, 0));
}

static void the_shorter_side_is_resized_and_the_longer_follows(void **state)
{
    (void)state;
    const rf_dataset_options options = { .resize = 4 };
    const rf_transform t = make(&options);
    const rf_image wide = { 8, 20, 1, NULL }, tall = { 21, 8, 1, NULL };
    const rf_shape a = rf_transform_shape(&t, &wide), b = rf_transform_shape(&t, &tall);
    assert_true(a.dims[1] == 4 && a.dims[2] == 10);
    assert_true(b.dims[1] == 10 && b.dims[2] == 4);
    float data[40];
    const rf_sample_dst dst = plain(data, 1, 4, 10);
    rf_image flat = picture(0, 8, 20, 1);
    memset(flat.pixels, 51, 160);
    apply(&t, flat, NULL, &dst);
    for (int i = 0; i < 40; i++)
        assert_true(data[i] == 0.2f);
}

/* Every augmented picture is the original, shifted by at most the padding, black outside, flipped or not. */
static bool is_shifted(const float *data, int h, int w, int dy, int dx, bool flipped)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int sy = y + dy, sx = (flipped ? w - 1 - x : x) + dx;
            const bool inside = sy >= 0 && sy < h && sx >= 0 && sx < w;
            if (data[y * w + x] != (inside ? (float)sample_pixel(9, sy, sx, 0) : 0.0f))
                return false;
        }
    return true;
}

static void random_crops_and_flips_shift_and_mirror(void **state)
{
    (void)state;
    const rf_dataset_options options = { .augment = "flip,crop:2", .scale = 1.0f };
    const rf_transform t = make(&options);
    int seen[2][5][5] = { 0 }, distinct = 0;
    for (int draw = 0; draw < 600; draw++) {
        float data[6 * 5];
        const rf_sample_dst dst = plain(data, 1, 6, 5);
        rf_rng rng;
        int matches = 0;
        rf_rng_init(&rng, 1, (uint64_t)draw);
        apply(&t, picture(9, 6, 5, 1), &rng, &dst);
        for (int i = 0; i < 50; i++)
            if (is_shifted(data, 6, 5, i / 5 % 5 - 2, i % 5 - 2, i / 25)) {
                distinct += seen[i / 25][i / 5 % 5][i % 5]++ == 0;
                matches++;
            }
        assert_int_equal(matches, 1);
    }
    assert_int_equal(distinct, 50);
}

static void padding_wider_than_the_picture_gives_black(void **state)
{
    (void)state;
    const rf_dataset_options options = { .augment = "crop:9", .scale = 1.0f };
    const rf_transform t = make(&options);
    for (int draw = 0; draw < 50; draw++) {
        float data[4];
        const rf_sample_dst dst = plain(data, 1, 2, 2);
        rf_rng rng;
        rf_rng_init(&rng, 1, (uint64_t)draw);
        apply(&t, picture(9, 2, 2, 1), &rng, &dst);
        for (int i = 0; i < 4; i++)
            assert_true(data[i] >= 0.0f && data[i] <= 255.0f);
    }
}

static void sizes_that_do_not_fit_are_told(void **state)
{
    (void)state;
    float data[64];
    const rf_sample_dst dst = plain(data, 1, 4, 6);
    rf_dataset_options options = { 0 };
    rf_transform t = make(&options);
    rf_image image = picture(0, 5, 7, 1);
    CHECK_FAILS(ctx, RF_EDATA, "'p' is 7 x 5 pixels, the model takes 6 x 4",
                rf_transform_apply(ctx, &t, "p", &image, NULL, &dst));
    assert_non_null(strstr(rf_context_message(ctx), "--resize and --crop"));
    options.crop = 6;
    t = make(&options);
    CHECK_FAILS(ctx, RF_EDATA, "too small for a crop of 6",
                rf_transform_apply(ctx, &t, "p", &image, NULL, &dst));
    const rf_sample_dst four = plain(data, 4, 2, 2);
    CHECK_FAILS(ctx, RF_EDATA, "[4, 2, 2]", rf_transform_apply(ctx, &t, "p", &image, NULL, &four));
    rf_image_release(ctx, &image);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuse(&(rf_dataset_options){ .preset = "imagnet" }, "imagenet, cifar10, fashion-mnist, none");
    refuse(&(rf_dataset_options){ .augment = "flop" }, "unknown 'flop'");
    refuse(&(rf_dataset_options){ .augment = "flip,none" }, "unknown 'none'");
    refuse(&(rf_dataset_options){ .augment = "flip," }, "unknown ''");
    refuse(&(rf_dataset_options){ .augment = "crop:0" }, "padding of 'crop:0'");
    refuse(&(rf_dataset_options){ .augment = "crop:4x" }, "padding of 'crop:4x'");
    refuse(&(rf_dataset_options){ .mean_count = 5 }, "mean has 5 values");
    refuse(&(rf_dataset_options){ .mean_count = 2, .channels = 3 }, "mean has 2 values");
    refuse(&(rf_dataset_options){ .std_count = 3, .std = { 1, 1, 1 }, .channels = 1 }, "std has 3");
    refuse(&(rf_dataset_options){ .std_count = 2, .std = { 1, 0 } }, "std value 2 is 0");
    refuse(&(rf_dataset_options){ .mean_count = 1, .mean = { NAN } }, "mean value 1 is nan");
    refuse(&(rf_dataset_options){ .scale = -1.0f }, "scale value 1 is -1");
    refuse(&(rf_dataset_options){ .resize = -1 }, "resize is -1");
    refuse(&(rf_dataset_options){ .crop = 1 << 20 }, "crop is 1048576");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_normalize_as_torchvision_does),
        cmocka_unit_test(options_override_the_preset_one_by_one),
        cmocka_unit_test(without_options_values_lie_between_0_and_1),
        cmocka_unit_test(pixels_land_where_the_strides_say),
        cmocka_unit_test(gray_repeats_and_rgb_becomes_luma),
        cmocka_unit_test(the_crop_is_centred_half_to_even),
        cmocka_unit_test(the_shorter_side_is_resized_and_the_longer_follows),
        cmocka_unit_test(random_crops_and_flips_shift_and_mirror),
        cmocka_unit_test(padding_wider_than_the_picture_gives_black),
        cmocka_unit_test(sizes_that_do_not_fit_are_told),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
