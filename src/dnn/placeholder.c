typedef int rf_placeholder_dnn; /* removed with the room's first file */
