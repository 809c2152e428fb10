typedef int rf_placeholder_kernels; /* removed with the room's first file */
