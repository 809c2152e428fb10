/* Outputs, looked at before long work begins. */
#ifndef CLI_OUTPUT_PATH_H
#define CLI_OUTPUT_PATH_H

#include <dirent.h>

#include "session.h"

/* The file can be made: it does not exist (or --force), is no input itself, and its folder can be written. */
int cli_output_check_file(cli_session *session, const char *path);
/* As check_file, but it may exist. */
int cli_output_check_replaceable(cli_session *session, const char *path);
/* The file "stem" "name" in `folder` is no input and, where it exists, a file. */
int cli_output_check_inside(cli_session *session, const char *folder, const char *stem,
                            const char *name);
/* None of the files that the export writes into the output folder is an input. */
int cli_output_check_exports(cli_session *session);
/* The folder is there and can be written, or can be made. */
int cli_output_check_folder(cli_session *session, const char *path);
bool cli_path_exists(const char *path);
/* As check_folder, and it is empty or --force is given. */
int cli_output_check_new_folder(cli_session *session, const char *path);

/* Name of the next entry that is not "." or ".."; NULL at the end, and where `folder` is NULL. */
const char *cli_next_entry(DIR *folder);
/* "folder/name" in new memory; NULL when out of memory. */
char *cli_path_join(const char *folder, const char *name);

#endif
