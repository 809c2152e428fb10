typedef int rf_placeholder_exec; /* removed with the room's first file */
