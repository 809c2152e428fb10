typedef int rf_placeholder_sim; /* removed with the room's first file */
