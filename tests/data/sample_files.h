/* Images and arrays that the data tests write for themselves. */
#ifndef RF_TESTS_DATA_SAMPLE_FILES_H
#define RF_TESTS_DATA_SAMPLE_FILES_H

#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include "temp_folder.h"

/* Pixel value of row y, column x, channel c of picture `seed`; all differ in a small picture. */
static inline uint8_t sample_pixel(int seed, int y, int x, int c)
{
    return (uint8_t)(31 * seed + 17 * y + 5 * x + 83 * c);
}

static inline void sample_pixels(int seed, int height, int width, int channels, uint8_t *pixels)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                pixels[(y * width + x) * channels + c] = sample_pixel(seed, y, x, c);
}

/* Writes rows of any PNG kind; `row_bytes` each. */
static inline void write_png_rows(const char *path, int height, int width, int depth, int colour,
                                  int interlace, const png_color *palette, const uint8_t *rows,
                                  size_t row_bytes)
{
    FILE *f = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(f);
    assert_int_equal(setjmp(png_jmpbuf(png)), 0);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, colour, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (palette)
        png_set_PLTE(png, info, palette, 4);
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++)
            png_write_row(png, rows + (size_t)y * row_bytes);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(f);
}

/* 8-bit gray (1 channel) or RGB (3) picture `seed`. */
static inline void write_png(const char *path, int seed, int height, int width, int channels)
{
    uint8_t pixels[65536];
    assert_true(height * width * channels <= (int)sizeof pixels);
    sample_pixels(seed, height, width, channels, pixels);
    write_png_rows(path, height, width, 8, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                   PNG_INTERLACE_NONE, NULL, pixels, (size_t)(width * channels));
}

/* Gray or RGB picture of one value; returns the bytes of the file. */
static inline size_t write_flat_jpeg(const char *path, uint8_t value, int height, int width,
                                     int channels)
{
    uint8_t pixels[65536];
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    memset(pixels, value, sizeof pixels);
    assert_int_equal(tjCompress2(handle, pixels, width, 0, height,
                                 channels == 1 ? TJPF_GRAY : TJPF_RGB, &jpeg, &size,
                                 channels == 1 ? TJSAMP_GRAY : TJSAMP_444, 95, 0),
                     0);
    write_bytes(path, jpeg, size);
    tjFree(jpeg);
    tjDestroy(handle);
    return size;
}

/* IDX file of bytes 0, 1, 2, ... with these dims, and `extra` bytes too many (or few). */
static inline void write_idx(const char *path, int rank, const int *dims, int extra, bool gzip)
{
    uint8_t bytes[65536] = { 0, 0, 8, (uint8_t)rank };
    int count = 1, at = 4;
    for (int d = 0; d < rank; d++) {
        bytes[at + 2] = (uint8_t)(dims[d] >> 8);
        bytes[at + 3] = (uint8_t)(dims[d] & 255);
        at += 4;
        count *= dims[d];
    }
    assert_true(at + count + extra <= (int)sizeof bytes);
    for (int i = 0; i < count + extra; i++)
        bytes[at++] = (uint8_t)i;
    if (!gzip) {
        write_bytes(path, bytes, (size_t)at);
        return;
    }
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)at), at);
    assert_int_equal(gzclose(f), Z_OK);
}

/* float32 .npy with value i at element i. */
static inline void write_counting_npy(rf_context *ctx, const char *path, int rank,
                                      const int64_t *dims)
{
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, RF_DTYPE_F32, rank, dims, &t));
    for (int64_t i = 0; i < rf_tensor_count(t); i++)
        ((float *)rf_tensor_data(t))[i] = (float)i;
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, t, path, true));
    rf_tensor_free(t);
}

static inline void write_labels_npy(rf_context *ctx, const char *path, rf_dtype dtype, int count,
                                    const int *labels)
{
    const int64_t dims[1] = { count };
    rf_tensor *t = NULL;
    CHECK_OK(ctx, rf_tensor_new(ctx, dtype, 1, dims, &t));
    for (int i = 0; i < count; i++) {
        if (dtype == RF_DTYPE_I64)
            ((int64_t *)rf_tensor_data(t))[i] = labels[i];
        else if (dtype == RF_DTYPE_I32)
            ((int32_t *)rf_tensor_data(t))[i] = labels[i];
        else
            ((uint8_t *)rf_tensor_data(t))[i] = (uint8_t)labels[i];
    }
    CHECK_OK(ctx, rf_tensor_save_npy(ctx, t, path, true));
    rf_tensor_free(t);
}

#endif
