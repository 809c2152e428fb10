typedef int rf_placeholder_quant; /* removed with the room's first file */
