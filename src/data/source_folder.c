/* DIR/CLASS/IMAGE.png: a folder of class folders. */
#include "data/image_list.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"

static bool matches(const char *spec)
{
    return rf_file_is_folder(spec);
}

static rf_status add_file(rf_image_list *list, const char *class_name, const char *folder,
                          const char *name)
{
    if (rf_is_hidden_name(name))
        return RF_OK;
    const rf_image_file file = { .class_name = class_name,
                                 .path = rf_arena_printf(&list->arena, "%s/%s", folder, name) };
    if (!file.path)
        return RF_ENOMEM;
    if (rf_is_image_name(name) && !rf_file_is_folder(file.path))
        return rf_image_list_add(list, &file);
    list->skipped++;
    return RF_OK;
}

/* What becomes of each name in a folder; class_name is NULL at the top. */
typedef rf_status (*entry_fn)(rf_image_list *list, const char *class_name, const char *folder,
                              const char *name);

static rf_status for_each_entry(rf_image_list *list, const char *class_name, const char *folder,
                                entry_fn fn)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return rf_fail(list->source.ctx, RF_EIO, "cannot open folder '%s': %s", folder,
                       strerror(errno));
    rf_status st = RF_OK;
    errno = 0;
    for (struct dirent *e; st == RF_OK && (e = readdir(dir)); errno = 0)
        st = fn(list, class_name, folder, e->d_name);
    if (st == RF_OK && errno != 0)
        st = rf_fail(list->source.ctx, RF_EIO, "cannot read folder '%s': %s", folder,
                     strerror(errno));
    closedir(dir);
    return st;
}

static rf_status add_class(rf_image_list *list, const char *unused, const char *folder,
                           const char *name)
{
    (void)unused;
    if (rf_is_hidden_name(name))
        return RF_OK;
    const char *path = rf_arena_printf(&list->arena, "%s/%s", folder, name);
    const char *class_name = rf_arena_strdup(&list->arena, name);
    if (!path || !class_name)
        return RF_ENOMEM;
    if (!rf_file_is_folder(path)) {
        list->skipped++;
        return RF_OK;
    }
    RF_TRY(rf_image_list_add_class(list, class_name));
    return for_each_entry(list, class_name, path, add_file);
}

static rf_status open_folder(rf_context *ctx, const char *spec, rf_source **out)
{
    rf_image_list *list = NULL;
    RF_TRY(rf_image_list_new(ctx, spec, /*in_memory=*/false, &list));
    const rf_status st = for_each_entry(list, NULL, spec, add_class);
    if (st != RF_OK) {
        rf_image_list_free(list);
        return st;
    }
    return rf_image_list_finish(list, out);
}

const rf_source_row rf_source_folder = { .form = "DIR", .matches = matches, .open = open_folder };
