typedef int rf_placeholder_zoo; /* removed with the room's first file */
