/* Decoding: every kind of PNG becomes 8-bit gray or RGB, JPEG too, and damage is named. */
#include "data/image.h"

#include "sample_files.h"

static rf_context *ctx;
static temp_folder folder;
static char path_buffer[512];
static uint8_t file_bytes[65536];

static int set_up(void **state)
{
    (void)state;
    ctx = test_context();
    folder = temp_folder_make();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(&folder);
    rf_context_free(ctx);
    return 0;
}

static const char *path(const char *name)
{
    return temp_path(&folder, name, path_buffer);
}

static rf_image decode(const char *file)
{
    rf_image image = { 0 };
    const size_t size = read_bytes(file, file_bytes, sizeof file_bytes);
    CHECK_OK(ctx, rf_image_decode(ctx, file, file_bytes, size, &image));
    return image;
}

static void gray_and_rgb_png_come_as_they_are(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        write_png(path("a.png"), 3, 5, 7, channels);
        rf_image image = decode(path("a.png"));
        uint8_t expected[5 * 7 * 3];
        sample_pixels(3, 5, 7, channels, expected);
        assert_int_equal(image.height, 5);
        assert_int_equal(image.width, 7);
        assert_int_equal(image.channels, channels);
        assert_memory_equal(image.pixels, expected, (size_t)(35 * channels));
        rf_image_release(ctx, &image);
    }
}

static void an_interlaced_png_is_put_together(void **state)
{
    (void)state;
    uint8_t expected[9 * 11 * 3];
    sample_pixels(1, 9, 11, 3, expected);
    write_png_rows(path("i.png"), 9, 11, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, NULL, expected,
                   33);
    rf_image image = decode(path("i.png"));
    assert_memory_equal(image.pixels, expected, sizeof expected);
    rf_image_release(ctx, &image);
}

static void a_palette_is_looked_up(void **state)
{
    (void)state;
    static const png_color palette[4] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }, { 10, 11, 12 } };
    static const uint8_t row[1] = { 0x1b }; /* two bits each: 0, 1, 2, 3 */
    static const uint8_t expected[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    write_png_rows(path("p.png"), 1, 4, 2, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, palette, row,
                   1);
    rf_image image = decode(path("p.png"));
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.pixels, expected, sizeof expected);
    rf_image_release(ctx, &image);
}

static void sixteen_bits_keep_the_high_byte_and_alpha_is_dropped(void **state)
{
    (void)state;
    static const uint8_t deep[4] = { 0x12, 0xff, 0x80, 0x00 };
    static const uint8_t rgba[8] = { 10, 20, 30, 0, 40, 50, 60, 255 };
    static const uint8_t rgb[6] = { 10, 20, 30, 40, 50, 60 };
    write_png_rows(path("d.png"), 1, 2, 16, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, NULL, deep, 4);
    rf_image image = decode(path("d.png"));
    assert_int_equal(image.channels, 1);
    assert_memory_equal(image.pixels, "\x12\x80", 2);
    rf_image_release(ctx, &image);
    write_png_rows(path("t.png"), 1, 2, 8, PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_NONE, NULL, rgba,
                   8);
    image = decode(path("t.png"));
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.pixels, rgb, 6);
    rf_image_release(ctx, &image);
}

static void one_bit_gray_becomes_black_and_white(void **state)
{
    (void)state;
    static const uint8_t row[1] = { 0xa0 };
    write_png_rows(path("b.png"), 1, 4, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, NULL, row, 1);
    rf_image image = decode(path("b.png"));
    assert_memory_equal(image.pixels, "\xff\x00\xff\x00", 4);
    rf_image_release(ctx, &image);
}

static void jpeg_comes_as_gray_or_rgb(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        write_flat_jpeg(path("a.jpg"), 100, 10, 12, channels);
        rf_image image = decode(path("a.jpg"));
        assert_int_equal(image.channels, channels);
        assert_int_equal(image.height, 10);
        assert_int_equal(image.width, 12);
        for (int i = 0; i < 120 * channels; i++)
            assert_in_range(image.pixels[i], 99, 101); /* a flat picture loses at most a rounding */
        rf_image_release(ctx, &image);
    }
}

static void a_cut_file_is_refused_at_every_length(void **state)
{
    (void)state;
    rf_image image = { 0 };
    write_png(path("c.png"), 1, 16, 16, 3);
    size_t size = read_bytes(path("c.png"), file_bytes, sizeof file_bytes);
    for (size_t n = 0; n < size - 16; n++) /* the last 16 bytes end the file, not the picture */
        CHECK_FAILS(ctx, RF_EDATA, "c.png", rf_image_decode(ctx, "c.png", file_bytes, n, &image));
    write_flat_jpeg(path("c.jpg"), 77, 64, 64, 3);
    size = read_bytes(path("c.jpg"), file_bytes, sizeof file_bytes);
    for (size_t n = 0; n < size - 2; n += 7)
        CHECK_FAILS(ctx, RF_EDATA, "c.jpg", rf_image_decode(ctx, "c.jpg", file_bytes, n, &image));
    assert_null(image.pixels);
}

static void flipped_bits_never_crash(void **state)
{
    (void)state;
    write_png(path("f.png"), 1, 8, 8, 3);
    const size_t size = read_bytes(path("f.png"), file_bytes, sizeof file_bytes);
    for (size_t i = 8; i < size; i++) {
        rf_image image = { 0 };
        file_bytes[i] ^= 0x41;
        if (rf_image_decode(ctx, "f.png", file_bytes, size, &image) == RF_OK)
            rf_image_release(ctx, &image);
        file_bytes[i] ^= 0x41;
    }
}

static void an_image_above_the_limit_is_refused_before_memory_is_asked_for(void **state)
{
    (void)state;
    static const uint8_t zeros[4];
    rf_image image = { 0 };
    write_png_rows(path("h.png"), 1, 1, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, NULL, zeros, 1);
    const size_t size = read_bytes(path("h.png"), file_bytes, sizeof file_bytes);
    file_bytes[16 + 1] = 1; /* width 65537, height 65537 */
    file_bytes[20 + 1] = 1;
    const uLong crc = crc32(0, file_bytes + 12, 17);
    for (int i = 0; i < 4; i++)
        file_bytes[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    CHECK_FAILS(ctx, RF_EDATA, "65537 x 65537",
                rf_image_decode(ctx, "h.png", file_bytes, size, &image));
}

static void other_files_are_told_apart_by_their_first_bytes(void **state)
{
    (void)state;
    rf_image image = { 0 };
    CHECK_FAILS(ctx, RF_EDATA, "neither PNG nor JPEG",
                rf_image_decode(ctx, "x.png", "GIF89a....", 10, &image));
    CHECK_FAILS(ctx, RF_EDATA, "neither PNG nor JPEG",
                rf_image_decode(ctx, "x.png", "", 0, &image));
}

static void resizing_keeps_a_flat_picture_and_averages_when_shrinking(void **state)
{
    (void)state;
    uint8_t pixels[8 * 8];
    rf_image src = { 8, 8, 1, pixels }, out = { 0 };
    memset(pixels, 90, sizeof pixels);
    CHECK_OK(ctx, rf_image_resize(ctx, "flat", &src, 3, 5, &out));
    for (int i = 0; i < 15; i++)
        assert_int_equal(out.pixels[i], 90);
    rf_image_release(ctx, &out);
    for (int i = 0; i < 64; i++)
        pixels[i] = i % 2 ? 200 : 100;
    CHECK_OK(ctx, rf_image_resize(ctx, "stripes", &src, 2, 2, &out));
    for (int i = 0; i < 4; i++)
        assert_in_range(out.pixels[i], 140, 160); /* without antialiasing it would be 100 or 200 */
    rf_image_release(ctx, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gray_and_rgb_png_come_as_they_are),
        cmocka_unit_test(an_interlaced_png_is_put_together),
        cmocka_unit_test(a_palette_is_looked_up),
        cmocka_unit_test(sixteen_bits_keep_the_high_byte_and_alpha_is_dropped),
        cmocka_unit_test(one_bit_gray_becomes_black_and_white),
        cmocka_unit_test(jpeg_comes_as_gray_or_rgb),
        cmocka_unit_test(a_cut_file_is_refused_at_every_length),
        cmocka_unit_test(flipped_bits_never_crash),
        cmocka_unit_test(an_image_above_the_limit_is_refused_before_memory_is_asked_for),
        cmocka_unit_test(other_files_are_told_apart_by_their_first_bytes),
        cmocka_unit_test(resizing_keeps_a_flat_picture_and_averages_when_shrinking),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
