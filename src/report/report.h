/* The parts of the report's document; each gives a new JSON value, owned by the caller, or NULL when out of memory. */
#ifndef RF_REPORT_REPORT_H
#define RF_REPORT_REPORT_H

#include <jansson.h>

#include "graph/bn_pairs.h"
#include "sim/sim.h"

/* Text of a file or a name: what is no UTF-8 becomes '?'. */
json_t *rf_json_text(const char *text);
/* Not finite: null. */
json_t *rf_json_real(double value);
json_t *rf_json_floats(const float *values, int64_t count);

/* report_bn.c: every BN of `now`, its statistics now and, where `before` has the same BN, before. */
rf_status rf_report_batch_norms(rf_sim *now, rf_sim *before, json_t **out);
/* report_params.c: every parameter quantizer of `sim`; codes of `before` (may be NULL); BN from `with_bn`. */
rf_status rf_report_params(rf_sim *sim, rf_sim *before, rf_sim *with_bn, json_t **out);
/* Bits and bytes of all parameters. */
rf_status rf_report_size(rf_sim *sim, json_t **out);
/* report_activations.c: ranges of all activation quantizers; with a data set what they see of it. */
rf_status rf_report_activations(rf_sim *sim, const rf_report_options *options, json_t **out);
/* report_errors.c: SQNR by tensor against float32, and of the target against the simulation. */
rf_status rf_report_errors(rf_sim *sim, const rf_report_options *options, json_t **out);

/* report_page.html, made at build time: the document goes where rf_report_page_mark stands. */
extern const char rf_report_page[];
#define RF_REPORT_PAGE_MARK "@@REFOLD_DOCUMENT@@"

#endif
