typedef int rf_placeholder_train; /* removed with the room's first file */
