/*
 * Event files as TensorBoard reads them: TFRecords (length, masked CRC-32C of the length, data, masked CRC-32C of the data)
 * that each hold one Event message.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tensorboard.pb-c.h>

#include "base/file.h"
#include "base/status.h"
#include "base/vec.h"
#include "formats/crc32c.h"

struct rf_event_file {
    rf_context *ctx;
    char *path;
    int fd;
    RF_VEC(uint8_t) record; /* the one being written */
};

static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static rf_status fail_file(const rf_event_file *f, const char *what)
{
    return rf_fail(f->ctx, RF_EIO, "cannot %s event file '%s': %s", what, f->path, strerror(errno));
}

/* ---- a record ---- */

static rf_status put_bytes(rf_event_file *f, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i++)
        RF_TRY(RF_VEC_PUSH(f->ctx, &f->record, from[i]));
    return RF_OK;
}

static rf_status put_number(rf_event_file *f, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        RF_TRY(RF_VEC_PUSH(f->ctx, &f->record, (uint8_t)(value >> (8 * i))));
    return RF_OK;
}

static rf_status put_record(rf_event_file *f, const uint8_t *data, size_t size)
{
    f->record.count = 0;
    RF_TRY(put_number(f, size, 8));
    const uint32_t length_crc = rf_crc32c(0, f->record.items, 8);
    RF_TRY(put_number(f, rf_crc32c_masked(length_crc), 4));
    RF_TRY(put_bytes(f, data, size));
    return put_number(f, rf_crc32c_masked(rf_crc32c(0, data, size)), 4);
}

/* In one call, so that a reader who watches the file sees whole records. */
static rf_status write_record(const rf_event_file *f)
{
    size_t done = 0;
    while (done < f->record.count) {
        const ssize_t n = write(f->fd, f->record.items + done, f->record.count - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_file(f, "write");
        done += (size_t)n;
    }
    return RF_OK;
}

static rf_status put_event(rf_event_file *f, Tb__Event *event)
{
    event->wall_time = wall_time();
    const size_t size = tb__event__get_packed_size(event);
    uint8_t *data = rf_alloc(f->ctx, size + 1);
    if (!data)
        return RF_ENOMEM;
    tb__event__pack(event, data);
    rf_status st = put_record(f, data, size);
    if (!st)
        st = write_record(f);
    rf_free(f->ctx, data);
    return st;
}

/* ---- the file ---- */

/* TensorBoard takes files with "tfevents" in their names, in the order of those names. */
static rf_status name_file(rf_event_file *f, const char *dir)
{
    char host[64] = "host";
    const size_t size = strlen(dir) + 160;
    f->path = rf_alloc(f->ctx, size);
    if (!f->path)
        return RF_ENOMEM;
    if (gethostname(host, sizeof host - 1) != 0 || strchr(host, '/'))
        strcpy(host, "host");
    snprintf(f->path, size, "%s/events.out.tfevents.%010.0f.%s.%ld.refold", dir, floor(wall_time()),
             host, (long)getpid());
    return RF_OK;
}

static rf_status begin_file(rf_event_file *f, const char *dir)
{
    Tb__Event first = TB__EVENT__INIT;
    char version[] = "brain.Event:2";
    RF_TRY(rf_file_make_folder(f->ctx, dir));
    RF_TRY(name_file(f, dir));
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return fail_file(f, "make");
    first.what_case = TB__EVENT__WHAT_FILE_VERSION;
    first.file_version = version;
    return put_event(f, &first);
}

rf_status rf_event_file_new(rf_context *ctx, const char *dir, rf_event_file **out)
{
    rf_event_file *f = rf_calloc(ctx, 1, sizeof *f);
    if (!f)
        return RF_ENOMEM;
    f->ctx = ctx;
    f->fd = -1;
    const rf_status st = begin_file(f, dir);
    if (st)
        rf_event_file_free(f);
    else
        *out = f;
    return st;
}

rf_status rf_event_file_scalar(rf_event_file *f, const char *tag, int64_t step, double value)
{
    Tb__Event event = TB__EVENT__INIT;
    Tb__Summary summary = TB__SUMMARY__INIT;
    Tb__Summary__Value point, *points[] = { &point };
    if (!isfinite(value))
        return RF_OK;
    char *name = rf_strdup(f->ctx, tag);
    if (!name)
        return RF_ENOMEM;
    tb__summary__value__init(&point);
    point.tag = name;
    point.simple_value = (float)value;
    summary.n_value = 1;
    summary.value = points;
    event.step = step;
    event.what_case = TB__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    const rf_status st = put_event(f, &event);
    rf_free(f->ctx, name);
    return st;
}

void rf_event_file_free(rf_event_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    RF_VEC_RELEASE(f->ctx, &f->record);
    rf_free(f->ctx, f->path);
    rf_free(f->ctx, f);
}
