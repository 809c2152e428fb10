typedef int rf_placeholder_export; /* removed with the room's first file */
