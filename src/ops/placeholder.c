typedef int rf_placeholder_ops; /* removed with the room's first file */
