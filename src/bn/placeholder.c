typedef int rf_placeholder_bn; /* removed with the room's first file */
