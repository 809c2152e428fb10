typedef int rf_placeholder_data; /* removed with the room's first file */
