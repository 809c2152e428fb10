/* Temporary files of a process that was killed while it wrote: found by name, known by their free lock. */
#include "base/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_for(const char *found, const char *name)
{
    const size_t length = strlen(name), mark = sizeof RF_LEFTOVER_MARK - 1;
    return strncmp(found, name, length) == 0 &&
           strncmp(found + length, RF_LEFTOVER_MARK, mark) == 0 &&
           strlen(found + length + mark) == RF_LEFTOVER_RANDOM;
}

static void remove_if_free(int folder, const char *name)
{
    const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, name, 0);
    close(fd);
}

static int open_folder_of(const char *path, const char *slash)
{
    char folder[4096];
    const size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder)
        return -1;
    memcpy(folder, path, length);
    folder[length] = 0;
    return open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void rf_leftovers_remove(const char *path)
{
    const char *slash = strrchr(path, '/');
    const int fd = open_folder_of(path, slash);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    if (!folder && fd >= 0)
        close(fd);
    while (folder && (entry = readdir(folder)))
        if (is_for(entry->d_name, slash ? slash + 1 : path))
            remove_if_free(fd, entry->d_name);
    if (folder)
        closedir(folder);
}
