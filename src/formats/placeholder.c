typedef int rf_placeholder_formats; /* removed with the room's first file */
