/* Finding the golden cases, and taking their packed arrays apart. */
#include "golden_files.h"

#include <dirent.h>

/* ---------------------------------------------------------------------------- finding --- */

/* "v1_tf_w4a8.json" of the wanted kind -> the name without ".json". */
static bool is_life(const char *file, golden_kind kind, golden_id *id)
{
    const char *end = strstr(file, ".json");
    const bool post_training = strstr(file, "_posttraining") != NULL;
    if (!end || (strncmp(file, "v1_", 3) != 0 && strncmp(file, "v2_", 3) != 0))
        return false;
    snprintf(id->life, sizeof id->life, "%.*s", (int)(end - file), file);
    if (post_training || kind == GOLDEN_POST_TRAINING)
        return post_training && kind == GOLDEN_POST_TRAINING;
    return file[1] == (kind == GOLDEN_V1 ? '1' : '2');
}

static void visit_case(golden_id *id, golden_kind kind, void (*check)(const golden_id *id))
{
    char path[1024];
    struct dirent **files = NULL;
    snprintf(path, sizeof path, "%s/%s", id->root, id->model);
    const int count = scandir(path, &files, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (is_life(files[i]->d_name, kind, id))
            check(id);
        free(files[i]);
    }
    free(files);
}

/* False where there is no such folder. */
static bool visit_root(const char *root, golden_kind kind, void (*check)(const golden_id *id))
{
    struct dirent **names = NULL;
    golden_id id = { .life = "" };
    snprintf(id.root, sizeof id.root, "%s", root);
    const int count = scandir(root, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        snprintf(id.model, sizeof id.model, "%.127s", names[i]->d_name);
        if (id.model[0] != '.')
            visit_case(&id, kind, check);
        free(names[i]);
    }
    free(names);
    return count >= 0;
}

void golden_for_each(golden_kind kind, void (*check)(const golden_id *id))
{
    char shared[512];
    const char *root = getenv("REFOLD_SHARED");
    snprintf(shared, sizeof shared, "%s/golden", root ? root : "../shared");
    assert_true(visit_root(GOLDEN_CASES, kind, check));
    if (!visit_root(shared, kind, check))
        print_message("AIMET's own cases are left out: no folder golden below REFOLD_SHARED\n");
}

/* -------------------------------------------------------------------------- unpacking --- */

static void add_array(golden *g, const char *prefix, const char *name, const float *values,
                      int64_t count)
{
    rf_npz_item item = { .name = rf_arena_printf(&g->values.arena, "%s/%s", prefix, name) };
    CHECK_OK(g->ctx, rf_tensor_new(g->ctx, RF_DTYPE_F32, 1, &count, &item.tensor));
    memcpy(rf_tensor_data(item.tensor), values, (size_t)count * sizeof *values);
    CHECK_OK(g->ctx, RF_VEC_PUSH(g->ctx, &g->values.items, item));
    CHECK_OK(g->ctx, rf_map_put(&g->values.tensors, item.name, item.tensor));
}

static void unpack(golden *g, const char *prefix, const json_t *order)
{
    const rf_tensor *all = golden_get(g, prefix);
    int64_t at = 0;
    for (size_t i = 0; i < json_array_size(order); i++) {
        const json_t *entry = json_array_get(order, i);
        const int64_t count = json_integer_value(json_array_get(entry, 1));
        assert_true(at + count <= all->count);
        add_array(g, prefix, json_string_value(json_array_get(entry, 0)), rf_tensor_f32(all) + at,
                  count);
        at += count;
    }
    assert_int_equal(at, all->count);
}

void golden_unpack(golden *g)
{
    const char *prefix;
    json_t *order;
    json_object_foreach(json_object_get(g->info, "packed"), prefix, order)
    {
        unpack(g, prefix, order);
    }
}
